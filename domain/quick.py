"""What most commands are: an order that asks for nothing special and meets nobody, and a cancel of one that rests.

They are decided without a generator, and with one event. Whatever is not so goes the long way, with the same outcome.
"""

from domain.book_rows import Event, Rested, State
from domain.books import NO_BAND
from domain.resting import RestingOrder
from schemas.enums import OrderType, ReasonCode, SelfTradePrevention, Side, TimeInForce, TradingPhase
from schemas.order_books import CancelRestingOrder, EnterOrder, OrderCancelled

_LIMIT, _GTC, _NONE = OrderType.LIMIT, TimeInForce.GTC, SelfTradePrevention.NONE
_BUY, _CONTINUOUS, _REQUESTED = Side.BUY, TradingPhase.CONTINUOUS, ReasonCode.REQUESTED


def enter(state: State, command: EnterOrder) -> tuple[Event, ...] | None:
    """A plain limit order that only rests; None where it is anything else."""
    symbol, order_id, limit = command.symbol, command.order_id, command.limit_price
    book = state.by_symbol.get(symbol)
    if limit is None or book is None or not _is_plain(command) or state.instruments.get(symbol) is None:
        return None
    if book.stops or order_id in book.orders or book.phase is not _CONTINUOUS or book.band is not NO_BAND:
        return None
    side = command.side
    best = book.asks.best_price() if side is _BUY else book.bids.best_price()
    if best is not None and (limit >= best if side is _BUY else limit <= best):
        return None
    account_id, quantity, priority = command.account_id, command.quantity, book.sequence + 1
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
    return (Rested(order_id, account_id, symbol, priority, order=order),)


def _is_plain(command: EnterOrder) -> bool:
    return (
        command.order_type is _LIMIT
        and command.time_in_force is _GTC
        and command.self_trade_prevention is _NONE
        and not command.is_post_only
        and not command.oco_group
        and command.display_quantity is None
    )


def cancel(state: State, command: CancelRestingOrder) -> tuple[Event, ...] | None:
    """A cancel of an order that rests; None where it does not."""
    book = state.by_symbol.get(command.symbol)
    order = None if book is None else book.orders.get(command.order_id)
    if book is None or order is None or order.account_id != command.account_id:
        return None
    return (
        OrderCancelled(order.order_id, order.account_id, order.symbol, order.leaves, _REQUESTED, book.sequence + 1),
    )
