"""How each event changes the rows of a shard of books, and the books that follow from them."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.book_changes import keeps_place
from domain.book_rows import (
    TRADES_KEPT_MAX,
    Booked,
    BookRow,
    Event,
    MatchingEnded,
    Paused,
    ResetAsked,
    ShardRow,
    State,
    TradeRow,
    TurnGiven,
    TurnTaken,
    Waiting,
)
from domain.books import RestingOrder
from domain.instruments import from_listing
from schemas.accounts import ResetAccounts
from schemas.enums import Liquidity, ReasonCode
from schemas.order_books import (
    InstrumentListed,
    MarkPrices,
    OrderCancelled,
    OrderFilled,
    OrderReplaced,
    TradeExecuted,
)


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state."""
    evolver = _EVOLVERS.get(type(event))
    if evolver is not None:
        evolver(state, event)


def _booked(state: State, event: Booked) -> None:
    _store(state, event.order)
    _touch(state, event.order.symbol)


def _cancelled(state: State, event: OrderCancelled) -> None:
    order = state.book(event.symbol).orders.get(event.order_id)
    if order is not None and event.reason_code is not ReasonCode.DUPLICATE_ORDER_ID:  # that one was never in the book
        _remove(state, order)


def _listed(state: State, event: InstrumentListed) -> None:
    state.instruments.put(event.symbol, from_listing(event))


def _reset_asked(state: State, event: ResetAsked) -> None:
    state.resets.put(f"{event.reset_id}|{event.source}", 1)


def _touch(state: State, symbol: str, last: int | None = None) -> None:
    """Counts one more thing that happened in the book."""
    row = state.row(symbol)
    state.books.put(symbol, BookRow(row.sequence + 1, row.last if last is None else last, row.marked))
    state.unmarked.add(symbol)


def _store(state: State, order: RestingOrder) -> None:
    state.orders.put(f"{order.symbol}|{order.order_id}", order)
    state.book(order.symbol).put(order)


def _remove(state: State, order: RestingOrder) -> None:
    state.book(order.symbol).remove(order)
    state.orders.delete(f"{order.symbol}|{order.order_id}")
    _touch(state, order.symbol)


def _traded(state: State, event: TradeExecuted) -> None:
    row = state.shard_row()
    count = row.trades + 1
    state.shard.put("", ShardRow(count, row.marks_sent_at))
    state.trades.put(
        f"{count:012d}",
        TradeRow(
            event.trade_id,
            event.symbol,
            event.price,
            event.quantity,
            event.execution_time,
            event.side,
            event.buy_order_id,
            event.sell_order_id,
            event.buy_order_number,
            event.sell_order_number,
            event.buy_account_id,
            event.sell_account_id,
        ),
    )
    if count > TRADES_KEPT_MAX:
        state.trades.delete(f"{count - TRADES_KEPT_MAX:012d}")
    _touch(state, event.symbol, event.price)


def _filled(state: State, event: OrderFilled) -> None:
    """The resting side of a trade; the incoming side is not in the book."""
    if event.liquidity is not Liquidity.MAKER:
        return
    order = state.book(event.symbol).orders[event.order_id]
    if event.leaves_quantity:
        _store(state, msgspec.structs.replace(order, leaves=event.leaves_quantity, fee_accrued=event.fee_accrued))
    else:
        state.book(event.symbol).remove(order)
        state.orders.delete(f"{event.symbol}|{event.order_id}")


def _replaced(state: State, event: OrderReplaced) -> None:
    order = state.book(event.symbol).orders[event.order_id]
    if event.leaves_quantity and keeps_place(order, event):
        _store(state, msgspec.structs.replace(order, quantity=event.quantity, leaves=event.leaves_quantity))
        _touch(state, event.symbol)
    else:
        _remove(state, order)


def _marked(state: State, event: MarkPrices) -> None:
    for mark in event.marks:
        row = state.row(mark.symbol)
        state.books.put(mark.symbol, BookRow(row.sequence, row.last, (mark.bid, mark.ask, mark.last)))
    state.unmarked.clear()
    state.shard.put("", ShardRow(state.shard_row().trades, state.now))


def _paused(state: State, event: Paused) -> None:
    symbol = event.order.symbol
    _wait(state, symbol, msgspec.structs.replace(state.waiting_in(symbol), order=event.order, reason=event.reason))


def _matching_ended(state: State, event: MatchingEnded) -> None:
    _wait(state, event.symbol, msgspec.structs.replace(state.waiting_in(event.symbol), order=None, reason=None))


def _turn_given(state: State, event: TurnGiven) -> None:
    row = state.waiting_in(event.symbol)
    _wait(state, event.symbol, msgspec.structs.replace(row, turns=row.turns + 1))


def _turn_taken(state: State, event: TurnTaken) -> None:
    row = state.waiting_in(event.symbol)
    _wait(state, event.symbol, msgspec.structs.replace(row, taken=row.taken + 1))


def _wait(state: State, symbol: str, row: Waiting) -> None:
    assert row.taken <= row.turns, f"{symbol}: more commands came back than were sent"
    if row.order is None and row.taken == row.turns:
        state.waiting.delete(symbol)
        state.busy.discard(symbol)
    else:
        state.waiting.put(symbol, row)
        state.busy.add(symbol)


def _reset(state: State, _event: ResetAccounts) -> None:
    """A clean sheet: numbers go on, trades and last prices are forgotten here; the topics keep them."""
    for key, _ in list(state.trades.scan()):
        state.trades.delete(key)
    for symbol, row in list(state.books.scan()):
        state.books.put(symbol, BookRow(row.sequence, None, row.marked))
        state.unmarked.add(symbol)


_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    TradeExecuted: _traded,
    OrderFilled: _filled,
    Booked: _booked,
    OrderCancelled: _cancelled,
    OrderReplaced: _replaced,
    MarkPrices: _marked,
    InstrumentListed: _listed,
    ResetAsked: _reset_asked,
    Paused: _paused,
    MatchingEnded: _matching_ended,
    TurnGiven: _turn_given,
    TurnTaken: _turn_taken,
    ResetAccounts: _reset,
}
