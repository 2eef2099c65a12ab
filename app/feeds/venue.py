"""What the parsers of all venues have in common: books, numbers, flags, and what is counted."""

from collections import Counter, deque
from typing import ClassVar, NamedTuple

import msgspec

from app.feeds.clock import STALE_NS, Clock
from app.feeds.frames import Fault, FaultCode, Frame, Kind, Observation, Passed
from app.feeds.symbols import Source, Symbols, Terms
from domain.depth import LEVELS_MAX, Depth, Level, Outcome, checksum, levels_to_tell
from schemas.enums import Side
from schemas.feeds import DepthUpdate, MarketDataEvent, TradePrint

FAULTS_KEPT = 100
PENDING_MAX = 1_000
"""Changes of one book that wait for its snapshot: with the oldest gone it says that there is a gap."""
LEVELS_TOLD_MAX = 5 * LEVELS_MAX
"""Of one side in one update that is no snapshot: more are a mistake, and no message."""
LONG_MAX = (1 << 63) - 1
BAND_UNIT = 1_000_000
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
Found = list[Observation] | Passed


_READING_ERRORS = (msgspec.DecodeError, LookupError, ValueError, ArithmeticError)
_HARMLESS = frozenset(
    (FaultCode.GAP, FaultCode.BAD_CHECKSUM, FaultCode.VENUE_ERROR, FaultCode.UNKNOWN_FRAME, FaultCode.BAD_NAME)
)
"""Faults that leave books alone, or know which one is wrong."""


class Told(NamedTuple):
    """A fault, for people."""

    frame: int
    """Number of the frame, from 1 on."""
    code: FaultCode
    detail: str


class Changes(NamedTuple):
    """Levels of one book that changed, as the venue numbers them; 0 where it does not."""

    terms: Terms
    at: int
    bids: list[Level]
    asks: list[Level]
    first: int
    last: int
    is_snapshot: bool = False


