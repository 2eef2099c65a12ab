"""The rows of one shard: tables with point reads and ordered scans, changes that can be taken back, and a digest.

A row lives decoded in memory while it is hot, as stored bytes while it is warm, and in the store (RocksDB) alone
when it is cold. Bytes that were stored are never encoded anew: they are what the digest and copy-forward speak of.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Protocol, cast

import xxhash

from app.exactly_once.table import Table

Changes = dict[str, dict[str, bytes | None]]
"""table -> key -> stored bytes, or None where the row was deleted"""

DIGEST_MODULUS = 1 << 64
GATHERED_ROWS_AT_ONCE = 50_000


class ChangesTooLarge(Exception):  # noqa: N818 - it is what they are
    """A sub-batch changed more than one changelog record may carry."""


class Store(Protocol):
    """Rows on disk, as of the last acknowledged changelog record."""

    def get(self, table: str, key: str) -> bytes | None: ...
    def items(self, table: str, prefix: str = "") -> Iterator[tuple[str, bytes]]: ...
    def write(self, changes: Changes, meta: bytes | None) -> None: ...


def row_hash(table: str, key: str, data: bytes) -> int:
    """One row's share of the digest."""
    return xxhash.xxh3_64_intdigest(data, zlib.crc32(key.encode(), _seed(table)))


@lru_cache(maxsize=1_000)
def _seed(table: str) -> int:
    return zlib.crc32(f"{table}\0".encode())


def _hash_of_all(table: str, rows: Mapping[str, bytes]) -> int:
    """The sum of `row_hash`, without a call a row."""
    seed, crc32, xxh3 = _seed(table), zlib.crc32, xxhash.xxh3_64_intdigest
    return sum([xxh3(data, crc32(key.encode(), seed)) for key, data in rows.items()])


def _collect_into(rows: dict[str, bytes], changed: Mapping[str, bytes | None]) -> None:
    rows.update(cast("Mapping[str, bytes]", changed))
    for key in [key for key, data in changed.items() if data is None]:
        del rows[key]


