"""What the steps of an inquiry have in common: the next version, the answer to who asked, and how it ends."""

from collections.abc import Iterator
from typing import Any

import msgspec

from domain import inquiry_life
from domain.inquiry_life import FINAL, OUTCOMES, Step
from domain.inquiry_rows import Answer, Answered, Event, Inquiry, State
from domain.instruments import Instrument
from domain.money import AMOUNT_MAX
from schemas.enums import InquiryOutcome, InquiryReason, InquiryStatus, TradingPhase
from schemas.inquiries import DecideInquiry, InquiryRefused, OpenInquiry, QuoteInquiry, RespondToInquiry
from schemas.wire import NANOS

Request = OpenInquiry | QuoteInquiry | RespondToInquiry | DecideInquiry


def moved(state: State, inquiry: Inquiry, step: Step, **changed: Any) -> Inquiry:
    """The inquiry after a step."""
    status = inquiry_life.after(inquiry.status, step)
    if status in FINAL:
        changed = {"outcome": OUTCOMES[step], "ended_at": state.now} | changed
    return msgspec.structs.replace(inquiry, status=status, version=inquiry.version + 1, **changed)


def expired(state: State, inquiry: Inquiry) -> Inquiry:
    """The inquiry after one of its clocks has run out: which one is the reason."""
    if state.now >= inquiry.expire_time:
        reason = InquiryReason.EXPIRE_TIME_PASSED
    elif inquiry.status in (InquiryStatus.NEW, InquiryStatus.ENRICHED):
        reason = InquiryReason.DUE_TIME_PASSED
    else:
        reason = InquiryReason.FIRM_TIME_PASSED
    return moved(state, inquiry, Step.EXPIRE, reason_code=reason)


def answered(state: State, command: Request, reason: InquiryReason | None) -> Iterator[Event]:
    """Remembers how a command ended; a refusal is told to everybody, for whoever asked may be anywhere."""
    inquiry = state.inquiries.get(command.inquiry_id)
    outcome: InquiryOutcome | None = None
    status, version = InquiryStatus.UNKNOWN, 0
    if inquiry is not None:
        status, outcome, version = inquiry.status, inquiry.outcome, inquiry.version
    if command.command_id:
        number = state.shard_row().answers + 1
        yield Answered(command.command_id, Answer(number, command.inquiry_id, reason, status, outcome, version))
    if reason is not None:
        yield refusal(command, reason, status, outcome, version)


def refusal(
    command: Request, reason: InquiryReason, status: InquiryStatus, outcome: InquiryOutcome | None, version: int
) -> InquiryRefused:
    """What everybody hears of a command that changed nothing."""
    return InquiryRefused(
        command.inquiry_id,
        command.book_id,
        command.instrument_id,
        type(command).__name__,
        reason,
        status,
        version,
        outcome,
    )


def market_stop(state: State, inquiry: Inquiry, instrument: Instrument) -> InquiryReason | None:
    """Why nothing of the book, or of the instrument, may be dealt in now."""
    if state.resetting or state.is_killed(inquiry.book_id):
        return InquiryReason.RESET if state.resetting else InquiryReason.KILL_SWITCH
    if instrument.has_expired(state.now):
        return InquiryReason.INSTRUMENT_EXPIRED
    return _STOPS.get(state.phases.get(inquiry.instrument_id))


_STOPS = {TradingPhase.CLOSED: InquiryReason.MARKET_CLOSED, TradingPhase.HALTED: InquiryReason.HALTED, None: None}
"""Phases in which nothing is dealt."""


def price_fault(instrument: Instrument, price: int, quantity: int) -> InquiryReason | None:
    """What is wrong with a price at which so much would be dealt."""
    if not 0 < price <= AMOUNT_MAX or price * quantity * instrument.multiplier > AMOUNT_MAX * NANOS * NANOS:
        return InquiryReason.BAD_PRICE
    return InquiryReason.OFF_TICK if price % instrument.tick else None


def quantity_fault(instrument: Instrument, quantity: int) -> InquiryReason | None:
    """What is wrong with a number of units."""
    if not 0 < quantity <= AMOUNT_MAX:
        return InquiryReason.BAD_QUANTITY
    return InquiryReason.OFF_LOT if quantity % instrument.lot else None