class Venue:
    """One connection to one venue: takes what comes, and gives messages for the topic `market-data`.

    Every frame is counted once, in `frames`: as `messages`, under the reason why it makes none, or under the code of
    what is wrong with it. Nothing that comes ends the stream.
    """

    name: ClassVar[str]
    quotes_from_depth: ClassVar[bool] = False
    """Whether best prices are told by the book alone."""
    shows_gaps: ClassVar[bool] = False
    """Whether an update tells that the one before is missing. If not, books are lost with an unreadable frame."""

    def __init__(self, source: Source) -> None:
        self.frames: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        """What is sent, and worth a look: stale, crossed, out_of_band, rounded; and what a snapshot made needless."""
        self.faults: deque[Told] = deque(maxlen=FAULTS_KEPT)
        self.lost: set[str] = set()
        """Instruments, as the venue names them, whose books need a snapshot."""
        self.books: dict[str, Depth] = {}
        self.clock = Clock()
        self.symbols = Symbols(source, self.flags)
        self._band = int(source.band * BAND_UNIT)
        self._last: dict[str, int] = {}
        self.awaited: dict[str, deque[Changes]] = {}
        """Changes of books that came before the snapshot for which those wait."""

    def take(self, frame: Frame) -> list[Observation]:
        """The messages of one frame."""
        try:
            found = Passed(frame.kind) if frame.kind not in (Kind.SOCKET, Kind.ANSWER) else self.read(frame)
        except Fault as fault:
            self._wrong(fault.code, fault.detail)
            return []
        except _READING_ERRORS as error:
            is_text = isinstance(error, msgspec.DecodeError | UnicodeDecodeError)
            is_field = not is_text or isinstance(error, msgspec.ValidationError)
            self._wrong(FaultCode.BAD_FIELD if is_field else FaultCode.UNREADABLE, repr(error))
            return []
        if isinstance(found, Passed):
            self.frames[found] += 1
            return []
        self.frames["messages" if found else Passed.EMPTY] += 1
        for message in found:
            self.messages[type(message).__name__] += 1
        return found

    @property
    def faulty(self) -> int:
        """How many frames had a fault."""
        return sum(self.frames[code] for code in FaultCode)

    def read(self, frame: Frame) -> Found:
        """What the frame says. May raise Fault, and what comes of JSON that is none."""
        raise NotImplementedError

    def _wrong(self, code: FaultCode, detail: str) -> None:
        self.frames[code] += 1
        self.faults.append(Told(self.frames.total(), code, detail[:300]))
        if code not in _HARMLESS and not self.shows_gaps:
            for name in self.books:
                self.lose(name)

    def reconnected(self) -> None:
        """Another connection: what the last one told is old."""
        self.awaited.clear()
        self.lost.clear()
        for depth in self.books.values():
            depth.lose()

    def lose(self, name: str) -> None:
        """The book of this instrument, as the venue names it, is not known any more."""
        self.books[name].lose()
        self.lost.add(name)

    def heard(self, frame: Frame, at: int) -> int:
        """The frame says its time -> that; counted as stale where it took too long."""
        if self.clock.hear(frame.at, at) > STALE_NS:
            self.flags["stale"] += 1
        return at

    def quote(
        self,
        terms: Terms,
        at: int,
        sequence: int,
        bid: int | None,
        ask: int | None,
        bid_size: int | None = None,
        ask_size: int | None = None,
        last: int | None = None,
        volume: int | None = None,
        exchange: str = "",
        event_id: str = "",
    ) -> MarketDataEvent:
        """Best prices, and maybe the last one."""
        _check(terms, at, sequence)
        if bid and ask and bid > ask:
            self.flags["crossed"] += 1
        for price in (bid, ask):
            self._look(terms.symbol, price)
        return MarketDataEvent(
            *(terms.symbol, exchange or self.name, bid, ask, bid_size, ask_size, last, volume, sequence),
            event_id=event_id or f"{self.name}-{terms.symbol}-q{sequence}",
            timestamp=at,
        )

    def trade(
        self,
        terms: Terms,
        at: int,
        price: int,
        quantity: int,
        aggressor: Side | None,
        trade_id: str,
        sequence: int,
        conditions: str = "",
        sets_price: bool = True,
        adds_volume: bool = True,
        exchange: str = "",
    ) -> TradePrint:
        """One trade. Raises Fault for one of nothing, or for nothing."""
        _check(terms, at, sequence)
        if not (price and quantity):
            raise Fault(FaultCode.BAD_NUMBER, f"{terms.symbol}: {quantity} traded at {price}")
        self._look(terms.symbol, price)
        if sets_price:
            self._last[terms.symbol] = price
        return TradePrint(
            *(terms.symbol, price, quantity, exchange or self.name, aggressor, trade_id),
            *(conditions, sets_price, adds_volume, sequence),
            event_id=f"{self.name}-{terms.symbol}-t{trade_id or sequence}",
            timestamp=at,
        )

    def _look(self, symbol: str, price: int | None) -> None:
        last = self._last.get(symbol)
        if price and last and abs(price - last) * BAND_UNIT > last * self._band:
            self.flags["out_of_band"] += 1

    def change(self, name: str, changes: Changes) -> Found:
        """Brings changes into the book of this instrument -> what to tell of it. Raises Fault for a gap."""
        depth = self.books.get(name)
        if depth is None:
            depth = self.books[name] = Depth()
        best = depth.bids.best(), depth.asks.best()
        update = self._update(changes)
        outcome = depth.apply(update).outcome
        if outcome is Outcome.GAP:
            self.lost.add(name)
            raise Fault(FaultCode.GAP, f"{name}: changes {depth.sequence + 1} to {changes.first - 1} are missing")
        if outcome is not Outcome.APPLIED:
            return Passed.COVERED if outcome is Outcome.REPEATED else Passed.AWAITS_SNAPSHOT
        self.check(name, depth)
        self.lost.discard(name)
        if depth.is_crossed:
            self.flags["crossed"] += 1
        if changes.is_snapshot:
            levels = levels_to_tell(depth.bids.top(LEVELS_MAX), depth.asks.top(LEVELS_MAX))
            update = msgspec.structs.replace(update, levels=levels)
        found: list[Observation] = [msgspec.structs.replace(update, checksum=checksum(depth))]
        if self.quotes_from_depth and best != (depth.bids.best(), depth.asks.best()):
            found.append(self._best(changes, depth))
        return found

    def check(self, name: str, depth: Depth) -> None:
        """Whether the book is that of the venue, where it tells. Raises Fault."""

    def _update(self, changes: Changes) -> DepthUpdate:
        symbol = changes.terms.symbol
        _check(changes.terms, changes.at, changes.last)
        for side in (changes.bids, changes.asks):
            if not all(price for price, _ in side) or (len(side) > LEVELS_TOLD_MAX and not changes.is_snapshot):
                raise Fault(FaultCode.BAD_NUMBER, f"{symbol}: {len(side)} levels, or a price of nothing")
        return DepthUpdate(
            *(symbol, changes.is_snapshot, levels_to_tell(changes.bids, changes.asks), self.name, changes.first),
            sequence=changes.last,
            event_id=f"{self.name}-{symbol}-{'s' if changes.is_snapshot else 'd'}{changes.last}",
            timestamp=changes.at,
        )

    def _best(self, changes: Changes, depth: Depth) -> MarketDataEvent:
        bid, ask = depth.bids.best() or (0, 0), depth.asks.best() or (0, 0)
        return self.quote(changes.terms, changes.at, changes.last, bid[0], ask[0], bid[1], ask[1])

    def number(self, name: str, received: int, *, is_snapshot: bool) -> int:
        """A number for the next change of a book whose venue does not count.

        A snapshot begins at the time of its receipt, so that numbers grow from connection to connection, and are the
        same again when a recording is.
        """
        depth = self.books.get(name)
        following = 1 if depth is None else depth.sequence + 1
        return max(received, following) if is_snapshot else following

    def await_snapshot(self, name: str, changes: Changes) -> Found:
        """Changes of a book whose snapshot comes by a request: kept until it is there."""
        depth = self.books.get(name)
        if depth is not None and depth.is_synchronised:
            try:
                return self.change(name, changes)
            except Fault:
                self._pend(name, changes)
                raise
        self.lost.add(name)
        self._pend(name, changes)
        return Passed.BUFFERED

    def _pend(self, name: str, changes: Changes) -> None:
        self.awaited.setdefault(name, deque(maxlen=PENDING_MAX)).append(changes)

    def snapshot(self, name: str, changes: Changes) -> Found:
        """A snapshot that came by a request, and the changes that waited for it."""
        found = self.change(name, changes)
        if isinstance(found, Passed):
            return found
        pending = self.awaited.pop(name, deque())
        while pending:
            try:
                later = self.change(name, pending[0])
            except Fault as fault:
                self.flags[fault.code] += 1
                self.awaited[name] = pending
                break
            pending.popleft()
            if isinstance(later, Passed):
                self.flags[later] += 1
            else:
                found += later
        return found


def _check(terms: Terms, at: int, number: int) -> None:
    if not (0 <= at <= LONG_MAX and 0 <= number <= LONG_MAX):
        raise Fault(FaultCode.BAD_NUMBER, f"{terms.symbol}: time {at}, number {number}")
