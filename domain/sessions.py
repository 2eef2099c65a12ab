"""Sessions: a book whose instrument has a calendar takes orders while its exchange is open (D14).

Calendars are read outside. What comes in is when the next session is; it begins and ends by the clock of the shard, so
that the time of an order decides, and not how soon somebody rings the bell.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from domain.book_events import CallBegun
from domain.book_rows import Event, State
from domain.books import Book
from domain.session_rows import SessionRow
from schemas.enums import AuctionKind, TradingPhase
from schemas.order_books import (
    HolidayDeclared,
    PhaseChanged,
    ScheduleSession,
    SessionCancelled,
    SessionClosed,
    SessionOpened,
    SessionScheduled,
)


def schedule(state: State, command: ScheduleSession) -> Iterator[Event]:
    """The next session, once the one before is over. Whoever comes second with it changes nothing."""
    assert command.opens_at < command.closes_at, f"{command.symbol}: a session closes after it opens"
    symbol = command.symbol
    instrument, book = state.instruments.get(symbol), state.book(symbol)
    if instrument is None or not instrument.calendar or command.calendar not in ("", instrument.calendar):
        return
    before = book.session
    if before is not None and (not before.is_over or command.opens_at < before.closes_at):
        return
    for holiday in command.holidays:
        yield HolidayDeclared(symbol, holiday.day, holiday.name, book.sequence + 1)
    opening, closing_from = instrument.opening_auction_ns, command.closes_at - instrument.closing_auction_ns
    yield SessionScheduled(
        symbol,
        command.session,
        command.opens_at,
        command.closes_at,
        max(1, command.opens_at - opening) if opening else 0,
        max(command.opens_at, closing_from) if instrument.closing_auction_ns else 0,
        book.sequence + 1,
    )


def is_closed(state: State, symbol: str) -> bool:
    """Whether it is not the time to trade."""
    instrument, session = state.instruments.get(symbol), state.book(symbol).session
    return instrument is not None and bool(instrument.calendar) and (session is None or not session.is_open)


def call_phase(book: Book, symbol: str) -> PhaseChanged | None:
    """The auction for which orders gather at this time of the session; None where they do not."""
    call = _call_of(book.session)
    return None if call is None else PhaseChanged(symbol, TradingPhase.AUCTION, *call, book.sequence + 1)


def _call_of(session: SessionRow | None) -> tuple[AuctionKind, int] | None:
    """-> for what orders gather, and until when."""
    if session is None or session.is_over:
        return None
    if session.is_open:
        return (AuctionKind.CLOSING, session.closes_at) if session.is_closing else None
    return (AuctionKind.OPENING, session.opens_at) if session.is_pre_open else None


def in_call(book: Book) -> bool:
    """Whether the auction that is now is the opening or the closing one of the session."""
    auction = book.auction
    return auction is not None and (auction.kind, auction.ends_at) == _call_of(book.session)


def ends_with_auction(book: Book) -> bool:
    """Whether the session is over as soon as the auction is that is now."""
    return book.session is not None and book.session.is_open and in_call(book)


def forget(state: State, symbol: str) -> None:
    """No session is known any more: the book waits to hear of one."""
    book = state.book(symbol)
    if book.session is not None:
        book.session = None
        state.sessions.delete(symbol)
        state.time(symbol)


def _scheduled(state: State, event: SessionScheduled) -> None:
    row = SessionRow(
        event.session,
        event.opens_at,
        event.closes_at,
        pre_open_at=event.pre_open_at,
        closing_auction_at=event.closing_auction_at,
    )
    _put(state, event.symbol, row)


def _cancelled(state: State, event: SessionCancelled) -> None:
    _counted(state, event.symbol)
    forget(state, event.symbol)


def _call_begun(state: State, event: CallBegun) -> None:
    row = _known(state, event.symbol)
    begun = {"is_closing": True} if row.is_open else {"is_pre_open": True}
    _put(state, event.symbol, msgspec.structs.replace(row, **begun))


def _opened(state: State, event: SessionOpened) -> None:
    _put(state, event.symbol, msgspec.structs.replace(_known(state, event.symbol), is_open=True))


def _closed(state: State, event: SessionClosed) -> None:
    _put(state, event.symbol, msgspec.structs.replace(_known(state, event.symbol), is_open=False, is_over=True))


def _holiday(state: State, event: HolidayDeclared) -> None:
    _counted(state, event.symbol)


def _known(state: State, symbol: str) -> SessionRow:
    session = state.book(symbol).session
    assert session is not None
    return session


def _put(state: State, symbol: str, row: SessionRow) -> None:
    _counted(state, symbol).session = row
    state.sessions.put(symbol, row)
    state.time(symbol)


def _counted(state: State, symbol: str) -> Book:
    """The book, in which one more thing happened."""
    book = state.book(symbol)
    book.sequence += 1
    state.moved[symbol] = book
    return book


SESSION_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    SessionScheduled: _scheduled,
    SessionCancelled: _cancelled,
    CallBegun: _call_begun,
    SessionOpened: _opened,
    SessionClosed: _closed,
    HolidayDeclared: _holiday,
}


def closing(book: Book, symbol: str) -> PhaseChanged:
    """From now on orders are refused."""
    return PhaseChanged(symbol, TradingPhase.CLOSED, sequence=book.sequence + 1)
