"""How each event changes the rows of a shard of inquiries."""

from collections.abc import Callable
from typing import Any

from domain.desk_credit import Credit
from domain.desk_measures import measures_of
from domain.inquiry_life import FINAL
from domain.inquiry_rows import (
    Answered,
    Cleared,
    Event,
    Inquiry,
    ShardRow,
    SidesMoved,
    State,
    Switched,
    TermsSet,
)
from domain.instruments import from_listing
from domain.positions import Position
from schemas.accounts import AccountKindChanged, ExposuresReported
from schemas.inquiries import DeskPositionChanged, InquiryBooked, UpdateMarketMeasures, UpdateReferencePrices
from schemas.order_books import InstrumentListed, PhaseChanged

FINISHED_KEPT_MAX = 50_000
"""Of one shard: older ones are forgotten; the topics keep them."""
ANSWERS_KEPT_MAX = 20_000


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state."""
    evolver = _EVOLVERS.get(type(event))
    if evolver is not None:
        evolver(state, event)


def _inquiry(state: State, event: Inquiry) -> None:
    before = state.open.get(event.inquiry_id)
    state.inquiries.put(event.inquiry_id, event)
    state.follow(before, event)
    if event.version == 1:
        _count(state, inquiries=1)
    elif event.status in FINAL:
        count = _count(state, finished=1).finished
        forgotten = _kept(state.finished, count, event.inquiry_id, FINISHED_KEPT_MAX)
        if forgotten is not None:
            state.inquiries.delete(forgotten)


def _kept(log: Any, count: int, name: str, most: int) -> str | None:
    """Adds a name to a log of bounded length -> the name that fell out of it."""
    log.put(f"{count:012d}", name)
    oldest = f"{count - most:012d}"
    forgotten: str | None = log.get(oldest) if count > most else None
    if forgotten is not None:
        log.delete(oldest)
    return forgotten


def _count(state: State, *, inquiries: int = 0, finished: int = 0, bookings: int = 0, answers: int = 0) -> ShardRow:
    row = state.shard_row()
    row = ShardRow(row.inquiries + inquiries, row.finished + finished, row.bookings + bookings, row.answers + answers)
    state.shard.put("", row)
    return row


def _answered(state: State, event: Answered) -> None:
    count = _count(state, answers=1).answers
    state.answers.put(event.command_id, event.answer)
    forgotten = _kept(state.answer_log, count, event.command_id, ANSWERS_KEPT_MAX)
    if forgotten is not None:
        state.answers.delete(forgotten)


def _booked(state: State, event: InquiryBooked) -> None:
    _count(state, bookings=1)
    count = state.shard_row().bookings
    for account_id, paid in ((event.buy_account_id, event.value), (event.sell_account_id, -event.value)):
        if state.accounts.get(account_id) == event.quote:
            state.credits.put(account_id, (state.credits.get(account_id) or Credit()).booked(paid, count))


def _exposures_reported(state: State, event: ExposuresReported) -> None:
    """During a reset nobody has paid anything: what is said then was so before."""
    if state.resetting:
        return
    counted = {each.desk_shard: each.count for each in event.bookings}.get(state.partition, 0)
    for each in event.exposures:
        row = state.credits.get(each.account_id) or Credit()
        state.credits.put(each.account_id, row.heard(each.net_paid, counted))


def _position_changed(state: State, event: DeskPositionChanged) -> None:
    key = f"{event.book_id}|{event.instrument_id}"
    instrument = state.instruments.get(event.instrument_id)
    assert instrument is not None
    after = Position(event.position_qty, event.cost, event.realized_pnl, 0, instrument.multiplier, event.version)
    state.positions.put(key, after)


def _listed(state: State, event: InstrumentListed) -> None:
    state.instruments.put(event.symbol, from_listing(event))


def _phase_changed(state: State, event: PhaseChanged) -> None:
    state.phases.put(event.symbol, event.phase)


def _kind_changed(state: State, event: AccountKindChanged) -> None:
    before = state.accounts.get(event.account_id)
    if before not in (None, event.margin_asset) and state.credits.get(event.account_id) is not None:
        state.credits.delete(event.account_id)  # it was counted in another asset
    if event.margin_asset:
        state.accounts.put(event.account_id, event.margin_asset)
    elif before is not None:
        state.accounts.delete(event.account_id)


def _priced(state: State, event: UpdateReferencePrices) -> None:
    for price in event.prices:
        known = state.prices.get(price.instrument_id)
        if known is None or known.quoted_at <= price.quoted_at:
            state.prices.put(price.instrument_id, price)


def _measured(state: State, event: UpdateMarketMeasures) -> None:
    known = state.measures.get(event.instrument_id)
    if known is None or known.measured_at <= event.measured_at:
        state.measures.put(event.instrument_id, measures_of(event))


def _sides_moved(state: State, event: SidesMoved) -> None:
    state.sides.put(event.symbol, event.sides)


def _terms_set(state: State, event: TermsSet) -> None:
    state.set_terms(event.key, event.terms)


def _switched(state: State, event: Switched) -> None:
    (state.killed.add if event.is_on else state.killed.discard)(event.book_id)
    if event.is_on:
        state.switches.put(event.book_id, True)
    elif state.switches.get(event.book_id) is not None:
        state.switches.delete(event.book_id)


def _cleared(state: State, event: Cleared) -> None:
    state.resets.put(event.key, 1)
    state.follow_reset(event.reset_id)
    if not event.is_first:
        return
    for key, position in list(state.positions.scan()):
        state.positions.put(key, Position(version=position.version))
    for table in (state.credits, state.inquiries, state.finished):
        for key, _ in list(table.scan()):
            table.delete(key)
    state.rebuild()


_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    Inquiry: _inquiry,
    Answered: _answered,
    InquiryBooked: _booked,
    DeskPositionChanged: _position_changed,
    InstrumentListed: _listed,
    PhaseChanged: _phase_changed,
    AccountKindChanged: _kind_changed,
    ExposuresReported: _exposures_reported,
    UpdateReferencePrices: _priced,
    UpdateMarketMeasures: _measured,
    SidesMoved: _sides_moved,
    TermsSet: _terms_set,
    Switched: _switched,
    Cleared: _cleared,
}
