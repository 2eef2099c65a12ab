"""What the world hears of events of accounts that stay inside: records that are made of them.

One event is brought into the rows at once, whatever it takes to tell of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain import ledger, orders
from domain.account_rows import Filled, Placed, Stepped
from domain.order_life import Step
from schemas.accounts import BalanceEvent, OrderEvent, RiskChecked
from schemas.enums import BalanceReason, Side
from schemas.wire import Message


def _placed(event: Placed) -> list[Message]:
    """Step by step, as the pipeline knows them: received, validated, checked, funds held."""
    order, balance = event.order, event.balance
    records: list[Message] = [
        orders.told_as(order, orders.PENDING, Step.PLACED, 1, 0),
        orders.told_as(order, orders.VALIDATED, Step.VALIDATED, 2, 0),
        event.verdict or _can_pay(event),
        orders.told(order, Step.APPROVED),
    ]
    if balance is not None:
        about = (BalanceReason.HOLD, order.order_id)
        records.append(ledger.told(order.account_id, order.held_asset, balance, 0, *about))
    return records


def _can_pay(event: Placed) -> RiskChecked:
    """The check of an order that needs no other one."""
    order, balance = event.order, event.balance
    assert balance is not None
    about = (order.order_id, order.account_id, order.symbol, order.side, order.quantity)
    return RiskChecked(*about, True, order.held_asset, balance.available + order.held, order.held)


def _stepped(event: Stepped) -> tuple[OrderEvent]:
    return (orders.told(event.order, event.step),)


def _filled(event: Filled) -> tuple[OrderEvent, BalanceEvent, BalanceEvent]:
    order, fill = event.order, event.fill
    account_id, about = order.account_id, (BalanceReason.TRADE, order.order_id, fill.trade_id)
    if order.side is Side.BUY:
        spent = ledger.told(account_id, order.quote, event.spent, -fill.value - fill.fee, *about)
        gained = ledger.told(account_id, order.base, event.gained, fill.quantity, *about)
    else:
        spent = ledger.told(account_id, order.base, event.spent, -fill.quantity, *about)
        gained = ledger.told(account_id, order.quote, event.gained, fill.value - fill.fee, *about)
    return orders.told(order, Step.FILLED, fill), spent, gained


RECORDS: Mapping[type, Callable[[Any], "list[Message] | tuple[Message, ...]"]] = {
    Placed: _placed,
    Stepped: _stepped,
    Filled: _filled,
}
"""By the type of the event: its records, in order."""
