"""Sessions: a book whose instrument has a calendar takes orders while its exchange is open (D14).

Calendars are read outside. What comes in is when the next session is; it begins and ends by the clock of the shard, so
that the time of an order decides, and not how soon somebody rings the bell.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from domain.book_rows import Event, State
from domain.books import Book
from domain.session_rows import SessionRow
from schemas.enums import TradingPhase
from schemas.order_books import (
    HolidayDeclared,
    PhaseChanged,
    ScheduleSession,
    SessionClosed,
    SessionOpened,
    SessionScheduled,
)


def schedule(state: State, command: ScheduleSession) -> Iterator[Event]:
    """The next session, once the one before is over. Whoever comes second with it changes nothing."""
    assert command.opens_at < command.closes_at, f"{command.symbol}: a session closes after it opens"
    symbol = command.symbol
    instrument, book = state.instruments.get(symbol), state.book(symbol)
    if instrument is None or not instrument.calendar:
        return
    before = book.session
    if before is not None and (not before.is_over or command.opens_at < before.closes_at):
        return
    for holiday in command.holidays:
        yield HolidayDeclared(symbol, holiday.day, holiday.name, book.sequence + 1)
    yield SessionScheduled(symbol, command.session, command.opens_at, command.closes_at, book.sequence + 1)


def is_closed(state: State, symbol: str) -> bool:
    """Whether it is not the time to trade."""
    instrument, session = state.instruments.get(symbol), state.book(symbol).session
    return instrument is not None and bool(instrument.calendar) and (session is None or not session.is_open)


def forget(state: State, symbol: str) -> None:
    """No session is known any more: the book waits to hear of one."""
    book = state.book(symbol)
    if book.session is not None:
        book.session = None
        state.sessions.delete(symbol)
        state.time(symbol)


def _scheduled(state: State, event: SessionScheduled) -> None:
    _put(state, event.symbol, SessionRow(event.session, event.opens_at, event.closes_at))


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
    SessionOpened: _opened,
    SessionClosed: _closed,
    HolidayDeclared: _holiday,
}


def closing(book: Book, symbol: str) -> PhaseChanged:
    """From now on orders are refused."""
    return PhaseChanged(symbol, TradingPhase.CLOSED, sequence=book.sequence + 1)
