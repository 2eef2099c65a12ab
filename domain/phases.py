"""How a book trades: continuously, in an auction, or not at all. What ends by itself ends by the shard's clock.

A venue's way back from a halt is an auction (D14): who asks for it says how long the auction takes.
"""

from collections.abc import Iterator

from domain.auctions import trade_on
from domain.book_changes import expire_in
from domain.book_rows import Event, State
from domain.books import Book
from domain.breakers import has_tripped
from schemas.enums import AuctionKind, TradingPhase
from schemas.order_books import BreakerRearmed, ChangePhase, PhaseChanged, RearmBreaker


def change_phase(state: State, command: ChangePhase) -> Iterator[Event]:
    """The book trades otherwise from now on. An auction that ends by itself is not cut short: it can be halted."""
    symbol, phase = command.symbol, command.phase
    book = state.book(symbol)
    if state.instruments.get(symbol) is None or phase is book.phase or has_tripped(book):
        return
    if phase is TradingPhase.AUCTION:
        yield open_auction(state, book, symbol, command.auction_kind, command.auction_ns)
    elif phase is TradingPhase.HALTED:
        yield PhaseChanged(symbol, phase, sequence=book.sequence + 1)
    elif book.phase is TradingPhase.HALTED and command.auction_ns:
        yield open_auction(state, book, symbol, AuctionKind.REOPENING, command.auction_ns)
    elif not (command.auction_ns and symbol in state.timed):
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
    if command.auction_ns:
        yield open_auction(state, book, symbol, AuctionKind.REOPENING, command.auction_ns)
    else:
        yield from trade_on(state, book, symbol)


def end_auctions_due(state: State) -> Iterator[Event]:
    """Auctions whose time has come uncross. One that is under way in records of its own is left alone.

    Orders whose time came before take no part. Where they are more than a record may end, the auction waits for them.
    """
    for symbol, ends_at in sorted(state.timed.items()):
        if ends_at > state.now or state.is_paused(symbol):
            continue
        book = state.book(symbol)
        yield from expire_in(state, book, ends_at)
        first = book.next_expiry()
        if first is None or first > ends_at:
            yield from trade_on(state, book, symbol)
