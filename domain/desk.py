"""What operators and other nouns tell the desk: terms, kill switches, what there is to trade and who trades, resets."""

from collections.abc import Iterator

import msgspec

from domain import desk_terms, inquiry_last_look
from domain.inquiry_life import Step
from domain.inquiry_rows import (
    DONE,
    TRADES_FROM,
    Cleared,
    Event,
    Inquiry,
    Sides,
    SidesMoved,
    State,
    Switched,
    TermsSet,
)
from domain.inquiry_steps import moved
from domain.money import AMOUNT_MAX
from schemas.accounts import AccountKindChanged, ExposuresReported, ResetAccounts
from schemas.enums import InquiryOutcome, InquiryReason, InquiryStatus
from schemas.inquiries import (
    DeskSwitched,
    DeskTermsChanged,
    ReferencePrice,
    ResetInquiries,
    SetDeskSwitch,
    SetDeskTerms,
    UpdateMarketMeasures,
    UpdateReferencePrices,
)
from schemas.order_books import InstrumentListed, PhaseChanged, SetReferencePrices
from schemas.positions import ResetPositions
from schemas.shared import Tick

STEPS_PER_RECORD_MAX = 250
"""Inquiries that one record ends; the shard sends itself another one for the others."""

Heard = InstrumentListed | PhaseChanged | AccountKindChanged | ExposuresReported | UpdateMarketMeasures


def heard(_state: State, command: Heard) -> Iterator[Event]:
    """What others say is so."""
    yield command


def priced(state: State, command: UpdateReferencePrices) -> Iterator[Event]:
    """Prices of the market; what cannot be a price is passed over."""
    prices = tuple(each for each in command.prices if 0 < each.mid <= AMOUNT_MAX)
    if prices:
        yield UpdateReferencePrices(prices)
        yield from inquiry_last_look.priced(state, prices)


def quoted(state: State, command: SetReferencePrices) -> Iterator[Event]:
    """Best prices of a market elsewhere, those that changed: on their middle is quoted, while there are both."""
    before = state.sides.get(command.symbol) or Sides()
    bid = before.bid if command.bid is None else command.bid
    ask = before.ask if command.ask is None else command.ask
    if (bid, ask) != (before.bid, before.ask):
        yield SidesMoved(command.symbol, Sides(bid, ask))
    if bid and ask:
        price = ReferencePrice(command.symbol, (bid + ask) // 2, command.quoted_at)
        yield from priced(state, UpdateReferencePrices((price,)))


def set_terms(state: State, command: SetDeskTerms) -> Iterator[Event]:
    """An operator lays down how a book quotes. Whoever sends such a command has looked at it before."""
    if desk_terms.fault(command) is not None:
        return
    terms = desk_terms.terms_of(command)
    key = f"{command.book_id}|{command.instrument_id}"
    yield TermsSet(key, terms)
    if state.owns(key):
        values = {name: getattr(terms, name) for name in terms.__struct_fields__}
        yield DeskTermsChanged(book_id=command.book_id, instrument_id=command.instrument_id, **values)


def switch(state: State, command: SetDeskSwitch) -> Iterator[Event]:
    """An operator sets a kill switch: on, quotes that are open are withdrawn, and whatever waits is refused."""
    if not command.after:
        yield Switched(command.book_id, command.is_on)
        if state.owns(f"{command.book_id}|"):
            yield DeskSwitched(command.book_id, is_on=command.is_on)
    if not command.is_on:
        return
    names = sorted(
        name
        for name, inquiry in state.open.items()
        if name > command.after and command.book_id in ("", inquiry.book_id)
    )
    for name in names[:STEPS_PER_RECORD_MAX]:
        yield _stopped(state, state.open[name], InquiryReason.KILL_SWITCH)
    if len(names) > STEPS_PER_RECORD_MAX:
        yield msgspec.structs.replace(command, after=names[STEPS_PER_RECORD_MAX - 1])


def _stopped(state: State, inquiry: Inquiry, reason: InquiryReason) -> Inquiry:
    """The inquiry ends by the dealer's will: a quote is withdrawn, anything else is refused."""
    if inquiry.status is InquiryStatus.ACCEPTED:
        return moved(state, inquiry, Step.NOT_BOOK, reason_code=reason)
    if inquiry.status is InquiryStatus.QUOTED:
        return moved(state, inquiry, Step.WITHDRAW, reason_code=reason)
    return moved(state, inquiry, Step.PASS, reason_code=reason, outcome=InquiryOutcome.REJECTED)


def tick(state: State, _command: Tick) -> Iterator[Event]:
    """Ends what is due, in order of time."""
    for _ in range(STEPS_PER_RECORD_MAX):
        first = state.first_due()
        if first is None or first[0] > state.now:
            return
        yield from inquiry_last_look.over(state, state.open[first[1]])
    yield Tick(is_manual=False)


def reset(state: State, command: ResetInquiries) -> Iterator[Event]:
    """A clean sheet at the first word of a reset. Until all shards of accounts are done nothing is dealt.

    A trade between would be closed out in the ledger of one account and not of the other. Numbers, and versions of
    positions, go on.
    """
    key = reset_key(command)
    if state.resets.get(key) is not None:
        return
    is_first = not any(True for _ in state.resets.scan(f"{command.reset_id}|"))
    if is_first:
        for name in sorted(state.open):
            yield _stopped(state, state.open[name], InquiryReason.RESET)
    yield Cleared(command.reset_id, key, is_first)
    if is_first:
        yield ResetAccounts(reset_id=command.reset_id, source=f"desk{state.partition}")
        yield ResetPositions(reset_id=command.reset_id, source=str(TRADES_FROM + state.partition))


def reset_key(command: ResetInquiries) -> str:
    """Under this a word of a reset is remembered."""
    return f"{command.reset_id}|{DONE if command.is_done else ''}|{command.source}"
