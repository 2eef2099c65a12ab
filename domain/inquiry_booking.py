"""What becomes of an inquiry that the dealer deals in: quotes, counters, and the booking of what was accepted.

A booking is one step: the inquiry, the position of the book, what the ledger hears and the public trade belong to one
record, whatever happens to the process.
"""

from collections.abc import Iterator

from domain import quoting
from domain.desk_terms import DeskTerms
from domain.inquiry_facts import key_of, pending_of, side_of
from domain.inquiry_life import COUNTER_ROUNDS_MAX, Step
from domain.inquiry_rows import TRADES_FROM, Event, Inquiry, State
from domain.inquiry_steps import market_stop, moved
from domain.instruments import Instrument
from domain.money import NUMBERS_PER_COUNT, value_of
from domain.positions import after_trade
from domain.quoting import Decision, Exposure, Market, Request
from schemas.enums import (
    DeskParty,
    InquiryOutcome,
    InquiryReason,
    InquirySide,
    InquiryStatus,
    PriceType,
    QuoteAction,
    Side,
)
from schemas.inquiries import DeskPositionChanged, InquiryBooked, QuoteDecided
from schemas.order_books import TradeExecuted

MANUAL = "MANUAL"
"""Policy of quotes by hand."""
RFQ = "RFQ"
"""Venue of trades that were agreed on an inquiry."""


def by_auto_trader(state: State, inquiry: Inquiry) -> Iterator[Event]:
    """The auto-trader decides on an inquiry, or on the counter of its client."""
    instrument = state.instruments.get(inquiry.instrument_id)
    assert instrument is not None
    terms = state.terms_of(inquiry.book_id, inquiry.instrument_id)
    decision = quoting.quote(
        request_of(inquiry), exposure_of(state, inquiry), _market(state, inquiry, instrument), terms
    )
    yield _told(inquiry, decision, terms)
    by = {"policy_id": terms.policy.value, "policy_config_hash": terms.config_hash}
    match decision.action:
        case QuoteAction.ACCEPT:
            assert decision.price is not None
            inquiry = moved(state, inquiry, Step.DEALER_ACCEPT, quoted_at=inquiry.quoted_at or state.now, **by)
            yield inquiry
            yield from booked(state, inquiry, side_of(inquiry), decision.price, units_of(inquiry))
        case QuoteAction.QUOTE | QuoteAction.COUNTER:
            yield offered(state, inquiry, decision, terms.firm_ns, by)
        case _:
            is_pass = decision.action is QuoteAction.PASS
            outcome = InquiryOutcome.PASSED if is_pass else InquiryOutcome.REJECTED
            answered_at = inquiry.quoted_at or state.now
            yield moved(
                state,
                inquiry,
                Step.PASS,
                outcome=outcome,
                reason_code=decision.reason_code,
                quoted_at=answered_at,
                **by,
            )


def units_of(inquiry: Inquiry) -> int:
    """Units that are spoken of: those of the quote, once there is one."""
    return inquiry.quantity if inquiry.quote_qty is None else inquiry.quote_qty


def request_of(inquiry: Inquiry) -> Request:
    """What a policy may know: of a counter the price that the client named last."""
    countered = inquiry.status is InquiryStatus.COUNTERED
    side = inquiry.client_side
    if countered and inquiry.counter_side is not Side.UNKNOWN:
        side = InquirySide(inquiry.counter_side.value)
    return Request(
        inquiry.inquiry_id,
        side,
        units_of(inquiry),
        inquiry.counter_price if countered else inquiry.requested_price,
        inquiry.client_tier,
        inquiry.inquiry_number,
        is_in_price=countered or inquiry.requested_price is None or inquiry.price_type is PriceType.PRICE,
    )


def exposure_of(state: State, inquiry: Inquiry) -> Exposure:
    """What the book has, and what other open quotes may make of it."""
    key = key_of(inquiry)
    (buys, sells), (own_buys, own_sells) = state.pending(key), pending_of(inquiry)
    nets = state.net_paid(inquiry.client_id), state.net_paid(inquiry.book_id)
    return Exposure(state.position(key).quantity, buys - own_buys, sells - own_sells, *nets)


def _market(state: State, inquiry: Inquiry, instrument: Instrument) -> Market:
    price, stop = state.prices.get(inquiry.instrument_id), market_stop(state, inquiry, instrument)
    if price is None:
        return Market(instrument.tick, multiplier=instrument.multiplier, stop=stop)
    age_ns = max(0, state.now - price.quoted_at)
    measures = state.measures_of(inquiry.instrument_id)
    by_hand = (price.signal, price.volatility)
    return Market(instrument.tick, price.mid, age_ns, *by_hand, instrument.multiplier, stop, measures)


def _told(about: Inquiry, said: Decision, terms: DeskTerms) -> QuoteDecided:
    return QuoteDecided(
        about.inquiry_id, about.book_id, about.instrument_id, about.version, terms.policy, terms.config_hash,
        said.action, said.reason_code, said.ref_mid, said.signal, said.reservation_price,
        said.half_spread, said.skew, said.size_adj, said.tier_adj,
        said.bid_price, said.ask_price, said.gap, said.inventory, said.volatility, said.price,
        said.ema_fast, said.ema_slow, said.realized_volatility, said.measured_at,
    )  # fmt: skip


