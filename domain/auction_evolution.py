"""How phases of trading, and what an auction would bring, change the rows of a shard of books."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain import breakers, sessions
from domain.auction_rows import AuctionRow
from domain.book_events import AuctionLooked
from domain.book_rows import State
from schemas.enums import Side, TradingPhase
from schemas.order_books import AuctionIndicated, PhaseChanged


def begin_anew(state: State, symbol: str) -> None:
    """Nothing is known of auctions, breakers and sessions."""
    end_auction(state, symbol)
    breakers.forget(state, symbol)
    sessions.forget(state, symbol)
    is_closed = sessions.is_closed(state, symbol)
    state.book(symbol).phase = TradingPhase.CLOSED if is_closed else TradingPhase.CONTINUOUS


def end_auction(state: State, symbol: str) -> None:
    """The book is in no auction any more."""
    book = state.book(symbol)
    if book.auction is not None:
        book.auction = None
        state.auctions.delete(symbol)
        state.time(symbol)


def _phase_changed(state: State, event: PhaseChanged) -> None:
    symbol = event.symbol
    book = state.book(symbol)
    book.phase = event.phase
    book.sequence += 1
    state.moved[symbol] = book
    end_auction(state, symbol)
    if event.phase is TradingPhase.AUCTION:
        book.auction = AuctionRow(event.auction_kind, event.ends_at)
        state.auctions.put(symbol, book.auction)
        state.time(symbol)


def _indicated(state: State, event: AuctionIndicated) -> None:
    symbol = event.symbol
    book = state.book(symbol)
    book.sequence += 1
    state.store(symbol, book)
    surplus = -event.surplus_quantity if event.surplus_side is Side.SELL else event.surplus_quantity
    assert book.auction is not None
    told = msgspec.structs.replace(book.auction, price=event.price, matched=event.matched_quantity, surplus=surplus)
    _look(state, symbol, told)


def _looked(state: State, event: AuctionLooked) -> None:
    auction = state.book(event.symbol).auction
    assert auction is not None
    _look(state, event.symbol, auction)


def _look(state: State, symbol: str, auction: AuctionRow) -> None:
    """Nobody looks again before others hear of prices again: looking costs as much as the book is deep."""
    book = state.book(symbol)
    book.auction = msgspec.structs.replace(auction, sequence=book.sequence)
    state.auctions.put(symbol, book.auction)
    state.sent_marks()


PHASE_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    PhaseChanged: _phase_changed,
    AuctionIndicated: _indicated,
    AuctionLooked: _looked,
    **breakers.BREAKER_EVOLVERS,
    **sessions.SESSION_EVOLVERS,
}
