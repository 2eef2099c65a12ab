"""Orders for one auction alone: at the opening (OPG), at the close (CLS), with a limit or without one.

They are taken until their auction uncrosses, wait beside the book until then, and trade in that uncross and nowhere
else; what is left of them expires with it. A session that opens or closes without its auction, because the book is
halted, ends them too. Elsewhere they are called market-on-open, limit-on-open, market-on-close and limit-on-close.
"""

from collections.abc import Generator, Iterator

from domain.auction_books import AUCTIONS, AuctionOrder
from domain.book_rows import AuctionOrderRested, Event, State
from domain.books import Book
from domain.instruments import Instrument
from domain.resting import RestingOrder
from domain.session_rows import SessionRow
from domain.stops import is_market
from schemas.enums import AuctionKind, ReasonCode, TimeInForce, TradingPhase
from schemas.order_books import EnterOrder, OrderCancelled


def fault(state: State, book: Book, command: EnterOrder) -> ReasonCode | None:
    """Why the book does not take such an order now; None where it does."""
    if book.phase is TradingPhase.HALTED:
        return ReasonCode.HALTED
    if book.auction is not None and AUCTIONS[command.time_in_force] is book.auction.kind:
        return None
    instrument = state.instruments.get(command.symbol)
    assert instrument is not None
    session = None if book.session is None or book.session.is_over else book.session
    if not _has_auction(instrument, session, command.time_in_force):
        return ReasonCode.NO_AUCTION
    is_missed = command.time_in_force is TimeInForce.OPG and session is not None and session.is_open
    return ReasonCode.AUCTION_MISSED if is_missed else None


def _has_auction(instrument: Instrument, session: SessionRow | None, time_in_force: TimeInForce) -> bool:
    """A session has the auctions that its instrument had when it was scheduled."""
    if time_in_force is TimeInForce.OPG:
        is_scheduled = session is None or session.is_open or session.pre_open_at > 0
        return instrument.opening_auction_ns > 0 and is_scheduled
    return instrument.closing_auction_ns > 0 and (session is None or session.closing_auction_at > 0)


def rest(command: EnterOrder, order: RestingOrder) -> Iterator[Event]:
    """The order waits for its auction."""
    entry = AuctionOrder(order, is_market(command.order_type))
    yield AuctionOrderRested(order.order_id, order.account_id, order.symbol, order.priority, entry=entry)


def end(state: State, book: Book, kind: AuctionKind) -> Generator[Event, None, bool]:
    """What waited for such an auction, and has not traded in it, ends -> whether all of it did."""
    gathering = book.gatherings.get(kind)
    if gathering is None:
        return True
    some, is_all = gathering.first(state.steps_left), len(gathering.orders) <= state.steps_left
    state.steps_left -= len(some)
    for order in some:
        yield OrderCancelled(
            *(order.order_id, order.account_id, order.symbol, order.leaves),
            ReasonCode.AUCTION_REMAINDER,
            book.sequence + 1,
        )
    return is_all
