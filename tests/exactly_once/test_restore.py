"""Restoring a shard: from the changelog alone, and from a store that may be old, foreign or damaged."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from memory_log import MemoryLog
from simulated_kafka import Disk
from small_shards import INBOX, Accounts, Balance, Process, amounts, shard_of

from app.exactly_once import restore as restore_module
from app.exactly_once import rows as rows_module
from app.exactly_once.changelog import ChangelogError, Data, Follower, changelog_of, encode
from app.exactly_once.log import Message
from app.exactly_once.restore import NotOurs, Quarantined, Restorer, check_input
from app.exactly_once.rows import DIGEST_MODULUS, Changes, row_hash
from app.exactly_once.shard import SYSTEM_TABLES
from app.exactly_once.store_writer import StoreMark

CHANGELOG = changelog_of(INBOX)


async def a_past(count: int = 6) -> tuple[MemoryLog, Disk]:
    """A changelog with a data record an inbox record, and the store beside it."""
    log = MemoryLog()
    process = Process(log, "past")
    await process.owner.assign([INBOX])
    for number in range(count):
        await process.take(f"add account{number % 3}")
        await process.settle()
    process.kill()
    return log, process.disks[INBOX]


async def restored(
    log: MemoryLog, store: Any, counts: Counter[str] | None = None, warm_rows_max: int = 1 << 62
) -> Follower:
    tables = SYSTEM_TABLES | Accounts.tables
    restorer = Restorer(log, CHANGELOG, tables, store, warm_rows_max, Counter() if counts is None else counts)
    return await restorer.restore("ours", "1", lambda: True)


ALL = {"account0": 2, "account1": 2, "account2": 2}


async def test_without_a_store_everything_comes_from_the_changelog() -> None:
    log, _ = await a_past()
    follower = await restored(log, None)
    assert (amounts(follower.rows), follower.next, follower.owner, follower.epoch) == (ALL, 6, "ours", 2)


async def test_an_empty_store_is_filled_with_rows_and_mark() -> None:
    log, _ = await a_past()
    disk, counts = Disk(), Counter[str]()
    await restored(log, disk, counts)
    mark = msgspec.msgpack.decode(disk.meta() or b"", type=StoreMark)
    assert (mark.offset, mark.next) == (6, 6)
    assert disk.get("balances", "account0") == b'{"amount":2}'
    assert counts == {"restores": 1}
    again = await restored(log, disk)
    assert amounts(again.rows) == ALL


async def test_each_row_of_a_long_changelog_reaches_an_empty_store_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "GATHERED_ROWS_AT_ONCE", 2)
    log, _ = await a_past(20)
    disk = Disk()
    follower = await restored(log, disk)
    written = [place for places, _ in disk._before for place in places]
    assert len(disk._before) > 3
    assert sorted(written) == sorted(disk.rows) == sorted(follower.rows.keys())
    assert balances_on(disk) == balances_in(follower)


async def test_a_removed_row_is_gone_after_a_restore() -> None:
    log, disk = MemoryLog(), Disk()
    process = Process(log, "past")
    await process.owner.assign([INBOX])
    for command in ("add account0", "add account1", "remove account0", "add account1"):
        await process.take(command)
        await process.settle()
    process.kill()
    follower = await restored(log, disk)
    assert amounts(follower.rows) == {"account1": 2}
    assert balances_on(disk) == balances_in(follower)


@pytest.mark.parametrize("warm_rows_max", [1, 2, 3])
async def test_a_changelog_may_have_more_rows_than_memory(warm_rows_max: int) -> None:
    log, _ = await a_past(20)
    disk, tables = Disk(), SYSTEM_TABLES | Accounts.tables
    follower = await Restorer(log, CHANGELOG, tables, disk, warm_rows_max).restore("ours", "1", lambda: True)
    assert len(follower.rows["balances"].warm) <= warm_rows_max
    assert amounts(follower.rows) == {"account0": 7, "account1": 7, "account2": 6}
    assert (follower.rows.live, follower.rows.full_digest()) == (len(disk.rows), follower.digest)
    assert amounts((await restored(log, disk)).rows) == amounts(follower.rows)


class CheckedDisk(Disk):
    """Notes marks that say something else than the rows beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.writes, self.wrong = 0, list[StoreMark]()

    def write(self, changes: Changes, meta: bytes | None) -> None:
        super().write(changes, meta)
        self.writes += 1
        if self.mark is not None:
            mark = msgspec.msgpack.decode(self.mark, type=StoreMark)
            if mark.digest != sum(row_hash(*row) for row in self.all_items()) % DIGEST_MODULUS:
                self.wrong.append(mark)


