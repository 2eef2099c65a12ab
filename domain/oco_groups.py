"""Orders of a group of which only one can trade hold funds once: one of them holds for the others.

Two of them may trade in one uncross, where both rest in the book or wait for the auction. So at most one of those that
share may rest; stops, trailing stops and take-profits never do. The book refuses an order that would share where the
one that holds for it is gone or has traded meanwhile, and a fill of one ends the others in the same step: so what is
held once is spent once.
"""

from collections.abc import Generator

import msgspec

from domain import orders
from domain.account_rows import FINAL, Event, Order, State, Stored
from domain.order_terms import FOR_AUCTIONS, WITH_LIMIT

LEGS_MAX = 50
"""Orders that a group may have open: every one looks at the others, and a fill cancels them all in one record."""


def is_full(state: State, order: Order) -> bool:
    """Whether its group takes no more orders."""
    row = state.groups.get(group_key(order))
    return row is not None and len(row.legs) >= LEGS_MAX


def holder_for(state: State, order: Order) -> Order | None:
    """The order of its group that holds enough for a new one, too; None where it must hold its own."""
    legs = siblings(state, order)
    for leg in legs:
        sharing = [order, leg, *(each for each in legs if each.held_by == leg.order_id)]
        is_alone = sum(_rests(each) for each in sharing) <= 1
        if is_alone and not leg.held_by and not leg.amends and not leg.filled and leg.held >= order.held:
            return leg
    return None


def _rests(order: Order) -> bool:
    """Whether it may wait for somebody to trade with it, and so trade in an uncross."""
    return order.order_type in WITH_LIMIT or order.time_in_force in FOR_AUCTIONS


def siblings(state: State, order: Order) -> list[Order]:
    """The other orders of its group that are alive, of the same symbol and side."""
    row = state.groups.get(group_key(order)) if order.oco_group else None
    found = [] if row is None else [leg for each in row.legs if (leg := state.orders.get(each)) is not None]
    return [
        leg
        for leg in found
        if leg.order_id != order.order_id
        and leg.status not in FINAL
        and (leg.symbol, leg.side) == (order.symbol, order.side)
    ]


def group_key(order: Order) -> str:
    """Under which the group lies."""
    return f"{order.account_id}|{order.oco_group}"


def shares(state: State, order: Order) -> bool:
    """Whether another order holds for this one, or this one for another."""
    return bool(order.held_by) or any(leg.held_by == order.order_id for leg in siblings(state, order))


def with_hold(state: State, order: Order) -> Order:
    """The order with what must be held for it now; one that shares stays, for others may need all that it holds."""
    return order if order.oco_group and shares(state, order) else orders.with_hold(order)


def taken_over(state: State, order: Order) -> Generator[Event, None, Order]:
    """The order trades: what another one holds for it is its own now. That one is about to be cancelled."""
    if not order.held_by:
        return order
    holder = state.orders.get(order.held_by)
    assert holder is not None, f"{order.order_id} trades, and {order.held_by} does not hold for it"
    yield Stored(msgspec.structs.replace(holder, held=0))
    return msgspec.structs.replace(order, held=holder.held, held_by="")


def handed_over(state: State, order: Order) -> Generator[Event, None, Order]:
    """The order ends without having traded: the one that needs most of those for which it holds, holds now.

    Where it has traded, those are gone or on their way to a book that will not take them: they need nothing any more.
    -> the order, with what is left to be released.
    """
    is_holder = order.held and not order.filled
    heirs = [leg for leg in siblings(state, order) if leg.held_by == order.order_id] if is_holder else []
    if not heirs:
        return order
    heir = max(heirs, key=lambda leg: (orders.hold_of(leg), leg.order_number))
    needed = orders.hold_of(heir)
    assert needed <= order.held, f"{order.order_id} held {order.held}, {heir.order_id} needs {needed}"
    yield Stored(msgspec.structs.replace(heir, held=needed, held_by=""))
    for leg in heirs:
        if leg is not heir:
            yield Stored(msgspec.structs.replace(leg, held_by=heir.order_id))
    return msgspec.structs.replace(order, held=order.held - needed)
