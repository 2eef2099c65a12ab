"""How a book trades: continuously, in an auction, or not at all. What ends by itself ends by the shard's clock.

A venue's way back from a halt is an auction (D14): who asks for it says how long the auction takes. A session goes from
its pre-open, in which orders gather, by the opening auction to continuous trading, and by the closing one to its end.
"""

from collections.abc import Generator, Iterator

from domain import auction_orders, sessions
from domain.auctions import close, trade_on
from domain.book_changes import expire, expire_in
from domain.book_events import CallBegun
from domain.book_rows import Event, State
from domain.book_times import NEVER
from domain.books import Book
from domain.breakers import has_tripped
from schemas.enums import AuctionKind, TradingPhase
from schemas.order_books import (
    BreakerRearmed,
    ChangePhase,
    PhaseChanged,
    RearmBreaker,
    ScheduleSession,
    SessionCancelled,
    SessionOpened,
)


def change_phase(state: State, command: ChangePhase) -> Iterator[Event]:
    """The book trades otherwise from now on. An auction that ends by itself is not cut short: it can be halted."""
    symbol, phase = command.symbol, command.phase
    book = state.book(symbol)
    if state.instruments.get(symbol) is None or phase is book.phase or has_tripped(book):
        return
    if phase is TradingPhase.HALTED:
        yield PhaseChanged(symbol, phase, sequence=book.sequence + 1)
    elif (call := sessions.call_phase(book, symbol)) is not None:  # which nobody cuts short
        if not sessions.in_call(book):
            yield call
    elif sessions.is_closed(state, symbol):  # what was halted waits for its session
        if book.phase is TradingPhase.HALTED:
            yield sessions.closing(book, symbol)
    elif phase is TradingPhase.AUCTION:
        yield open_auction(state, book, symbol, command.auction_kind, command.auction_ns)
    elif book.phase is TradingPhase.HALTED and command.auction_ns:
        yield open_auction(state, book, symbol, AuctionKind.REOPENING, command.auction_ns)
    elif not (command.auction_ns and book.auction is not None and book.auction.ends_at):
        yield from trade_on(state, book, symbol)


def open_auction(state: State, book: Book, symbol: str, kind: AuctionKind, length_ns: int) -> PhaseChanged:
    """Orders gather, for that long or until somebody says so."""
    ends_at = state.now + length_ns if length_ns else 0
    return PhaseChanged(symbol, TradingPhase.AUCTION, kind, ends_at, book.sequence + 1)


def rearm_breaker(state: State, command: RearmBreaker) -> Iterator[Event]:
    """The operator has looked: the book reopens, with an auction where a length is given."""
    symbol = command.symbol
    book = state.book(symbol)
    if not has_tripped(book):
        return
    yield BreakerRearmed(symbol, book.sequence + 1)
    if (call := sessions.call_phase(book, symbol)) is not None:
        yield call
    elif sessions.is_closed(state, symbol):
        yield sessions.closing(book, symbol)
    elif command.auction_ns:
        yield open_auction(state, book, symbol, AuctionKind.REOPENING, command.auction_ns)
    else:
        yield from trade_on(state, book, symbol)


def schedule_session(state: State, command: ScheduleSession) -> Iterator[Event]:
    """The next session is known; it may have begun already."""
    yield from sessions.schedule(state, command)
    if state.now >= state.due_at:
        yield from advance(state)


def change_calendar(state: State, symbol: str) -> Iterator[Event]:
    """The instrument has another calendar, or none: a session that has begun goes on, one that has not will not be."""
    book = state.book(symbol)
    session = book.session
    if session is not None and not (session.is_over or session.is_open or session.is_pre_open):
        yield SessionCancelled(symbol, session.session, book.sequence + 1)
    if sessions.is_closed(state, symbol):
        if book.phase not in (TradingPhase.CLOSED, TradingPhase.HALTED) and not sessions.in_call(book):
            yield sessions.closing(book, symbol)
    elif book.phase is TradingPhase.CLOSED:
        yield from trade_on(state, book, symbol)


def advance(state: State) -> Iterator[Event]:
    """Auctions end, sessions open and close, orders expire whose time has come: in every book as they would have.

    The time of whatever comes next decides, and not how soon somebody tells the time. A book that has begun something
    that goes on in records of its own is left alone until it is done.
    """
    for symbol in sorted(state.timed):
        while (due := state.timed.get(symbol, NEVER)) <= state.now and not state.is_paused(symbol):
            if not (yield from _next(state, symbol, due)):
                break
    yield from expire(state)
    state.look_ahead()


def _next(state: State, symbol: str, due: int) -> Generator[Event, None, bool]:
    """What is due first -> whether it was done. Orders whose time came before take no part: they may be too many."""
    book = state.book(symbol)
    yield from expire_in(state, book, due)
    first = book.next_expiry()
    if first is not None and first <= due:
        return False
    if book.auction is not None and book.auction.ends_at == due and not sessions.in_call(book):
        yield from trade_on(state, book, symbol)
    elif book.session is not None and due == book.session.bell_at:
        return (yield from _ring(state, book, symbol))
    elif book.session is not None:
        yield CallBegun(symbol)
        call = sessions.call_phase(book, symbol)
        if call is not None and book.phase is not TradingPhase.HALTED:
            yield call
    return True


def _ring(state: State, book: Book, symbol: str) -> Generator[Event, None, bool]:
    """The session opens or closes -> whether it did. Orders for an auction that is not held may be too many."""
    session = book.session
    assert session is not None
    is_held = sessions.in_call(book)
    kind = AuctionKind.CLOSING if session.is_open else AuctionKind.OPENING
    if not is_held and not (yield from auction_orders.end(state, book, kind)):
        return False
    if not session.is_open:
        yield SessionOpened(symbol, session.session, book.sequence + 1)
        if is_held or book.phase is TradingPhase.CLOSED:
            yield from trade_on(state, book, symbol)
    elif is_held:
        yield from trade_on(state, book, symbol)
    else:
        yield from close(state, book, symbol)
    return True
