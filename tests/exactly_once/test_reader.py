"""The reader cuts aiokafka's fetch results into batches that know the range over which its position moved."""

import asyncio
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchError, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from app.exactly_once import reader as reader_module
from app.exactly_once.reader import ConsumerThread

TP, OTHER = TopicPartition("inbox", 0), TopicPartition("inbox", 1)
CONTROL, TRANSACTIONAL = 0x20, 0x10
COMMIT = (b"\0\0\0\1", b"\0\0\0\0\0\0")


def batch_of(start: int, *values: tuple[bytes | None, bytes], flags: int = 0) -> bytes:
    """A record batch as the broker sends it."""
    builder = DefaultRecordBatchBuilder(2, 0, flags != 0, 7 if flags else -1, 0, 0, 1 << 20)
    for number, (key, value) in enumerate(values):
        builder.append(number, 1_000 + number, key, value, [])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, start)
    (attributes,) = struct.unpack_from(">h", raw, 21)
    struct.pack_into(">h", raw, 21, attributes | flags)
    return bytes(raw)


def records(start: int, count: int, flags: int = 0) -> bytes:
    return batch_of(start, *((None, b"%d" % number) for number in range(start, start + count)), flags=flags)


def marker(offset: int) -> bytes:
    return batch_of(offset, COMMIT, flags=CONTROL | TRANSACTIONAL)


class Reading:
    """A consumer thread without its thread, and a fetcher that holds what the test puts there."""

    def __init__(self, *assigned: TopicPartition) -> None:
        self.subscriptions = SubscriptionState()
        self.subscriptions.assign_from_user(list(assigned or [TP]))
        self.notified = 0
        self.fetcher = SimpleNamespace(
            _records={},
            _subscriptions=self.subscriptions,
            _notify=self._notify,
            _wait_consume_future=None,
            _create_fetch_waiter=lambda: asyncio.get_running_loop().create_future(),
        )
        self.thread = ConsumerThread.__new__(ConsumerThread)
        self.thread.full, self.thread.paused = set(), set()
        self.arrivals = SimpleNamespace(has_room=True)
        self.thread.arrivals = self.arrivals  # type: ignore[assignment]
        self.flow = SimpleNamespace(flow_active=True)
        self.thread.consumer = self.flow  # type: ignore[assignment]
        self.consumer = SimpleNamespace(_fetcher=self.fetcher, _closed=False)
        for tp in assigned or [TP]:
            self.position(tp).seek(0)

    def _notify(self, _: Any) -> None:
        self.notified += 1

    def position(self, tp: TopicPartition = TP) -> Any:
        return self.subscriptions.subscription.assignment.state_value(tp)  # type: ignore[union-attr]

    def fetched(self, raw: bytes, start: int, tp: TopicPartition = TP) -> None:
        source = PartitionRecords(tp, MemoryRecords(raw), [], start, None, None, False, READ_COMMITTED)
        assignment = self.subscriptions.subscription.assignment  # type: ignore[union-attr]
        self.fetcher._records[tp] = FetchResult(tp, assignment=assignment, partition_records=source, backoff=0)

    def drain(self) -> dict[TopicPartition, Any]:
        return self.thread._drain(self.fetcher, {TP, OTHER})


def ranges(batches: dict[TopicPartition, Any]) -> list[tuple[int, int, list[int]]]:
    return [(batch.start, batch.end, [record.offset for record in batch.records]) for batch in batches.values()]


async def test_a_batch_covers_records_and_the_markers_between_and_behind_them() -> None:
    reading = Reading()
    reading.fetched(records(0, 2, TRANSACTIONAL) + marker(2) + records(3, 2) + marker(5), 0)
    assert ranges(reading.drain()) == [(0, 6, [0, 1, 3, 4])]
    assert reading.position().position == 6
    assert reading.fetcher._records == {}
    assert reading.notified == 1  # the fetcher may ask for more


