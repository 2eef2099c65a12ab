"""A trade too far from the others of the last minutes trips the breaker of its book, and trading pauses.

The trade stands. What is left of the order that brought it trades no further: it rests, or is cancelled, as its time in
force says. Then orders gather in an auction, as in the pauses of the Limit Up-Limit Down plan and of European venues,
and the book reopens with it; or the book is halted until an operator arms the breaker again, where it is set so.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from domain.book_rows import Event, State
from domain.books import Book
from domain.breaker_rows import Breaker, BreakerRow
from domain.trades import Traded
from schemas.enums import AuctionKind, TradingPhase
from schemas.order_books import (
    BreakerRearmed,
    BreakerSet,
    BreakerTripped,
    PhaseChanged,
    SetBreaker,
)


def trip_if_too_far(state: State, book: Book, trade: Traded) -> Iterator[Event]:
    """A trade, just taken."""
    assert book.breaker is not None
    settings, row, taker = book.breaker.settings, trade.row, trade.taker
    symbol = row.symbol
    reference = book.breaker.far_from(row.price)
    if reference is None:
        return
    yield BreakerTripped(
        symbol,
        taker.account_id,
        taker.order_id,
        row.trade_id,
        row.price,
        reference,
        settings.limit_rate,
        settings.is_manual,
        book.sequence + 1,
    )
    if settings.is_manual:
        yield PhaseChanged(symbol, TradingPhase.HALTED, sequence=book.sequence + 1)
    else:
        ends_at = state.now + settings.pause_ns
        yield PhaseChanged(symbol, TradingPhase.AUCTION, AuctionKind.VOLATILITY, ends_at, book.sequence + 1)


def set_breaker(state: State, command: SetBreaker) -> Iterator[Event]:
    """Sets a limit, or none. Prices that the breaker looks at stay, and what has tripped stays so."""
    assert not command.limit_rate or command.is_manual or command.pause_ns, "what trips must end some time"
    symbol = command.symbol
    if state.instruments.get(symbol) is not None:
        sequence = state.book(symbol).sequence + 1
        yield BreakerSet(symbol, command.limit_rate, command.pause_ns, command.is_manual, sequence)


def has_tripped(book: Book) -> bool:
    """Whether the book waits for an operator to arm its breaker."""
    return book.breaker is not None and book.breaker.settings.is_tripped


def store(state: State, symbol: str, book: Book) -> None:
    """Prices that the breaker took in memory go into its row."""
    assert book.breaker is not None
    row = book.breaker.row()
    if row != state.breakers.get(symbol):
        state.breakers.put(symbol, row)


def forget(state: State, symbol: str) -> None:
    """There is no breaker any more."""
    book = state.book(symbol)
    if book.breaker is not None:
        book.breaker = None
        state.breakers.delete(symbol)


def _set(state: State, event: BreakerSet) -> None:
    symbol = event.symbol
    book = _counted(state, symbol)
    if not event.limit_rate:
        forget(state, symbol)
        return
    before = BreakerRow(0) if book.breaker is None else book.breaker.row()
    _put(
        state,
        symbol,
        msgspec.structs.replace(
            before, limit_rate=event.limit_rate, pause_ns=event.pause_ns, is_manual=event.is_manual
        ),
    )


def _tripped(state: State, event: BreakerTripped) -> None:
    """Prices of before the pause say nothing about those after it."""
    _change(state, event.symbol, is_tripped=event.is_manual, lows=(), highs=())


def _rearmed(state: State, event: BreakerRearmed) -> None:
    _change(state, event.symbol, is_tripped=False)


def _change(state: State, symbol: str, **changed: Any) -> None:
    breaker = _counted(state, symbol).breaker
    assert breaker is not None
    _put(state, symbol, msgspec.structs.replace(breaker.row(), **changed))


def _put(state: State, symbol: str, row: BreakerRow) -> None:
    state.book(symbol).breaker = Breaker(row)
    state.breakers.put(symbol, row)


def _counted(state: State, symbol: str) -> Book:
    """The book, in which one more thing happened."""
    book = state.book(symbol)
    book.sequence += 1
    state.moved[symbol] = book
    return book


BREAKER_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    BreakerSet: _set,
    BreakerTripped: _tripped,
    BreakerRearmed: _rearmed,
}
