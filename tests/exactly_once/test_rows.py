"""Rows against a plain dictionary: whatever is written, taken back, cooled, stored and restored."""

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from simulated_kafka import Disk

from app.exactly_once.rows import Changes, ChangesTooLarge, Rows, row_hash
from app.exactly_once.table import DECODED_ROWS_MAX

KEYS = st.sampled_from([f"{letter}{number}" for letter in "ab" for number in range(5)])
TABLES = st.sampled_from(["balances", "orders"])
Contents = dict[tuple[str, str], int]


class Row(msgspec.Struct, frozen=True):
    number: int


def fresh(store: Disk | None = None, warm_rows_max: int = 1 << 62) -> Rows:
    return Rows({"balances": Row, "orders": Row}, store=store, warm_rows_max=warm_rows_max)


def encoded(contents: Contents) -> dict[tuple[str, str], bytes]:
    return {place: msgspec.json.encode(Row(number)) for place, number in contents.items()}


def digest_of(contents: Contents) -> int:
    return sum(row_hash(table, key, data) for (table, key), data in encoded(contents).items()) % (1 << 64)


class RowsLikeADictionary(RuleBasedStateMachine):
    """`now` is what the rows say, `final` what the last sub-batch left, `stored` what the store has."""

    @initialize(warm_rows_max=st.sampled_from([1, 3, 1 << 62]))
    def begin(self, warm_rows_max: int) -> None:
        self.disk, self.warm_rows_max = Disk(), warm_rows_max
        self.rows = fresh(self.disk, warm_rows_max)
        self.now: Contents = {}
        self.final: Contents = {}
        self.stored: Contents = {}
        self.marks: list[tuple[int, Contents]] = []
        self.waiting: list[tuple[Changes, int, Contents]] = []

    @rule(table=TABLES, key=KEYS, number=st.integers(0, 3))
    def put(self, table: str, key: str, number: int) -> None:
        self.rows[table].put(key, Row(number))
        self.now[table, key] = number

    @rule(table=TABLES, key=KEYS)
    def delete(self, table: str, key: str) -> None:
        self.rows[table].delete(key)
        self.now.pop((table, key), None)

    @rule(table=TABLES, key=KEYS)
    def get(self, table: str, key: str) -> None:
        number = self.now.get((table, key))
        assert self.rows[table].get(key) == (None if number is None else Row(number))

    @rule(table=TABLES, prefix=st.sampled_from(["", "a", "b", "b3", "c"]))
    def scan(self, table: str, prefix: str) -> None:
        wanted = sorted((key, number) for (name, key), number in self.now.items() if name == table)
        found = [(key, row.number) for key, row in self.rows[table].scan(prefix)]
        assert found == [(key, number) for key, number in wanted if key.startswith(prefix)]

    @rule()
    def begin_a_record(self) -> None:
        self.marks.append((len(self.rows.undo), dict(self.now)))

    @precondition(lambda self: self.marks)
    @rule()
    def take_the_record_back(self) -> None:
        mark, self.now = self.marks.pop()
        self.rows.take_back(mark)

    @rule()
    def take_everything_back(self) -> None:
        self.rows.take_back(0)
        self.now = dict(self.final)
        self.marks.clear()

    @rule()
    def end_the_sub_batch(self) -> None:
        changes = self.rows.collect(1 << 20)
        before, after = encoded(self.final), encoded(self.now)
        wanted = {place: after.get(place) for place in before.keys() | after if before.get(place) != after.get(place)}
        assert {(table, key): data for table, rows in changes.items() for key, data in rows.items()} == wanted
        assert self.rows.digest == digest_of(self.now)
        assert self.rows.live == len(self.now)
        self.final = dict(self.now)
        self.marks.clear()
        self.waiting.append((changes, self.rows.version, dict(self.now)))

    @rule()
    def a_sub_batch_is_too_large(self) -> None:
        if encoded(self.now) != encoded(self.final):
            with pytest.raises(ChangesTooLarge):
                self.rows.collect(1)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def acknowledge(self, data: Any) -> None:
        count = data.draw(st.integers(1, len(self.waiting)))
        merged: Changes = {}
        for changes, _, _ in self.waiting[:count]:
            for table, rows in changes.items():
                merged.setdefault(table, {}).update(rows)
        _, version, self.stored = self.waiting[count - 1]
        self.rows.stored(merged, b"mark", version)
        del self.waiting[:count]

    @rule()
    def crash(self) -> None:
        self.rows = fresh(self.disk, self.warm_rows_max)
        assert self.rows.load(self.disk.all_items(), digest_of(self.stored))
        self.now, self.final = dict(self.stored), dict(self.stored)
        self.marks.clear()
        self.waiting.clear()

    @invariant()
    def every_final_row_is_there_once(self) -> None:
        places = list(self.rows.keys())
        assert len(places) == len(set(places))
        assert {place: self.rows[place[0]].peek(place[1]) for place in places} == encoded(self.final)
        assert self.rows.digest == self.rows.full_digest() == digest_of(self.final)
        assert sum(table.cold + len(table.warm) for table in self.rows.tables.values()) == self.rows.live

    @invariant()
    def the_store_is_what_was_acknowledged(self) -> None:
        assert self.disk.rows == encoded(self.stored)


