"""Rows of the order_books machine, its events, and the state made of them."""

import msgspec

from domain.books import Book, RestingOrder
from domain.instruments import Instrument
from domain.state import Table
from schemas.accounts import ResetAccounts
from schemas.enums import ReasonCode, Side
from schemas.order_books import (
    CancelRefused,
    CancelRestingOrder,
    ContinueMatching,
    EnterOrder,
    InstrumentListed,
    InstrumentRefused,
    Mark,
    MarkPrices,
    OrderCancelled,
    OrderFilled,
    OrderReplaced,
    OrderRested,
    ReplaceOrder,
    ReplaceRefused,
    ResetBooks,
    TradeExecuted,
)
from schemas.positions import ResetPositions

MARKS_INTERVAL_NS_MIN = 250_000_000
"""Marks go out at most four times a second and shard."""
TRADES_KEPT_MAX = 20_000
"""Of one shard, for queries; all of them stay on the topic."""


class BookRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a book knows beside its orders."""

    sequence: int = 0
    """Counts everything that happened in the book."""
    last: int | None = None
    """Price of the last trade."""
    marked: tuple[int | None, int | None, int | None] = (None, None, None)
    """Best bid, best ask and last price as they were sent."""


class ShardRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a shard of books knows beside them."""

    trades: int = 0
    marks_sent_at: int = 0


class Waiting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A book in which an order trades more often than one record may, or in which commands queue up behind one."""

    order: RestingOrder | None = None
    """What is left of it; it does not stand in the book."""
    reason: ReasonCode | None = None
    """Why what is left in the end is cancelled; None where it rests."""
    turns: int = 0
    """How many commands were told to wait for their turn: the shard sent them to itself."""
    taken: int = 0
    """How many of them had it."""


class TradeRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A trade, for queries."""

    trade_id: str
    symbol: str
    price: int
    quantity: int
    executed_at: int
    taker_side: Side
    buy_order_id: str
    sell_order_id: str
    buy_order_number: int
    sell_order_number: int
    buy_account_id: str
    sell_account_id: str


class Booked(msgspec.Struct, frozen=True, gc=False):
    """An order stands in the book from now on. Not sent: what others must know of it is said by other events."""

    order: RestingOrder


class Paused(msgspec.Struct, frozen=True, gc=False):
    """An order traded as often as one record may, and is not done."""

    order: RestingOrder
    reason: ReasonCode | None


class MatchingEnded(msgspec.Struct, frozen=True, gc=False):
    """The order that was paused is done; what is left of it rests, or leaves."""

    symbol: str


class TurnGiven(msgspec.Struct, frozen=True, gc=False):
    """One more command waits."""

    symbol: str


class TurnTaken(msgspec.Struct, frozen=True, gc=False):
    """The command whose turn it was is decided on."""

    symbol: str


class ResetAsked(msgspec.Struct, frozen=True, gc=False):
    """One account shard has asked for a reset."""

    reset_id: str
    source: str


Event = (
    Booked
    | OrderRested
    | OrderFilled
    | OrderCancelled
    | OrderReplaced
    | ReplaceRefused
    | CancelRefused
    | TradeExecuted
    | MarkPrices
    | InstrumentListed
    | InstrumentRefused
    | ResetAccounts
    | ResetPositions
    | ResetAsked
    | Paused
    | MatchingEnded
    | TurnGiven
    | TurnTaken
    | ContinueMatching
    | EnterOrder
    | ReplaceOrder
    | CancelRestingOrder
    | ResetBooks
)


class State:
    """Rows of one shard, and the books that follow from them."""

    def __init__(
        self,
        instruments: Table[Instrument],
        orders: Table[RestingOrder],
        books: Table[BookRow],
        trades: Table[TradeRow],
        shard: Table[ShardRow],
        resets: Table[int],
        waiting: Table[Waiting],
        partition: int,
        account_shards: int,
    ) -> None:
        self.instruments, self.orders, self.books = instruments, orders, books
        self.trades, self.shard, self.resets, self.waiting = trades, shard, resets, waiting
        self.partition, self.account_shards = partition, account_shards
        self.now = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Derives the books anew: after a restore, and after a record that failed half-way."""
        self.by_symbol: dict[str, Book] = {}
        self.busy = {symbol for symbol, _ in self.waiting.scan()}
        resting = sorted((row for _, row in self.orders.scan()), key=lambda order: order.priority)
        for order in resting:
            self.book(order.symbol).put(order)
        self.unmarked = {symbol for symbol, _ in self.books.scan()}
        self.marks()

    def book(self, symbol: str) -> Book:
        """The book of a symbol, an empty one at first."""
        found = self.by_symbol.get(symbol)
        if found is None:
            found = self.by_symbol[symbol] = Book()
        return found

    def row(self, symbol: str) -> BookRow:
        """The row of a book."""
        return self.books.get(symbol) or BookRow()

    def shard_row(self) -> ShardRow:
        """The row of this shard."""
        return self.shard.get("") or ShardRow()

    def waiting_in(self, symbol: str) -> Waiting:
        """What waits in the book of a symbol."""
        return self.waiting.get(symbol) or Waiting()

    def marks(self) -> tuple[Mark, ...]:
        """Prices that others do not know yet, in order of the symbols."""
        marks = {symbol: mark for symbol in sorted(self.unmarked) if (mark := self._mark_of(symbol)) is not None}
        self.unmarked = set(marks)
        return tuple(marks.values())

    def _mark_of(self, symbol: str) -> Mark | None:
        book, row = self.book(symbol), self.row(symbol)
        prices = (book.bids.best_price(), book.asks.best_price(), row.last)
        return None if prices == row.marked else Mark(symbol=symbol, bid=prices[0], ask=prices[1], last=prices[2])
