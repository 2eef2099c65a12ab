"""How much an order could trade now, before it does: what an order that must fill entirely asks."""

from collections.abc import Iterable

from domain import simulated_venue
from domain.book_rows import State
from domain.books import Book, crosses
from domain.breaker_rows import Sweep
from domain.resting import RestingOrder
from domain.shared_liquidity import Trial
from schemas.enums import Allocation, SelfTradePrevention


def reachable(state: State, book: Book, order: RestingOrder) -> int:
    """Units that the order could trade now, up to its own quantity.

    What self-trade prevention stops does not count, nor do orders whose sibling of an OCO group trades before them, nor
    what stands behind a trade that trips the breaker. Where prices are shared, that depends on who trades with whom.
    Prices are added up as wholes, however many orders stand there; but for one at which an own order stops it, or the
    breaker, and for books in which two orders of one group stand on one side.
    """
    if book.quote is not None:
        return simulated_venue.reachable(book.quote, order)
    asked = order.instructions
    prevention = SelfTradePrevention.NONE if asked is None else asked.self_trade_prevention
    instrument = state.instruments.get(order.symbol)
    assert instrument is not None
    is_plain = prevention is SelfTradePrevention.NONE and not book.groups and book.breaker is None
    if instrument.allocation is Allocation.PRO_RATA and not is_plain:
        return Trial(book, order, instrument.lot, state.now).run()
    hit: set[str] = set()
    side, has_pairs = book.opposite(order.side), bool(book.pairs) or order.group in book.groups
    own = _own_units(book, order) if prevention is not SelfTradePrevention.NONE else {}
    sweep = None if book.breaker is None else Sweep(book.breaker, state.now)
    found = 0
    for price, level in side.from_best():
        if found >= order.quantity or not crosses(order.side, order.limit_price, price):
            break
        is_last = sweep is not None and sweep.trips(price)
        if is_last or has_pairs or (price in own and prevention is not SelfTradePrevention.CANCEL_OLDEST):
            units, is_over = _reachable_at(level.values(), order, prevention, hit, is_last=is_last)
        else:
            units, is_over = side.units_at(price) - own.get(price, 0), False
        found += units
        if is_over or (is_last and units):
            break
        if sweep is not None and units:
            sweep.take(price)
    return min(found, order.quantity)


def _own_units(book: Book, order: RestingOrder) -> dict[int, int]:
    """What the order's account has on the other side, by price."""
    found: dict[int, int] = {}
    for maker in book.owners.of(order.account_id):
        if maker.side is not order.side:
            found[maker.limit_price] = found.get(maker.limit_price, 0) + maker.leaves
    return found


def _reachable_at(
    level: Iterable[RestingOrder], order: RestingOrder, prevention: SelfTradePrevention, hit: set[str], *, is_last: bool
) -> tuple[int, bool]:
    """-> units, and whether it ends here. An own order stands before what icebergs hide; `hit`: groups that traded."""
    shown = hidden = 0
    for maker in level:
        if prevention is not SelfTradePrevention.NONE and maker.account_id == order.account_id:
            if prevention is SelfTradePrevention.CANCEL_OLDEST:
                continue
            return shown, True
        if maker.group and maker.group in hit:
            continue
        if maker.group and maker.group == order.group:  # what both leave is cancelled
            return shown + maker.tradable, True
        if is_last:  # the first trade here is the last one
            return maker.tradable, True
        hit |= {maker.group, order.group} - {""}
        shown += maker.tradable
        hidden += maker.leaves - maker.tradable
    return shown + hidden, False
