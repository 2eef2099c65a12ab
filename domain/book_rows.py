"""Rows of the order_books machine, its events, and the state made of them."""

from functools import partial

import msgspec

from domain.auction_books import AuctionOrder
from domain.auction_rows import AuctionRow, GroupHit
from domain.book_events import (
    BandSet,
    LastPriceSet,
    PhaseEvent,
    ResetAsked,
    Rested,
    WaitingEvent,
    Withdrawn,
)
from domain.book_times import BookTimes
from domain.books import Book
from domain.breaker_rows import Breaker, BreakerRow
from domain.conditions import Conditions, band_of
from domain.instruments import Instrument
from domain.parking import ParkedCommand
from domain.pro_rata import Shares
from domain.quotes import NO_QUOTE, Quote, ReferencePricesSet
from domain.resting import RestingOrder, StopOrder
from domain.session_rows import SessionRow
from domain.state import Table
from domain.trades import Traded, TradeRow
from domain.waiting_rows import Waiting
from schemas.accounts import ResetAccounts
from schemas.enums import ReasonCode
from schemas.market_data import ResetMarketData
from schemas.order_books import (
    CancelRefused,
    ContinueMatching,
    ContinueReset,
    InstrumentListed,
    InstrumentRefused,
    Mark,
    MarkPrices,
    OrderArmed,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderRested,
    OrderTriggered,
    ReplaceRefused,
)
from schemas.positions import ResetPositions

MARKS_INTERVAL_NS_MIN = 125_000_000
"""Marks go out at most eight times a second and shard: a price that moved is known everywhere within 200 ms."""


class BookRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a book knows beside its orders. Not written for an order that only rests: half of all that happens."""

    sequence: int = 0
    """Counts everything that happened in the book; an order that rests has a higher one, if it came last."""
    last: int | None = None
    """Price of the last trade."""
    trades: int = 0
    """How many trades the shard had seen when this row was written: the highest of all its books counts."""
    conditions: Conditions = Conditions()


class ShardRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a shard of books knows beside them."""

    marks_sent_at: int = 0


class Booked(msgspec.Struct, frozen=True, gc=False):
    """An order stands in the book from now on. Not sent: what others must know of it is said by other events."""

    order: RestingOrder


class AuctionOrderRested(OrderRested, frozen=True, kw_only=True, gc=False):
    """A new order waits for its auction. Its account is told what `OrderRested` has."""

    entry: AuctionOrder


class StopArmed(msgspec.Struct, frozen=True, gc=False):
    """A stop order waits like this from now on, or has its place among those that act. Not sent."""

    stop: StopOrder


class BooksMoved(msgspec.Struct, frozen=True, gc=False):
    """A command is done: what was counted in memory goes into the rows. Not sent."""


BOOKS_MOVED = BooksMoved()


class Paused(msgspec.Struct, frozen=True, gc=False):
    """A record did as much as one may, and there is more to do."""

    symbol: str
    order: RestingOrder | None
    reason: ReasonCode | None


Event = (
    Booked
    | StopArmed
    | Rested
    | Withdrawn
    | AuctionOrderRested
    | OrderArmed
    | OrderTriggered
    | OrderCancelled
    | OrderReduced
    | OrderReplaced
    | ReplaceRefused
    | CancelRefused
    | Traded
    | PhaseEvent
    | BandSet
    | LastPriceSet
    | ReferencePricesSet
    | BooksMoved
    | MarkPrices
    | InstrumentListed
    | InstrumentRefused
    | ResetAccounts
    | ResetPositions
    | ResetMarketData
    | ResetAsked
    | Paused
    | WaitingEvent
    | ContinueMatching
    | ContinueReset
)


