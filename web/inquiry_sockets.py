"""/ws/inquiries: every change of every inquiry, and of the position of its book, to every client.

A client gets a snapshot first, then what changes, in order and without a gap. Frames are JSON with a `type`, or with
the subprotocol `avro.v1` the very bytes that are on `inquiry-events`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import msgspec
from aiohttp import web

from app.exactly_once.log import OffsetOutOfRange, Partition
from app.main import app
from app.topics import partitions_of
from schemas.inquiries import DeskPositionChanged, InquiryEvent
from web import inquiry_answers
from web.gateway import gateway
from web.sockets import Waiting, serve

logger = logging.getLogger(__name__)

TOPIC = "inquiry-events"
AVRO = "avro.v1"
LOOK_BACK = 2_000
"""Records of each partition that are read at the start: what the replicas may not show yet."""
KEPT_MAX = 5_000
"""Inquiries of which the last event is remembered; older ones come from the replicas."""

Told = InquiryEvent | DeskPositionChanged


class Frame:
    """A change, in both forms, each made once for all clients, and only if somebody wants it."""

    __slots__ = ("_avro", "_json", "event")

    def __init__(self, event: Told, avro: bytes | None = None) -> None:
        self.event, self._avro = event, avro
        self._json: bytes | None = None

    def json(self) -> bytes:
        """For browsers."""
        if self._json is None:
            self._json = msgspec.json.encode(typed(self.event))
        return self._json

    def avro(self) -> bytes:
        """As on the topic."""
        if self._avro is None:
            self._avro = app.codec.encode(self.event)
        return self._avro


def typed(event: Told) -> dict[str, Any]:
    """A frame as JSON has it."""
    if isinstance(event, InquiryEvent):
        return {"type": "INQUIRY", "inquiry": inquiry_answers.inquiry(event)}
    return {"type": "POSITION", "position": inquiry_answers.position(event)}


def name_of(event: Told) -> tuple[str, str]:
    """What a version belongs to."""
    if isinstance(event, InquiryEvent):
        return "INQUIRY", event.inquiry_id
    return "POSITION", f"{event.book_id}|{event.instrument_id}"


class Hub:
    """Follows the topic, and knows the last event of what changed of late."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Frame], None]] = []
        self._last: dict[tuple[str, str], Frame] = {}

    async def open(self) -> None:
        """Begins to follow."""
        count = partitions_of(TOPIC, app.settings.profile)
        partitions = [Partition(TOPIC, number) for number in range(count)]
        self._tasks = [asyncio.create_task(self._follow(each), name=f"hub {each}") for each in partitions]

    async def _follow(self, partition: Partition) -> None:
        while True:
            try:
                first, end = await app.kafka.bounds(partition)
                async with aclosing(app.kafka.tail(partition, max(first, end - LOOK_BACK))) as found:
                    async for records in found:
                        for record in records:
                            self._hear(record.value)
            except OffsetOutOfRange:
                logger.warning("%s was cut below us", partition)
            except Exception:
                logger.exception("following %s begins again", partition)
            await asyncio.sleep(1)

    def _hear(self, value: bytes | None) -> None:
        event = app.codec.decode(value)
        if not isinstance(event, InquiryEvent | DeskPositionChanged):
            return
        name = name_of(event)
        known = self._last.pop(name, None)
        if known is not None and known.event.version >= event.version:  # once more, after a crash
            self._last[name] = known
            return
        frame = self._last[name] = Frame(event, value)
        if len(self._last) > KEPT_MAX:
            del self._last[next(iter(self._last))]
        for listener in list(self.listeners):
            listener(frame)

    def snapshot(self) -> Iterator[Frame]:
        """What there is: of the replicas, or newer where the topic was faster."""
        view = gateway.inquiries_view
        for replica in gateway.inquiries.replicas:
            for inquiry_id in view.newest(replica.inbox.number):
                row = replica.rows["inquiries"].get(inquiry_id)
                if row is not None:
                    yield self._newer(row)
        for key, position in view.positions():
            yield self._newer(inquiry_answers.position_of_row(key, position))

    def _newer(self, event: Told) -> Frame:
        known = self._last.get(name_of(event))
        return Frame(event) if known is None or known.event.version < event.version else known


hub = Hub()
app.when_connected.append(hub.open)


async def inquiries(request: web.Request) -> web.WebSocketResponse:
    """/ws/inquiries: typed INQUIRY and POSITION frames, after a snapshot."""

    async def write(socket: web.WebSocketResponse) -> None:
        is_avro = socket.ws_protocol == AVRO
        waiting = Waiting(socket, is_binary=is_avro)

        def hear(frame: Frame) -> None:
            waiting.put(frame.avro() if is_avro else frame.json())

        frames = list(hub.snapshot())  # nothing is heard between this and what follows
        hub.listeners.append(hear)
        try:
            _begin(waiting, frames, is_avro=is_avro)
            await waiting.write()
        finally:
            hub.listeners.remove(hear)

    return await serve(request, write, protocols=(AVRO,))


def _begin(waiting: Waiting, frames: list[Frame], *, is_avro: bool) -> None:
    """The snapshot: one frame in JSON; in Avro a frame for each."""
    if is_avro:
        waiting.begin(frame.avro() for frame in frames)
        return
    found: dict[str, Any] = {"type": "SNAPSHOT", "inquiries": [], "positions": []}
    for frame in frames:
        body = typed(frame.event)
        found["inquiries" if body["type"] == "INQUIRY" else "positions"].append(body[body["type"].lower()])
    waiting.begin((msgspec.json.encode(found),))


app.http.router.add_get("/ws/inquiries", inquiries)
