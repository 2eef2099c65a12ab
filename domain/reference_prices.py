"""Reference prices: what an instrument is worth at a market elsewhere.

An instrument that trades at that market (`domain.simulated_venue`) has no other prices. One that trades here is valued
at its own last trade, and at the reference's before there was one.
"""

from collections.abc import Callable, Iterator
from typing import Any

from domain import stops
from domain.book_events import LastPriceSet
from domain.book_rows import Event, State
from domain.books import Book
from domain.entering import cascade
from domain.quotes import NO_QUOTE, ReferencePricesSet, quote_after
from domain.trades import HOUSE, TradeRow
from schemas.enums import Side
from schemas.order_books import SetReferencePrices


def set_prices(state: State, command: SetReferencePrices) -> Iterator[Event]:
    """Prices from elsewhere. Those that are older than what is known come too late, and change nothing."""
    symbol, instrument = command.symbol, state.instruments.get(command.symbol)
    before = state.quotes.get(symbol) or NO_QUOTE
    if instrument is None or instrument.has_expired(state.now) or command.quoted_at < before.quoted_at:
        return
    quote, book = quote_after(before, command, instrument), state.book(symbol)
    yield ReferencePricesSet(symbol, quote)
    if book.quote is not None:
        if quote.last is not None and quote.last != before.last:
            yield from stops.follow(state, book)
        yield from cascade(state, book, symbol)


def _set(state: State, event: ReferencePricesSet) -> None:
    symbol, quote = event.symbol, event.quote
    state.quotes.put(symbol, quote)
    state.unmarked.add(symbol)
    book = state.book(symbol)
    if book.quote is not None:
        book.quote, book.last = quote, quote.last
        book.sequence += 1
        state.moved[symbol] = book


def taken(state: State, book: Book, trade: TradeRow) -> None:
    """Somebody traded with the house: the quote shows less, where it says how much it shows."""
    assert book.quote is not None
    quote = book.quote.less(Side.BUY if trade.sell_account_id == HOUSE else Side.SELL, trade.quantity)
    if quote is not book.quote:
        book.quote = quote
        state.quotes.put(trade.symbol, quote)


def _last_price_set(state: State, event: LastPriceSet) -> None:
    book = state.book(event.symbol)
    book.last = event.price
    book.sequence += 1
    state.moved[event.symbol] = book


def forget(state: State) -> None:
    """A clean sheet: no prices are known."""
    for symbol, _ in list(state.quotes.scan()):
        state.quotes.delete(symbol)
        state.unmarked.add(symbol)
        book = state.book(symbol)
        if book.quote is not None:
            book.quote = NO_QUOTE


REFERENCE_EVOLVERS: dict[type, Callable[[State, Any], None]] = {ReferencePricesSet: _set, LastPriceSet: _last_price_set}
