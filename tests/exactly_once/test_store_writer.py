"""Acknowledged changes wait for a while, and go into the store in one step with the mark of the last of them."""

import msgspec
import pytest
from simulated_kafka import Disk

from app.exactly_once import store_writer as store_writer_module
from app.exactly_once.rows import Changes, Rows
from app.exactly_once.store_writer import StoreMark, StoreWriter

INTERVAL_S = 0.25


class Row(msgspec.Struct, frozen=True):
    number: int


class CountingDisk(Disk):
    """Remembers what was written in each step."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[dict[tuple[str, str], int | None]] = []

    def write(self, changes: Changes, meta: bytes | None) -> None:
        places = [(table, key, data) for table, changed in changes.items() for key, data in changed.items()]
        self.writes.append({(table, key): None if data is None else number_of(data) for table, key, data in places})
        super().write(changes, meta)


def number_of(data: bytes) -> int:
    return msgspec.json.decode(data, type=Row).number


class Shard:
    """Rows, their store, and changelog records that are acknowledged one by one."""

    def __init__(self, interval_s: float = INTERVAL_S, *, has_store: bool = True, warm_rows_max: int = 1 << 62) -> None:
        self.disk, self.time, self.offset = CountingDisk(), 100.0, 0
        self.rows = Rows(
            {"balances": Row, "orders": Row}, store=self.disk if has_store else None, warm_rows_max=warm_rows_max
        )
        self.writer = StoreWriter(self.rows, interval_s, lambda: self.time)

    def changed(self, table: str = "balances", **numbers: int | None) -> tuple[Changes, StoreMark, int]:
        """Ends a sub-batch -> what its changelog record brings, once it is acknowledged."""
        for key, number in numbers.items():
            if number is None:
                self.rows[table].delete(key)
            else:
                self.rows[table].put(key, Row(number))
        changes = self.rows.collect(1 << 20)
        self.offset += 1
        return changes, self.mark(), self.rows.version

    def mark(self) -> StoreMark:
        return StoreMark(self.offset, 1_000 + self.offset, 3, self.offset * 10, self.rows.digest, self.offset)

    def add(self, table: str = "balances", **numbers: int | None) -> None:
        self.writer.add(*self.changed(table, **numbers))

    def assert_is_stored(self) -> None:
        """The store says what the rows say, and that it is as of the last changelog record."""
        assert self.disk.mark is not None
        assert msgspec.msgpack.decode(self.disk.mark, type=StoreMark) == self.mark()
        restored = Rows({"balances": Row, "orders": Row})
        assert restored.load(self.disk.all_items(), self.rows.digest)
        assert self.rows._unstored == {}
        assert self.writer.due is None


def test_changes_within_the_interval_share_a_write_and_the_newest_of_each_row_is_stored() -> None:
    shard = Shard()
    shard.add(a=1, b=1, c=1)
    shard.add("orders", x=1)
    shard.add(a=2, b=None)
    shard.add(b=None, c=None, d=4)
    shard.add(c=5)
    shard.time += INTERVAL_S
    shard.writer.write_if_due()
    wanted = {"a": 2, "b": None, "c": 5, "d": 4}
    assert shard.disk.writes == [{("balances", key): n for key, n in wanted.items()} | {("orders", "x"): 1}]
    assert {place: number_of(data) for place, data in shard.disk.rows.items()} == {
        ("balances", "a"): 2,
        ("balances", "c"): 5,
        ("balances", "d"): 4,
        ("orders", "x"): 1,
    }
    shard.assert_is_stored()


def test_nothing_is_written_before_it_is_due() -> None:
    shard = Shard()
    due = shard.time + INTERVAL_S
    shard.add(a=1)
    for _ in range(4):
        shard.writer.write_if_due()
        assert shard.disk.writes == []
        assert shard.disk.mark is None
        assert shard.writer.due == due  # the first that waits says when
        shard.time += INTERVAL_S / 5
        shard.add(a=2)
    shard.time = due
    shard.writer.write_if_due()
    assert len(shard.disk.writes) == 1
    shard.assert_is_stored()


def test_what_comes_after_a_write_waits_anew() -> None:
    shard = Shard()
    shard.add(a=1)
    shard.time += INTERVAL_S
    shard.writer.write_if_due()
    shard.time += INTERVAL_S
    shard.add(b=2)
    assert shard.writer.due == shard.time + INTERVAL_S
    assert shard.disk.writes == [{("balances", "a"): 1}]
    shard.time += INTERVAL_S
    shard.writer.write_if_due()
    assert shard.disk.writes == [{("balances", "a"): 1}, {("balances", "b"): 2}]
    shard.assert_is_stored()


def test_what_comes_when_others_are_due_is_written_with_them() -> None:
    shard = Shard()
    shard.add(a=1)
    shard.time += INTERVAL_S + 1
    shard.add(b=2)
    assert shard.disk.writes == [{("balances", "a"): 1, ("balances", "b"): 2}]
    shard.assert_is_stored()


def test_without_an_interval_every_change_is_written_at_once() -> None:
    shard = Shard(0.0)
    for number in range(3):
        shard.add(a=number)
        assert shard.disk.writes[number:] == [{("balances", "a"): number}]
        shard.assert_is_stored()


def test_many_rows_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_writer_module, "ROWS_WAITING_MAX", 4)
    shard = Shard()
    shard.add(a=1, b=1)
    for number in range(2, 9):
        shard.add(a=number)  # still the same row
    shard.add("orders", a=1)
    assert shard.disk.writes == []
    shard.add("orders", b=None, c=1)
    assert shard.disk.writes == [
        {("balances", "a"): 8, ("balances", "b"): 1, ("orders", "a"): 1, ("orders", "c"): 1},
    ]
    shard.assert_is_stored()


def test_write_waits_for_nothing() -> None:
    shard = Shard()
    shard.add(a=1)
    shard.writer.write()
    assert shard.disk.writes == [{("balances", "a"): 1}]
    shard.assert_is_stored()


def test_a_record_without_changes_moves_the_mark() -> None:
    shard = Shard()
    shard.add(a=1)
    shard.add()
    shard.writer.write()
    shard.assert_is_stored()
    shard.add()
    shard.writer.write()
    assert shard.disk.writes == [{("balances", "a"): 1}, {}]
    shard.assert_is_stored()


def test_a_write_with_nothing_waiting_does_nothing() -> None:
    shard = Shard()
    shard.writer.write()
    shard.writer.write_if_due()
    assert (shard.disk.writes, shard.disk.mark) == ([], None)
    shard.add(a=1)
    for _ in range(2):
        shard.writer.write()
    shard.time += 10 * INTERVAL_S
    shard.writer.write_if_due()
    assert shard.disk.writes == [{("balances", "a"): 1}]
    shard.assert_is_stored()


def test_without_a_store_nothing_happens() -> None:
    shard = Shard(has_store=False)
    shard.add(a=1)
    assert shard.writer.due is None
    shard.time += INTERVAL_S
    shard.writer.write_if_due()
    shard.writer.write()
    assert shard.disk.writes == []
    assert shard.rows["balances"].get("a") == Row(1)


def test_a_row_that_is_read_cold_before_it_is_written_is_the_newest_one() -> None:
    shard = Shard(warm_rows_max=1)
    shard.add(a=1, b=1, c=1)
    shard.writer.write()
    shard.add(a=2, b=None)
    shard.add("orders", a=7, b=7)
    shard.add(a=3, d=4)
    balances = shard.rows["balances"]
    assert len(balances.warm) <= 1
    assert [balances.get(key) for key in "abcd"] == [Row(3), None, Row(1), Row(4)]
    assert [(key, row.number) for key, row in balances.scan()] == [("a", 3), ("c", 1), ("d", 4)]
    shard.writer.write()
    assert [balances.get(key) for key in "abcd"] == [Row(3), None, Row(1), Row(4)]
    shard.assert_is_stored()


def test_a_row_that_changed_again_since_what_is_written_stays_the_newest_one() -> None:
    shard = Shard(warm_rows_max=1)
    first, second = shard.changed(a=1, b=1), shard.changed(a=2, c=2)
    third = shard.changed(a=3, b=3, c=3, d=3)  # not acknowledged yet
    shard.writer.add(*first)
    shard.writer.add(*second)
    shard.writer.write()
    assert shard.disk.writes == [{("balances", "a"): 2, ("balances", "b"): 1, ("balances", "c"): 2}]
    assert len(shard.rows["balances"].warm) <= 1
    assert [shard.rows["balances"].get(key) for key in "abcd"] == [Row(3)] * 4
    assert shard.rows.digest == shard.rows.full_digest()
    shard.writer.add(*third)
    shard.writer.write()
    shard.assert_is_stored()
