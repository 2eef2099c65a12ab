"""Commands to the inboxes, and the wait for what became of them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from aiohttp import web

from app.exactly_once.log import Message as LogMessage
from app.exactly_once.log import Partition
from app.exactly_once.replica import Replica
from app.main import app
from app.topics import INBOXES, partition_of, partitions_of
from schemas.wire import Message
from web.problems import Problem

IN_FLIGHT_MAX = 500
"""Commands that may wait for their answer; more are told to come again."""
ANSWER_TIMEOUT_S = 5.0

_in_flight = 0


class Sent(NamedTuple):
    """Where a command stands in its inbox: a 2xx means that the broker has it."""

    partition: int
    offset: int


@contextmanager
def place_in_line() -> Iterator[None]:
    """Bounds what is under way."""
    global _in_flight  # noqa: PLW0603 - one gateway, one line
    if _in_flight >= IN_FLIGHT_MAX:
        raise Problem(429, "TOO_MANY_REQUESTS", f"{IN_FLIGHT_MAX} commands are under way already")
    _in_flight += 1
    try:
        yield
    finally:
        _in_flight -= 1


async def send(noun: str, key: str, command: Message, request: web.Request | None = None) -> Sent:
    """Writes a command to the inbox of its shard."""
    topic = INBOXES[noun]
    number = partition_of(key, partitions_of(topic, app.settings.profile))
    return await send_to(Partition(topic, number), key, command, request)


async def send_to(destination: Partition, key: str, command: Message, request: web.Request | None = None) -> Sent:
    """Writes a command to one partition."""
    if app.not_ready is not None:
        raise Problem(503, "NOT_READY", app.not_ready)
    trace = request.headers.get("traceparent") if request is not None else None
    headers = [("traceparent", trace.encode())] if trace and trace.isascii() else []
    offset = await app.kafka.append(destination, LogMessage(key.encode(), app.codec.encode(command), headers))
    return Sent(destination.number, offset)


async def send_to_all(noun: str, command: Message) -> list[Sent]:
    """Writes a command to every shard of a noun."""
    topic = INBOXES[noun]
    count = partitions_of(topic, app.settings.profile)
    return [await send_to(Partition(topic, number), "", command) for number in range(count)]


async def is_taken(replica: Replica, sent: Sent) -> bool:
    """Waits until the replica shows the effect of the command; false where that takes too long."""
    return await happens(replica, lambda: replica.position > sent.offset)


async def happens(replica: Replica, condition: Callable[[], bool]) -> bool:
    """Waits until the replica's rows fulfil the condition; false where that takes too long."""
    try:
        await asyncio.wait_for(replica.wait_until(condition), ANSWER_TIMEOUT_S)
    except TimeoutError:
        return False
    return True


def wants_no_answer(request: web.Request) -> bool:
    """Prefer: respond-async."""
    return "respond-async" in request.headers.get("Prefer", "")
