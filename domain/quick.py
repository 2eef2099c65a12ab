"""What most commands are: an order that asks for nothing special in a book where nothing special goes on, and a cancel.

They are decided without looking at everything that could have been asked for, one that only rests and a cancel with one
event and without a generator. Whatever is not so goes the long way, with the same outcome.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from domain.book_events import Rested, Withdrawn
from domain.book_rows import BOOKS_MOVED, Booked, Event, State
from domain.books import Book
from domain.entering import act
from domain.levels import Levels
from domain.matching import executed_of
from domain.resting import RestingOrder, with_slice
from schemas.enums import OrderType, SelfTradePrevention, Side, TimeInForce
from schemas.order_books import CancelRestingOrder, ContinueMatching, EnterLimitOrder, EnterOrder

_LIMIT, _GTC, _NONE = OrderType.LIMIT, TimeInForce.GTC, SelfTradePrevention.NONE
_BUY = Side.BUY


def enter_any(state: State, command: EnterOrder) -> Iterable[Event] | None:
    """An order that asks for no more than a plain limit order does; None where it is anything else."""
    if (
        command.order_type is not _LIMIT
        or command.time_in_force is not _GTC
        or command.self_trade_prevention is not _NONE
        or command.limit_price is None
        or command.oco_group
        or command.display_quantity is not None
        or command.is_post_only
    ):
        return None
    return enter(state, command)


def enter(state: State, command: EnterLimitOrder | EnterOrder) -> Iterable[Event] | None:
    """A plain limit order; None where its book is in no state to take it at once."""
    symbol, order_id, limit = command.symbol, command.order_id, command.limit_price
    book = state.by_symbol.get(symbol)
    if book is None or not book.is_quick or order_id in book.orders:
        return None
    assert limit is not None
    side, quantity = command.side, command.quantity
    order = RestingOrder(
        order_id,
        command.account_id,
        symbol,
        command.order_number,
        side,
        limit,
        quantity,
        quantity,
        book.sequence + 1,
        command.maker_fee_rate,
        command.taker_fee_rate,
        0,
    )
    if side is _BUY:
        best = book.asks.best_price
        if best is not None and limit >= best:
            return _take(state, book, book.asks, order)
    else:
        best = book.bids.best_price
        if best is not None and limit <= best:
            return _take(state, book, book.bids, order)
    return (Rested(order),)


def _take(state: State, book: Book, opposite: Levels[RestingOrder], order: RestingOrder) -> Iterable[Event]:
    """An order that trades. It may be done with the first one that it meets; then it is one event."""
    level, quantity = opposite.best, order.leaves
    assert level is not None
    maker = level[next(iter(level))]
    if quantity <= maker.leaves and maker.instructions is None and book.breaker is None:
        return (executed_of(state, book, maker, order, quantity, maker.limit_price, quantity, 0, True),)
    return _sweep(state, book, opposite, order)


def _sweep(state: State, book: Book, opposite: Levels[RestingOrder], order: RestingOrder) -> Iterator[Event]:
    """Trades with orders as plain as it is, and rests with what is left. From where something is special: `act`."""
    is_buy, limit, leaves, accrued = order.side is _BUY, order.limit_price, order.leaves, 0
    is_plain = book.breaker is None
    while is_plain and state.steps_left:
        level = opposite.best
        if level is None:
            break
        maker = level[next(iter(level))]
        price, quantity = maker.limit_price, maker.leaves
        if limit < price if is_buy else limit > price:
            break
        if maker.instructions is not None:
            is_plain = False
            break
        state.steps_left -= 1
        if quantity >= leaves:
            yield executed_of(state, book, maker, order, leaves, price, leaves, accrued, True)
            return
        trade = executed_of(state, book, maker, order, quantity, price, leaves, accrued, True)
        yield trade
        leaves, accrued = trade.taker_leaves, trade.taker_fee_accrued
    if leaves != order.leaves:
        order = replace(order, leaves=leaves, fee_accrued=accrued)
    if is_plain and state.steps_left:
        yield Booked(with_slice(order, book.sequence + 1))
    else:
        yield from act(state, book, order, None, is_new=True)
    if state.busy:
        yield ContinueMatching(symbol=order.symbol)
    if state.moved:
        yield BOOKS_MOVED


def cancel(state: State, command: CancelRestingOrder) -> tuple[Event, ...] | None:
    """A cancel of an order that rests; None where it does not."""
    book = state.by_symbol.get(command.symbol)
    if book is None:
        return None
    order = book.orders.get(command.order_id)
    if order is None or order.account_id != command.account_id:
        return None
    return (Withdrawn(order, book.sequence + 1),)
