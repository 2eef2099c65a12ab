"""The journal by itself: what waits for what, how much may wait, and how much room the changelog takes."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_log import MemoryLog
from small_shards import INBOX, OUT, Accounts, Balance, Process, from_shard, records_of, shard_of, steps

from app.exactly_once import journal as journal_module
from app.exactly_once.changelog import Follower, changelog_of
from app.exactly_once.commit_rounds import CommitRounds
from app.exactly_once.journal import Journal, Superseded, Sweep, weight_of
from app.exactly_once.rows import Changes, Rows
from app.exactly_once.shard import SYSTEM_TABLES, Shard
from app.exactly_once.store_writer import StoreWriter

CHANGELOG = changelog_of(INBOX)


class Clock:
    time = 0.0


def journal_of(log: MemoryLog, shard: Shard, **knobs: Any) -> tuple[Journal, Clock]:
    follower, clock = Follower(shard.rows), Clock()
    follower.next = 0
    timing = {"commit_interval_s": 0.0, "quiet_s": 0.0} | knobs

    def now() -> float:
        return clock.time

    rounds = CommitRounds(timing["commit_interval_s"], now)
    sweep = Sweep(shard.rows, 0, 1 << 30)
    store = StoreWriter(shard.rows, 0.0, now)
    return Journal(log, CHANGELOG, follower, sweep, store, rounds=rounds, quiet_s=timing["quiet_s"], now=now), clock


def add(log: MemoryLog, journal: Journal, shard: Shard, *words: str) -> None:
    sub = shard.take(records_of(*words, start=shard.next), shard.next + len(words))
    journal.add(sub, [future for place, found in sub.outputs.items() for future in log.send(place, found)])


async def test_what_comes_between_two_rounds_becomes_one_record() -> None:
    log, shard = MemoryLog(), shard_of()
    journal, clock = journal_of(log, shard, commit_interval_s=0.05)
    task = asyncio.create_task(journal.run())
    add(log, journal, shard, "add alice")
    await steps()  # the first one opens a round
    add(log, journal, shard, "add alice")
    clock.time = 0.01
    add(log, journal, shard, "add alice")
    async with asyncio.timeout(10):
        await journal.is_idle()
    assert [(data.start, data.end) for data in log.data(INBOX)] == [(0, 1), (1, 3)]
    task.cancel()


async def test_room_ends_at_so_many_sub_batches_and_comes_back_with_the_first_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "WAITING_MAX", 3)
    log, shard = MemoryLog(), shard_of()
    journal, _ = journal_of(log, shard)
    task = asyncio.create_task(journal.run())
    log.hold(CHANGELOG)
    add(log, journal, shard, "add alice")
    await steps()  # the first is on its way
    for left in (True, True, False):
        add(log, journal, shard, "add alice")
        assert journal.has_room is left
    waiting = asyncio.create_task(journal.wait_for_room())
    await steps()
    assert not waiting.done()
    log.let_land(CHANGELOG)
    await waiting
    await journal.is_idle()
    assert journal.durable == 4
    task.cancel()


async def test_room_ends_at_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "WAITING_BYTES_MAX", 1_000)
    log, shard = MemoryLog(), shard_of()
    journal, _ = journal_of(log, shard)
    add(log, journal, shard, "note alice 500")
    assert journal.has_room
    add(log, journal, shard, "note bob 500")
    assert not journal.has_room


async def test_a_sub_batch_may_weigh_more_than_a_group() -> None:
    log, shard = MemoryLog(), shard_of()
    journal, _ = journal_of(log, shard)
    task = asyncio.create_task(journal.run())
    add(log, journal, shard, f"note alice {2 * journal_module.GROUP_BYTES_MAX}")
    await journal.is_idle()
    assert len(log.data(INBOX)) == 1
    task.cancel()


async def test_many_quiet_sub_batches_do_not_wait_for_time() -> None:
    log, shard = MemoryLog(), shard_of()
    journal, _ = journal_of(log, shard, quiet_s=3_600.0)
    task = asyncio.create_task(journal.run())
    for number in range(journal_module.WAITING_MAX // 2):
        assert log.data(INBOX) == []
        record = from_shard("nothing", number, (0, number, 0))
        journal.add(shard.take([record], number + 1), [])
        await steps(5)
    await journal.is_idle()
    assert log.data(INBOX)[-1].end == journal_module.WAITING_MAX // 2
    task.cancel()


async def test_a_later_group_waits_until_the_one_before_is_acknowledged() -> None:
    log, shard = MemoryLog(), shard_of()
    journal, _ = journal_of(log, shard)
    task = asyncio.create_task(journal.run())
    log.hold(CHANGELOG)
    add(log, journal, shard, "add alice")
    await steps()
    add(log, journal, shard, "add alice")
    await steps()
    assert len(log._waiting[CHANGELOG]) == 1
    log.let_land(CHANGELOG)
    await journal.is_idle()
    assert [data.end for data in log.data(INBOX)] == [1, 2]
    task.cancel()


async def test_a_journal_that_ends_leaves_acknowledgements_to_others() -> None:
    log, shard = MemoryLog(), shard_of()
    journal, _ = journal_of(log, shard)
    task = asyncio.create_task(journal.run())
    log.hold(OUT)
    add(log, journal, shard, "add alice")
    await steps()
    task.cancel()
    await steps()
    assert not log._waiting[OUT][0][1].cancelled()  # the batch may be shared


async def test_a_record_of_somebody_else_that_is_no_claim_does_not_matter() -> None:
    log, shard = MemoryLog(), shard_of()
    journal, _ = journal_of(log, shard)
    task = asyncio.create_task(journal.run())
    add(log, journal, shard, "add alice")
    await journal.is_idle()
    log.write(CHANGELOG, log.values(CHANGELOG)[0])
    add(log, journal, shard, "add alice")
    await journal.is_idle()
    assert journal.durable == 2
    task.cancel()


async def test_a_changelog_that_somebody_else_cuts_away_under_it_has_another_owner() -> None:
    log, shard = MemoryLog(), shard_of()
    journal, _ = journal_of(log, shard)
    task = asyncio.create_task(journal.run())
    add(log, journal, shard, "add alice")
    await journal.is_idle()
    for _ in range(3):
        log.write(CHANGELOG, b"")
    log.logs[CHANGELOG].delete_before(3)
    add(log, journal, shard, "add alice")
    with pytest.raises(Superseded):
        await task


async def test_a_deletion_that_fails_is_tried_again_with_the_next_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    process = Process(log, sweep_versions_min=20)
    await process.owner.assign([INBOX])
    delete, fails = log.delete_before, iter([True, True] + [False] * 999)

    async def delete_or_fail(partition: Any, offset: int) -> None:
        if next(fails):
            raise OSError("away")
        await delete(partition, offset)

    monkeypatch.setattr(log, "delete_before", delete_or_fail)
    for _ in range(200):
        await process.take("add alice", "add bob")
        await process.settle()
        await steps(3)
    owned = process.owner.shards[INBOX]
    assert owned.journal.truncations > 0
    assert 0 < owned.follower.row_versions <= 5 * 20
    versions = sum(sum(map(len, data.rows.values())) for data in log.data(INBOX))
    assert owned.follower.row_versions == versions
    assert not process.ended


@pytest.mark.parametrize("order", [1, -1])
async def test_row_versions_are_counted_right_though_deletions_overlap(
    monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    log = MemoryLog()
    process = Process(log, sweep_versions_min=20)
    await process.owner.assign([INBOX])
    delete = log.delete_before
    asked: list[tuple[Any, int, asyncio.Event]] = []

    async def delete_later(partition: Any, offset: int) -> None:
        asked.append((partition, offset, asyncio.Event()))
        await asked[-1][2].wait()
        await delete(partition, offset)

    monkeypatch.setattr(log, "delete_before", delete_later)
    while len(asked) < 2:
        await process.take("add alice", "add bob")
        await process.settle()
        await steps(3)
    for _, _, may in asked[::order]:
        may.set()
        await steps(3)
    versions = sum(sum(map(len, data.rows.values())) for data in log.data(INBOX))
    assert process.owner.shards[INBOX].follower.row_versions == versions


def test_a_weight_counts_keys_and_rows() -> None:
    assert weight_of({"t": {"ab": b"cde", "f": None}}) == 6


def test_beside_large_changes_no_cold_rows_travel() -> None:
    rows = Rows({"notes": bytes})
    for number in range(10):
        rows["notes"].put(str(number), b"n")
    rows.collect(1 << 30)
    sweep = Sweep(rows, 100, 1)
    large: Changes = {"notes": {"large": b"x" * (journal_module.CARRY_BESIDE_BYTES_MAX + 1)}}
    assert sweep.carry(large) == (large, True, False)
    small, begins, _ = sweep.carry({"notes": {"0": b"m"}})
    assert len(small["notes"]) == 3
    assert not begins


@settings(max_examples=30)
@given(
    words=st.lists(
        st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 12)).map(lambda t: f"{t[0]} account{t[1]}"),
        min_size=30,
        max_size=120,
    ),
    cut=st.integers(1, 7),
)
def test_whatever_is_carried_every_reader_gets_the_owners_rows(words: list[str], cut: int) -> None:
    async def run() -> None:
        log = MemoryLog()
        process = Process(log, sweep_versions_min=10)
        await process.owner.assign([INBOX])
        for start in range(0, len(words), cut):
            await process.take(*words[start : start + cut])
            if start % 3 == 0:
                await process.settle()
        await process.settle()
        await steps(3)
        reader = Follower(Rows(SYSTEM_TABLES | Accounts.tables))
        for record in log.logs[CHANGELOG].records:
            reader.apply(record)
        reader.check()
        assert reader.rows.digest == process.owner.shards[INBOX].shard.rows.digest
        wanted: dict[str, int] = {}
        for word in words:
            what, account = word.split()
            if what == "add":
                wanted[account] = wanted.get(account, 0) + 1
            else:
                wanted.pop(account, None)
        assert {key: row.amount for key, row in reader.rows["balances"].scan()} == wanted
        assert isinstance(next((row for _, row in reader.rows["balances"].scan()), Balance(0)), Balance)

    asyncio.run(run())
