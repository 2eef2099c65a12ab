"""Rule 12 of architecture.md: a worker's place in its group."""

import asyncio
import time
from typing import Any

import pytest
from faust.types import TP
from memory_log import MemoryLog
from small_shards import INBOX, Process, steps

from app import main
from app.exactly_once.changelog import changelog_of
from app.exactly_once.consumer_thread import ConsumerThread
from app.exactly_once.fatal import EX_CONFIG
from app.exactly_once.membership import FENCED_INSTANCE_ID, Membership


def test_rule_12_workers_are_static_members_with_a_session_of_ten_seconds() -> None:
    conf = main.app.conf
    assert conf.broker_session_timeout == 10.0
    assert conf.id == main.GROUP == "trading"  # one group, whatever the roles


class Task:
    def add_done_callback(self, callback: Any) -> None:
        self.callback = callback


class Coordinator:
    def __init__(self) -> None:
        self._coordination_task, self._closing = Task(), asyncio.Event()

    async def _send_req(self, request: Any) -> Any:
        return request


class GroupConsumer:
    _closed = False

    def __init__(self) -> None:
        self._coordinator = Coordinator()
        self._fetcher = type("Fetcher", (), {"error_future": Task()})()


@pytest.mark.parametrize("error", [25, FENCED_INSTANCE_ID])
def test_rule_12_a_live_static_member_that_is_unknown_ends_with_a_clear_message(error: int) -> None:
    ended: list[tuple[str, int]] = []
    member = Membership(GroupConsumer(), "worker-0", 10.0, lambda *why: ended.append(why))  # type: ignore[arg-type, return-value]
    member.look(error, time.time())
    assert ended == []  # never heard before: its session may be over
    member.look(0, time.time())
    member.look(error, time.time())
    assert ended[0][1] == EX_CONFIG
    assert "another process has joined the group as worker-0" in ended[0][0]
    assert "INSTANCE_ID" in ended[0][0]


async def test_rule_12_who_loses_a_partition_while_it_waits_puts_no_reader_anywhere() -> None:
    log = MemoryLog()
    process = Process(log, stall_s=0.0)
    await process.owner.assign([INBOX])
    log.hold(changelog_of(INBOX))
    while process.owner.counts["stalls"] == 0:
        await process.take("add alice")
    process.inboxes.seeks.clear()
    process.owner.revoke()
    log.let_land(changelog_of(INBOX))
    await process.settle()
    await steps()
    assert process.inboxes.seeks == []
    assert process.inboxes.paused == {INBOX}


async def test_rule_12_a_commit_of_what_was_lost_meanwhile_is_no_commit_and_no_crash() -> None:
    thread = ConsumerThread.__new__(ConsumerThread)
    thread._consumer = type("Expelled", (), {"assignment": lambda _: set()})()
    assert await thread._commit({TP(*INBOX): 3}) is False


@pytest.mark.parametrize("does_kafka_answer", [True, False])
async def test_rule_12_a_member_that_hears_nothing_ends_if_kafka_answers_others(does_kafka_answer: bool) -> None:
    ended: list[str] = []
    consumer = GroupConsumer()
    consumer._coordinator._closing = asyncio.get_running_loop().create_future()
    member = Membership(consumer, "worker-0", 0.001, lambda *why: ended.append(why[0]))  # type: ignore[arg-type, return-value]
    member._heard_at -= 60
    looks = iter(range(3))

    async def answers() -> bool:
        if next(looks) == 2:
            consumer._closed = True  # the end of the watch
        return does_kafka_answer

    await member.watch(answers)
    assert len(ended) == (2 if does_kafka_answer else 0)  # and no word about the silence of a consumer that closes


async def test_rule_12_whatever_the_coordinator_says_it_is_heard() -> None:
    member = Membership(GroupConsumer(), "worker-0", 10.0, lambda *_: None)  # type: ignore[arg-type, return-value]
    member._heard_at -= 60
    await member._send_and_look("a request of another kind")
    assert time.monotonic() - member._heard_at < 30
