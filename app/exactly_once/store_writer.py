"""Acknowledged changes on their way into the store: several changelog records share one write."""

from collections.abc import Callable

import msgspec

from app.exactly_once.rows import Changes, Rows

ROWS_WAITING_MAX = 5_000


class StoreMark(msgspec.Struct, array_like=True, frozen=True):
    """What the store says of itself, written in the same step as its rows."""

    offset: int
    """Of the changelog record that it applied last."""
    checksum: int
    """Of that record: tells a changelog that was made anew."""
    epoch: int
    next: int
    digest: int
    row_versions: int


class StoreWriter:
    """A store that is a little late costs nothing: whoever opens it reads the rest from the changelog."""

    def __init__(self, rows: Rows, interval_s: float, now: Callable[[], float]) -> None:
        self._rows, self._interval_s, self._now = rows, interval_s, now
        self._waiting: Changes = {}
        self._mark: StoreMark | None = None
        self._version = 0
        self.due: float | None = None
        """When what waits must be written; None where nothing waits."""

    def add(self, changes: Changes, mark: StoreMark, version: int) -> None:
        """Takes over the changes of one changelog record, after which rows were at `version`."""
        if self._rows.store is None:
            return
        if self.due is None:
            self._waiting, self.due = changes, self._now() + self._interval_s
        else:
            for table, changed in changes.items():
                self._waiting.setdefault(table, {}).update(changed)
        self._mark, self._version = mark, version
        if sum(map(len, self._waiting.values())) >= ROWS_WAITING_MAX:
            self.write()
        else:
            self.write_if_due()

    def write_if_due(self) -> None:
        """Writes what has waited for long enough."""
        if self.due is not None and self._now() >= self.due:
            self.write()

    def write(self) -> None:
        """Writes what waits: rows and mark in one step."""
        if self._mark is not None:
            self._rows.stored(self._waiting, msgspec.msgpack.encode(self._mark), self._version)
        self._waiting, self._mark, self.due = {}, None, None
