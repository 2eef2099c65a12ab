"""The last look: the time between the acceptance of a client and the booking, for books that ask for one.

It is off unless terms lay it down, it is bounded, and it is fair as principle 17 of the FX Global Code has it. What
decides is one rule: the trade stands unless the market has moved by more than the tolerance since the price was named,
and it falls whichever of the two the move would have favoured. The auto-trader decides by it at once where its price
of the market is not too old, else as soon as it hears one. A person may confirm or refuse meanwhile. At the end of the
time the rule decides, by the last price that is known.
"""

from collections.abc import Iterable, Iterator

from domain.inquiry_booking import booked, units_of
from domain.inquiry_facts import is_looked_at, side_of
from domain.inquiry_life import Step
from domain.inquiry_rows import Event, Inquiry, State
from domain.inquiry_steps import expired, moved
from schemas.enums import InquiryReason, Side
from schemas.inquiries import ReferencePrice

LOOKS_PER_RECORD_MAX = 250
"""Inquiries that one price decides on; the others wait for the next one, or for their end."""


def accepted(state: State, inquiry: Inquiry) -> Iterator[Event]:
    """The client took the price of the dealer: it is booked, or looked at first."""
    if not inquiry.look_until:
        yield from confirmed(state, inquiry)
    elif inquiry.is_auto and _has_price(state, inquiry):
        yield from _by_rule(state, inquiry)


def confirmed(state: State, inquiry: Inquiry) -> Iterator[Event]:
    """Books what the client took."""
    side = side_of(inquiry)
    price = inquiry.ask_price if side is Side.BUY else inquiry.bid_price
    assert price is not None
    yield from booked(state, inquiry, side, price, units_of(inquiry))


def priced(state: State, prices: Iterable[ReferencePrice]) -> Iterator[Event]:
    """The market was heard: the auto-trader decides on what waited for that."""
    for price in prices:
        for name in list(state.looked_at.get(price.instrument_id, ()))[:LOOKS_PER_RECORD_MAX]:
            inquiry = state.open[name]
            if inquiry.is_auto and _has_price(state, inquiry):
                yield from _by_rule(state, inquiry)


def over(state: State, inquiry: Inquiry) -> Iterator[Event]:
    """One of the clocks of an inquiry has run out."""
    if is_looked_at(inquiry):
        yield from _by_rule(state, inquiry)
    else:
        yield expired(state, inquiry)


def _by_rule(state: State, inquiry: Inquiry) -> Iterator[Event]:
    if _has_moved(state, inquiry):
        yield moved(state, inquiry, Step.NOT_BOOK, reason_code=InquiryReason.LAST_LOOK)
    else:
        yield from confirmed(state, inquiry)


def _has_price(state: State, inquiry: Inquiry) -> bool:
    """Whether a price of the market is there that is not too old."""
    price, terms = state.prices.get(inquiry.instrument_id), state.terms_of(inquiry.book_id, inquiry.instrument_id)
    return price is not None and state.now - price.quoted_at <= terms.ref_age_max_ns


def _has_moved(state: State, inquiry: Inquiry) -> bool:
    """By more than the tolerance, up or down. Where there is nothing to compare, it has not."""
    price = state.prices.get(inquiry.instrument_id)
    tolerance = state.terms_of(inquiry.book_id, inquiry.instrument_id).last_look_tolerance
    if price is None or inquiry.quote_mid is None or tolerance is None:
        return False
    return abs(price.mid - inquiry.quote_mid) > tolerance
