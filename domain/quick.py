"""What most commands are: an order that asks for nothing special in a book where nothing special goes on, and a cancel.

They are decided without looking at everything that could have been asked for, one that only rests and a cancel with one
event and without a generator. Whatever is not so goes the long way, with the same outcome.
"""

from collections.abc import Iterable, Iterator

from domain.book_rows import BOOKS_MOVED, Event, Rested, State
from domain.books import NO_BAND, Book
from domain.entering import act, meets
from domain.resting import RestingOrder
from schemas.enums import OrderType, ReasonCode, SelfTradePrevention, TimeInForce, TradingPhase
from schemas.order_books import CancelRestingOrder, EnterOrder, OrderCancelled

_LIMIT, _GTC, _NONE = OrderType.LIMIT, TimeInForce.GTC, SelfTradePrevention.NONE
_CONTINUOUS, _REQUESTED = TradingPhase.CONTINUOUS, ReasonCode.REQUESTED


def enter(state: State, command: EnterOrder) -> Iterable[Event] | None:
    """A plain limit order; None where it is anything else."""
    symbol, order_id, limit = command.symbol, command.order_id, command.limit_price
    book = state.by_symbol.get(symbol)
    if limit is None or book is None or book.quote is not None or book.expires_at or not _is_plain(command):
        return None
    if state.instruments.get(symbol) is None or book.stops or order_id in book.orders:
        return None
    if book.phase is not _CONTINUOUS or book.band is not NO_BAND:
        return None
    order = _order(command, limit, book.sequence + 1)
    if meets(book, order):
        return _take(state, book, order)
    return (Rested(order_id, order.account_id, symbol, order.priority, order=order),)


def _is_plain(command: EnterOrder) -> bool:
    return (
        command.order_type is _LIMIT
        and command.time_in_force is _GTC
        and command.self_trade_prevention is _NONE
        and not command.is_post_only
        and not command.oco_group
        and command.display_quantity is None
    )


def _order(command: EnterOrder, limit: int, priority: int) -> RestingOrder:
    quantity = command.quantity
    return RestingOrder(
        command.order_id,
        command.account_id,
        command.symbol,
        command.order_number,
        command.side,
        limit,
        quantity,
        quantity,
        priority,
        command.maker_fee_rate,
        command.taker_fee_rate,
        0,
    )


def _take(state: State, book: Book, order: RestingOrder) -> Iterator[Event]:
    """Trades, and rests with what is left."""
    yield from act(state, book, order, None, is_new=True)
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