TestRowsLikeADictionary = RowsLikeADictionary.TestCase
TestRowsLikeADictionary.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_memory_holds_no_more_rows_than_it_may_even_where_they_are_only_read() -> None:
    rows = fresh(Disk(), warm_rows_max=10)
    for number in range(100):
        rows["balances"].put(f"{number:03}", Row(number))
    rows.stored(rows.collect(1 << 20), b"", rows.version)
    assert len(rows["balances"].warm) <= 10
    for _ in range(3):  # another table changes, this one is read
        assert sum(row.number for _, row in rows["balances"].scan()) == 4950
        rows["orders"].put("one", Row(1))
        rows.collect(1 << 20)
        assert len(rows["balances"].warm) <= 10
    assert rows.digest == rows.full_digest()


def test_decoded_rows_are_let_go_when_they_are_many() -> None:
    rows = fresh()
    for number in range(DECODED_ROWS_MAX + 5):
        rows["balances"].put(str(number), Row(number))
    rows.collect(1 << 30)
    assert len(rows["balances"]._hot) == 0
    assert rows["balances"].get("7") == Row(7)


def test_a_write_that_brings_the_stored_bytes_back_is_no_change() -> None:
    rows = fresh()
    rows["balances"].put("a", Row(1))
    rows.collect(1 << 20)
    rows["balances"].put("a", Row(2))
    rows["balances"].put("a", Row(1))
    rows["balances"].put("b", Row(2))
    rows["balances"].delete("b")
    assert rows.collect(1 << 20) == {}


def test_a_table_that_this_version_does_not_know_keeps_its_rows_and_their_part_of_the_digest() -> None:
    rows = fresh()
    rows.apply({"former": {"a": b"1"}, "balances": {"a": b'{"number":1}'}})
    assert rows.digest == (row_hash("former", "a", b"1") + row_hash("balances", "a", b'{"number":1}')) % (1 << 64)
    assert ("former", "a") in list(rows.keys())
    restored = fresh()
    assert restored.load([("former", "a", b"1"), ("balances", "a", b'{"number":1}')], rows.digest)
    assert restored.live == 2


def test_a_damaged_store_is_noticed() -> None:
    disk = Disk()
    rows = fresh(disk)
    rows["balances"].put("a", Row(1))
    rows.stored(rows.collect(1 << 20), b"", rows.version)
    for damaged in ({("balances", "a"): b'{"number":2}'}, {}, disk.rows | {("orders", "z"): b"{}"}):
        hurt = Disk()
        hurt.rows = dict(damaged)
        assert not fresh(hurt).load(hurt.all_items(), rows.digest)


def test_a_row_that_came_from_outside_replaces_the_decoded_one() -> None:
    rows = fresh()
    rows["balances"].put("a", Row(1))
    rows.collect(1 << 20)
    rows.apply({"balances": {"a": b'{"number":5}'}})
    assert rows["balances"].get("a") == Row(5)
    rows.apply({"balances": {"a": None}})
    assert rows["balances"].get("a") is None
    assert (rows.live, rows.digest) == (0, 0)
