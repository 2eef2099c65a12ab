"""Venue SIM: orders trade with the house at prices from a market elsewhere, in place of trading with each other.

An order that comes in, or is triggered, and may trade at the quote trades there: a buy at the ask, a sale at the bid.
What rests trades at its own limit as soon as the quote touches it; the best limit first, then the oldest. Together they
trade as much as the quote shows, and no more until that side of it changes; where nobody said how much, all they want.
Stops look at the last price of that market, whatever trades here.
"""

from collections.abc import Generator, Iterator

from domain.book_rows import Event, State
from domain.books import Book
from domain.matching import affordable, after_trade, cancel_siblings, cancelled, executed
from domain.money import AMOUNT_MAX, value_of
from domain.quotes import Quote
from domain.resting import RestingOrder, changed
from domain.trades import HOUSE
from schemas.enums import ReasonCode, Side


def reachable(quote: Quote, order: RestingOrder) -> int:
    """Units that the order could trade now."""
    return quote.units_for(order.side, order.quantity) if meets(quote, order) else 0


def meets(quote: Quote, order: RestingOrder) -> bool:
    """Whether the order may trade at the quote."""
    price = quote.price_for(order.side)
    if price is None:
        return False
    return order.limit_price >= price if order.side is Side.BUY else order.limit_price <= price


def take(state: State, book: Book, quote: Quote, order: RestingOrder) -> Generator[Event, None, RestingOrder]:
    """The order meets the quote, and trades there -> what it leaves."""
    instrument, price = book.instrument, quote.price_for(order.side)
    assert instrument is not None
    assert price is not None
    quantity = quote.units_for(order.side, order.leaves)
    if order.money is not None:
        quantity = min(quantity, affordable(instrument, order.money, price))
    if not quantity:
        return order
    if value_of(quantity, price, instrument.multiplier) > AMOUNT_MAX:
        yield cancelled(book, order, order.leaves, ReasonCode.AMOUNT_OUT_OF_RANGE)
        return changed(order, 0, order.priority, order.fee_accrued, 0, None)
    trade = executed(state, book, _of_house(order, quantity, price), order, quantity, price)
    yield trade
    yield from cancel_siblings(book, order)
    return after_trade(order, trade)


def fill_touched(state: State, book: Book) -> Generator[Event, None, bool]:
    """What rests and is touched by the quote trades -> whether all did: one record does a bounded amount of work."""
    while (order := _touched(book)) is not None:
        if not state.steps_left:
            return False
        state.steps_left -= 1
        yield from _give(state, book, order)
    return True


def _touched(book: Book) -> RestingOrder | None:
    """Who is next; each trade leaves less of the quote."""
    assert book.quote is not None
    for levels in (book.bids, book.asks):
        best = levels.best
        if best is not None:
            order = next(iter(best.values()))
            if meets(book.quote, order):
                return order
    return None


def _give(state: State, book: Book, order: RestingOrder) -> Iterator[Event]:
    """An order that rests trades at its limit."""
    assert book.quote is not None
    quantity = book.quote.units_for(order.side, order.leaves)
    taker = _of_house(order, quantity, order.limit_price)
    yield executed(state, book, order, taker, quantity, order.limit_price)
    yield from cancel_siblings(book, order)


def _of_house(order: RestingOrder, quantity: int, price: int) -> RestingOrder:
    """The other side: pays no fees."""
    side = Side.SELL if order.side is Side.BUY else Side.BUY
    return RestingOrder(HOUSE, HOUSE, order.symbol, 0, side, price, quantity, quantity, 0, 0, 0, 0)
