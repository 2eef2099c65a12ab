"""Reduce-only orders: they make a position smaller, or they do not go out.

The position is what the account owns of the base asset, and can be sold or bought back. An order passes as far as it,
with all orders that are open on its side, cannot carry the account through zero; orders of its own OCO group do not
count, for only one of them trades. What a cash account sells it owns, and holds; so there only other reduce-only orders
count. In a margin account another order of the symbol may come that uses the position up: then reduce-only orders
leave, the newest first, and that order goes out behind their cancels. So in whichever order a book fills what is there,
none of them opens or turns a position. What changes a position from elsewhere, a deposit, or a trade of the same asset
in another symbol, is not looked at.
"""

from collections.abc import Iterator

import msgspec

from domain.account_rows import Event, Order, State, Stored
from domain.exposures import open_units
from domain.order_terms import WITH_LIMIT
from schemas.enums import ReasonCode, Side
from schemas.order_books import CancelRestingOrder

ORDERS_MAX = 50
"""Reduce-only orders that an account may have open in a symbol."""


def fault(state: State, order: Order, units: int) -> ReasonCode | None:
    """Why so many units more of a reduce-only order would not only reduce; None where they do.

    What it has open already counts.
    """
    others = orders_of(state, order)
    if len(others) >= ORDERS_MAX:
        return ReasonCode.TOO_LARGE
    siblings = sum(open_units(other) for other in others if _excludes(order, other))
    if order.is_margin:
        counted = state.risk.exposure(order.account_id, order.symbol).of(order.side) - siblings
    else:
        counted = sum(open_units(other) for other in (*others, *_known(state, order))) - siblings
    fits = counted + units <= closable(state, order)
    return None if fits else ReasonCode.REDUCE_ONLY_WOULD_INCREASE


def closable(state: State, order: Order) -> int:
    """Units that the side of the order can close."""
    balance = state.balance(order.account_id, order.base)
    if order.side is Side.BUY:
        return max(0, -balance.total)
    return max(0, balance.available if order.is_margin else balance.total)


def make_room(state: State, order: Order) -> Iterator[Event]:
    """Another order of a margin account was accepted: reduce-only orders leave that could turn the position with it."""
    if order.is_reduce_only or not order.is_margin:
        return
    others = orders_of(state, order)
    excess = state.risk.exposure(order.account_id, order.symbol).of(order.side) - closable(state, order)
    excess -= sum(open_units(other) for other in others if other.is_leaving)
    for other in reversed([other for other in others if not other.is_leaving]):
        if excess <= 0:
            return
        excess -= open_units(other)
        yield Stored(msgspec.structs.replace(other, is_leaving=True))
        yield CancelRestingOrder(order_id=other.order_id, account_id=other.account_id, symbol=other.symbol)


def orders_of(state: State, order: Order) -> list[Order]:
    """The other open reduce-only orders of the account on this side of the symbol, the oldest first."""
    ids = state.risk.reducing.get(f"{order.account_id}|{order.symbol}") or ()
    found = [state.orders.get(each) for each in ids if each != order.order_id]
    return [other for other in found if other is not None and other.side is order.side]


def _known(state: State, order: Order) -> tuple[Order, ...]:
    """The order as it is, where it is not new."""
    known = state.orders.get(order.order_id)
    return () if known is None else (known,)


def _excludes(order: Order, other: Order) -> bool:
    """Whether at most one of the two can trade: in an auction two limits of a group may."""
    is_group = bool(order.oco_group) and order.oco_group == other.oco_group
    return is_group and not (order.order_type in WITH_LIMIT and other.order_type in WITH_LIMIT)
