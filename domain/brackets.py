"""Exits that are placed with an entry: a take-profit, a stop-loss, or both, of which one ends the other.

They are orders of their own, HELD until their parent has ended. Then they go to the book for what it has filled, as one
OCO group whose funds are held once; where it has filled nothing, they are cancelled. What a buying parent gains is
reserved for them fill by fill, so that nothing else can use it meanwhile; exits that buy back hold when they are
released, and are rejected where the money is not there. On margin they hold nothing. When they are released they are
checked as any order is, each as if it were alone, for only one of them trades.
"""

from collections.abc import Generator, Iterator
from typing import Any

import msgspec

from domain import account_states, cancel_marks, fees, margin, order_sizes, orders, reduce_only, risk
from domain.account_rows import Event, Finished, Numbered, Order, State, Stored, Terms
from domain.instruments import Instrument
from domain.ledger import entry, release
from domain.money import NUMBERS_PER_COUNT
from domain.names import NAME_LENGTH_MAX
from domain.order_life import Step, after
from domain.order_terms import price_fault
from schemas.accounts import PlaceOrder
from schemas.enums import BalanceReason, OrderType, ReasonCode, Side, TimeInForce
from schemas.order_books import EnterOrder

_UNPAID = ReasonCode.BUYING_POWER
HELD = after(None, Step.HELD_BACK)
RELEASED = after(HELD, Step.RELEASED)
EXIT = "exit"
"""What was asked for with an exit: no order that is placed by itself is the same."""
WITHOUT_EXITS = frozenset(
    {
        ReasonCode.MASS_CANCEL,
        ReasonCode.RESET,
        ReasonCode.KILL_SWITCH,
        ReasonCode.CANCEL_TIMER,
        ReasonCode.DISCONNECTED,
    }
)
"""Where a parent ends for one of these, nothing new goes to the book, whatever it has filled."""


def fault(state: State, command: PlaceOrder, parent: Order, instrument: Instrument) -> ReasonCode | None:
    """What is wrong with the exits; None where nothing is."""
    if command.time_in_force is TimeInForce.GTD:
        return ReasonCode.UNSUPPORTED_TIME_IN_FORCE
    if command.is_reduce_only:
        return ReasonCode.UNSUPPORTED_ORDER_TYPE
    found = _prices_fault(command, instrument) or _names_fault(state, parent)
    return found if found is not None or not instrument.is_limited else _size_fault(state, command, parent, instrument)


def _prices_fault(command: PlaceOrder, instrument: Instrument) -> ReasonCode | None:
    profit, loss = command.take_profit_price, command.stop_loss_price
    for price in (profit, loss, command.stop_loss_limit_price):
        if price is not None and (found := price_fault(instrument, price, command.quantity)) is not None:
            return found
    if profit is None or loss is None:
        return None
    is_right = profit > loss if command.side is Side.BUY else profit < loss
    return None if is_right else ReasonCode.BAD_PRICE


def _names_fault(state: State, parent: Order) -> ReasonCode | None:
    if any(len(leg) > NAME_LENGTH_MAX for leg in parent.legs):
        return ReasonCode.TOO_LARGE
    is_used = any(state.orders.get(leg) is not None for leg in parent.legs)
    return ReasonCode.DUPLICATE_ORDER_ID if is_used else None


def _size_fault(state: State, command: PlaceOrder, parent: Order, instrument: Instrument) -> ReasonCode | None:
    """Whether an exit could be larger than one order may be: it may be worth more than its entry."""
    mark = state.marks.get(parent.symbol)
    faults = (order_sizes.size_fault(instrument, _leg(command, parent, each, 0), mark) for each in parent.legs)
    return next((found for found in faults if found is not None), None)


def hold_back(state: State, command: PlaceOrder, parent: Order) -> Iterator[Event]:
    """The exits of a parent that was accepted: known from now on, and not working."""
    for order_id in parent.legs:
        number = (state.shard_row().orders + 1) * NUMBERS_PER_COUNT + state.partition
        yield Numbered()
        leg = _leg(command, parent, order_id, number)
        yield orders.told(leg, Step.HELD_BACK)
        yield Stored(leg)


