"""Listing what may be traded, and the clean sheet."""

from collections.abc import Iterator

from domain import phases, roll_calls
from domain.book_events import ResetAsked
from domain.book_rows import Event, State
from domain.instruments import from_listing, is_same_contract, listing_fault
from domain.matching import cancelled
from schemas.accounts import ResetAccounts
from schemas.enums import ReasonCode
from schemas.market_data import ResetMarketData
from schemas.order_books import ContinueReset, InstrumentListed, InstrumentRefused, ListInstrument, ResetBooks
from schemas.positions import ResetPositions


def list_instrument(state: State, command: ListInstrument) -> Iterator[Event]:
    """Lists an instrument. Listed again, its end and its fees may be others: orders on their way bring theirs.

    Another calendar counts from the next session on; without one it is traded at all times. Ticks, lots and assets
    stay: orders on their way and positions are made of them.
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
    if instrument.calendar != ("" if known is None else known.calendar):
        yield from phases.change_calendar(state, command.symbol)


def reset(state: State, command: ResetBooks) -> Iterator[Event]:
    """Cancels all once all account shards asked, so that no order is on its way any more; and tells everybody."""
    if state.resets.get(f"{command.reset_id}|{command.source}") is not None:
        return
    yield ResetAsked(command.reset_id, command.source)
    asked = sum(1 for _ in state.resets.scan(f"{command.reset_id}|"))
    if asked < state.account_shards:
        return
    yield from go_on(state, ContinueReset(command.reset_id))


def go_on(state: State, command: ContinueReset) -> Iterator[Event]:
    """Cancels what one record may; what books have begun, and commands that wait for it, come before."""
    for symbol in () if state.busy else sorted(state.by_symbol):
        book = state.by_symbol[symbol]
        some = roll_calls.called(book, (ResetBooks, command.reset_id), book.all_orders, state.steps_left)
        state.steps_left -= len(some)
        for order in some:
            yield cancelled(book, order, order.leaves, ReasonCode.RESET)
    if state.busy or not state.steps_left:
        yield command
        return
    source = str(state.partition)
    yield ResetAccounts(reset_id=command.reset_id, source=source)
    yield ResetPositions(reset_id=command.reset_id, source=source)
    yield ResetMarketData(reset_id=command.reset_id, source=source)
