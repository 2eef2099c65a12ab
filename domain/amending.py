"""Amends and cancels: what more they need is held first, what they need less is released when they stand."""

from collections.abc import Iterator

import msgspec

from domain import account_states, oco_groups, order_terms, orders, risk
from domain.account_rows import (
    FINAL,
    Answered,
    Event,
    Finished,
    Order,
    Outcome,
    State,
    Stored,
    Terms,
)
from domain.book_reports import known, release
from domain.ledger import answer, entry
from schemas.accounts import (
    AmendOrder,
    CancelOrder,
)
from schemas.enums import BalanceReason, OrderStatus, OrderType, ReasonCode
from schemas.order_books import (
    CancelRefused,
    CancelRestingOrder,
    OrderReplaced,
    ReplaceOrder,
    ReplaceRefused,
)

AMENDS_PENDING_MAX = 16
"""Of one order, on their way to the book."""


def amend(state: State, command: AmendOrder) -> Iterator[Event]:
    """Holds what the new terms may need more before they go out; what they need less is released when they stand.

    Fills under the old terms may come first: what both together can cost is held.
    """
    if state.outcomes.get(command.command_id) is not None:
        return
    order = state.orders.get(command.order_id)
    reason = _too_late(order, command)
    if order is None or reason is not None:
        yield from answer(state, command.command_id, command.order_id, reason)
        return
    last = order.amends[-1] if order.amends else Terms(order.quantity, order.cap_price)
    terms = Terms(
        last.quantity if command.quantity is None else command.quantity,
        last.price if command.limit_price is None else command.limit_price,
    )
    reason = _amend_fault(state, order, terms)
    amended = order
    if reason is None:
        amended = orders.with_hold(msgspec.structs.replace(order, amends=(*order.amends, terms)))
        if not orders.can_pay(state.balance(order.account_id, order.held_asset), amended.held - order.held):
            reason = ReasonCode.BUYING_POWER
        else:
            reason = risk.amend_fault(state, order, amended)
    if reason is not None:
        yield from answer(state, command.command_id, order.order_id, reason)
        return
    more = amended.held - order.held
    if more:
        yield entry(state, order.account_id, order.held_asset, 0, more, BalanceReason.HOLD, order.order_id)
    yield Stored(amended)
    yield from _await_answer(state, command.command_id, order.order_id)
    yield ReplaceOrder(
        order_id=order.order_id,
        account_id=order.account_id,
        symbol=order.symbol,
        quantity=terms.quantity,
        limit_price=terms.price,
    )


def _too_late(order: Order | None, command: AmendOrder | CancelOrder) -> ReasonCode | None:
    if order is None or order.account_id != command.account_id:
        return ReasonCode.UNKNOWN_ORDER
    return ReasonCode.TOO_LATE if order.status in FINAL else None


def _amend_fault(state: State, order: Order, terms: Terms) -> ReasonCode | None:
    instrument = state.instruments.get(order.symbol)
    assert instrument is not None
    if order.order_type is not OrderType.LIMIT or oco_groups.shares(state, order):
        return ReasonCode.UNSUPPORTED_ORDER_TYPE
    if len(order.amends) >= AMENDS_PENDING_MAX:
        return ReasonCode.TOO_LARGE
    if state.risk.watched and (fault := account_states.trading_fault(state, order.account_id)) is not None:
        return fault
    return order_terms.quantity_fault(instrument, terms.quantity) or order_terms.price_fault(
        instrument, terms.price, terms.quantity
    )


def _await_answer(state: State, command_id: str, order_id: str) -> Iterator[Event]:
    if command_id:
        yield Answered(command_id, Outcome(state.shard_row().outcomes + 1, is_pending=True, order_id=order_id))


def replaced(state: State, command: OrderReplaced) -> Iterator[Event]:
    """The new terms stand."""
    before = known(state, command.order_id)
    status = OrderStatus.FILLED if command.quantity == before.filled else before.status
    order = msgspec.structs.replace(
        before,
        quantity=command.quantity,
        limit_price=command.limit_price,
        cap_price=command.limit_price,
        status=status,
        amends=before.amends[1:],
        version=before.version + 1,
        updated_at=state.now,
    )
    order = orders.with_hold(order)
    yield orders.told(order)
    yield from release(state, before, order)
    yield Stored(order)
    if status is OrderStatus.FILLED:
        yield Finished(order)
    yield from answer(state, command.command_id, order.order_id, None)


def replace_refused(state: State, command: ReplaceRefused) -> Iterator[Event]:
    """The old terms stand."""
    before = state.orders.get(command.order_id)
    if before is not None and before.status not in FINAL:
        order = orders.with_hold(msgspec.structs.replace(before, amends=before.amends[1:]))
        yield from release(state, before, order)
        yield Stored(order)
    yield from answer(state, command.command_id, command.order_id, command.reason_code)


def cancel_refused(state: State, command: CancelRefused) -> Iterator[Event]:
    """The order was gone before the cancel came."""
    yield from answer(state, command.command_id, command.order_id, command.reason_code)


def cancel(state: State, command: CancelOrder) -> Iterator[Event]:
    """Asks the book to take the order out; what becomes of it the book says."""
    if state.outcomes.get(command.command_id) is not None:
        return
    order = state.orders.get(command.order_id)
    reason = _too_late(order, command)
    if order is None or reason is not None:
        yield from answer(state, command.command_id, command.order_id, reason)
        return
    yield from _await_answer(state, command.command_id, order.order_id)
    yield CancelRestingOrder(order_id=order.order_id, account_id=order.account_id, symbol=order.symbol)
