"""How each event changes the rows of a shard of books, and the books that follow from them."""

from collections.abc import Callable
from typing import Any, get_args

from msgspec.structs import replace

from domain import auction_order_evolution, breakers
from domain.auction_evolution import PHASE_EVOLVERS
from domain.book_changes import keeps_place
from domain.book_events import BandSet, Rested, Withdrawn
from domain.book_rows import AuctionOrderRested, Booked, BookRow, BooksMoved, Event, State, StopArmed
from domain.book_waiting import WAITING_EVOLVERS
from domain.conditions import band_of
from domain.reference_prices import REFERENCE_EVOLVERS
from domain.reset_evolution import RESET_EVOLVERS
from domain.resting import RestingOrder, StopOrder
from domain.trade_evolution import traded
from domain.trades import Traded
from schemas.enums import ReasonCode, Side, TradingPhase
from schemas.order_books import (
    CancelRefused,
    MarkPrices,
    OrderArmed,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderTriggered,
    ReplaceRefused,
)

_BUY, _CONTINUOUS, _DUPLICATE = Side.BUY, TradingPhase.CONTINUOUS, ReasonCode.DUPLICATE_ORDER_ID


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state. Half of all is that an order rests: `Book.rest`, without the calls."""
    if type(event) is not Rested:
        _EVOLVERS[type(event)](state, event)
        return
    order = event.order
    symbol, order_id, price = order.symbol, order.order_id, order.limit_price
    book = state.by_symbol[symbol]
    levels = book.bids if order.side is _BUY else book.asks
    level = levels.levels.get(price)
    if level is None:
        level = levels.begin(price)
    elif levels.units:
        levels.count(price, None, order)
    level[order_id] = book.orders[order_id] = order
    if order.instructions is not None:
        book.index(order)
    state.orders.put(f"{symbol}|{order_id}", order)
    book.sequence = order.priority
    state.unmarked.add(symbol)


def _booked(state: State, event: Booked) -> None:
    order = event.order
    symbol, order_id = order.symbol, order.order_id
    book = state.by_symbol[symbol]
    before = book.orders.get(order_id)
    if before is not None:  # it goes to the back
        book.remove(before)
    book.rest(order)
    state.orders.put(f"{symbol}|{order_id}", order)
    book.sequence += 1
    state.moved[symbol] = book


def _withdrawn(state: State, event: Withdrawn) -> None:
    order = event.order
    symbol, order_id, price = order.symbol, order.order_id, order.limit_price
    book = state.by_symbol[symbol]
    levels = book.bids if order.side is _BUY else book.asks  # `Book.remove`, without the call
    level = levels.levels[price]
    if levels.units:
        levels.count(price, order, None)
    del level[order_id], book.orders[order_id]
    if not level:
        levels.end(price)
    if order.instructions is not None:
        book.forget(order)
    state.orders.delete(f"{symbol}|{order_id}")
    sequence = book.sequence = event.number
    state.books.put(symbol, BookRow(sequence, book.last, state.trade_count, book.conditions))
    state.unmarked.add(symbol)


def _armed(state: State, event: StopArmed) -> None:
    order = event.stop.order
    state.book(order.symbol).arm(event.stop)
    state.stops.put(f"{order.symbol}|{order.order_id}", event.stop)
    _count(state, order.symbol)


def _triggered(state: State, event: OrderTriggered) -> None:
    _drop(state, event.symbol, event.order_id)
    _count(state, event.symbol)


def _cancelled(state: State, event: OrderCancelled) -> None:
    if not event.sequence:  # no such book
        return
    symbol, order_id = event.symbol, event.order_id
    book = state.by_symbol[symbol]
    if event.reason_code is not _DUPLICATE:  # that one was never in the book
        order = book.orders.get(order_id)
        if order is not None:
            book.remove(order)
            state.orders.delete(f"{symbol}|{order_id}")
        elif order_id in book.stops:
            _drop(state, symbol, order_id)
        elif book.gatherings:
            auction_order_evolution.drop(state, book, order_id)
    sequence = book.sequence = book.sequence + 1
    state.books.put(symbol, BookRow(sequence, book.last, state.trade_count, book.conditions))
    state.unmarked.add(symbol)


def _drop(state: State, symbol: str, order_id: str) -> None:
    book = state.book(symbol)
    book.drop(book.stops[order_id])
    state.stops.delete(f"{symbol}|{order_id}")


def _count(state: State, symbol: str) -> None:
    """One more thing happened in the book."""
    book = state.book(symbol)
    book.sequence += 1
    state.moved[symbol] = book


def _told(state: State, event: OrderArmed | CancelRefused | ReplaceRefused) -> None:
    if event.sequence:  # else there is no such book
        _count(state, event.symbol)


def _moved(state: State, _event: BooksMoved) -> None:
    for symbol, book in state.moved.items():
        state.store(symbol, book)
        state.unmarked.add(symbol)
        if book.breaker is not None:
            breakers.store(state, symbol, book)
    state.moved.clear()


def _replaced(state: State, event: OrderReplaced) -> None:
    book = state.book(event.symbol)
    stop = book.stops.get(event.order_id)
    entry = book.gathered(event.order_id) if book.gatherings else None
    if stop is not None:
        _stop_replaced(state, stop, event)
    elif entry is not None:
        auction_order_evolution.replaced(state, book, entry, event, keeps=keeps_place(entry.order, event))
    else:
        order = book.orders[event.order_id]
        if event.leaves_quantity and keeps_place(order, event):
            _shrink(state, order, event.quantity, event.leaves_quantity, order.shown)
        else:
            book.remove(order)
            state.orders.delete(f"{event.symbol}|{event.order_id}")
    _count(state, event.symbol)


def _stop_replaced(state: State, stop: StopOrder, event: OrderReplaced) -> None:
    order = replace(stop.order, quantity=event.quantity, leaves=event.leaves_quantity, limit_price=event.limit_price)
    keeps = (event.stop_price, event.trail) == (stop.stop_price, stop.trail) and keeps_place(stop.order, event)
    number = stop.number if keeps else event.sequence
    changed_stop = replace(stop, order=order, stop_price=event.stop_price, trail=event.trail, number=number)
    state.book(event.symbol).arm(changed_stop)
    state.stops.put(f"{event.symbol}|{event.order_id}", changed_stop)


def _reduced(state: State, event: OrderReduced) -> None:
    book = state.book(event.symbol)
    order = book.orders.get(event.order_id)
    if order is not None:
        is_trade_like = event.reason_code is ReasonCode.SELF_TRADE_PREVENTION  # then it is the slice that shrinks
        taken = order.leaves - event.leaves_quantity if is_trade_like and order.shown else 0
        _shrink(state, order, event.quantity, event.leaves_quantity, order.shown - taken)
    elif event.order_id in book.stops:
        stop = book.stops[event.order_id]
        order = replace(stop.order, quantity=event.quantity, leaves=event.leaves_quantity)
        book.arm(replace(stop, order=order))
        state.stops.put(f"{event.symbol}|{event.order_id}", book.stops[event.order_id])
    elif book.gatherings:
        auction_order_evolution.change(
            state, book, event.order_id, quantity=event.quantity, leaves=event.leaves_quantity
        )
    _count(state, event.symbol)


def _shrink(state: State, order: RestingOrder, quantity: int, leaves: int, shown: int) -> None:
    order = replace(order, quantity=quantity, leaves=leaves, shown=min(shown, leaves))
    state.book(order.symbol).rest(order)
    state.orders.put(f"{order.symbol}|{order.order_id}", order)


def _band_set(state: State, event: BandSet) -> None:
    state.book(event.symbol).band = band_of(event.low, event.high)
    _count(state, event.symbol)


def _marked(state: State, event: MarkPrices) -> None:
    for mark in event.marks:
        book = state.book(mark.symbol)
        book.mark(mark.bid, mark.ask, mark.last)
        state.store(mark.symbol, book)
    state.unmarked.clear()
    state.sent_marks()


def _unchanged(_state: State, _event: Event) -> None:
    """It only tells."""


_EVOLVERS: dict[type, Callable[[State, Any], None]] = (
    dict.fromkeys(get_args(Event), _unchanged)
    | WAITING_EVOLVERS
    | PHASE_EVOLVERS
    | REFERENCE_EVOLVERS
    | RESET_EVOLVERS
    | {
        Traded: traded,
        Booked: _booked,
        Withdrawn: _withdrawn,
        AuctionOrderRested: auction_order_evolution.rested,
        OrderArmed: _told,
        CancelRefused: _told,
        ReplaceRefused: _told,
        OrderTriggered: _triggered,
        StopArmed: _armed,
        OrderReduced: _reduced,
        BandSet: _band_set,
        BooksMoved: _moved,
        OrderCancelled: _cancelled,
        OrderReplaced: _replaced,
        MarkPrices: _marked,
    }
)