@pytest.mark.parametrize("at_once", [0, 1 << 20])
async def test_a_store_has_no_mark_while_rows_of_a_log_that_begins_in_a_sweep_are_still_to_come(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore_module, "STORE_ROWS_AT_ONCE", at_once)
    rows = dict.fromkeys("abc", b'{"amount":1}')
    digest = sum(row_hash("balances", name, data) for name, data in rows.items()) % DIGEST_MODULUS
    log, disk = MemoryLog(), CheckedDisk()
    for number, (name, data) in enumerate(rows.items()):
        entry = Data(1, number, number + 1, {"balances": {name: data}}, digest)
        await log.append(CHANGELOG, Message(None, encode(entry), []))
    follower = await restored(log, disk, warm_rows_max=0)  # full with the first row
    assert balances_in(follower) == balances_on(disk) == rows
    assert disk.writes > 2
    assert disk.wrong == []
    assert disk.mark is not None


async def test_a_store_without_a_mark_is_void() -> None:
    log, _ = await a_past()
    disk = Disk()
    disk.write({"balances": {"nobody": b'{"amount":9}'}}, None)
    assert amounts((await restored(log, disk)).rows) == ALL
    assert ("balances", "nobody") not in disk.rows


async def test_a_store_far_behind_is_brought_up_in_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_module, "STORE_ROWS_AT_ONCE", 3)
    log, disk = await a_past(20)
    disk.lose_last(18)
    writes = len(disk._before)
    follower = await restored(log, disk)
    assert len(disk._before) - writes > 5
    assert balances_on(disk) == balances_in(follower)


def balances_on(disk: Disk) -> dict[str, bytes]:
    return {key: data for (table, key), data in disk.rows.items() if table == "balances"}


def balances_in(follower: Follower) -> dict[str, bytes]:
    return {key: msgspec.json.encode(row) for key, row in follower.rows["balances"].scan()}


@pytest.mark.parametrize("behind", [1, 3, 5])
async def test_a_store_that_is_behind_is_brought_up(behind: int) -> None:
    log, disk = await a_past()
    disk.lose_last(behind)
    counts = Counter[str]()
    follower = await restored(log, disk, counts)
    assert (amounts(follower.rows), follower.next) == (ALL, 6)
    assert counts == {"restores": 1}


async def test_a_store_that_is_ahead_of_its_log_is_thrown_away() -> None:
    log, disk = await a_past()
    changelog = log.logs[CHANGELOG]
    changelog.records, changelog.end = changelog.records[:4], 4  # the broker lost its last records
    counts = Counter[str]()
    follower = await restored(log, disk, counts)
    assert counts["stores out of range"] == 1
    assert (amounts(follower.rows), follower.next) == (dict.fromkeys(ALL, 1), 3)


async def test_a_store_whose_log_begins_behind_its_mark_is_thrown_away() -> None:
    log, disk = await a_past()
    disk.lose_last(4)
    complete = await restored(log, None)
    log.logs[CHANGELOG].delete_before(6)
    log.write(CHANGELOG, log.values(CHANGELOG)[0])
    counts = Counter[str]()
    with pytest.raises(ChangelogError):  # what is left lacks rows: the digest tells
        await restored(log, disk, counts)
    assert counts["stores out of range"] == 1
    assert complete.next == 6


