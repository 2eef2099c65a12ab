"""Replicas: waiting for an effect, listeners, and reading anew when the log is not what it was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from memory_log import MemoryLog
from small_shards import INBOX, Accounts, Process, amounts, steps

from app.exactly_once import replica as replica_module
from app.exactly_once.changelog import ChangelogError, Claim, Data, changelog_of, encode
from app.exactly_once.log import Partition
from app.exactly_once.replica import Replica
from app.exactly_once.rows import Rows, row_hash

CHANGELOG = changelog_of(INBOX)


class Heard:
    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []

    def reset(self, inbox: Partition, rows: Rows) -> None:
        assert inbox == INBOX
        self.events.append(("reset", amounts(rows).get("alice", 0)))

    def changed(self, inbox: Partition, rows: Rows, data: Data) -> None:
        self.events.append(("changed", amounts(rows).get("alice", 0)))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, "RELOAD_AFTER_S", 0.0)


@asynccontextmanager
async def following(log: MemoryLog, heard: Heard | None = None) -> AsyncIterator[Replica]:
    replica = Replica(log, INBOX, Accounts.tables, heard)
    task = asyncio.create_task(replica.run())
    try:
        await replica.is_caught_up.wait()
        yield replica
    finally:
        task.cancel()


async def owned(log: MemoryLog, name: str = "worker", **tuning: Any) -> Process:
    process = Process(log, name, **tuning)
    await process.owner.assign([INBOX])
    return process


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - memory has no events
            await asyncio.sleep(0)


def row(amount: int) -> bytes:
    return b'{"amount":%d}' % amount


def data(epoch: int, start: int, end: int, amount: int) -> bytes:
    found = row(amount)
    return encode(Data(epoch, start, end, {"balances": {"alice": found}}, row_hash("balances", "alice", found)))


async def test_a_replica_of_an_empty_changelog_is_caught_up_at_once() -> None:
    async with following(MemoryLog()) as replica:
        assert (replica.position, replica.progress, amounts(replica.rows)) == (0, (0, 0), {})


async def test_a_listener_hears_the_start_and_then_every_record() -> None:
    log, heard = MemoryLog(), Heard()
    process = await owned(log)
    await process.take("add alice")
    await process.settle()
    async with following(log, heard) as replica:
        for _ in range(2):
            await process.take("add alice")
            await process.settle()
        await replica.wait_for(3)
        assert heard.events == [("reset", 1), ("changed", 2), ("changed", 3)]
        assert replica.resets == 1


async def test_everybody_waits_for_what_concerns_him_and_a_fault_is_his_alone() -> None:
    log = MemoryLog()
    process = await owned(log)
    async with following(log) as replica:
        has_bob = asyncio.create_task(replica.wait_until(lambda: "bob" in amounts(replica.rows)))
        is_broken = asyncio.create_task(replica.wait_until(lambda: replica.position > 0 and 1 // 0 > 0))
        has_two = asyncio.create_task(replica.wait_for(2))
        gives_up = asyncio.create_task(replica.wait_for(2))
        await steps()
        gives_up.cancel()
        await process.take("add alice")
        await process.settle()
        with pytest.raises(ZeroDivisionError):
            await is_broken
        assert not has_bob.done()
        await process.take("add bob")
        await asyncio.gather(has_bob, has_two)
        assert replica._waiters == []


async def test_a_replica_that_fell_behind_a_truncation_reads_anew() -> None:
    log, heard = MemoryLog(), Heard()
    log.write(CHANGELOG, encode(Claim(1, "a", "")))
    log.write(CHANGELOG, data(1, 0, 1, 1))
    async with following(log, heard) as replica:
        for number in range(1, 9):
            log.write(CHANGELOG, data(1, number, number + 1, number + 1))
        log.logs[CHANGELOG].delete_before(8)
        await until(lambda: replica.position == 9)
        assert heard.events == [("reset", 1), ("reset", 9)]
        assert amounts(replica.rows) == {"alice": 9}


async def test_a_record_of_a_former_epoch_is_a_reason_to_read_anew() -> None:
    """It may be a zombie's, or the changelog was made anew and grew to where the replica was."""
    log = MemoryLog()
    log.write(CHANGELOG, encode(Claim(2, "a", "")))
    log.write(CHANGELOG, data(2, 0, 1, 1))
    async with following(log) as replica:
        log.write(CHANGELOG, data(1, 1, 2, 100))
        await until(lambda: replica.resets == 2)
        assert (amounts(replica.rows), replica.position) == ({"alice": 1}, 1)


async def test_a_changelog_made_anew_is_noticed_at_its_next_record() -> None:
    log = MemoryLog()
    log.write(CHANGELOG, encode(Claim(1, "a", "")))
    log.write(CHANGELOG, data(1, 0, 1, 7))
    async with following(log) as replica:
        former = log.logs.pop(CHANGELOG)
        log.write(CHANGELOG, encode(Claim(1, "b", "")))
        log.write(CHANGELOG, data(1, 0, 5, 50))
        log.write(CHANGELOG, data(1, 5, 6, 60))
        former.wake()
        await until(lambda: replica.position == 6)
        assert amounts(replica.rows) == {"alice": 60}
        assert replica.resets == 2


async def test_rows_never_go_back_while_the_owner_of_a_changelog_made_anew_has_not_come_as_far() -> None:
    log = MemoryLog()
    log.write(CHANGELOG, encode(Claim(1, "a", "")))
    log.write(CHANGELOG, data(1, 0, 9, 7))
    async with following(log) as replica:
        former = log.logs.pop(CHANGELOG)
        log.write(CHANGELOG, encode(Claim(1, "b", "")))
        former.wake()
        await steps(200)
        assert (replica.position, amounts(replica.rows)) == (9, {"alice": 7})
        log.write(CHANGELOG, data(1, 0, 9, 8))
        await until(lambda: amounts(replica.rows) == {"alice": 8})


async def test_an_adopted_shard_is_ahead_though_its_position_begins_anew() -> None:
    log = MemoryLog()
    process = await owned(log)
    async with following(log) as replica:
        await process.take("add alice", "add alice")
        await replica.wait_for(2)
        shard, journal = process.owner.shards[INBOX].shard, process.owner.shards[INBOX].journal
        shard.cursor.incarnation += 1
        journal.add(shard.take([], 3), [])
        await until(lambda: replica.progress == (1, 3))


async def test_rows_that_disagree_with_the_digest_when_they_are_read_whole_are_an_error() -> None:
    log = MemoryLog()
    log.write(CHANGELOG, encode(Data(1, 0, 1, {"balances": {"alice": row(1)}}, 1)))
    with pytest.raises(ChangelogError, match="digest"):
        await Replica(log, INBOX, Accounts.tables).run()


async def test_a_replica_sees_what_its_owner_has_whatever_is_swept_away() -> None:
    log = MemoryLog()
    process = await owned(log, sweep_versions_min=15)
    async with following(log) as replica:
        for number in range(150):
            await process.take(f"add account{number % 7}")
            await process.settle()
            if number % 40 == 0:
                await replica.wait_for(number + 1)
                assert amounts(replica.rows) == process.amounts()
        await replica.wait_for(150)
        assert replica.rows.digest == process.owner.shards[INBOX].shard.rows.digest
        assert log.logs[CHANGELOG].first > 0
