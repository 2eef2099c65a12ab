"""What the world hears of events of accounts that stay inside: records that are made of them.

One event is brought into the rows at once, whatever it takes to tell of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from domain import ledger, orders
from domain.account_rows import Filled, Placed, Stepped
from domain.order_life import EXEC_TYPES, Step
from schemas.accounts import BalanceEvent, OrderEvent, RiskChecked
from schemas.enums import BalanceReason, Side
from schemas.wire import Message


def _placed(event: Placed) -> list[Message]:
    """Step by step, as the pipeline knows them: received, validated, checked, funds held."""
    order, balance = event.order, event.balance
    approved = orders.told(order, Step.APPROVED)
    assert EXEC_TYPES[Step.PLACED] is EXEC_TYPES[Step.VALIDATED] is approved.exec_type
    records: list[Message] = [
        replace(approved, status=orders.PENDING, version=1, held=0),
        replace(approved, status=orders.VALIDATED, version=2, held=0),
        event.verdict or _can_pay(event),
        approved,
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
