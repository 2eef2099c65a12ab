"""What aiokafka notices about a worker's place in its group, and would tell nobody."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.group import HeartbeatRequest, LeaveGroupRequest

from app.exactly_once import membership as membership_module
from app.exactly_once.membership import Membership

UNKNOWN_MEMBER, REBALANCE = 25, 27


class Group:
    """A consumer and its coordinator, as far as a membership touches them."""

    def __init__(self, instance_id: str | None = "worker-0") -> None:
        loop = asyncio.get_running_loop()
        self.ended: list[tuple[Any, ...]] = []
        self.answers: list[int] = []
        self.task, self.error = loop.create_future(), loop.create_future()
        self.coordinator: Any = SimpleNamespace(
            _send_req=self._answer, _coordination_task=self.task, _closing=loop.create_future()
        )
        self.consumer = SimpleNamespace(
            _coordinator=self.coordinator, _fetcher=SimpleNamespace(error_future=self.error), _closed=False
        )
        fatal: Any = lambda *why: self.ended.append(why)  # noqa: E731
        self.member = Membership(self.consumer, instance_id, 10.0, fatal)

    async def _answer(self, _: Any) -> Any:
        return SimpleNamespace(error_code=self.answers.pop(0))

    async def heartbeat(self, error_code: int) -> None:
        self.answers.append(error_code)
        answer = await self.coordinator._send_req(HeartbeatRequest("group", 1, "member"))
        assert answer.error_code == error_code  # aiokafka gets what it asked for


async def test_answers_to_heartbeats_are_heard() -> None:
    group = Group()
    await group.heartbeat(0)
    await group.heartbeat(REBALANCE)
    assert group.ended == []
    await group.heartbeat(UNKNOWN_MEMBER)
    assert "another process has joined the group as worker-0" in group.ended[0][0]


async def test_other_answers_say_nothing_about_the_membership() -> None:
    group = Group()
    await group.heartbeat(0)
    group.answers.append(UNKNOWN_MEMBER)
    await group.coordinator._send_req(LeaveGroupRequest("group", "member"))
    assert group.ended == []


async def test_a_member_that_slept_longer_than_its_session_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    group, clock = Group(), SimpleNamespace(now=100.0)
    monkeypatch.setattr(membership_module.time, "time", lambda: clock.now)
    await group.heartbeat(0)
    clock.now = 110.5
    await group.heartbeat(UNKNOWN_MEMBER)
    assert group.ended == []


async def test_a_member_without_a_name_is_expelled_like_any_other() -> None:
    group = Group(None)
    await group.heartbeat(0)
    await group.heartbeat(UNKNOWN_MEMBER)
    assert group.ended == []


async def test_an_error_that_the_coordinator_would_keep_to_itself_ends_the_process() -> None:
    group = Group()
    await group.coordinator._push_error_to_user(PermissionError("no"))
    assert group.ended == [("the group's coordinator: PermissionError('no')",)]


@pytest.mark.parametrize("which", ["task", "error"])
async def test_a_background_task_that_fails_ends_the_process(which: str) -> None:
    group = Group()
    getattr(group, which).set_exception(ConnectionError("away"))
    await asyncio.sleep(0)
    assert group.ended == [("a task of the consumer ended: ConnectionError('away')",)]


@pytest.mark.parametrize("which", ["_closed", "_closing"])
async def test_while_the_consumer_closes_errors_do_not_matter(which: str) -> None:
    group = Group()
    if which == "_closed":
        group.consumer._closed = True
    else:
        group.coordinator._closing.set_result(None)
    group.task.set_exception(ConnectionError("away"))
    await asyncio.sleep(0)
    await group.coordinator._push_error_to_user(PermissionError("no"))
    assert group.ended == []


async def test_a_task_that_is_cancelled_or_ends_well_is_no_fault() -> None:
    group = Group()
    group.task.cancel()
    group.error.set_result(None)
    await asyncio.sleep(0)
    assert group.ended == []


async def test_a_static_member_that_reads_other_topics_now_waits_until_the_group_forgot_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(membership_module.time, "sleep", slept.append)
    group = Group()
    error = RuntimeError("unexpected")
    error.__cause__ = AssertionError("subscribed to other topics")
    group.task.set_exception(error)
    await asyncio.sleep(0)
    assert slept == [11.0]
    assert len(group.ended) == 1
