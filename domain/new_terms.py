"""What an amend asks for, brought together with what the order has: checked, and priced for its hold."""

import msgspec

from domain import account_states, oco_groups, order_sizes, order_terms, orders
from domain.account_rows import Order, State, Terms
from domain.instruments import Instrument
from domain.money import AMOUNT_MAX, value_of
from domain.order_terms import FOR_AUCTIONS, WITH_LIMIT, WITH_STOP
from schemas.accounts import AmendOrder
from schemas.enums import OrderStatus, OrderType, ReasonCode, Side

AMENDS_PENDING_MAX = 16
"""Of one order, on their way to the book."""
WAITING = (OrderStatus.HELD, OrderStatus.RISK_APPROVED, OrderStatus.TRIGGER_WAIT)
"""States in which an order with a stop price has not been triggered, as far as its account knows."""


def terms_of(state: State, order: Order, command: AmendOrder) -> Terms | ReasonCode:
    """The terms that the order shall have, or why it cannot have them. Amends on their way count as if they stood."""
    instrument = state.instruments.get(order.symbol)
    assert instrument is not None
    last = order.amends[-1] if order.amends else _terms_now(state, order)
    wanted = msgspec.structs.replace(
        order,
        quantity=last.quantity if command.quantity is None else command.quantity,
        limit_price=_limit_of(order, last) if command.limit_price is None else command.limit_price,
        stop_price=last.stop_price if command.stop_price is None else command.stop_price,
        trail=last.trail if command.trail is None else command.trail,
    )
    fault = _fault(state, order, command, last)
    if fault is None and order.status is OrderStatus.HELD:  # its quantity is what its parent will have filled
        fault = None if command.quantity is None else ReasonCode.BAD_QUANTITY
    elif fault is None:
        fault = order_terms.quantity_fault(instrument, wanted.quantity)
    fault = fault or _prices_fault(instrument, wanted)
    if fault is not None:
        return fault
    cap = last.price
    if command.limit_price is not None or command.stop_price is not None or command.trail is not None:
        found = orders.cap_price(instrument, wanted, state.marks.get(order.symbol))
        if found is None:
            return ReasonCode.NO_REFERENCE_PRICE
        cap = found
    if value_of(wanted.quantity, cap, instrument.multiplier) > AMOUNT_MAX:
        return ReasonCode.AMOUNT_OUT_OF_RANGE
    if instrument.is_limited and (fault := _size_fault(state, instrument, wanted)) is not None:
        return fault
    return Terms(wanted.quantity, cap, wanted.stop_price, wanted.trail)


def _terms_now(state: State, order: Order) -> Terms:
    """Of an exit that waits, the quantity is what its parent may come to fill."""
    parent = state.orders.get(order.parent_id) if order.status is OrderStatus.HELD else None
    quantities = [order.quantity] if parent is None else [parent.quantity, *(terms.quantity for terms in parent.amends)]
    return Terms(max(quantities), order.cap_price, order.stop_price, order.trail)


def _size_fault(state: State, instrument: Instrument, wanted: Order) -> ReasonCode | None:
    """Whether the order, or an exit that waits for it, would be larger than one order may be."""
    legs = [leg for each in wanted.legs if (leg := state.orders.get(each)) is not None]
    exits = [msgspec.structs.replace(leg, quantity=wanted.quantity) for leg in legs if leg.status is OrderStatus.HELD]
    mark = state.marks.get(wanted.symbol)
    faults = (order_sizes.size_fault(instrument, each, mark) for each in (wanted, *exits))
    return next((found for found in faults if found is not None), None)


def _limit_of(order: Order, last: Terms) -> int | None:
    return last.price if order.order_type in WITH_LIMIT else None


def _fault(state: State, order: Order, command: AmendOrder, last: Terms) -> ReasonCode | None:
    """Whether this order can be amended in this way at all."""
    kind = order.order_type
    if kind is OrderType.MARKET and order.time_in_force not in FOR_AUCTIONS:  # else it waits, and may be larger
        return ReasonCode.UNSUPPORTED_ORDER_TYPE
    can_have = (kind in WITH_LIMIT, kind in WITH_STOP, kind is OrderType.TRAILING_STOP)
    asked = (command.limit_price, command.stop_price, command.trail)
    if any(price is not None and not can for price, can in zip(asked, can_have, strict=True)):
        return ReasonCode.BAD_PRICE
    if asked[1:] != (None, None) and order.status not in WAITING:
        return ReasonCode.ALREADY_TRIGGERED
    needs_more = order.side is Side.BUY or command.quantity not in (None, last.quantity)
    if needs_more and order.oco_group and oco_groups.shares(state, order):  # what is held once is for all of them
        return ReasonCode.UNSUPPORTED_ORDER_TYPE
    if len(order.amends) >= AMENDS_PENDING_MAX:
        return ReasonCode.TOO_LARGE
    return account_states.trading_fault(state, order.account_id, is_reducing=order.is_reduce_only)


def _prices_fault(instrument: Instrument, wanted: Order) -> ReasonCode | None:
    for price in (wanted.limit_price, wanted.stop_price, wanted.trail):
        if price is not None and (fault := order_terms.price_fault(instrument, price, wanted.quantity)) is not None:
            return fault
    return None
