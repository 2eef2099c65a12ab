"""Auctions: orders gather without trading, then trade at one price.

The price is the one with the largest volume, then the smallest surplus; where several are left and all have a surplus
on the buy side the highest, on the sell side the lowest; then the nearest to the last price, then the lowest
(conformance format; candidates are the limits in the book, decisions.md D30).
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from domain import stops
from domain.auction_rows import GroupHit
from domain.book_events import GroupEnded, GroupWasHit, UncrossPaused
from domain.book_rows import Event, State
from domain.book_waiting import hit_of
from domain.books import Book
from domain.entering import cascade, pause
from domain.levels import Levels
from domain.matching import cancelled, executed
from domain.resting import RestingOrder
from schemas.enums import ReasonCode, TradingPhase
from schemas.order_books import PhaseChanged


class Indication(NamedTuple):
    """What an uncross would bring now."""

    price: int
    volume: int
    surplus: int
    """Units that want to buy at that price beyond those that want to sell; negative where sellers are more."""


def trade_on(state: State, book: Book, symbol: str) -> Iterator[Event]:
    """Trading goes on; where that ends an auction, the book uncrosses first."""
    found = indication(book)
    if found is None:
        yield from _continuous(state, book, symbol)
    else:
        yield from uncross(state, book, symbol, found.price)


def _continuous(state: State, book: Book, symbol: str) -> Iterator[Event]:
    yield PhaseChanged(symbol, TradingPhase.CONTINUOUS, sequence=book.sequence + 1)
    yield from cascade(state, book, symbol)


def indication(book: Book) -> Indication | None:
    """Price and volume of an uncross; None where nobody would trade, or all trade at prices from elsewhere."""
    bid, ask = book.bids.best_price, book.asks.best_price
    if bid is None or ask is None or bid < ask or book.quote is not None:
        return None
    prices = sorted({price for price in (*book.bids.levels, *book.asks.levels) if ask <= price <= bid})
    bought, sold = _wanted(book.bids, prices[::-1])[::-1], _wanted(book.asks, prices)
    found = [
        Indication(price, min(buy, sell), buy - sell) for price, buy, sell in zip(prices, bought, sold, strict=True)
    ]
    return _best(found, book.last)


def _wanted(levels: Levels[RestingOrder], prices: list[int]) -> list[int]:
    """Units that would trade at each price, of prices from the best of that side on."""

    def units(price: int) -> int:
        queue = levels.levels.get(price)
        return 0 if queue is None else sum(order.leaves for order in queue.values())

    return list(accumulate(map(units, prices)))


def _best(found: list[Indication], last: int | None) -> Indication:
    volume = max(each.volume for each in found)
    found = [each for each in found if each.volume == volume]
    surplus = min(abs(each.surplus) for each in found)
    found = [each for each in found if abs(each.surplus) == surplus]
    if all(each.surplus > 0 for each in found):
        return found[-1]
    if all(each.surplus < 0 for each in found) or last is None:
        return found[0]
    return min(found, key=lambda each: (abs(each.price - last), each.price))


def uncross(state: State, book: Book, symbol: str, price: int, hits: int = 0, ended: int = 0) -> Iterator[Event]:
    """Trades at one price, the best orders first, until nobody is left who would; then trading goes on.

    `hits` are the orders of OCO groups that traded in records before, of which `ended` have no siblings any more.
    """
    known: set[str] = set()
    while (pair := _pair(book, price)) is not None and state.steps_left:
        state.steps_left -= 1
        buyer, seller = pair
        quantity = min(buyer.leaves, seller.leaves)
        yield executed(state, book, seller, buyer, quantity, price, True)
        yield from stops.follow(state, book)
        for order in pair:
            if order.group and order.order_id not in known:  # twice is once too often, and changes nothing
                known.add(order.order_id)
                hits += 1
                yield GroupWasHit(symbol, hits, GroupHit(order.group, order.order_id))
    while pair is None and ended < hits and state.steps_left:
        ended += 1
        yield from _end_siblings(state, book, hit_of(state, symbol, ended))
        yield GroupEnded(symbol, ended)
    if pair is not None or ended < hits:
        yield UncrossPaused(symbol, price, hits, ended)
        yield from pause(None, None, symbol)
        return
    yield from _continuous(state, book, symbol)


def _end_siblings(state: State, book: Book, hit: GroupHit) -> Iterator[Event]:
    siblings = [order for order in book.group(hit.group) if order.order_id != hit.order_id]
    state.steps_left = max(0, state.steps_left - max(1, len(siblings)))
    for sibling in siblings:
        yield cancelled(book, sibling, sibling.leaves, ReasonCode.OCO)


def _pair(book: Book, price: int) -> tuple[RestingOrder, RestingOrder] | None:
    bids, asks = book.bids.best, book.asks.best
    if bids is None or asks is None:
        return None
    buyer, seller = next(iter(bids.values())), next(iter(asks.values()))
    return (buyer, seller) if buyer.limit_price >= price >= seller.limit_price else None