async def test_markers_alone_make_a_batch_without_records() -> None:
    reading = Reading()
    reading.position().seek(4)
    reading.fetched(marker(4) + marker(5), 4)
    assert ranges(reading.drain()) == [(4, 6, [])]


async def test_records_below_the_position_of_a_fetched_batch_are_not_in_the_range() -> None:
    reading = Reading()
    reading.position().seek(3)
    reading.fetched(records(0, 5), 3)  # the broker sends whole batches
    assert ranges(reading.drain()) == [(3, 5, [3, 4])]


async def test_a_long_fetch_is_cut_and_the_pieces_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "BATCH_RECORDS_MAX", 4)
    reading = Reading()
    reading.fetched(records(0, 6) + marker(6) + records(7, 3), 0)
    found = []
    while reading.fetcher._records:
        found += ranges(reading.drain())
    assert found == [(0, 4, [0, 1, 2, 3]), (4, 9, [4, 5, 7, 8]), (9, 10, [9])]


async def test_what_was_fetched_before_a_seek_is_thrown_away() -> None:
    reading = Reading()
    reading.fetched(records(0, 3), 0)
    reading.position().seek(1)
    assert reading.drain() == {}
    assert reading.position().position == 1
    assert reading.fetcher._records == {}
    assert reading.notified == 1


@pytest.mark.parametrize("why", ["full", "paused"])
async def test_a_partition_that_is_full_or_paused_keeps_its_records_for_later(why: str) -> None:
    reading = Reading(TP, OTHER)
    reading.fetched(records(0, 2), 0)
    reading.fetched(records(0, 3), 0, OTHER)
    waiting: set[TopicPartition] = getattr(reading.thread, why)
    waiting.add(TP)
    assert ranges(reading.drain()) == [(0, 3, [0, 1, 2])]
    assert reading.position().position == 0
    waiting.clear()
    assert ranges(reading.drain()) == [(0, 2, [0, 1])]


async def test_a_partition_that_is_not_ours_any_more_is_forgotten() -> None:
    reading = Reading(TP)
    reading.fetched(records(0, 2), 0)
    reading.fetcher._records[OTHER] = reading.fetcher._records.pop(TP)
    assert reading.thread._drain(reading.fetcher, {TP}) == {}
    assert reading.fetcher._records == {}


async def test_an_error_is_raised_once_and_loses_no_batch_that_was_taken() -> None:
    reading = Reading(TP, OTHER)
    reading.fetched(records(0, 2), 0)
    reading.fetcher._records[OTHER] = FetchError(error=ConnectionError("away"), backoff=0)
    assert ranges(reading.drain()) == [(0, 2, [0, 1])]
    with pytest.raises(ConnectionError, match="away"):
        reading.drain()
    assert reading.notified == 2  # or the fetcher would not ask for that partition again
    assert reading.drain() == {}


async def test_nothing_is_read_while_a_rebalance_is_under_way() -> None:
    reading = Reading()
    reading.fetched(records(0, 2), 0)
    reading.flow.flow_active = False
    assert await reading.thread._fetch_records(reading.consumer, {TP}, 0.0) == {}
    assert reading.position().position == 0


async def test_a_fetch_waits_for_records_as_long_as_it_may() -> None:
    reading = Reading()
    assert await reading.thread._fetch_records(reading.consumer, {TP}, 0.001) == {}
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    reading.fetcher._create_fetch_waiter = lambda: waiter
    fetching = asyncio.create_task(reading.thread._fetch_records(reading.consumer, {TP}, 10.0))
    await asyncio.sleep(0)
    reading.fetched(records(0, 1), 0)
    waiter.set_result(None)
    assert ranges(await fetching) == [(0, 1, [0])]


async def test_what_was_fetched_stays_where_it_is_while_too_much_waits_for_the_main_thread() -> None:
    reading = Reading()
    reading.fetched(records(0, 2), 0)
    reading.arrivals.has_room = False
    assert reading.drain() == {}
    reading.arrivals.has_room = True
    assert ranges(reading.drain()) == [(0, 2, [0, 1])]
