"""A new order: checked, held for, and sent to its book; or refused."""

from collections.abc import Iterable, Iterator

import msgspec

from domain import (
    account_states,
    brackets,
    fees,
    margin,
    money_units,
    oco_groups,
    order_sizes,
    orders,
    plain_orders,
    reduce_only,
    risk,
)
from domain.account_rows import (
    Event,
    Finished,
    Numbered,
    Order,
    Placed,
    State,
    Stored,
)
from domain.instruments import Instrument
from domain.ledger import answer, moved
from domain.money import AMOUNT_MAX, NUMBERS_PER_COUNT, value_of
from domain.order_life import Step, after
from domain.orders import APPROVED
from schemas.accounts import PlaceOrder, RiskChecked
from schemas.enums import ReasonCode
from schemas.order_books import (
    EnterOrder,
)


def place(state: State, command: PlaceOrder) -> Iterable[Event]:
    """A new order: accepted or refused. One that came before changes nothing."""
    return plain_orders.place(state, command) or any_order(state, command)


def any_order(state: State, command: PlaceOrder) -> Iterator[Event]:
    """The long way: whatever was asked for, it is looked at."""
    if state.orders.get(command.order_id) is not None:
        yield from _placed_before(state, command, command.order_id, ReasonCode.DUPLICATE_ORDER_ID)
        return
    if command.client_order_id is not None:
        known = state.client_orders.get(f"{command.account_id}|{command.client_order_id}")
        if known is not None:
            yield from _placed_before(state, command, known, ReasonCode.DUPLICATE_CLIENT_ORDER_ID)
            return
    instrument = state.instruments.get(command.symbol)
    number = (state.shard_row().orders + 1) * NUMBERS_PER_COUNT + state.partition
    account = state.accounts.get(command.account_id)
    schedule = "" if account is None else account.fee_schedule
    if schedule and instrument is not None:
        instrument = fees.instrument_for(state, command.account_id, schedule, instrument)
    order = orders.new_order(state, command, instrument, number, schedule)
    reason = orders.validation_fault(state, command, instrument)
    if reason is None and instrument is not None:
        reason = _fault_of_few(state, command, order, instrument)
    if reason is None and state.risk.watched:
        reason = yield from account_states.admitted(state, command)
    if instrument is None or reason is not None:
        yield from _refuse(order, reason or ReasonCode.UNKNOWN_SYMBOL)
        return
    checked = _with_funds(state, command, order, instrument)
    verdict = risk.check(state, command, order, instrument, checked)
    if isinstance(checked, Order) and verdict.reason_code is None:
        yield from _accept(state, command, checked, instrument, verdict)
        if checked.legs:
            yield from brackets.hold_back(state, command, checked)
    else:
        assert verdict.reason_code is not None
        yield verdict
        yield from _refuse(order, verdict.reason_code)


def _fault_of_few(state: State, command: PlaceOrder, order: Order, instrument: Instrument) -> ReasonCode | None:
    """What is wrong with what most orders have nothing of."""
    if order.oco_group and oco_groups.is_full(state, order):
        return ReasonCode.TOO_LARGE
    if instrument.is_limited:
        found = order_sizes.size_fault(instrument, command, state.marks.get(command.symbol))
        if found is not None:
            return found
    return brackets.fault(state, command, order, instrument) if order.legs else None


def _with_funds(state: State, command: PlaceOrder, order: Order, instrument: Instrument) -> Order | ReasonCode:
    """The order, approved, with what is held for it; or why nothing can be held."""
    if state.shard_row().reset_id:
        return ReasonCode.RESET_IN_PROGRESS
    cap = orders.cap_price(instrument, command, state.marks.get(order.symbol))
    if cap is None:
        return ReasonCode.NO_REFERENCE_PRICE
    if value_of(order.quantity, cap, instrument.multiplier) > AMOUNT_MAX:
        return ReasonCode.AMOUNT_OUT_OF_RANGE
    is_margin = bool(state.risk.margin_accounts) and margin.is_on_margin(state, order.account_id, instrument)
    held = 0 if is_margin else orders.hold_at(order, cap)
    order = msgspec.structs.replace(order, cap_price=cap, held=held, status=APPROVED, version=3, is_margin=is_margin)
    if command.is_reduce_only:
        order = msgspec.structs.replace(order, is_reduce_only=True)
    if order.notional is not None and (is_margin or state.risk.is_limited(order.account_id, order.symbol)):
        order = money_units.bounded(state, order, instrument)
    if order.oco_group and not is_margin and (holder := oco_groups.holder_for(state, order)) is not None:
        return msgspec.structs.replace(order, held=0, held_by=holder.order_id)
    can_pay = is_margin or orders.can_pay(state.balance(order.account_id, order.held_asset), held)
    return order if can_pay else ReasonCode.BUYING_POWER


def _placed_before(state: State, command: PlaceOrder, order_id: str, reason: ReasonCode) -> Iterator[Event]:
    """The same once more changes nothing; another order under a used id is refused."""
    order = state.orders.get(order_id)
    assert order is not None
    if order.command_id == command.command_id:
        return
    is_same = orders.asked_for(order) == orders.body_of(command) and order.account_id == command.account_id
    yield from answer(state, command.command_id, order_id, None if is_same else reason)


def _refuse(order: Order, reason: ReasonCode) -> Iterator[Event]:
    yield Numbered()
    status = after(None, Step.REFUSED)
    refused = msgspec.structs.replace(order, status=status, reason_code=reason, held=0, version=1, legs=())
    yield orders.told(refused, Step.REFUSED)
    yield Stored(refused)
    yield Finished(refused)


def _accept(
    state: State, command: PlaceOrder, order: Order, instrument: Instrument, verdict: RiskChecked
) -> Iterator[Event]:
    """It is stored with what is held for it, and goes to its book."""
    balance = moved(state, order.account_id, order.held_asset, 0, order.held) if order.held else None
    yield Placed(order, balance, verdict)
    if order.is_margin:
        yield from reduce_only.make_room(state, order)
    if order.limit_price is not None and plain_orders.asks_for_a_limit_alone(command):
        yield plain_orders.entered(order, order.limit_price, instrument)
        return
    holder = state.orders.get(order.held_by) if order.held_by else None
    yield EnterOrder(
        order.order_id,
        order.account_id,
        order.symbol,
        order.order_number,
        order.side,
        order.order_type,
        order.quantity or order.units_max,
        order.time_in_force,
        instrument.maker_fee_rate,
        instrument.taker_fee_rate,
        order.cap_price or None,
        command.stop_price,
        command.trail,
        command.display_quantity,
        command.slippage,
        command.notional,
        command.expires_at,
        command.self_trade_prevention,
        f"{order.account_id}|{command.oco_group}" if command.oco_group else "",
        command.is_post_only,
        order.held_by,
        None if holder is None else holder.filled,
    )
