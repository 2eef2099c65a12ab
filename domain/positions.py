"""Positions: what an account holds, what it cost, and what was made with it. Fees are counted apart."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from domain.money import NUMBERS_PER_COUNT, VALUE_MAX, half_even, value_of
from domain.state import Table
from schemas.enums import Side
from schemas.inquiries import InquiryBooked
from schemas.order_books import MarkPrices, TradeExecuted
from schemas.positions import PositionEvent, ResetPositions
from schemas.shared import Tick
from schemas.wire import NANOS

Command = TradeExecuted | InquiryBooked | MarkPrices | ResetPositions | Tick


class Position(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A position: units and what they cost are below zero when it is short."""

    quantity: int = 0
    cost: int = 0
    realized_pnl: int = 0
    fees: int = 0
    multiplier: int = NANOS
    version: int = 0
    book: int = 0
    """The shard of books, or of the desk, where it traded last."""

    @property
    def average_price(self) -> int | None:
        """Average cost of one unit, without fees, rounded half to even; None when flat."""
        if self.quantity == 0:
            return None
        return half_even(abs(self.cost) * NANOS * NANOS, abs(self.quantity) * self.multiplier)


NO_POSITION = Position()
_BUY, _SELL = Side.BUY, Side.SELL


class Moved(msgspec.Struct, frozen=True, gc=False):
    """A position is like this now."""

    account_id: str
    symbol: str
    position: Position
    last_price: int | None
    """Of the trade that moved it, and its id; None where none did."""
    trade_id: str | None


Event = Moved | MarkPrices


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


def after_trade(
    position: Position, side: Side, quantity: int, value: int, fee: int, multiplier: int, book: int = 0
) -> Position:
    """The position after a trade of `quantity` units for `value` in a shard of books.

    What grows keeps its average from all that was bought; what shrinks realises the difference to its part of the cost;
    what crosses zero is closed entirely and opened anew at the price of the trade.
    """
    signed, flow = (quantity, value) if side is _BUY else (-quantity, -value)
    owned, cost, realized = position.quantity, position.cost, position.realized_pnl
    if owned * signed >= 0:
        cost += flow
    else:
        held = abs(owned)
        closed = min(quantity, held)
        flow_closed = flow if closed == quantity else half_even(abs(flow) * closed, quantity) * (1 if flow > 0 else -1)
        removed = cost if closed == held else _part(cost, closed, held)
        realized += -flow_closed - removed
        cost = cost - removed + (flow - flow_closed)
    return Position(owned + signed, cost, realized, position.fees + fee, multiplier, position.version + 1, book)


def _part(cost: int, closed: int, quantity: int) -> int:
    """The share of the cost that leaves with what is closed: half to even, the last close takes the rest (D13)."""
    part = half_even(abs(cost) * closed, quantity)
    return part if cost >= 0 else -part


def decide(state: State, command: Command) -> Iterable["Event | BookEmptied"]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    return _DECIDERS[type(command)](state, command)


def _traded(state: State, trade: TradeExecuted) -> Iterable[Event]:
    """The position of the one that rested moves first."""
    buyer, seller = trade.buy_account_id, trade.sell_account_id
    bought, sold = (buyer, _BUY, trade.buy_commission), (seller, _SELL, trade.sell_commission)
    first, then = (sold, bought) if trade.side is _BUY else (bought, sold)
    book = int(trade.trade_id) % NUMBERS_PER_COUNT
    if buyer == seller:  # the second one finds what the first one leaves
        return (_after(state, trade, book, *side) for side in (first, then) if state.owns(buyer))
    found = [_after(state, trade, book, *first)] if state.owns(first[0]) else []
    if state.owns(then[0]):
        found.append(_after(state, trade, book, *then))
    return found


def _after(state: State, trade: TradeExecuted, book: int, account_id: str, side: Side, fee: int) -> Moved:
    symbol, trade_id = trade.symbol, trade.trade_id
    before = state.positions.get(f"{account_id}|{symbol}") or NO_POSITION
    after = after_trade(before, side, trade.quantity, trade.value, fee, trade.multiplier, book)
    return Moved(account_id, symbol, after, trade.price, trade_id)


def _booked(state: State, trade: InquiryBooked) -> Iterator[Event]:
    """A trade that was agreed on an inquiry."""
    symbol, trade_id = trade.instrument_id, trade.trade_id
    desk = int(trade_id) % NUMBERS_PER_COUNT
    for account_id, side in ((trade.buy_account_id, Side.BUY), (trade.sell_account_id, Side.SELL)):
        if state.owns(account_id):
            before = state.positions.get(f"{account_id}|{symbol}") or NO_POSITION
            after = after_trade(before, side, trade.quantity, trade.value, 0, trade.multiplier, desk)
            yield Moved(account_id, symbol, after, trade.price, trade_id)


def _marked(_state: State, command: MarkPrices) -> tuple[Event]:
    return (command,)


def _nothing(_state: State, _command: Tick) -> tuple[()]:
    return ()


def told(event: Moved) -> tuple[PositionEvent]:
    """What the world hears of a position, valued at the last price where the value fits the schema."""
    position, last_price, trade_id = event.position, event.last_price, event.trade_id
    value = None if last_price is None else value_at(position, last_price)
    if value is not None and abs(value) > VALUE_MAX:
        value = None
    record = PositionEvent(
        event.account_id,
        event.symbol,
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
    return (record,)


RECORDS: Mapping[type, Callable[[Any], tuple[PositionEvent]]] = {Moved: told}
"""By the type of an event that stays inside: the records that are made of it."""


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
            yield Moved(account_id, symbol, Position(version=position.version + 1, book=position.book), None, None)


_DECIDERS: dict[type, Callable[[State, Any], Iterable["Event | BookEmptied"]]] = {
    TradeExecuted: _traded,
    InquiryBooked: _booked,
    MarkPrices: _marked,
    ResetPositions: _reset,
    Tick: _nothing,
}


def evolve(state: State, event: "Event | BookEmptied") -> None:
    """Brings the event into the state."""
    if isinstance(event, Moved):
        state.positions.put(f"{event.account_id}|{event.symbol}", event.position)
    elif isinstance(event, MarkPrices):
        for mark in event.marks:
            if mark.last is not None:
                state.marks.put(mark.symbol, mark.last)
    else:
        state.resets.put(f"{event.reset_id}|{event.source}", 1)
