"""Positions: what an account holds, what it cost, and what was made with it. Fees are counted apart."""

from collections.abc import Callable, Iterator

import msgspec

from domain.money import NUMBERS_PER_COUNT, VALUE_MAX, half_even, value_of
from domain.state import Table
from domain.trades import fills_of
from schemas.enums import Side
from schemas.order_books import MarkPrices, TradeExecuted
from schemas.positions import PositionEvent, ResetPositions
from schemas.shared import Tick
from schemas.wire import NANOS

Command = TradeExecuted | MarkPrices | ResetPositions | Tick
Event = PositionEvent | MarkPrices


class Position(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A position: units and what they cost are below zero when it is short."""

    quantity: int = 0
    cost: int = 0
    realized_pnl: int = 0
    fees: int = 0
    multiplier: int = NANOS
    version: int = 0
    book: int = 0
    """The shard of books where it trades."""

    @property
    def average_price(self) -> int | None:
        """Average cost of one unit, without fees, rounded half to even; None when flat."""
        if self.quantity == 0:
            return None
        return half_even(abs(self.cost) * NANOS * NANOS, abs(self.quantity) * self.multiplier)


class State:
    """Rows of one shard."""

    def __init__(
        self,
        positions: Table[Position],
        marks: Table[int],
        resets: Table[int],
        book_shards: int,
        owns: Callable[[str], bool],
    ) -> None:
        self.positions, self.marks, self.resets, self.book_shards = positions, marks, resets, book_shards
        self.owns = owns
        """Whether positions of an account are kept here: a trade has two accounts."""
        self.now = 0

    def rebuild(self) -> None:
        """Nothing is derived from the rows."""


class BookEmptied(msgspec.Struct, frozen=True, gc=False):
    """One book shard has nothing left."""

    reset_id: str
    source: str


def deadline(state: State) -> int | None:  # noqa: ARG001 - nothing of a position is due at a time
    """When the shard wants to hear the time; None while nothing is due."""
    return None


def after_trade(position: Position, side: Side, quantity: int, value: int, fee: int, multiplier: int) -> Position:
    """The position after a trade of `quantity` units for `value`.

    What grows keeps its average from all that was bought; what shrinks realises the difference to its part of the cost;
    what crosses zero is closed entirely and opened anew at the price of the trade.
    """
    signed = quantity if side is Side.BUY else -quantity
    flow = value if side is Side.BUY else -value
    cost, realized = position.cost, position.realized_pnl
    if position.quantity * signed >= 0:
        cost += flow
    else:
        closed = min(quantity, abs(position.quantity))
        flow_closed = flow if closed == quantity else half_even(abs(flow) * closed, quantity) * (1 if flow > 0 else -1)
        removed = cost if closed == abs(position.quantity) else _part(cost, closed, abs(position.quantity))
        realized += -flow_closed - removed
        cost = cost - removed + (flow - flow_closed)
    return Position(position.quantity + signed, cost, realized, position.fees + fee, multiplier, position.version + 1)


def _part(cost: int, closed: int, quantity: int) -> int:
    """The share of the cost that leaves with what is closed: half to even, the last close takes the rest (D13)."""
    part = half_even(abs(cost) * closed, quantity)
    return part if cost >= 0 else -part


def decide(state: State, command: Command) -> Iterator["Event | BookEmptied"]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    match command:
        case TradeExecuted():
            for fill in fills_of(command):
                if state.owns(fill.account_id):
                    before = state.positions.get(f"{fill.account_id}|{command.symbol}") or Position()
                    after = after_trade(before, fill.side, fill.quantity, fill.value, fill.fee, fill.multiplier)
                    yield told(fill.account_id, command.symbol, after, fill.price, fill.trade_id)
        case MarkPrices():
            yield command
        case ResetPositions():
            yield from _reset(state, command)
        case _:
            assert type(command) is Tick, command


def told(
    account_id: str, symbol: str, position: Position, last_price: int | None, trade_id: str | None
) -> PositionEvent:
    """What the world hears of a position, valued at `last_price` where the value fits the schema."""
    value = None if last_price is None else value_at(position, last_price)
    if value is not None and abs(value) > VALUE_MAX:
        value = None
    return PositionEvent(
        account_id,
        symbol,
        position.quantity,
        position.cost,
        position.realized_pnl,
        position.fees,
        position.multiplier,
        position.version,
        position.average_price,
        value,
        None if value is None else value - position.cost,
        last_price,
        trade_id,
        caused_by=trade_id or "",
    )


def value_at(position: Position, price: int) -> int:
    """Quote nanos that the position is worth at a price."""
    value = value_of(abs(position.quantity), price, position.multiplier)
    return value if position.quantity >= 0 else -value


def _reset(state: State, command: ResetPositions) -> Iterator["Event | BookEmptied"]:
    """Closes what traded in one shard of books: nothing that trades there from now on is from before the reset.

    Waiting for the other shards of books would close what traded here meanwhile.
    """
    if state.resets.get(f"{command.reset_id}|{command.source}") is not None:
        return
    yield BookEmptied(command.reset_id, command.source)
    for key, position in list(state.positions.scan()):
        if str(position.book) == command.source:
            account_id, _, symbol = key.partition("|")
            yield told(account_id, symbol, Position(version=position.version + 1), None, None)


def evolve(state: State, event: "Event | BookEmptied") -> None:
    """Brings the event into the state."""
    match event:
        case PositionEvent():
            key = f"{event.account_id}|{event.symbol}"
            before = state.positions.get(key) or Position()
            book = before.book if event.trade_id is None else int(event.trade_id) % NUMBERS_PER_COUNT
            after = (event.quantity, event.cost, event.realized_pnl, event.fees, event.multiplier, event.version, book)
            state.positions.put(key, Position(*after))
        case MarkPrices():
            for mark in event.marks:
                if mark.last is not None:
                    state.marks.put(mark.symbol, mark.last)
        case _:
            state.resets.put(f"{event.reset_id}|{event.source}", 1)
