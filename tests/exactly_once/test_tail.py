"""One consumer for many followers: each gets its records in order, and what befalls one leaves the others alone."""

import asyncio
from collections import deque
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from simulated_kafka import SimRecord

from app.exactly_once import tail as tail_module
from app.exactly_once.log import OffsetOutOfRange
from app.exactly_once.tail import AHEAD_MAX, Tail, Written

ONE, TWO = TopicPartition("changelog", 1), TopicPartition("changelog", 2)


class Consumer:
    """Answers from the positions that it was given, and as the test says."""

    def __init__(self) -> None:
        self.ends = {ONE: 0, TWO: 0}
        self.positions: dict[TopicPartition, int] = {}
        self.errors: deque[Exception] = deque()
        self.assignments: list[set[TopicPartition]] = []
        self.is_stopped = False
        self.paused: set[TopicPartition] = set()

    def assign(self, tps: list[TopicPartition]) -> None:
        self.paused.clear()
        self.assignments.append(set(tps))
        self.positions = {tp: self.positions.get(tp, 0) for tp in tps}

    def seek(self, tp: TopicPartition, position: int) -> None:
        self.positions[tp] = position

    async def getmany(self, *, timeout_ms: int) -> dict[TopicPartition, list[SimRecord]]:
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.popleft()
        found = {}
        for tp, position in self.positions.items():
            if position < self.ends[tp] and tp not in self.paused:
                found[tp] = [SimRecord(position, 0, None, b"", [])]
                self.positions[tp] += 1
        return found

    def pause(self, *tps: TopicPartition) -> None:
        self.paused |= set(tps)

    async def stop(self) -> None:
        self.is_stopped = True


async def take(following: Any, count: int) -> list[int]:
    offsets: list[int] = []
    async with asyncio.timeout(10):
        while len(offsets) < count:
            offsets += [record.offset for record in await anext(following)]
    return offsets


async def test_every_follower_gets_its_records_in_order_from_where_it_begins() -> None:
    consumer = Consumer()
    consumer.ends = {ONE: 5, TWO: 4}
    tail = Tail(consumer)
    one, two = tail.follow(ONE, 0), tail.follow(TWO, 2)
    assert await take(one, 3) == [0, 1, 2]
    assert await take(two, 2) == [2, 3]
    consumer.ends[ONE] = 7
    assert await take(one, 4) == [3, 4, 5, 6]
    await tail.stop()
    assert consumer.is_stopped
    assert tail.is_over


async def test_a_follower_that_leaves_may_come_back_further_down() -> None:
    consumer = Consumer()
    consumer.ends = {ONE: 9, TWO: 0}
    tail = Tail(consumer)
    one = tail.follow(ONE, 4)
    assert await take(one, 3) == [4, 5, 6]
    await one.aclose()
    assert await take(tail.follow(ONE, 1), 3) == [1, 2, 3]
    await tail.stop()


async def test_an_offset_out_of_range_concerns_its_partition_alone() -> None:
    consumer = Consumer()
    consumer.ends = {ONE: 1, TWO: 1}
    tail = Tail(consumer)
    one, two = tail.follow(ONE, 0), tail.follow(TWO, 0)
    assert await take(one, 1) == [0]
    assert await take(two, 1) == [0]
    consumer.errors.append(OffsetOutOfRangeError({ONE: 1}))
    with pytest.raises(OffsetOutOfRange):
        await take(one, 1)
    consumer.ends = {ONE: 1, TWO: 2}
    assert await take(two, 1) == [1]
    assert not tail.is_over
    await tail.stop()


async def test_what_befalls_the_consumer_is_told_to_every_follower() -> None:
    consumer = Consumer()
    tail = Tail(consumer)
    waiting = [asyncio.create_task(take(tail.follow(tp, 0), 1)) for tp in (ONE, TWO)]
    await asyncio.sleep(0)
    consumer.errors.append(ConnectionError("away"))
    for task in waiting:
        with pytest.raises(ConnectionError, match="away"):
            await task
    assert tail.is_over


async def test_a_tail_that_has_failed_is_over_though_it_has_not_told_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "AHEAD_MAX", 1)
    consumer = Consumer()
    consumer.ends = {ONE: 1, TWO: 0}
    tail = Tail(consumer)
    slow, quick = tail.follow(ONE, 0), tail.follow(TWO, 0)
    quick_one = asyncio.create_task(take(quick, 1))
    slow_one = asyncio.create_task(anext(slow))
    await slow_one
    consumer.ends = {ONE: 3, TWO: 0}  # its queue is full now
    while not tail._queues[ONE].full():  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0)
    consumer.ends = {ONE: 2, TWO: 0}
    consumer.errors.append(ConnectionError("away"))
    while not tail._has_failed:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0)
    assert not tail._task.done()  # it waits to tell the slow one
    assert tail.is_over  # the next follower must not wait for what never comes
    await take(slow, 1)
    with pytest.raises(ConnectionError):
        await quick_one
    await slow.aclose()


async def test_followers_that_do_not_keep_up_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "AHEAD_MAX", 2)
    consumer = Consumer()
    consumer.ends = {ONE: 50, TWO: 0}
    tail = Tail(consumer)
    one = tail.follow(ONE, 0)
    assert await take(one, 1) == [0]
    for _ in range(50):
        await asyncio.sleep(0)
    assert consumer.positions[ONE] <= 5  # two wait, one is in hand, one stands at the door
    assert await take(one, 49) == list(range(1, 50))
    await tail.stop()


async def followed() -> tuple[Consumer, Tail, Any]:
    """A follower that has read the one record there is."""
    consumer = Consumer()
    tail = Tail(consumer)
    one = tail.follow(ONE, 0)
    consumer.ends[ONE] = 1
    assert await take(one, 1) == [0]
    return consumer, tail, one


def written(offset: int) -> Written:
    return Written(offset, None, b"", 0, [])


async def test_what_this_process_wrote_is_handed_over_once_and_the_broker_is_not_asked_for_it() -> None:
    consumer, tail, one = await followed()
    tail.written(ONE, written(0))  # acknowledged after it was read
    tail.written(ONE, written(1))
    tail.written(ONE, written(2))
    consumer.ends[ONE] = 3
    assert await take(one, 2) == [1, 2]
    assert consumer.paused == {ONE}
    assert consumer.positions[ONE] == 1
    await tail.stop()


async def test_a_record_of_somebody_else_between_our_own_is_read_from_the_broker() -> None:
    consumer, tail, one = await followed()
    tail.written(ONE, written(1))
    consumer.ends[ONE] = 4
    tail.written(ONE, written(3))  # 2 is not ours
    assert await take(one, 3) == [1, 2, 3]
    await tail.stop()


async def test_a_partition_to_which_we_write_no_more_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "OWN_S", 0.0)
    consumer, tail, one = await followed()
    tail.written(ONE, written(1))
    consumer.ends[ONE] = 3
    assert await take(one, 2) == [1, 2]
    await tail.stop()


async def test_what_this_process_wrote_is_read_from_the_broker_where_its_follower_is_slow() -> None:
    consumer, tail, one = await followed()
    for offset in range(1, AHEAD_MAX + 4):
        tail.written(ONE, written(offset))
    consumer.ends[ONE] = AHEAD_MAX + 4
    assert await take(one, AHEAD_MAX + 3) == list(range(1, AHEAD_MAX + 4))
    await tail.stop()
