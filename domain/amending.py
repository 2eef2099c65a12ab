"""Amends and cancels: what more they need is held first, what they need less is released when they stand."""

from collections.abc import Iterator

import msgspec

from domain import brackets, new_terms, oco_groups, order_life, orders, reduce_only, risk
from domain.account_rows import (
    FINAL,
    Answered,
    Event,
    Order,
    Outcome,
    State,
    Stored,
)
from domain.book_reports import ended, known
from domain.ledger import answer, entry, is_of_another, release
from domain.order_life import Step
from domain.order_terms import WITH_LIMIT
from schemas.accounts import (
    AmendOrder,
    CancelOrder,
)
from schemas.enums import BalanceReason, ReasonCode
from schemas.order_books import (
    CancelRefused,
    CancelRestingOrder,
    OrderReplaced,
    ReplaceOrder,
    ReplaceRefused,
)


def amend(state: State, command: AmendOrder) -> Iterator[Event]:
    """Holds what the new terms may need more before they go out; what they need less is released when they stand.

    Fills under the old terms may come first: what both together can cost is held.
    """
    if state.outcomes.get(command.command_id) is not None:
        return
    order, body = state.orders.get(command.order_id), body_of(command)
    reason = _too_late(order, command, Step.AMEND_ASKED)
    if order is None or reason is not None:
        yield from answer(state, command.command_id, command.order_id, reason, body=body)
        return
    amended = _with_new_terms(state, order, command)
    if isinstance(amended, ReasonCode):
        yield from answer(state, command.command_id, order.order_id, amended, body=body)
        return
    terms, more = amended.amends[-1], amended.held - order.held
    if order.status is brackets.HELD:
        yield from brackets.amended(state, order, terms)
        yield from answer(state, command.command_id, order.order_id, None, body=body)
        return
    if more:
        yield entry(state, order.account_id, order.held_asset, 0, more, BalanceReason.HOLD, order.order_id)
    yield Stored(amended)
    if amended.is_margin:
        yield from reduce_only.make_room(state, amended)
    yield from _await_answer(state, command.command_id, order.order_id, body)
    yield ReplaceOrder(
        order_id=order.order_id,
        account_id=order.account_id,
        symbol=order.symbol,
        quantity=terms.quantity,
        limit_price=terms.price,
        stop_price=command.stop_price,
        trail=command.trail,
    )


def _with_new_terms(state: State, order: Order, command: AmendOrder) -> Order | ReasonCode:
    """The order with the new terms asked for, and with what is held meanwhile; or why not."""
    terms = new_terms.terms_of(state, order, command)
    if isinstance(terms, ReasonCode):
        return terms
    if order.status is brackets.HELD:  # it holds for itself when it is released
        return msgspec.structs.replace(order, amends=(terms,))
    amended = oco_groups.with_hold(state, msgspec.structs.replace(order, amends=(*order.amends, terms)))
    more = amended.held - order.held
    if not (order.is_margin or orders.can_pay(state.balance(order.account_id, order.held_asset), more)):
        return ReasonCode.BUYING_POWER
    return risk.amend_fault(state, order, amended) or amended


def _too_late(order: Order | None, command: AmendOrder | CancelOrder, step: Step) -> ReasonCode | None:
    if order is None or order.account_id != command.account_id:
        return ReasonCode.UNKNOWN_ORDER
    return ReasonCode.TOO_LATE if order_life.answer(order.status, step) is None else None


def _await_answer(state: State, command_id: str, order_id: str, body: str = "") -> Iterator[Event]:
    if command_id:
        outcome = Outcome(state.shard_row().outcomes + 1, is_pending=True, order_id=order_id, body=body)
        yield Answered(command_id, outcome)


def body_of(command: AmendOrder) -> str:
    """What makes two amends under one id the same."""
    return f"{command.quantity}|{command.limit_price}|{command.stop_price}|{command.trail}"


def replaced(state: State, command: OrderReplaced) -> Iterator[Event]:
    """The new terms stand."""
    before = known(state, command.order_id)
    step = Step.AMENDED_TO_FILLED if command.quantity == before.filled else Step.AMENDED
    order = msgspec.structs.replace(
        before,
        body=orders.asked_for(before),
        quantity=command.quantity,
        limit_price=command.limit_price if before.order_type in WITH_LIMIT else None,
        stop_price=before.stop_price if command.trail is not None else command.stop_price or before.stop_price,
        trail=command.trail or before.trail,
        cap_price=command.limit_price,
        status=order_life.after(before.status, step),
        amends=before.amends[1:],
        version=before.version + 1,
        updated_at=state.now,
    )
    order = oco_groups.with_hold(state, order)
    yield orders.told(order, step)
    yield from release(state, before, order)
    yield Stored(order)
    if order.status in FINAL:
        yield from ended(state, order)
    yield from answer(state, command.command_id, order.order_id, None)


def replace_refused(state: State, command: ReplaceRefused) -> Iterator[Event]:
    """The old terms stand."""
    before = state.orders.get(command.order_id)
    if before is not None and order_life.answer(before.status, Step.REQUEST_REFUSED) is not None:
        order = oco_groups.with_hold(state, msgspec.structs.replace(before, amends=before.amends[1:]))
        yield from release(state, before, order)
        yield Stored(order)
    yield from answer(state, command.command_id, command.order_id, command.reason_code)


def cancel_refused(state: State, command: CancelRefused) -> Iterator[Event]:
    """The order was gone before the cancel came."""
    if not is_of_another(state, command.command_id, command.order_id):
        yield from answer(state, command.command_id, command.order_id, command.reason_code)


def cancel(state: State, command: CancelOrder) -> Iterator[Event]:
    """Asks the book to take the order out; what becomes of it the book says."""
    if state.outcomes.get(command.command_id) is not None:
        return
    order = state.orders.get(command.order_id)
    reason = _too_late(order, command, Step.CANCEL_ASKED)
    if order is None or reason is not None:
        yield from answer(state, command.command_id, command.order_id, reason)
        return
    if order.status is brackets.HELD:
        yield from brackets.cancelled(state, order)
        yield from answer(state, command.command_id, order.order_id, None, order.quantity)
        return
    yield from _await_answer(state, command.command_id, order.order_id)
    yield CancelRestingOrder(order_id=order.order_id, account_id=order.account_id, symbol=order.symbol)