def offered(state: State, inquiry: Inquiry, decision: Decision, firm_ns: int, by: dict[str, str]) -> Inquiry:
    """The inquiry with prices that the client may take: a quote, or the dealer's counter to the price it asked for."""
    is_counter = decision.action is QuoteAction.COUNTER and inquiry.status is InquiryStatus.ENRICHED
    countered = {"counter_price": decision.price, "countered_by": DeskParty.DEALER} if is_counter else {}
    if is_counter:
        countered["counter_rounds"] = inquiry.counter_rounds + 1
    return moved(
        state,
        inquiry,
        Step.DEALER_COUNTER if is_counter else Step.QUOTE,
        quote_id=f"{inquiry.inquiry_id}.{inquiry.version + 1}",
        bid_price=None if inquiry.client_side is InquirySide.BUY else decision.bid_price,
        ask_price=None if inquiry.client_side is InquirySide.SELL else decision.ask_price,
        quote_qty=units_of(inquiry),
        half_spread=decision.half_spread,
        skew=decision.skew,
        size_adj=decision.size_adj,
        tier_adj=decision.tier_adj,
        quote_mid=decision.ref_mid,
        firm_until=firm_until(state, inquiry, firm_ns),
        quoted_at=inquiry.quoted_at or state.now,
        **by,
        **countered,
    )


def firm_until(state: State, inquiry: Inquiry, firm_ns: int) -> int:
    """Until when an offer holds: as long as was asked for, or the usual time; never longer than the inquiry."""
    asked = 0 if inquiry.quoted_at else inquiry.firm_until
    until = asked if asked > state.now else state.now + firm_ns
    return min(until, inquiry.expire_time)


def can_counter(inquiry: Inquiry) -> bool:
    """Whether there is a round left."""
    return inquiry.counter_rounds < COUNTER_ROUNDS_MAX


def booked(state: State, inquiry: Inquiry, side: Side, price: int, quantity: int) -> Iterator[Event]:
    """Books what was accepted, unless something forbids it by now: the limit, or a kill switch."""
    instrument = state.instruments.get(inquiry.instrument_id)
    assert instrument is not None
    value = value_of(quantity, price, instrument.multiplier)
    reason = market_stop(state, inquiry, instrument) or _limit_fault(state, inquiry, side, quantity, value)
    if reason is not None:
        yield moved(state, inquiry, Step.NOT_BOOK, reason_code=reason)
        return
    number = (state.shard_row().bookings + 1) * NUMBERS_PER_COUNT + TRADES_FROM + state.partition
    inquiry = moved(state, inquiry, Step.BOOK, trade_id=str(number), trade_price=price)
    yield inquiry
    book_sells = side is Side.BUY
    buyer, seller = (inquiry.client_id, inquiry.book_id) if book_sells else (inquiry.book_id, inquiry.client_id)
    trade = InquiryBooked(
        str(number),
        inquiry.inquiry_id,
        inquiry.book_id,
        inquiry.instrument_id,
        side,
        buyer,
        seller,
        quantity,
        price,
        value,
        instrument.multiplier,
        instrument.base,
        instrument.quote,
        caused_by=str(number),
    )
    yield trade
    yield _position_changed(state, inquiry, trade)
    yield _public(state, inquiry, trade)


def _limit_fault(state: State, inquiry: Inquiry, side: Side, quantity: int, value: int) -> InquiryReason | None:
    """Limits hold for what is booked, too: there may be less room than when the price was named."""
    terms = state.terms_of(inquiry.book_id, inquiry.instrument_id)
    limit = terms.position_max
    if limit is not None:
        change = -quantity if side is Side.BUY else quantity
        position = state.position(key_of(inquiry)).quantity
        if abs(position + change) > max(limit, abs(position)):
            return InquiryReason.POSITION_LIMIT
    if terms.credit_max is None and terms.exposure_max is None:
        return None
    return quoting.money_fault(InquirySide(side.value), exposure_of(state, inquiry), value, terms)


def _position_changed(state: State, inquiry: Inquiry, trade: InquiryBooked) -> DeskPositionChanged:
    book_side = Side.SELL if trade.side is Side.BUY else Side.BUY
    before = state.position(key_of(inquiry))
    after = after_trade(before, book_side, trade.quantity, trade.value, 0, trade.multiplier)
    return DeskPositionChanged(
        inquiry.book_id,
        inquiry.instrument_id,
        after.quantity,
        after.cost - after.realized_pnl,
        after.cost,
        after.realized_pnl,
        after.version,
        inquiry.inquiry_id,
        trade.trade_id,
        caused_by=trade.trade_id,
    )


def _public(state: State, inquiry: Inquiry, trade: InquiryBooked) -> TradeExecuted:
    """The trade in the form of every trade: the inquiry stands for both orders, and the client is the taker."""
    number, account_id = inquiry.inquiry_number, inquiry.client_id
    return TradeExecuted(
        trade.trade_id, inquiry.inquiry_id, account_id, inquiry.instrument_id, trade.side,
        trade.quantity, trade.price, 0, state.now, RFQ,
        trade.price, trade.base, trade.quote,
        inquiry.inquiry_id, inquiry.inquiry_id, trade.buy_account_id, trade.sell_account_id,
        number, number,
        0, 0, trade.value, trade.multiplier,
        0, 0, 0, 0, state.position(key_of(inquiry)).version,
    )  # fmt: skip
