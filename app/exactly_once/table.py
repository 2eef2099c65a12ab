"""One table of a shard: point reads and ordered scans, and writes that can be taken back."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

Row = TypeVar("Row")

DECODED_ROWS_MAX = 20_000
_ROW_OVERHEAD_BYTES = 10
"""Of framing in the changelog record: an upper bound."""
_ABSENT: Any = object()


class Cold(Protocol):
    """All tables together: they know the rows that are not in memory, and what may have to be taken back."""

    undo: "list[tuple[Table[Any], str, Any, bool]]"

    def cold_row(self, table: str, key: str) -> bytes | None: ...
    def cold_items(self, table: str, prefix: str = "") -> Iterator[tuple[str, bytes]]: ...


class Table(Generic[Row]):
    """Rows of one type under string keys. A row that was read may be kept: rows are never changed in place."""

    def __init__(self, name: str, row_type: type[Row], rows: Cold) -> None:
        self.name = name
        self._encode, self._decode = _codec(row_type)
        self._owner = rows
        self._undo = rows.undo
        self._hot: dict[str, Row | None] = {}
        self.warm: dict[str, bytes] = {}
        self.cold = 0
        """How many live rows are in the store only."""
        self._changed: dict[str, None] = {}

    def get(self, key: str) -> Row | None:
        """The row, or None."""
        try:
            return self._hot[key]
        except KeyError:
            data = self.stored(key)
            if data is None:
                return None
            row = self._hot[key] = self._decode(data)
            return row

    def put(self, key: str, row: Row) -> None:
        """Writes the row."""
        self._undo.append((self, key, self._hot.get(key, _ABSENT), key in self._changed))
        self._hot[key] = row
        self._changed[key] = None

    def delete(self, key: str) -> None:
        """Removes the row, if it is there."""
        self._undo.append((self, key, self._hot.get(key, _ABSENT), key in self._changed))
        self._hot[key] = None
        self._changed[key] = None

    def take_back(self, key: str, before: Any, was_changed: bool) -> None:
        """Undoes one write."""
        if before is _ABSENT:
            del self._hot[key]
        else:
            self._hot[key] = before
        if not was_changed:
            del self._changed[key]

    def scan(self, prefix: str = "") -> Iterator[tuple[str, Row]]:
        """Rows whose key begins with `prefix`, in key order, as they are now. Do not write while scanning."""
        keys = {key for key in self.warm if key.startswith(prefix)}
        if self.cold:
            keys.update(key for key, _ in self._owner.cold_items(self.name, prefix))
        keys.update(key for key in self._changed if key.startswith(prefix))
        for key in sorted(keys):
            row = self.get(key)
            if row is not None:
                yield key, row

    def stored(self, key: str) -> bytes | None:
        """The bytes of the row as of the last sub-batch's end; makes a cold row warm."""
        data = self.warm.get(key)
        if data is None and self.cold:
            data = self._owner.cold_row(self.name, key)
            if data is not None:
                self.warm[key] = data
                self.cold -= 1
        return data

    def peek(self, key: str) -> bytes | None:
        """The bytes of the row as of the last sub-batch's end; leaves a cold row cold."""
        data = self.warm.get(key)
        return self._owner.cold_row(self.name, key) if data is None and self.cold else data

    def changes(self) -> tuple[dict[str, bytes | None], int]:
        """What the sub-batch changed so far, as bytes, and their number."""
        changes: dict[str, bytes | None] = {}
        weight = 0
        for key in self._changed:
            row = self._hot[key]
            data = None if row is None else self._encode(row)
            if data != self.stored(key):
                changes[key] = data
                weight += len(key) + len(data or b"") + _ROW_OVERHEAD_BYTES
        return changes, weight

    def settle(self) -> None:
        """The changes are final."""
        for key in self._changed:
            if self._hot[key] is None:
                del self._hot[key]
        self._changed.clear()
        if len(self._hot) > DECODED_ROWS_MAX:
            self._hot.clear()

    def forget(self, key: str) -> None:
        """Drops the decoded row: its bytes were replaced from outside."""
        self._hot.pop(key, None)


def _codec(row_type: type[Row]) -> tuple[Callable[[Row], bytes], Callable[[bytes], Row]]:
    if row_type is bytes:
        return cast("Callable[[Row], bytes]", bytes), cast("Callable[[bytes], Row]", bytes)
    # JSON, for amounts in nanos outgrow the 64 bits of msgpack; a person can read it, too.
    return msgspec.json.Encoder().encode, msgspec.json.Decoder(row_type).decode
