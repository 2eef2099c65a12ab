"""How listings and clean sheets change the rows of a shard of books."""

from collections.abc import Callable
from typing import Any

from domain.auction_evolution import begin_anew
from domain.book_events import ResetAsked
from domain.book_rows import State
from domain.conditions import NO_BAND
from domain.instruments import from_listing
from domain.reference_prices import forget
from schemas.accounts import ResetAccounts
from schemas.order_books import InstrumentListed


def _listed(state: State, event: InstrumentListed) -> None:
    instrument = from_listing(event)
    state.instruments.put(event.symbol, instrument)
    state.book(event.symbol).bind(instrument, state.quotes.get(event.symbol))


def _reset_asked(state: State, event: ResetAsked) -> None:
    state.resets.put(f"{event.reset_id}|{event.source}", 1)


def _reset(state: State, _event: ResetAccounts) -> None:
    """A clean sheet: numbers go on; trades, last prices, halts and bands are forgotten here; the topics keep them."""
    for key, _ in list(state.trades.scan()):
        state.trades.delete(key)
    forget(state)
    for symbol, _ in list(state.books.scan()):
        book = state.book(symbol)
        begin_anew(state, symbol)
        book.last, book.band = None, NO_BAND
        state.store(symbol, book)
        state.unmarked.add(symbol)


RESET_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    InstrumentListed: _listed,
    ResetAsked: _reset_asked,
    ResetAccounts: _reset,
}
