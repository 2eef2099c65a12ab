"""The uncross of the naive venue: one price for everybody, found by trying every price in the book."""

from typing import NamedTuple

from tests.support.naive_venue_book import Book
from tests.support.naive_venue_orders import BUY, SELL, Order

BEYOND = 10**9
"""Better than any price."""


class Candidate(NamedTuple):
    price: int
    volume: int
    surplus: int
    """What buyers want more than sellers at that price."""


def uncross(book: Book) -> None:
    """Trades what crosses. Fills cancel sibling orders only when all have been filled."""
    resting = book.in_auction()
    price = auction_price(resting, book.last)
    if price is None:
        return
    traded = []
    for buy, sell, quantity in pairs(resting, price):
        book.trades.append(
            {"taker": buy.order_id, "maker": sell.order_id, "qty": quantity, "price": price, "auction": True}
        )
        traded += [buy, sell]
    for order in traded:
        order.shown = order.open if order.display is None else min(order.display, order.open)
        if order.is_empty:
            book.finish(order)
    book.print(price)
    book.prices_seen = [(book.now, price)] if book.breaker else []
    for order in traded:
        book.cancel_siblings(order)


def auction_price(resting: list[Order], last: int | None) -> int | None:
    found = indication(resting, last)
    return None if found is None else found[0]


def indication(resting: list[Order], last: int | None) -> list[int] | None:
    """Price, volume and surplus."""
    prices = {order.price for order in resting if order.price is not None}
    if last is not None and any(order.price is None for order in resting):
        prices.add(last)
    candidates = [_candidate(resting, price) for price in sorted(prices)]
    volume = max((candidate.volume for candidate in candidates), default=0)
    if not volume:
        return None
    best = [candidate for candidate in candidates if candidate.volume == volume]
    least = min(abs(candidate.surplus) for candidate in best)
    return list(_nearest([candidate for candidate in best if abs(candidate.surplus) == least], last))


def _nearest(best: list[Candidate], last: int | None) -> Candidate:
    if all(candidate.surplus > 0 for candidate in best):
        return best[-1]
    if all(candidate.surplus < 0 for candidate in best) or last is None:
        return best[0]
    return min(best, key=lambda candidate: (abs(candidate.price - last), candidate.price))


def pairs(resting: list[Order], price: int) -> list[tuple[Order, Order, int]]:
    """Fills the best buy against the best sell, again and again."""
    buys = sorted(
        (order for order in resting if order.side == BUY and order.accepts(price)),
        key=lambda order: -_limit(order, BEYOND),
    )
    sells = sorted(
        (order for order in resting if order.side == SELL and order.accepts(price)),
        key=lambda order: _limit(order, -BEYOND),
    )
    found = []
    while buys and sells:
        quantity = min(buys[0].open, sells[0].open)
        buys[0].fill(quantity, price)
        sells[0].fill(quantity, price)
        found.append((buys[0], sells[0], quantity))
        buys = [order for order in buys if order.open]
        sells = [order for order in sells if order.open]
    return found


def _limit(order: Order, beyond: int) -> int:
    return beyond if order.price is None else order.price


def _candidate(resting: list[Order], price: int) -> Candidate:
    demand, supply = (
        sum(order.open for order in resting if order.side == side and order.accepts(price)) for side in (BUY, SELL)
    )
    return Candidate(price, min(demand, supply), demand - supply)
