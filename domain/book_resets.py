"""Listing what may be traded, and the clean sheet."""

from collections.abc import Iterator

from domain import sessions
from domain.book_events import ResetAsked
from domain.book_rows import Event, State
from domain.instruments import from_listing, is_same_contract, listing_fault
from domain.matching import cancelled
from schemas.accounts import ResetAccounts
from schemas.enums import ReasonCode
from schemas.market_data import ResetMarketData
from schemas.order_books import InstrumentListed, InstrumentRefused, ListInstrument, ResetBooks
from schemas.positions import ResetPositions


def list_instrument(state: State, command: ListInstrument) -> Iterator[Event]:
    """Lists an instrument. Listed again, its end and its fees may be others: orders on their way bring theirs.

    Ticks, lots and assets stay: orders on their way and positions are made of them.
    """
    fault = listing_fault(command)
    known = state.instruments.get(command.symbol)
    if fault is None and known is not None and not is_same_contract(known, from_listing(command)):
        fault = ReasonCode.NO_CHANGE, "what is traded, where and in which units stays as it was listed"
    if fault is not None:
        yield InstrumentRefused(symbol=command.symbol, reason_code=fault[0], detail=fault[1])
        return
    instrument = from_listing(command)
    yield InstrumentListed(**{name: getattr(instrument, name) for name in instrument.__struct_fields__})
    if known is None and instrument.calendar:
        yield sessions.closing(state.book(command.symbol), command.symbol)


def reset(state: State, command: ResetBooks) -> Iterator[Event]:
    """Cancels all once all account shards asked, so that no order is on its way any more; and tells everybody."""
    if state.resets.get(f"{command.reset_id}|{command.source}") is not None:
        return
    yield ResetAsked(command.reset_id, command.source)
    asked = sum(1 for _ in state.resets.scan(f"{command.reset_id}|"))
    if asked < state.account_shards:
        return
    for symbol in sorted(state.by_symbol):
        book = state.by_symbol[symbol]
        for order in sorted(book.all_orders(), key=lambda order: order.order_id):
            yield cancelled(book, order, order.leaves, ReasonCode.RESET)
    source = str(state.partition)
    yield ResetAccounts(reset_id=command.reset_id, source=source)
    yield ResetPositions(reset_id=command.reset_id, source=source)
    yield ResetMarketData(reset_id=command.reset_id, source=source)