class Rows:
    """All tables of one shard."""

    def __init__(self, tables: Mapping[str, type], *, store: Store | None = None, warm_rows_max: int = 1 << 62) -> None:
        self.undo: list[tuple[Table[Any], str, Any, bool]] = []
        self.tables: dict[str, Table[Any]] = {name: Table(name, row_type, self) for name, row_type in tables.items()}
        self.digest = 0
        self.live = 0
        """Number of rows that exist."""
        self.store = store
        self._warm_rows_max = warm_rows_max
        self.version = 0
        """Counts the times when rows were replaced."""
        self._unstored: dict[tuple[str, str], tuple[int, bytes | None]] = {}
        """Final changes that the store does not have yet, each with the version that made it."""
        self.is_gathering = False
        """Rows are read from the beginning of their log, and are not complete before its end."""

    def __getitem__(self, name: str) -> Table[Any]:
        return self.tables[name]

    def take_back(self, mark: int) -> None:
        """Undoes every write since the undo list was `mark` long."""
        for table, key, before, was_changed in reversed(self.undo[mark:]):
            table.take_back(key, before, was_changed)
        del self.undo[mark:]

    def collect(self, weight_max: int) -> Changes:
        """Ends a sub-batch -> its changes as they go into the changelog.

        Raises ChangesTooLarge, with nothing ended, where keys and rows together have more than `weight_max` bytes.
        """
        changes: Changes = {}
        weight = 0
        for name, table in self.tables.items():
            changed, bytes_count = table.changes()
            weight += bytes_count
            if changed:
                changes[name] = changed
        if weight > weight_max:
            raise ChangesTooLarge(f"{weight} bytes")
        self.undo.clear()
        self.version += 1
        for table in self.tables.values():
            table.settle()
        for name, changed in changes.items():
            self._replace(self.tables[name], changed)
        for table in self.tables.values():  # also those that were only read
            self._cool(table)
        return changes

    def _table(self, name: str) -> Table[Any]:
        """A table that this version does not know any more keeps its rows, and its part of the digest."""
        table = self.tables.get(name)
        if table is None:
            table = self.tables[name] = Table(name, bytes, self)
        return table

    def apply(self, changes: Mapping[str, Mapping[str, bytes | None]]) -> None:
        """Replaces rows by what a changelog record says."""
        self.version += 1
        for name, changed in changes.items():
            table = self._table(name)
            if self.is_gathering:
                _collect_into(table.warm, changed)
                continue
            for key in changed:
                table.forget(key)
            self._replace(table, changed)
            self._cool(table)

    # --- a whole log at once: it has several versions of most rows, and only the last ones count ---------------------

    def gather(self) -> None:
        """From now on `apply` only collects rows, until `gathered`."""
        assert not self.live, "only what is empty can be filled"
        self.is_gathering = True

    @property
    def is_full(self) -> bool:
        """Whether a table has more rows than memory should hold: the store could take them."""
        return self.store is not None and any(len(table.warm) > self._warm_rows_max for table in self.tables.values())

    def gathered(self) -> Iterator[Changes]:
        """Ends `gather`, and gives all rows in portions, which the store is to be given; take them all."""
        total = 0
        for name, table in self.tables.items():
            rows = iter(table.warm.items())
            while portion := dict(islice(rows, GATHERED_ROWS_AT_ONCE)):
                total += _hash_of_all(name, portion)
                self.live += len(portion)
                yield {name: cast("dict[str, bytes | None]", portion)}
        self.digest = total % DIGEST_MODULUS
        self.is_gathering = False

    def _replace(self, table: Table[Any], changed: Mapping[str, bytes | None]) -> None:
        name, warm, digest, live = table.name, table.warm, self.digest, self.live
        for key, data in changed.items():
            before = table.stored(key)
            if before is not None:
                digest -= row_hash(name, key, before)
                live -= 1
            if data is None:
                warm.pop(key, None)
            else:
                warm[key] = data
                digest += row_hash(name, key, data)
                live += 1
            if self.store is not None:
                self._unstored[name, key] = self.version, data
        self.digest, self.live = digest % DIGEST_MODULUS, live

    def stored(self, changes: Changes, meta: bytes | None, version: int) -> None:
        """Writes acknowledged changes up to `version` and the cursor that belongs to them to the store, in one step."""
        if self.store is None:
            return
        self.store.write(changes, meta)
        unstored = self._unstored
        for name, changed in changes.items():
            for key in changed:
                waiting = unstored.get((name, key))
                if waiting is not None and waiting[0] <= version:
                    del unstored[name, key]

    def load(self, items: Iterable[tuple[str, str, bytes]], digest: int) -> bool:
        """Takes over everything that the store holds; false where the digest says that it is damaged."""
        total, live, seed = 0, 0, 0
        table: Table[Any] | None = None
        crc32, xxh3, warm_rows_max = zlib.crc32, xxhash.xxh3_64_intdigest, self._warm_rows_max
        for name, key, data in items:
            if table is None or name != table.name:  # they come table by table
                table = self._table(name)
                seed, warm = _seed(name), table.warm
            total += xxh3(data, crc32(key.encode(), seed))
            live += 1
            if len(warm) < warm_rows_max:
                warm[key] = data
            else:
                table.cold += 1
        self.live += live
        self.digest = total % DIGEST_MODULUS
        return self.digest == digest

    def _cool(self, table: Table[Any]) -> None:
        """Lets the oldest rows go from memory, if they are too many: the store, or what waits for it, has them."""
        if self.store is None or len(table.warm) <= self._warm_rows_max:
            return
        surplus = len(table.warm) - self._warm_rows_max * 9 // 10
        for key in [key for key, _ in zip(table.warm, range(surplus), strict=False)]:
            del table.warm[key]
            table.forget(key)
        table.cold += surplus

    def cold_row(self, table: str, key: str) -> bytes | None:
        """The bytes of a row that may be in the store only."""
        assert self.store is not None
        waiting = self._unstored.get((table, key))
        return self.store.get(table, key) if waiting is None else waiting[1]

    def cold_items(self, table: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Rows in the store and on their way to it."""
        assert self.store is not None
        waiting = {
            key: data for (name, key), (_, data) in self._unstored.items() if name == table and key.startswith(prefix)
        }
        in_store = ((key, data) for key, data in self.store.items(table, prefix) if key not in waiting)
        return chain(in_store, ((key, data) for key, data in waiting.items() if data is not None))

    def keys(self) -> Iterator[tuple[str, str]]:
        """Every key there is, table by table; a table's keys are those at the moment when it is reached."""
        for name, table in list(self.tables.items()):
            warm = dict.fromkeys(table.warm)
            cold = self.cold_items(name) if table.cold else iter(())
            yield from ((name, key) for key in warm)
            yield from ((name, key) for key, _ in cold if key not in warm)

    def full_digest(self) -> int:
        """The digest from scratch, for checks."""
        total = 0
        for name, key in self.keys():
            data = self.tables[name].peek(key)
            assert data is not None
            total += row_hash(name, key, data)
        return total % DIGEST_MODULUS
