"""The order books of markets elsewhere, as rows: one a level, so that an update costs what it changes.

A book in which something is missing, or whose checksum is not the sender's, is known to be wrong until a snapshot
comes: its levels stay as they were, and nobody quotes from it.
"""

from collections.abc import Iterator

import msgspec

from domain.depth import Depth, Level, Outcome, checksum, outcome_of
from domain.observations import DepthChanged, Quoted
from domain.state import Table

BOOKS_MAX = 256
"""Of one shard: two thousand rows each."""
BID, ASK = "b", "a"


class DepthRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of one book beside its levels."""

    sequence: int
    """Of the last change that is in it."""
    is_synchronised: bool
    """Whether nothing is missing."""
    changed_at: int
    """Event time."""
    gaps: int = 0
    """How many times something was missing."""
    faults: int = 0
    """How many times the checksum was another one."""


class DepthMoved(msgspec.Struct, frozen=True):
    """Levels of a book are others now."""

    key: str
    row: DepthRow
    is_snapshot: bool
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class DepthLost(msgspec.Struct, frozen=True, gc=False):
    """Something is missing in a book, or its checksum is another one."""

    key: str
    row: DepthRow


Event = DepthMoved | DepthLost


class Depths:
    """The books of a shard: rows, and what follows from them."""

    def __init__(self, rows: Table[DepthRow], levels: Table[int]) -> None:
        self.rows, self.levels = rows, levels
        self.rebuild()

    def rebuild(self) -> None:
        """The books out of their levels."""
        sides: dict[str, tuple[list[Level], list[Level]]] = {key: ([], []) for key, _ in self.rows.scan()}
        for place, quantity in self.levels.scan():
            key, side, price = place.rsplit("|", 2)
            sides[key][side == ASK].append((int(price), quantity))
        self.books = {key: Depth(*sides[key], row.sequence, row.is_synchronised) for key, row in self.rows.scan()}

    def forget(self) -> None:
        """A clean sheet."""
        for table in (self.rows, self.levels):
            for key in [key for key, _ in table.scan()]:
                table.delete(key)
        self.books = {}


def level_key(key: str, side: str, price: int) -> str:
    """Where a level of a book lies."""
    return f"{key}|{side}|{price}"


def observed(depths: Depths, update: DepthChanged) -> Iterator[Event]:
    """Takes an update. What is no book yet begins with a snapshot."""
    key = f"{update.symbol}|{update.exchange}"
    row = depths.rows.get(key)
    if row is None and (len(depths.books) >= BOOKS_MAX or not update.is_snapshot):
        return
    known, is_synchronised = (row.sequence, row.is_synchronised) if row is not None else (0, False)
    gaps, faults = (row.gaps, row.faults) if row is not None else (0, 0)
    outcome = outcome_of(known, is_synchronised, update)
    if outcome is Outcome.GAP:
        assert row is not None
        yield DepthLost(key, msgspec.structs.replace(row, is_synchronised=False, gaps=gaps + 1))
    if outcome is not Outcome.APPLIED:
        return
    row = DepthRow(update.sequence, True, update.at, gaps, faults)
    yield DepthMoved(key, row, update.is_snapshot, update.bids, update.asks)
    if update.checksum is not None and update.checksum != checksum(depths.books[key]):
        yield DepthLost(key, msgspec.structs.replace(row, is_synchronised=False, faults=faults + 1))


def quote_of(depths: Depths, update: DepthChanged) -> Quoted | None:
    """What the book quotes after an update; None where it is not right."""
    book = depths.books.get(f"{update.symbol}|{update.exchange}")
    if book is None or not book.is_synchronised or book.is_crossed:
        return None
    bid, ask = book.bids.best() or (0, None), book.asks.best() or (0, None)
    return Quoted(
        update.symbol,
        update.exchange,
        update.at,
        bid[0],
        ask[0],
        bid[1],
        ask[1],
        last=None,
        volume=None,
        sequence=0,
        event_id="",
    )


def evolve(depths: Depths, event: Event) -> None:
    """Brings the event into rows and books."""
    key, row = event.key, event.row
    depths.rows.put(key, row)
    book = depths.books.get(key)
    if book is None:
        book = depths.books[key] = Depth()
    book.sequence, book.is_synchronised = row.sequence, row.is_synchronised
    if type(event) is not DepthMoved:
        return
    for name, side, levels in ((BID, book.bids, event.bids), (ASK, book.asks, event.asks)):
        for price, quantity in side.replace(levels) if event.is_snapshot else side.change(levels):
            if quantity:
                depths.levels.put(level_key(key, name, price), quantity)
            else:
                depths.levels.delete(level_key(key, name, price))
