"""What a book says of an order, brought into its account."""

from collections.abc import Iterable, Iterator

import msgspec

from domain import brackets, oco_groups, orders, reasons
from domain.account_rows import (
    CLEARING,
    FINAL,
    Contra,
    Event,
    Filled,
    Finished,
    Order,
    State,
    Stepped,
    Stored,
)
from domain.fee_rows import ValueTraded
from domain.ledger import answer, is_of_another, moved, release
from domain.order_life import Step, after
from domain.trades import HOUSE, Fill, fills_of
from schemas.enums import ReasonCode, Side, Venue
from schemas.order_books import (
    OrderArmed,
    OrderCancelled,
    OrderReduced,
    OrderRested,
    OrderTriggered,
    TradeExecuted,
)

_BUY, _SIM = Side.BUY, Venue.SIM


def rested(state: State, command: OrderRested) -> Iterable[Event]:
    """The order waits in the book."""
    return _goes_on(state, command.order_id, Step.RESTED)


def armed(state: State, command: OrderArmed) -> Iterable[Event]:
    """The order waits for its trigger."""
    return _goes_on(state, command.order_id, Step.ARMED)


def triggered(state: State, command: OrderTriggered) -> Iterable[Event]:
    """The order became active."""
    return _goes_on(state, command.order_id, Step.TRIGGERED)


def _goes_on(state: State, order_id: str, step: Step) -> tuple[Event]:
    order = known(state, order_id)
    status = after(order.status, step)
    order = msgspec.structs.replace(order, status=status, version=order.version + 1, updated_at=state.now)
    return (Stepped(order, step),)


def reduced(state: State, command: OrderReduced) -> Iterator[Event]:
    """Units were taken off the order: what was held for them is released."""
    before = known(state, command.order_id)
    order = msgspec.structs.replace(
        before,
        body=orders.asked_for(before),
        quantity=command.quantity if before.notional is None else before.quantity,
        status=after(before.status, Step.REDUCED),
        version=before.version + 1,
        updated_at=state.now,
    )
    order = oco_groups.with_hold(state, order)
    assert order.leaves == command.leaves_quantity or order.notional is not None, (
        "book and account count the same fills"
    )
    yield orders.told(order, Step.REDUCED)
    yield from release(state, before, order)
    yield Stored(order)
    yield from answer_if_asked(state, command, order)


def answer_if_asked(state: State, command: OrderReduced | OrderCancelled, order: Order) -> Iterator[Event]:
    """Who asked for it hears that it is done; an order that was placed is told by its own events."""
    if is_of_another(state, command.command_id, order.order_id):
        return
    if command.command_id != order.command_id or state.outcomes.get(command.command_id) is not None:
        quantity = command.quantity if isinstance(command, OrderCancelled) else 0
        yield from answer(state, command.command_id, order.order_id, None, quantity)


def traded(state: State, command: TradeExecuted) -> Iterable[Event]:
    """A trade of one or of two of our orders; the one that rested is told first."""
    fills = fills_of(command)
    ours, is_plain = [], command.buy_account_id != command.sell_account_id
    for fill in fills:
        order = state.orders.get(fill.order_id)
        if order is not None and order.account_id == fill.account_id:
            ours.append((order, fill))
            is_plain = is_plain and not (order.held_by or order.fee_schedule or order.legs)
    is_of_house = command.venue == _SIM and state.keeps_house
    assert ours or is_of_house, f"trade {command.trade_id} is of no order of ours"
    if is_plain and not is_of_house:
        is_within = len(ours) == len(fills)
        return [_fill(state, order, fill, is_within=is_within) for order, fill in ours]
    return _traded(state, command, fills, [fill for _, fill in ours], is_of_house=is_of_house)


def _traded(
    state: State, command: TradeExecuted, fills: tuple[Fill, Fill], ours: list[Fill], *, is_of_house: bool
) -> Iterator[Event]:
    """The same where a fill means more than that, or where the one that comes first changes what the other finds."""
    for fill in ours:
        yield from _filled(state, fill, is_within=len(ours) == len(fills))
    if is_of_house:
        (fill,) = [fill for fill in fills if fill.account_id == HOUSE]
        yield from _of_house(fill, command.base, command.quote)


def _of_house(fill: Fill, base: str, quote: str) -> Iterator[Event]:
    """The house took the other side, at the venue SIM."""
    sign = 1 if fill.side is Side.BUY else -1
    for asset, gain in ((base, sign * fill.quantity), (quote, -sign * fill.value)):
        yield Contra(HOUSE, asset, gain)
        yield Contra(CLEARING, asset, -gain)


def _fill(state: State, before: Order, fill: Fill, *, is_within: bool) -> Filled:
    """What was held is spent, and what it was held too dear is released, in the same step."""
    order = orders.after_fill(before, fill, state.now)
    released = before.held - order.held
    account_id, base, quote = order.account_id, order.base, order.quote
    if order.side is _BUY:
        spent = moved(state, account_id, quote, -fill.value - fill.fee, -released)
        gained = moved(state, account_id, base, fill.quantity, 0)
    else:
        spent = moved(state, account_id, base, -fill.quantity, -released)
        gained = moved(state, account_id, quote, fill.value - fill.fee, 0)
    return Filled(order, fill, spent, gained, is_within)


def _filled(state: State, fill: Fill, *, is_within: bool) -> Iterator[Event]:
    """One of our orders trades."""
    before = known(state, fill.order_id)
    if before.held_by:
        before = yield from oco_groups.taken_over(state, before)
    filled = _fill(state, before, fill, is_within=is_within)
    yield filled
    order = filled.order
    if order.fee_schedule:
        yield ValueTraded(order.account_id, order.quote, fill.value)
    if order.legs:
        yield from _exits(state, order, fill)


def _exits(state: State, parent: Order, fill: Fill) -> Iterator[Event]:
    """What a fill means for the exits of the order."""
    yield from brackets.reserved(state, parent, fill.quantity)
    if parent.status in FINAL:
        yield from brackets.parent_ended(state, parent)


def ended(state: State, order: Order) -> Iterator[Event]:
    """The order has come to its end, and what was placed with it begins to work, or ends, too."""
    yield Finished(order)
    if order.legs:
        yield from brackets.parent_ended(state, order)


def cancelled(state: State, command: OrderCancelled) -> Iterator[Event]:
    """What was left of the order left the book: all that is still held is released."""
    before = yield from oco_groups.handed_over(state, known(state, command.order_id))
    step, reason_code = reasons.ENDS.get(command.reason_code, Step.CANCELLED), command.reason_code
    if step is Step.SPENT and not before.filled:  # self-trade prevention took it all
        step = Step.CANCELLED
    if before.is_leaving and reason_code is ReasonCode.REQUESTED:
        reason_code = ReasonCode.REDUCE_ONLY_WOULD_INCREASE
    order = msgspec.structs.replace(
        before,
        status=after(before.status, step),
        reason_code=reason_code,
        held=0,
        amends=(),
        version=before.version + 1,
        updated_at=state.now,
    )
    yield orders.told(order, step)
    yield from release(state, before, order)
    yield Stored(order)
    yield from ended(state, order)
    yield from answer_if_asked(state, command, order)


def known(state: State, order_id: str) -> Order:
    """The order of which the book speaks: there, and alive."""
    order = state.orders.get(order_id)
    assert order is not None, f"the book speaks of order {order_id}, which is not ours"
    assert order.status not in FINAL, f"the book speaks of order {order_id}, which is {order.status}"
    return order