def _leg(command: PlaceOrder, parent: Order, order_id: str, number: int) -> Order:
    """An exit as it waits for its parent."""
    is_profit = order_id.endswith(".tp")
    limit = command.take_profit_price if is_profit else command.stop_loss_limit_price
    return Order(
        order_id=order_id,
        account_id=parent.account_id,
        symbol=parent.symbol,
        order_number=number,
        client_order_id=None,
        side=Side.SELL if parent.side is Side.BUY else Side.BUY,
        order_type=OrderType.LIMIT if is_profit else OrderType.STOP if limit is None else OrderType.STOP_LIMIT,
        quantity=parent.quantity,
        limit_price=limit,
        stop_price=None if is_profit else command.stop_loss_price,
        time_in_force=TimeInForce.DAY if parent.time_in_force is TimeInForce.DAY else TimeInForce.GTC,
        status=HELD,
        created_at=parent.created_at,
        command_id=parent.command_id,
        body=EXIT,
        base=parent.base,
        quote=parent.quote,
        multiplier=parent.multiplier,
        venue=parent.venue,
        fee_rate_max=parent.fee_rate_max,
        cap_price=limit or 0,
        version=1,
        best_bid=parent.best_bid,
        best_ask=parent.best_ask,
        updated_at=parent.updated_at,
        oco_group=f"{parent.order_id}|exits" if len(parent.legs) > 1 else "",
        exchange=parent.exchange,
        fee_schedule=parent.fee_schedule,
        parent_id=parent.order_id,
        is_margin=parent.is_margin,
    )


def reserved(state: State, parent: Order, quantity: int) -> Iterator[Event]:
    """A buying parent gained so many units: they are for its exits."""
    legs = [] if parent.is_margin else _held(state, parent)
    if legs and parent.side is Side.BUY:
        holder = legs[0]
        yield entry(state, holder.account_id, holder.base, 0, quantity, BalanceReason.HOLD, holder.order_id)
        yield Stored(msgspec.structs.replace(holder, held=holder.held + quantity))


def parent_ended(state: State, parent: Order) -> Iterator[Event]:
    """The exits go to the book for what their parent has filled, or end with it."""
    legs = _held(state, parent)
    reason = _reason_to_end(state, parent)
    if reason is None and legs:
        yield from _released(state, parent, legs)
        return
    for leg in legs:
        yield from _ended(state, leg, Step.CANCELLED, reason or ReasonCode.PARENT_ENDED)


def _reason_to_end(state: State, parent: Order) -> ReasonCode | None:
    if state.shard_row().reset_id:
        return ReasonCode.RESET
    if parent.reason_code in WITHOUT_EXITS:
        return parent.reason_code
    marks = state.cancel_marks
    found = cancel_marks.reason_of(marks, parent.account_id, parent.symbol, parent.side, parent.order_number)
    if found is not None:
        return found
    if not parent.filled:
        return ReasonCode.PARENT_ENDED
    return account_states.trading_fault(state, parent.account_id, is_reducing=_reduce(state, parent))


def _reduce(state: State, parent: Order) -> bool:
    """Whether the exits only make a position smaller: in a cash account, what sells does."""
    side = Side.SELL if parent.side is Side.BUY else Side.BUY
    if not parent.is_margin:
        return side is Side.SELL
    open_already = state.risk.exposure(parent.account_id, parent.symbol).of(side)
    leg = msgspec.structs.replace(parent, side=side)
    return open_already + parent.filled <= reduce_only.closable(state, leg)


def cancelled(state: State, leg: Order) -> Iterator[Event]:
    """Its owner takes an exit back that does not work yet; what it holds is for the other one."""
    parent = state.orders.get(leg.parent_id)
    assert parent is not None
    others = [each for each in _held(state, parent) if each.order_id != leg.order_id]
    if others and leg.held:
        yield Stored(msgspec.structs.replace(others[0], held=others[0].held + leg.held))
        leg = msgspec.structs.replace(leg, held=0)
    yield from _ended(state, leg, Step.CANCELLED, ReasonCode.REQUESTED)


def amended(state: State, leg: Order, terms: Terms) -> Iterator[Event]:
    """An exit that does not work yet has other prices from now on."""
    limit = terms.price if leg.limit_price is not None else None
    prices = {"limit_price": limit, "cap_price": limit or 0, "stop_price": terms.stop_price}
    changed = _next(state, leg, Step.AMENDED, **prices)
    yield orders.told(changed, Step.AMENDED)
    yield Stored(changed)


def _held(state: State, parent: Order) -> list[Order]:
    found = [leg for each in parent.legs if (leg := state.orders.get(each)) is not None]
    return [leg for leg in found if leg.status is HELD]


