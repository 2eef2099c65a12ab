"""The store of positions (S0.5): a hundred thousand of them, each read and written in less than a millisecond.

That its folder may be lost, and comes back from the changelog: test_rebuild.py.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from time import perf_counter

import msgspec
import pytest

from app.exactly_once.rows import Rows
from app.exactly_once.shard import SYSTEM_TABLES
from app.exactly_once.store import RocksStore
from domain.positions import Position
from schemas.wire import NANOS
from tables.positions import NOUN

KEYS = 100_000
PROBES = 20_000
P99_S_MAX = 0.001


def key(number: int) -> str:
    return f"account{number // 20}|SYM{number % 20}"


def position(number: int) -> Position:
    return Position(number * NANOS, number * 100 * NANOS, NANOS, 0, NANOS, number)


def p99(work: Callable[[int], object]) -> float:
    """Seconds, of many keys in no order."""
    rng, found = Random(5), []
    for _ in range(PROBES):
        number = rng.randrange(KEYS)
        began = perf_counter()
        work(number)
        found.append(perf_counter() - began)
    return sorted(found)[PROBES * 99 // 100]


@pytest.mark.alone
def test_a_row_is_read_and_written_in_less_than_a_millisecond() -> None:
    rows = Rows(SYSTEM_TABLES | NOUN.tables)
    table = rows["positions"]
    for number in range(KEYS):
        table.put(key(number), position(number))
    assert p99(lambda number: table.get(key(number))) < P99_S_MAX
    assert p99(lambda number: table.put(key(number), position(number + 1))) < P99_S_MAX


@pytest.mark.alone
def test_the_store_on_disk_answers_in_less_than_a_millisecond_and_keeps_everything(tmp_path: Path) -> None:
    encode = msgspec.msgpack.Encoder().encode
    expected = {key(number): encode(position(number)) for number in range(KEYS)}
    store = RocksStore(tmp_path / "store")
    store.write({"positions": dict(expected)}, b"mark")
    assert p99(lambda number: store.get("positions", key(number))) < P99_S_MAX
    again = encode(position(7))
    assert p99(lambda number: store.write({"positions": {key(number): again}}, b"mark")) < P99_S_MAX
    expected |= {key(number): again for number in touched()}
    store.close()
    store = RocksStore(tmp_path / "store")
    assert {name: value for _, name, value in store.all_items()} == expected
    store.close()


def touched() -> set[int]:
    """What `p99` works on: the same numbers each time."""
    rng = Random(5)
    return {rng.randrange(KEYS) for _ in range(PROBES)}
