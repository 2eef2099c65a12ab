"""Auctions: orders gather without trading, then trade at one price.

The price is the one with the largest volume, then the smallest surplus; where several are left and all have a surplus
on the buy side the highest, on the sell side the lowest; then the nearest to the last price, then the lowest
(conformance format; candidates are the limits in the book, decisions.md D30). Where market orders wait for the auction,
the last price is a candidate, too: they have no limit of their own that anybody offers.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from domain import auction_orders, sessions, stops
from domain.auction_rows import GroupHit
from domain.book_changes import end_session
from domain.book_events import GroupEnded, GroupWasHit, UncrossPaused
from domain.book_rows import Event, State
from domain.book_waiting import hit_of
from domain.books import Book
from domain.entering import cascade, pause
from domain.levels import BookSide, Levels
from domain.matching import cancelled, executed
from domain.resting import RestingOrder
from schemas.enums import ReasonCode, TradingPhase
from schemas.order_books import EndSession, PhaseChanged, SessionClosed

NO_PRICE = -1
"""Of an uncross in which nobody trades any more."""


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
        yield from _end(state, book, symbol)
    else:
        yield from uncross(state, book, symbol, found.price)


def _end(state: State, book: Book, symbol: str) -> Iterator[Event]:
    """What was for this auction alone ends; then trading goes on, or the session that ends with the auction closes."""
    if book.auction is not None and not (yield from auction_orders.end(state, book, book.auction.kind)):
        yield UncrossPaused(symbol, NO_PRICE, 0, 0)
        yield from pause(None, None, symbol)
    elif sessions.ends_with_auction(book):
        yield from close(state, book, symbol)
    else:
        yield from _continuous(state, book, symbol)


def close(state: State, book: Book, symbol: str) -> Iterator[Event]:
    """The session is over, and orders for the day end. Where the instrument has no calendar any more, trading goes on.

    No stop fires on the price of a closing auction before the next session.
    """
    assert book.session is not None
    yield SessionClosed(symbol, book.session.session, book.sequence + 1)
    is_shut = sessions.is_closed(state, symbol)
    if is_shut and book.phase is not TradingPhase.HALTED:
        yield sessions.closing(book, symbol)
    yield from end_session(state, EndSession(symbol))
    if not is_shut and book.phase is TradingPhase.AUCTION:
        yield from _continuous(state, book, symbol)


def _continuous(state: State, book: Book, symbol: str) -> Iterator[Event]:
    yield PhaseChanged(symbol, TradingPhase.CONTINUOUS, sequence=book.sequence + 1)
    yield from cascade(state, book, symbol)


def indication(book: Book) -> Indication | None:
    """Price and volume of an uncross; None where nobody would trade, or all trade at prices from elsewhere."""
    if book.quote is not None:
        return None
    gathering = book.gathering
    bids: list[Levels[RestingOrder]] = [book.bids]
    asks: list[Levels[RestingOrder]] = [book.asks]
    if gathering is not None:
        bids.append(gathering.bids)
        asks.append(gathering.asks)
    bid = max((price for side in bids if (price := side.best_price) is not None), default=None)
    ask = min((price for side in asks if (price := side.best_price) is not None), default=None)
    if bid is None or ask is None or bid < ask:
        return None
    offered = {price for side in (book.bids, book.asks) for price in side.levels}
    if gathering is not None:
        offered |= gathering.limits()
        if gathering.has_market_orders and book.last is not None:
            offered.add(book.last)
    prices = sorted(price for price in offered if ask <= price <= bid)
    bought, sold = _wanted(bids, prices, -1), _wanted(asks, prices, 1)
    found = [
        Indication(price, volume, buy - sell)
        for price, buy, sell in zip(prices, bought, sold, strict=True)
        if (volume := min(buy, sell))
    ]
    return _best(found, book.last) if found else None


def _wanted(sides: list[Levels[RestingOrder]], prices: list[int], sign: int) -> list[int]:
    """Units of one side that would trade at each of the prices, which rise; `sign` is -1 of those who buy."""
    units = Counter[int]()
    worst = max((sign * price for price in prices), default=0)
    for levels in sides:
        for price, queue in levels.levels.items():
            if sign * price <= worst:
                if isinstance(levels, BookSide):
                    units[sign * price] += levels.units_at(price)
                else:
                    units[sign * price] += sum(order.leaves for order in queue.values())
    limits = sorted(units)
    total = list(accumulate((units[limit] for limit in limits), initial=0))
    return [total[bisect_right(limits, sign * price)] for price in prices]


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
    yield from _end(state, book, symbol)


def _end_siblings(state: State, book: Book, hit: GroupHit) -> Iterator[Event]:
    siblings = [order for order in book.group(hit.group) if order.order_id != hit.order_id]
    state.steps_left = max(0, state.steps_left - max(1, len(siblings)))
    for sibling in siblings:
        yield cancelled(book, sibling, sibling.leaves, ReasonCode.OCO)


def _pair(book: Book, price: int) -> tuple[RestingOrder, RestingOrder] | None:
    gathering = book.gathering
    buyer = _first(book.bids, None if gathering is None else gathering.bids, -1)
    seller = _first(book.asks, None if gathering is None else gathering.asks, 1)
    if buyer is None or seller is None:
        return None
    return (buyer, seller) if buyer.limit_price >= price >= seller.limit_price else None


def _first(levels: Levels[RestingOrder], gathered: Levels[RestingOrder] | None, sign: int) -> RestingOrder | None:
    """The best of those who stand in the book and those who wait for the auction; of equal prices, the oldest."""
    heads = [next(iter(level.values())) for level in _best_levels(levels, gathered)]
    return min(heads, key=lambda order: (sign * order.limit_price, order.priority), default=None)


def _best_levels(
    levels: Levels[RestingOrder], gathered: Levels[RestingOrder] | None
) -> Iterator[Mapping[str, RestingOrder]]:
    for side in (levels, gathered):
        best = None if side is None else side.best
        if best is not None:
            yield best
