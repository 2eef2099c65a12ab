"""What follows from an inquiry alone: where it lives, what it is about, and when its time is over."""

from schemas.enums import DeskParty, InquirySide, InquiryStatus, Side
from schemas.inquiries import InquiryEvent

NEW, ENRICHED, QUOTED = InquiryStatus.NEW, InquiryStatus.ENRICHED, InquiryStatus.QUOTED
COUNTERED, ACCEPTED = InquiryStatus.COUNTERED, InquiryStatus.ACCEPTED
BUYS, SELLS = InquirySide.BUY, InquirySide.SELL
DEALER = DeskParty.DEALER
MAY_BE_PENDING = frozenset({QUOTED, COUNTERED, ACCEPTED})
"""States in which the book may have to deal: every inquiry goes through the others."""


def key_of(inquiry: InquiryEvent) -> str:
    """Book and instrument: what has one position, and one order of events."""
    return f"{inquiry.book_id}|{inquiry.instrument_id}"


def deadline_of(inquiry: InquiryEvent) -> int:
    """The earliest of its clocks that runs in its state."""
    expires = inquiry.expire_time
    if inquiry.status in (NEW, ENRICHED):
        return min(expires, inquiry.due_time) if inquiry.due_time else expires
    if is_looked_at(inquiry):
        return inquiry.look_until
    return min(expires, inquiry.firm_until) if is_firm(inquiry) else expires


def is_firm(inquiry: InquiryEvent) -> bool:
    """Whether the client may take what the dealer named."""
    if inquiry.status is QUOTED:
        return True
    return inquiry.status is COUNTERED and inquiry.countered_by is DEALER


def is_looked_at(inquiry: InquiryEvent) -> bool:
    """Whether the dealer looks once more at what the client accepted."""
    return inquiry.status is ACCEPTED and inquiry.look_until > 0


def side_of(inquiry: InquiryEvent) -> Side:
    """What the client does, where that is known without asking."""
    if inquiry.client_side is InquirySide.TWO_WAY:
        return inquiry.counter_side
    return Side(inquiry.client_side.value)


def pending_of(inquiry: InquiryEvent) -> tuple[int, int]:
    """Units that the book would buy, and sell, if the client took what is open, or the dealer confirmed it."""
    if inquiry.status not in MAY_BE_PENDING:
        return 0, 0
    units = inquiry.quote_qty or 0
    if is_looked_at(inquiry):
        return (0, units) if side_of(inquiry) is Side.BUY else (units, 0)
    if not is_firm(inquiry):
        return 0, 0
    buys = inquiry.bid_price is not None and inquiry.client_side is not BUYS
    sells = inquiry.ask_price is not None and inquiry.client_side is not SELLS
    return units if buys else 0, units if sells else 0
