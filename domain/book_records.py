"""What the world hears of events of books that stay inside: records that are made of them."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.book_events import Rested, Withdrawn
from domain.trades import Traded
from schemas.enums import ReasonCode, Side
from schemas.order_books import OrderCancelled, OrderRested, TradeExecuted
from schemas.wire import Message


def _rested(event: Rested) -> tuple[OrderRested]:
    order = event.order
    return (OrderRested(order.order_id, order.account_id, order.symbol, order.priority),)


def _withdrawn(event: Withdrawn) -> tuple[OrderCancelled]:
    order, reason = event.order, ReasonCode.REQUESTED
    return (OrderCancelled(order.order_id, order.account_id, order.symbol, order.leaves, reason, event.number),)


def traded(event: Traded) -> tuple[TradeExecuted]:
    """One record for both sides."""
    row, taker, instrument = event.row, event.taker, event.instrument
    if row.taker_side is Side.BUY:
        buy_fee, sell_fee = event.taker_fee, event.maker_fee
        buy_leaves, sell_leaves = event.taker_leaves, event.maker_leaves
        buy_accrued, sell_accrued = event.taker_fee_accrued, event.maker_fee_accrued
    else:
        buy_fee, sell_fee = event.maker_fee, event.taker_fee
        buy_leaves, sell_leaves = event.maker_leaves, event.taker_leaves
        buy_accrued, sell_accrued = event.maker_fee_accrued, event.taker_fee_accrued
    trade = TradeExecuted(
        row.trade_id, taker.order_id, taker.account_id, row.symbol, row.taker_side,
        row.quantity, row.price, event.taker_fee, row.executed_at, instrument.venue,
        row.price, instrument.base, instrument.quote,
        row.buy_order_id, row.sell_order_id, row.buy_account_id, row.sell_account_id,
        row.buy_order_number, row.sell_order_number,
        buy_fee, sell_fee, event.value, instrument.multiplier,
        buy_leaves, sell_leaves, buy_accrued, sell_accrued, event.number, event.is_auction,
    )  # fmt: skip
    return (trade,)


RECORDS: Mapping[type, Callable[[Any], tuple[Message, ...]]] = {
    Rested: _rested,
    Withdrawn: _withdrawn,
    Traded: traded,
}
"""By the type of the event: its records, in order."""
