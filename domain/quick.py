"""What most commands are: an order that asks for nothing special in a book where nothing special goes on, and a cancel.

They are decided without looking at everything that could have been asked for, one that only rests and a cancel with one
event and without a generator. Whatever is not so goes the long way, with the same outcome.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from domain.book_rows import BOOKS_MOVED, Booked, Event, Rested, State
from domain.books import NO_BAND, Book
from domain.entering import act
from domain.levels import Levels
from domain.matching import executed
from domain.resting import RestingOrder, with_slice
from schemas.enums import OrderType, ReasonCode, SelfTradePrevention, Side, TimeInForce, TradingPhase
from schemas.order_books import CancelRestingOrder, ContinueMatching, EnterOrder, OrderCancelled

_LIMIT, _GTC, _NONE = OrderType.LIMIT, TimeInForce.GTC, SelfTradePrevention.NONE
_BUY, _CONTINUOUS, _REQUESTED = Side.BUY, TradingPhase.CONTINUOUS, ReasonCode.REQUESTED


def enter(state: State, command: EnterOrder) -> Iterable[Event] | None:
    """A plain limit order; None where it is anything else."""
    symbol, order_id, limit = command.symbol, command.order_id, command.limit_price
    book = state.by_symbol.get(symbol)
    if book is None or not book.is_plain or book.gatherings or order_id in book.orders or limit is None:
        return None
    if book.stops or book.phase is not _CONTINUOUS or book.band is not NO_BAND or command.is_post_only:
        return None
    if (
        command.order_type is not _LIMIT
        or command.time_in_force is not _GTC
        or command.self_trade_prevention is not _NONE
        or command.oco_group
        or command.display_quantity is not None
    ):
        return None
    account_id, side, quantity, priority = command.account_id, command.side, command.quantity, book.sequence + 1
    order = RestingOrder(
        order_id,
        account_id,
        symbol,
        command.order_number,
        side,
        limit,
        quantity,
        quantity,
        priority,
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
    return (Rested(order_id, account_id, symbol, priority, order=order),)


def _take(state: State, book: Book, opposite: Levels[RestingOrder], order: RestingOrder) -> Iterable[Event]:
    """An order that trades. It may be done with the first one that it meets; then it is one event."""
    level, quantity = opposite.best, order.leaves
    assert level is not None
    maker = level[next(iter(level))]
    if quantity <= maker.leaves and maker.instructions is None and book.breaker is None:
        return (executed(state, book, maker, order, quantity, maker.limit_price),)
    return _sweep(state, book, order)


def _sweep(state: State, book: Book, order: RestingOrder) -> Iterator[Event]:
    """Trades with orders as plain as it is, and rests with what is left. From where something is special: `act`."""
    is_buy, limit = order.side is _BUY, order.limit_price
    opposite = book.asks if is_buy else book.bids
    is_plain = book.breaker is None
    while is_plain and state.steps_left:
        level = opposite.best
        if level is None:
            break
        maker = level[next(iter(level))]
        price = maker.limit_price
        if limit < price if is_buy else limit > price:
            break
        if maker.instructions is not None:
            is_plain = False
            break
        state.steps_left -= 1
        quantity = min(maker.leaves, order.leaves)
        trade = executed(state, book, maker, order, quantity, price)
        yield trade
        if quantity == order.leaves:
            return
        accrued = trade.buy_fee_accrued if is_buy else trade.sell_fee_accrued
        order = replace(order, leaves=order.leaves - quantity, fee_accrued=accrued)
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
    order = None if book is None else book.orders.get(command.order_id)
    if book is None or order is None or order.account_id != command.account_id:
        return None
    return (
        OrderCancelled(order.order_id, order.account_id, order.symbol, order.leaves, _REQUESTED, book.sequence + 1),
    )
