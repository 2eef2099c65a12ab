"""What is wrong with what clients and dealers ask: the first that applies, or None."""

from domain import quoting
from domain.inquiry_booking import can_counter, exposure_of, units_of
from domain.inquiry_facts import side_of
from domain.inquiry_rows import Inquiry, State
from domain.inquiry_steps import market_stop, price_fault, quantity_fault
from domain.money import AMOUNT_MAX, value_of
from schemas.enums import InquiryReason, InquirySide, InquiryStatus, PriceType, Side
from schemas.inquiries import DecideInquiry, QuoteInquiry, RespondToInquiry


def quote_fault(state: State, inquiry: Inquiry, command: QuoteInquiry) -> InquiryReason | None:
    """A quote has the sides that were asked for, for no more than was asked for, and ends before the inquiry."""
    instrument = state.instruments.get(inquiry.instrument_id)
    assert instrument is not None
    quantity = inquiry.quantity if command.quantity is None else command.quantity
    bid, ask = command.bid_price, command.ask_price
    side = inquiry.client_side
    wanted = {InquirySide.BUY: (ask,), InquirySide.SELL: (bid,)}.get(side, (bid, ask))
    if any(price is None for price in wanted):
        return InquiryReason.BAD_PRICE
    prices = [price for price in (bid, ask) if price is not None]
    if len(prices) > len(wanted):
        return InquiryReason.BAD_SIDE
    faults = [price_fault(instrument, price, quantity) for price in prices]
    if quantity > inquiry.quantity or (bid is not None and ask is not None and bid > ask):
        faults.append(InquiryReason.BAD_QUANTITY if quantity > inquiry.quantity else InquiryReason.BAD_PRICE)
    if command.firm_until and not state.now < command.firm_until <= inquiry.expire_time:
        faults.append(InquiryReason.BAD_CLOCKS)
    faults.append(quantity_fault(instrument, quantity))
    found = next((fault for fault in faults if fault is not None), None)
    found = found or market_stop(state, inquiry, instrument)
    return found or _limit_fault(state, inquiry, side, quantity, value_of(quantity, max(prices), instrument.multiplier))


def _limit_fault(state: State, inquiry: Inquiry, side: InquirySide, quantity: int, value: int) -> InquiryReason | None:
    """Limits hold for people, too."""
    terms, exposure = state.terms_of(inquiry.book_id, inquiry.instrument_id), exposure_of(state, inquiry)
    asked = quoting.Request(inquiry.inquiry_id, side, quantity)
    if terms.position_max is not None and quoting.exceeds_limit(asked, exposure, terms.position_max):
        return InquiryReason.POSITION_LIMIT
    return quoting.money_fault(side, exposure, value, terms)


def dealer_price_fault(state: State, inquiry: Inquiry, command: DecideInquiry) -> InquiryReason | None:
    """A counter names one price, to a request that named one."""
    if inquiry.client_side is InquirySide.TWO_WAY or inquiry.requested_price is None:
        return InquiryReason.NOT_NOW
    price = command.price
    sides = (None, price) if inquiry.client_side is InquirySide.BUY else (price, None)
    quote = QuoteInquiry(inquiry.inquiry_id, inquiry.book_id, inquiry.instrument_id, *sides)
    return quote_fault(state, inquiry, quote)


def dealer_accept_fault(state: State, inquiry: Inquiry, _command: DecideInquiry) -> InquiryReason | None:
    """Only a price can be taken; what is looked at once more has one, and is checked when it is booked."""
    if inquiry.status is InquiryStatus.ACCEPTED:
        return None
    is_counter = inquiry.status is InquiryStatus.COUNTERED
    if not is_counter and (inquiry.requested_price is None or inquiry.price_type is not PriceType.PRICE):
        return InquiryReason.BAD_PRICE
    instrument = state.instruments.get(inquiry.instrument_id)
    assert instrument is not None
    price = inquiry.counter_price if is_counter else inquiry.requested_price
    assert price is not None
    side, units = InquirySide(side_of(inquiry).value), units_of(inquiry)
    value = value_of(units, price, instrument.multiplier)
    return market_stop(state, inquiry, instrument) or _limit_fault(state, inquiry, side, units, value)


def client_side_fault(_state: State, inquiry: Inquiry, command: RespondToInquiry) -> InquiryReason | None:
    """Who got prices for both sides says which one it means."""
    return InquiryReason.BAD_SIDE if client_side(inquiry, command) is None else None


def client_side(inquiry: Inquiry, command: RespondToInquiry) -> Side | None:
    """What the client does; None where that is not said, or is not what it asked for."""
    if inquiry.client_side is InquirySide.TWO_WAY:
        return None if command.side is Side.UNKNOWN else command.side
    own = side_of(inquiry)
    return own if command.side in (own, Side.UNKNOWN) else None


def client_counter_fault(state: State, inquiry: Inquiry, command: RespondToInquiry) -> InquiryReason | None:
    """A counter names a price, while there is a round left."""
    if not can_counter(inquiry):
        return InquiryReason.COUNTER_ROUNDS
    instrument = state.instruments.get(inquiry.instrument_id)
    assert instrument is not None
    if command.price is None:
        return InquiryReason.BAD_PRICE
    fault = price_fault(instrument, command.price, units_of(inquiry))
    return fault or client_side_fault(state, inquiry, command)


def cover_fault(_state: State, _inquiry: Inquiry, command: RespondToInquiry) -> InquiryReason | None:
    """The price of the other dealer, where it was told."""
    price = command.cover_price
    return None if price is None or 0 < price <= AMOUNT_MAX else InquiryReason.BAD_PRICE