def _ended(state: State, leg: Order, step: Step, reason: ReasonCode) -> Iterator[Event]:
    ended = _next(state, leg, step, reason_code=reason, held=0)
    yield orders.told(ended, step)
    yield from release(state, leg, ended)
    yield Stored(ended)
    yield Finished(ended)


def _next(state: State, leg: Order, step: Step, **changed: Any) -> Order:
    status = after(leg.status, step)
    return msgspec.structs.replace(leg, status=status, version=leg.version + 1, updated_at=state.now, **changed)


def _released(state: State, parent: Order, legs: list[Order]) -> Iterator[Event]:
    """The one that needs most holds for both, the stop-loss where they need the same, and goes first.

    A stop-loss with a limit ends the take-profit when it is triggered: else both could trade in one auction.
    """
    instrument = state.instruments.get(parent.symbol)
    assert instrument is not None
    if parent.fee_schedule:
        instrument = fees.instrument_for(state, parent.account_id, parent.fee_schedule, instrument)
    is_margin = parent.is_margin and margin.is_on_margin(state, parent.account_id, instrument)
    sized = [_sized(leg, parent.filled, instrument, is_margin=is_margin) for leg in legs]
    sized.sort(key=lambda leg: -leg.held)
    holder = sized[0]
    more = holder.held - sum(leg.held for leg in legs)
    can_pay = is_margin or orders.can_pay(state.balance(parent.account_id, holder.held_asset), more)
    reason = yield from _checked(state, [(leg, more if leg is holder else 0) for leg in sized], instrument, can_pay)
    if reason is not None:
        for leg in legs:
            yield from _ended(state, leg, Step.REJECTED, reason)
        return
    if more:
        yield entry(state, holder.account_id, holder.held_asset, 0, more, BalanceReason.HOLD, holder.order_id)
    for leg in sized:
        yield from _goes(state, leg, holder, instrument)


def _checked(
    state: State, legs: list[tuple[Order, int]], instrument: Instrument, can_pay: bool
) -> Generator[Event, None, ReasonCode | None]:
    """Whether each could go to the book alone, with so much more held -> why none goes, where one could not."""
    released = [msgspec.structs.replace(leg, held=more, status=RELEASED) for leg, more in legs]
    verdicts = [risk.check(state, leg, leg, instrument, leg if can_pay else _UNPAID) for leg in released]
    reasons = [each.reason_code for each in verdicts if each.reason_code is not None]
    reason = _UNPAID if _UNPAID in reasons else reasons[0] if reasons else None
    for each in verdicts:
        yield each if reason is None else msgspec.structs.replace(each, is_approved=False, reason_code=reason)
    return reason


def _goes(state: State, leg: Order, holder: Order, instrument: Instrument) -> Iterator[Event]:
    """To the book, which does not take it where the other one has traded or is gone, whoever holds what."""
    follows = "" if leg is holder else holder.order_id
    held, held_by = (leg.held, "") if leg is holder or leg.is_margin else (0, follows)
    released = _next(state, leg, Step.RELEASED, held=held, held_by=held_by)
    yield orders.told(released, Step.RELEASED)
    yield Stored(released)
    if released.is_margin:
        yield from reduce_only.make_room(state, released)
    yield _entered(released, instrument, follows)


def _sized(leg: Order, quantity: int, instrument: Instrument, *, is_margin: bool) -> Order:
    """The exit for so many units, with what it would have to hold for them alone."""
    rate = instrument.fee_rate_max
    leg = msgspec.structs.replace(leg, quantity=quantity, fee_rate_max=rate, is_margin=is_margin)
    cap = orders.cap_price(instrument, leg, None) or 0
    return msgspec.structs.replace(leg, cap_price=cap, held=0 if is_margin else orders.hold_at(leg, cap))


def _entered(leg: Order, instrument: Instrument, follows: str) -> EnterOrder:
    return EnterOrder(
        order_id=leg.order_id,
        account_id=leg.account_id,
        symbol=leg.symbol,
        order_number=leg.order_number,
        side=leg.side,
        order_type=leg.order_type,
        quantity=leg.quantity,
        time_in_force=leg.time_in_force,
        maker_fee_rate=instrument.maker_fee_rate,
        taker_fee_rate=instrument.taker_fee_rate,
        limit_price=leg.cap_price or None,
        stop_price=leg.stop_price,
        oco_group=f"{leg.account_id}|{leg.oco_group}" if leg.oco_group else "",
        held_by=follows,
        held_by_filled=0 if follows else None,
        ends_group_at_trigger=leg.order_type is OrderType.STOP_LIMIT,
    )