@pytest.mark.parametrize("damage", ["a row", "a lost row", "a row more", "the mark", "unreadable"])
async def test_a_damaged_store_is_thrown_away_and_the_changelog_read(damage: str) -> None:
    log, disk = await a_past()
    match damage:
        case "a row":
            disk.rows["balances", "account0"] = b'{"amount":9}'
        case "a lost row":
            del disk.rows["balances", "account0"]
        case "a row more":
            disk.rows["balances", "nobody"] = b'{"amount":9}'
        case "the mark":
            disk.mark = b"nonsense"
        case "unreadable":

            def unreadable() -> None:
                raise OSError("the disk is gone")

            disk.all_items = unreadable  # type: ignore[assignment, method-assign]
    follower = await restored(log, disk)
    assert (amounts(follower.rows), follower.next) == (ALL, 6)
    assert disk.get("balances", "account0") == b'{"amount":2}'
    assert ("balances", "nobody") not in disk.rows


async def test_a_store_that_agrees_with_itself_but_not_with_the_log_is_thrown_away() -> None:
    log, disk = await a_past()
    disk.lose_last(1)
    mark = msgspec.msgpack.decode(disk.meta() or b"", type=StoreMark)
    hurt = msgspec.structs.replace(mark, next=mark.next - 1)  # what follows would leave a hole
    disk.mark = msgspec.msgpack.encode(hurt)
    counts = Counter[str]()
    follower = await restored(log, disk, counts)
    assert counts["stores that disagree"] == 1
    assert (amounts(follower.rows), follower.next) == (ALL, 6)


async def test_whoever_lost_the_shard_meanwhile_does_not_claim_it() -> None:
    log, _ = await a_past()
    before = len(log.claims(INBOX))
    restorer = Restorer(log, CHANGELOG, SYSTEM_TABLES | Accounts.tables, None, 1 << 62)
    with pytest.raises(NotOurs):
        await restorer.restore("ours", "1", lambda: False)
    assert len(log.claims(INBOX)) == before


async def test_what_the_former_owner_writes_before_our_claim_is_restored_too() -> None:
    log, _ = await a_past(3)
    digest = log.data(INBOX)[-1].digest
    portions = iter(range(99))

    def write_late(partition: Any) -> None:
        if partition == CHANGELOG and next(portions) == 0:  # the end to read up to is known by now
            log.write(CHANGELOG, encode(Data(1, 3, 4, {}, digest)))

    log.before_read = write_late
    follower = await restored(log, None)
    assert (follower.next, follower.epoch) == (4, 2)


async def test_the_inbox_is_checked_against_what_the_shard_took_last() -> None:
    log = MemoryLog()
    for _ in range(4):
        log.write(INBOX, b"add alice")
    shard = shard_of()
    await check_input(log, shard)  # never took a record: nothing to compare
    shard.take(log.logs[INBOX].slice(0, 3), 3)
    await check_input(log, shard)
    shard.next = 4
    log.logs[INBOX].mark()
    await check_input(log, shard)  # a marker where the last position was
    shard.cursor.checksum ^= 1
    with pytest.raises(Quarantined, match="another record at 2"):
        await check_input(log, shard)


async def test_a_record_that_is_no_more_where_the_last_one_was_means_another_inbox() -> None:
    log = MemoryLog()
    shard = shard_of()
    for _ in range(3):
        log.write(INBOX, b"add alice")
    shard.take(log.logs[INBOX].slice(0, 3), 3)
    del log.logs[INBOX]
    for _ in range(3):
        log.logs[INBOX].mark()
    with pytest.raises(Quarantined, match="made anew"):
        await check_input(log, shard)


def test_a_table_of_balances_is_read_as_it_was_written() -> None:
    assert msgspec.json.decode(b'{"amount":340282366920938463463374607431768211455}', type=Balance).amount == 2**128 - 1
