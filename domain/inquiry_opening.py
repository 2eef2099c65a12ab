"""An inquiry comes in: it is looked at, enriched with the position of its book, and handed to the auto-trader."""

from collections.abc import Iterator

from domain import inquiry_life
from domain.inquiry_booking import by_auto_trader
from domain.inquiry_facts import key_of
from domain.inquiry_life import Step
from domain.inquiry_rows import Event, Inquiry, State
from domain.inquiry_steps import answered, expired, moved, price_fault, quantity_fault
from domain.instruments import Instrument
from domain.money import NUMBERS_PER_COUNT
from schemas.enums import InquiryReason, InquirySide
from schemas.inquiries import OpenInquiry

MILLISECOND_NS = 1_000_000
_SAME = ("book_id", "instrument_id", "client_id", "client_side", "quantity", "requested_price", "price_type")
"""What makes two inquiries under one id the same."""


def open_inquiry(state: State, command: OpenInquiry) -> Iterator[Event]:
    """Takes a new inquiry as far as it goes by itself. The same one once more changes nothing."""
    known = state.inquiries.get(command.inquiry_id)
    if known is not None:
        if any(getattr(known, name) != getattr(command, name) for name in _SAME):
            yield from answered(state, command, InquiryReason.DUPLICATE_INQUIRY_ID)
        return
    inquiry = _received(state, command)
    yield inquiry
    reason = _fault(state, inquiry)
    if reason is not None:
        yield moved(state, inquiry, Step.REFUSED, reason_code=reason)
        return
    if state.now >= min(inquiry.expire_time, inquiry.due_time or inquiry.expire_time):
        yield expired(state, inquiry)
        return
    inquiry = _enriched(state, inquiry)
    yield inquiry
    if inquiry.is_auto:
        yield from by_auto_trader(state, inquiry)


def _received(state: State, command: OpenInquiry) -> Inquiry:
    terms = state.terms_of(command.book_id, command.instrument_id)
    number = (state.shard_row().inquiries + 1) * NUMBERS_PER_COUNT + state.partition
    return Inquiry(
        command.inquiry_id, command.book_id, command.instrument_id, number,
        command.client_id, command.client_side, command.quantity, 1, inquiry_life.after(None, Step.RECEIVED),
        command.requested_price, command.price_type, command.client_tier, command.trader,
        command.security_type, command.isin, command.currency, command.settle_date,
        command.competition, command.source,
        command.due_time, command.expire_time or state.now + terms.life_ns, state.now,
        is_auto=terms.is_auto, firm_until=command.firm_until,
    )  # fmt: skip


def _fault(state: State, inquiry: Inquiry) -> InquiryReason | None:
    """What is wrong with the inquiry itself; None where nothing is."""
    instrument = state.instruments.get(inquiry.instrument_id)
    if instrument is None:
        return _name_fault(state, inquiry) or InquiryReason.UNKNOWN_INSTRUMENT
    return _name_fault(state, inquiry) or _terms_fault(inquiry, instrument) or _clocks_fault(inquiry)


def _name_fault(state: State, inquiry: Inquiry) -> InquiryReason | None:
    if state.accounts.get(inquiry.book_id) is None:
        return InquiryReason.UNKNOWN_BOOK
    if state.accounts.get(inquiry.client_id) is None or inquiry.client_id == inquiry.book_id:
        return InquiryReason.UNKNOWN_CLIENT
    return None


def _terms_fault(inquiry: Inquiry, instrument: Instrument) -> InquiryReason | None:
    if inquiry.client_side is InquirySide.UNKNOWN:
        return InquiryReason.BAD_SIDE
    if inquiry.currency not in ("", instrument.quote) or (inquiry.competition or 0) < 0:
        return InquiryReason.BAD_VALUE
    reason = quantity_fault(instrument, inquiry.quantity)
    if reason is None and inquiry.requested_price is not None:
        if inquiry.client_side is InquirySide.TWO_WAY:
            return InquiryReason.BAD_PRICE
        reason = price_fault(instrument, inquiry.requested_price, inquiry.quantity)
    return reason


def _clocks_fault(inquiry: Inquiry) -> InquiryReason | None:
    """A quote is wanted before it is to be firm, and nothing lasts longer than the inquiry."""
    if not (inquiry.due_time or inquiry.firm_until):
        return InquiryReason.BAD_CLOCKS if inquiry.expire_time < 0 else None
    clocks = [time for time in (inquiry.due_time, inquiry.firm_until, inquiry.expire_time) if time]
    is_wrong = min(inquiry.due_time, inquiry.firm_until, inquiry.expire_time) < 0 or clocks != sorted(clocks)
    return InquiryReason.BAD_CLOCKS if is_wrong else None


def _enriched(state: State, inquiry: Inquiry) -> Inquiry:
    """With what the book has booked before, and nothing after; and with what the market said last."""
    key = key_of(inquiry)
    position, (buys, sells) = state.position(key), state.pending(key)
    price = state.prices.get(inquiry.instrument_id)
    age_ns = 0 if price is None else max(0, state.now - price.quoted_at)
    terms = state.terms_of(inquiry.book_id, inquiry.instrument_id)
    return moved(
        state,
        inquiry,
        Step.ENRICHED,
        position_qty=position.quantity,
        position_notional=position.cost - position.realized_pnl,
        pending_buy_qty=buys,
        pending_sell_qty=sells,
        position_version=position.version,
        as_of_offset=state.shard_row().bookings,
        ref_mid=None if price is None else price.mid,
        ref_age_ms=None if price is None else age_ns // MILLISECOND_NS,
        is_stale=age_ns > terms.ref_age_max_ns,
    )