class State(BookTimes):
    """Rows of one shard, and the books that follow from them."""

    def __init__(
        self,
        instruments: Table[Instrument],
        orders: Table[RestingOrder],
        stops: Table[StopOrder],
        books: Table[BookRow],
        trades: Table[TradeRow],
        shard: Table[ShardRow],
        resets: Table[int],
        waiting: Table[Waiting],
        auctions: Table[AuctionRow],
        breakers: Table[BreakerRow],
        quotes: Table[Quote],
        sessions: Table[SessionRow],
        group_hits: Table[GroupHit],
        auction_orders: Table[AuctionOrder],
        parked: Table[ParkedCommand],
        partition: int,
        account_shards: int,
    ) -> None:
        self.instruments, self.orders, self.stops, self.books = instruments, orders, stops, books
        self.trades, self.shard, self.resets, self.waiting = trades, shard, resets, waiting
        self.auctions, self.breakers, self.quotes, self.sessions = auctions, breakers, quotes, sessions
        self.group_hits, self.auction_orders, self.parked = group_hits, auction_orders, parked
        self.partition, self.account_shards = partition, account_shards
        self.now = 0
        self.traceparent = b""
        """Of the command that is decided on: it goes with one that has to wait."""
        self.steps_left = 0
        """How much the record that is being taken may still do."""
        self.rebuild()

    def rebuild(self) -> None:
        """Derives the books anew: after a restore, and after a record that failed half-way."""
        self.by_symbol: dict[str, Book] = {}
        self.busy = {symbol for symbol, _ in self.waiting.scan()}
        """Books in which a record left work to do."""
        self.marks_due_at = self.shard_row().marks_sent_at + MARKS_INTERVAL_NS_MIN
        self.begin_times()
        self.trade_count = 0
        self.moved: dict[str, Book] = {}
        """Books whose rows are behind."""
        for symbol, row in self.books.scan():
            book = self.book(symbol)
            told = row.conditions
            book.sequence, book.last, book.conditions = row.sequence, row.last, told
            book.phase, book.band = told.phase, band_of(told.low, told.high)
            self.trade_count = max(self.trade_count, row.trades)
        for symbol, instrument in self.instruments.scan():
            self.book(symbol).bind(instrument, self.quotes.get(symbol))
        self._rebuild_orders()
        for symbol in self.busy:
            sharing = self.waiting_in(symbol).sharing
            self.book(symbol).sharing = None if sharing is None else Shares(sharing)
        for symbol, breaker in self.breakers.scan():
            self.book(symbol).breaker = Breaker(breaker)
        for symbol, session in self.sessions.scan():
            self.book(symbol).session = session
        for symbol, auction in self.auctions.scan():
            self.book(symbol).auction = auction
        for symbol in self.by_symbol:
            self.time(symbol)
        self.settle()
        self.unmarked = set(self.by_symbol)
        self.marks()
        self.unmarked |= {symbol for symbol, auction in self.auctions.scan() if self.is_stale(symbol, auction)}

    def _rebuild_orders(self) -> None:
        for order in sorted((row for _, row in self.orders.scan()), key=lambda order: order.priority):
            book = self.book(order.symbol)
            book.rest(order)
            book.sequence = max(book.sequence, order.priority)
        for stop in sorted((row for _, row in self.stops.scan()), key=lambda stop: (stop.elected, stop.number)):
            self.book(stop.order.symbol).arm(stop)
        for entry in sorted((row for _, row in self.auction_orders.scan()), key=lambda entry: entry.order.priority):
            self.book(entry.order.symbol).gather(entry)

    def book(self, symbol: str) -> Book:
        """The book of a symbol, an empty one at first."""
        found = self.by_symbol.get(symbol)
        if found is None:
            found = self.by_symbol[symbol] = Book(partial(self.hear_of_end, symbol))
        return found

    def store(self, symbol: str, book: Book) -> None:
        """Writes the row of a book."""
        self.books.put(symbol, BookRow(book.sequence, book.last, self.trade_count, book.conditions))

    def sent_marks(self) -> None:
        """The next ones go out after a while."""
        self.shard.put("", ShardRow(self.now))
        self.marks_due_at = self.now + MARKS_INTERVAL_NS_MIN
        self.settle()

    def shard_row(self) -> ShardRow:
        """The row of this shard."""
        return self.shard.get("") or ShardRow()

    def waiting_in(self, symbol: str) -> Waiting:
        """What waits in the book of a symbol."""
        return self.waiting.get(symbol) or Waiting()

    def is_stale(self, symbol: str, auction: AuctionRow) -> bool:
        """Whether something happened in the book since somebody looked what its auction would bring."""
        return auction.sequence != self.book(symbol).sequence

    def is_paused(self, symbol: str) -> bool:
        """Whether the book has begun something that goes on in a record of its own."""
        return symbol in self.busy and self.waiting_in(symbol).is_paused

    def marks(self) -> tuple[Mark, ...]:
        """Prices that others do not know yet, in order of the symbols."""
        marks = {symbol: mark for symbol in sorted(self.unmarked) if (mark := self._mark_of(symbol)) is not None}
        self.unmarked = set(marks)
        return tuple(marks.values())

    def _mark_of(self, symbol: str) -> Mark | None:
        book = self.book(symbol)
        quote = self.quotes.get(symbol) or NO_QUOTE
        prices = (book.bids.best_price, book.asks.best_price, quote.last if book.last is None else book.last)
        if book.quote is not None:
            prices = (quote.bid, quote.ask, quote.last)
        return None if prices == book.conditions.marked else Mark(symbol, *prices)
