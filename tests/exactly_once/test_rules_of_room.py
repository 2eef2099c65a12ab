"""Rules 13 to 15 of architecture.md: copy-forward, the store, replicas."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from memory_log import MemoryLog
from simulated_kafka import Disk
from small_shards import INBOX, Accounts, Balance, Process, amounts, steps

from app.exactly_once.changelog import Claim, Follower, changelog_of, encode
from app.exactly_once.journal import Sweep
from app.exactly_once.owned import DEFAULT
from app.exactly_once.replica import Replica
from app.exactly_once.rows import Changes, Rows
from app.exactly_once.shard import SYSTEM_TABLES
from app.exactly_once.store import Stores
from app.exactly_once.store_writer import StoreMark

CHANGELOG = changelog_of(INBOX)


def what_is_left(log: MemoryLog) -> Follower:
    """A restore from the log as it is now, and nothing else."""
    follower = Follower(Rows(SYSTEM_TABLES | Accounts.tables))
    for record in log.logs[CHANGELOG].records:
        follower.apply(record)
    follower.check()
    return follower


async def owned(log: MemoryLog, name: str = "worker", **tuning: int) -> Process:
    process = Process(log, name, **tuning)
    await process.owner.assign([INBOX])
    return process


def rows_of(count: int) -> Rows:
    rows = Rows({"balances": Balance})
    for number in range(count):
        rows["balances"].put(f"account{number}", Balance(number))
    rows.collect(1 << 30)
    return rows


@pytest.mark.parametrize(("live", "versions_at_most"), [(10, 2_000), (1_000, 3_000)])
def test_rule_13_a_sweep_begins_when_the_versions_exceed_both_bounds(live: int, versions_at_most: int) -> None:
    assert DEFAULT.sweep_versions_min == 2_000
    sweep = Sweep(rows_of(live), versions_at_most - 1, DEFAULT.sweep_versions_min)
    one: Changes = {"balances": {"account0": b"{}"}}
    assert sweep.carry(one) == (one, False, False)
    rows, begins, _ = sweep.carry(one)
    assert begins
    assert len(rows["balances"]) > 1


def test_rule_13_a_sweep_carries_every_cold_row_once_and_as_much_as_changes() -> None:
    rows = rows_of(100)
    sweep = Sweep(rows, 301, 10)
    carried: list[str] = []
    for number in range(100):
        changed: Changes = {"balances": {f"account{number % 3}": b"{}"}}
        found, begins, ends = sweep.carry(changed)
        assert begins == (number == 0)
        cold = found["balances"].keys() - changed["balances"].keys()
        assert len(cold) <= 2
        carried += cold
        if ends:
            break
    assert {f"account{number}" for number in range(3, 100)} <= set(carried)
    assert len(carried) == len(set(carried))


async def test_rule_13_cold_rows_travel_as_they_are_at_that_very_sub_batchs_end() -> None:
    log = MemoryLog()
    process = await owned(log, sweep_versions_min=4)
    await process.take("add alice", "add bob", "add carol", "add dave")
    await process.settle()
    log.hold(CHANGELOG)
    await process.take("add erin")
    await steps()  # on its way
    await process.take("add frank")
    await process.take("add alice 10", "add bob 10", "add carol 10", "add dave 10")
    log.let_land(CHANGELOG)
    await process.settle()
    follower = Follower(Rows(SYSTEM_TABLES | Accounts.tables))
    for record in log.logs[CHANGELOG].records:
        follower.apply(record)
        follower.check()  # after every record, not at the end alone


async def test_rule_13_whatever_is_deleted_what_is_left_restores_the_same_rows() -> None:
    log = MemoryLog()
    process = await owned(log, sweep_versions_min=20)
    for number in range(300):
        await process.take(f"add account{number % 17}", f"note account{number % 5} {number}")
        await process.settle()
        await steps(3)
        left = what_is_left(log)
        assert left.rows.digest == process.owner.shards[INBOX].shard.rows.digest
        assert left.next == process.owner.shards[INBOX].shard.next
    assert process.owner.shards[INBOX].journal.truncations > 10
    assert log.logs[CHANGELOG].first > 0


async def test_rule_13_a_turnover_of_100_times_leaves_at_most_5_versions_for_each_row() -> None:
    log, live = MemoryLog(), 400
    process = await owned(log, sweep_versions_min=20)
    most = 0
    for start in range(0, live * 100, 50):
        await process.take(*(f"add account{number % live}" for number in range(start, start + 50)))
        await process.settle()
        await steps(3)
        if start >= live * 5:
            most = max(most, sum(sum(map(len, data.rows.values())) for data in log.data(INBOX)))
    assert process.owner.shards[INBOX].shard.rows.live == live + 1
    assert most <= 5 * (live + 1)
    assert process.owner.shards[INBOX].follower.row_versions <= 5 * (live + 1)
    assert what_is_left(log).rows.digest == process.owner.shards[INBOX].shard.rows.digest


async def test_rule_13_a_higher_claim_before_the_sweep_is_acknowledged_cancels_the_deletion() -> None:
    for is_claimed in (False, True):
        log = MemoryLog()
        process = await owned(log, sweep_versions_min=60)
        await process.take(*(f"add account{number}" for number in range(20)))
        owned_shard = process.owner.shards[INBOX]
        for _ in range(60):  # until a sweep is under way: one row changes, and another one travels with it
            await process.take("add account0")
            await process.settle()
            if owned_shard.journal._sweep._keys:
                break
        process.inboxes.is_ours = False
        if is_claimed:
            log.write(CHANGELOG, encode(Claim(9, "other", "")))
        for _ in range(40):
            await process.take("add account0")
            await steps(10)
        assert owned_shard.frozen is is_claimed
        assert bool(log.deleted) is not is_claimed


async def test_rule_14_rows_that_are_not_acknowledged_are_in_memory_alone() -> None:
    log = MemoryLog()
    process = await owned(log)
    await process.take("add alice")
    await process.settle()
    before = dict(process.disks[INBOX].rows)
    log.hold(CHANGELOG)
    await process.take("add alice", "add bob")
    await steps()
    assert process.amounts() == {"alice": 2, "bob": 1}
    assert process.disks[INBOX].rows == before
    log.let_land(CHANGELOG)
    await process.settle()
    assert process.disks[INBOX].get("balances", "bob") == b'{"amount":1}'


async def test_rule_14_rows_and_position_reach_the_store_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    writes: list[tuple[Changes, StoreMark]] = []
    write = Disk.write

    def remember(self: Disk, changes: Changes, meta: bytes) -> None:
        writes.append((changes, msgspec.msgpack.decode(meta, type=StoreMark)))
        write(self, changes, meta)

    monkeypatch.setattr(Disk, "write", remember)
    process = await owned(log)
    await process.take("add alice")
    await process.settle()
    (changes, mark) = writes[-1]
    assert changes["balances"] == {"alice": b'{"amount":1}'}
    assert (mark.offset, mark.next, mark.digest) == (1, 1, process.owner.shards[INBOX].shard.rows.digest)
    assert len(writes) == 1


@pytest.mark.parametrize("change", ["truncated beyond it", "made anew", "made anew and longer"])
async def test_rule_14_a_store_that_its_changelog_does_not_reach_is_thrown_away(change: str) -> None:
    log = MemoryLog()
    before = await owned(log, "before")
    for _ in range(5):
        await before.take("add alice")
        await before.settle()
    before.kill()
    if change == "truncated beyond it":
        log.logs[CHANGELOG].delete_before(log.logs[CHANGELOG].end)
    else:
        del log.logs[CHANGELOG]
        for number in range(9 if change == "made anew and longer" else 1):
            log.write(CHANGELOG, encode(Claim(number + 1, "other", "")))
    after = Process(log, "after")
    after.disks = before.disks
    await after.owner.assign([INBOX])
    assert after.owner.counts["stores out of range"] == 1
    assert after.amounts() == {}  # the log is the truth: its shard begins anew
    assert after.inboxes.seeks == [(INBOX, 0)]


async def test_rule_14_a_restart_reads_the_store_and_only_the_end_of_the_changelog() -> None:
    log = MemoryLog()
    before = await owned(log, "before")
    for _ in range(30):
        await before.take("add alice", "add bob")
        await before.settle()
    before.kill()
    portions = 0

    def count(partition: object) -> None:
        nonlocal portions
        portions += partition == CHANGELOG

    log.before_read = count
    after = Process(log, "after")
    after.disks = before.disks
    await after.owner.assign([INBOX])
    assert after.amounts() == {"alice": 30, "bob": 30}
    assert portions <= 3  # the record of the mark, then what follows it


async def test_rule_14_cold_rows_are_read_back_and_state_may_outgrow_memory() -> None:
    log = MemoryLog()
    process = await owned(log, warm_rows_max=10)
    for number in range(200):
        await process.take(f"add account{number % 100}")
    await process.settle()
    table = process.owner.shards[INBOX].shard.rows["balances"]
    assert len(table.warm) <= 10
    assert table.cold + len(table.warm) == 100
    assert set(process.amounts().values()) == {2}


async def test_rule_14_one_object_of_a_process_owns_the_folder(tmp_path: Path) -> None:
    stores = Stores(tmp_path)
    first = stores(INBOX)
    with pytest.raises(Exception, match="LOCK"):
        stores(INBOX)
    first.close()
    stores(INBOX).close()


async def test_rule_15_a_replica_reads_by_the_same_rule_as_owners() -> None:
    log = MemoryLog()
    first = await owned(log, "first")
    await first.take("add alice")
    await first.settle()
    second = await owned(log, "second")
    await second.take("add bob")
    await second.settle()
    replica = Replica(log, INBOX, Accounts.tables)
    task = asyncio.create_task(replica.run())
    await replica.is_caught_up.wait()
    assert amounts(replica.rows) == {"alice": 1, "bob": 1}
    assert (replica.position, replica.rows.digest) == (2, second.owner.shards[INBOX].shard.rows.digest)
    task.cancel()


async def test_rule_15_wait_for_gives_read_your_writes() -> None:
    log = MemoryLog()
    process = await owned(log)
    replica = Replica(log, INBOX, Accounts.tables)
    task = asyncio.create_task(replica.run())
    await replica.is_caught_up.wait()
    log.hold(CHANGELOG)
    for number in range(3):
        waiting = asyncio.create_task(replica.wait_for(number + 1))
        await process.take("add alice")
        await steps()
        assert not waiting.done()
        log.let_land(CHANGELOG)
        log.hold(CHANGELOG)
        await waiting
        assert amounts(replica.rows) == {"alice": number + 1}
    await replica.wait_for(2)  # was so already
    task.cancel()
