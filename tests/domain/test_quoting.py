from decimal import getcontext

import msgspec
import pytest
from examples import CENT, units
from hypothesis import given
from hypothesis import strategies as st

from domain.desk_terms import DEFAULT, DeskTerms
from domain.quoting import Decision, Exposure, Market, Request, quote
from schemas.enums import DeskPolicy, InquiryReason, InquirySide, QuoteAction
from schemas.inquiries import TierMarkup
from schemas.wire import NANOS

BUY, SELL, TWO_WAY = InquirySide.BUY, InquirySide.SELL, InquirySide.TWO_WAY
CALM = Market(CENT, units(100))
WORKED = DEFAULT


def with_terms(**changed: object) -> DeskTerms:
    return msgspec.structs.replace(WORKED, **changed)


def asked(side: InquirySide, price: str | None = None, quantity: int = 100, **more: object) -> Request:
    return Request("i", side, units(quantity), None if price is None else units(price), **more)


def prices(decision: Decision) -> tuple[int | None, int | None]:
    return decision.bid_price, decision.ask_price


@pytest.mark.parametrize(
    ("lots", "bid", "ask"),
    [(0, "99.15", "100.85"), (-1, "99.55", "101.25"), (1, "98.75", "100.45"), (5, "97.15", "98.85")],
)
def test_the_worked_numbers_of_avellaneda_and_stoikov(lots: int, bid: str, ask: str) -> None:
    found = quote(asked(TWO_WAY), Exposure(lots * units(100)), CALM, WORKED)
    assert prices(found) == (units(bid), units(ask))
    assert found.half_spread == units("0.845385211")
    assert found.reservation_price == units(100) - lots * units("0.4")
    assert found.inventory == lots * NANOS


def test_a_price_that_is_ours_or_better_is_taken_one_within_the_band_is_countered_any_other_is_refused() -> None:
    short = Exposure(-units(100))
    found = quote(asked(BUY, "101.00"), Exposure(), CALM, WORKED)
    assert (found.action, found.price) == (QuoteAction.ACCEPT, units(101))
    found = quote(asked(BUY, "101.00"), short, CALM, WORKED)
    assert (found.action, found.price, found.gap) == (QuoteAction.COUNTER, units("101.25"), units("0.25"))
    found = quote(asked(SELL, "99.50"), short, CALM, WORKED)
    assert (found.action, found.price) == (QuoteAction.ACCEPT, units("99.50"))
    found = quote(asked(BUY, "100.00"), Exposure(), CALM, WORKED)
    assert (found.action, found.reason_code) == (QuoteAction.REJECT, InquiryReason.PRICE_TOO_FAR)
    assert found.gap == units("0.85")


def test_an_old_price_of_the_market_is_none_to_quote_on() -> None:
    old = msgspec.structs.replace(CALM, age_ns=2 * NANOS + 1)
    found = quote(asked(BUY, "101.00"), Exposure(), old, WORKED)
    assert (found.action, found.reason_code) == (QuoteAction.PASS, InquiryReason.STALE)
    assert quote(asked(BUY), Exposure(), msgspec.structs.replace(old, age_ns=2 * NANOS), WORKED).reason_code is None
    none = quote(asked(BUY), Exposure(), Market(CENT), WORKED)
    assert none.reason_code is InquiryReason.NO_REFERENCE_PRICE


def test_gates_come_first_and_in_their_order() -> None:
    halted = msgspec.structs.replace(CALM, stop=InquiryReason.HALTED)
    tight = with_terms(quantity_max=units(50), position_max=units(50), credit_max=units(50))
    for config, market, reason in (
        (tight, halted, InquiryReason.HALTED),
        (tight, CALM, InquiryReason.QUANTITY_LIMIT),
        (with_terms(position_max=units(50), credit_max=1), CALM, InquiryReason.POSITION_LIMIT),
        (with_terms(credit_max=units(9_999)), CALM, InquiryReason.CLIENT_CREDIT),
    ):
        found = quote(asked(BUY), Exposure(), market, config)
        assert (found.action, found.reason_code) == (QuoteAction.REJECT, reason)
    assert quote(asked(BUY), Exposure(), CALM, with_terms(credit_max=units(10_000))).reason_code is None


def test_the_limit_counts_open_quotes_as_if_they_were_taken_and_lets_a_position_shrink() -> None:
    limit = with_terms(position_max=units(200))
    for exposure, side, is_over in (
        (Exposure(-units(100)), BUY, False),
        (Exposure(-units(100), pending_sell=1), BUY, True),
        (Exposure(-units(100), pending_buy=units(500)), BUY, False),
        (Exposure(units(100), pending_buy=1), SELL, True),
        (Exposure(units(900)), BUY, False),
        (Exposure(units(100), 0, 0), TWO_WAY, False),
        (Exposure(units(101), 0, 0), TWO_WAY, True),
    ):
        found = quote(asked(side), exposure, CALM, limit)
        assert (found.reason_code is InquiryReason.POSITION_LIMIT) is is_over, (exposure, side)


def test_size_class_and_signal_move_the_price() -> None:
    plain = quote(asked(TWO_WAY), Exposure(), CALM, WORKED)
    large = quote(asked(TWO_WAY, quantity=400), Exposure(), CALM, with_terms(size_premium=units("0.10")))
    assert large.size_adj == units("0.2")
    assert prices(large) == (units("98.95"), units("101.05"))
    gold = with_terms(tiers=(TierMarkup("gold", units("0.05")),))
    marked = quote(asked(TWO_WAY, client_tier="gold"), Exposure(), CALM, gold)
    assert (marked.tier_adj, *prices(marked)) == (units("0.05"), units("99.10"), units("100.90"))
    assert prices(quote(asked(TWO_WAY, client_tier="none"), Exposure(), CALM, gold)) == prices(plain)
    rising = msgspec.structs.replace(CALM, signal=units(3))
    capped = quote(asked(TWO_WAY), Exposure(), rising, with_terms(signal_max=units("0.50")))
    assert (capped.signal, *prices(capped)) == (units("0.50"), units("99.65"), units("101.35"))


def test_the_volatility_of_the_market_counts_where_it_is_known() -> None:
    calm = quote(asked(TWO_WAY), Exposure(), msgspec.structs.replace(CALM, volatility=0), WORKED)
    assert calm.half_spread == units("0.645385211")


def test_without_fear_of_risk_the_spread_is_what_waiting_brings() -> None:
    bold = quote(asked(TWO_WAY), Exposure(units(500)), CALM, with_terms(risk_aversion=0))
    assert (bold.half_spread, bold.skew) == (units("0.666666667"), 0)


def test_a_yield_is_no_price() -> None:
    found = quote(asked(BUY, "3", is_in_price=False), Exposure(), CALM, WORKED)
    assert (found.action, found.reason_code) == (QuoteAction.PASS, InquiryReason.PRICE_TYPE)


def test_a_price_below_zero_is_not_quoted() -> None:
    found = quote(asked(SELL), Exposure(units(100_000)), CALM, WORKED)
    assert found.reason_code is InquiryReason.AMOUNT_OUT_OF_RANGE


def test_mock_takes_one_in_ten_and_always_the_same() -> None:
    mock = with_terms(policy=DeskPolicy.MOCK)
    requests = [Request(f"inquiry-{n}", BUY, units(1), units(100)) for n in range(10_000)]
    found = [quote(each, Exposure(), Market(CENT), mock) for each in requests]
    assert 900 < sum(each.action is QuoteAction.ACCEPT for each in found) < 1_100
    assert found == [quote(each, Exposure(units(7)), CALM, mock) for each in requests]


def test_parity_takes_even_numbers() -> None:
    parity = with_terms(policy=DeskPolicy.PARITY)
    for name, number, action in (("4", 0, "ACCEPT"), ("5", 0, "REJECT"), ("x", 200, "ACCEPT"), ("x", 301, "REJECT")):
        request = Request(name, BUY, units(1), units(100), inquiry_number=number)
        assert quote(request, Exposure(), Market(CENT), parity).action == action


sides = st.sampled_from((BUY, SELL, TWO_WAY))


@given(sides, st.integers(-50, 50), st.integers(1, 50), st.integers(1, 10_000), st.sampled_from((1, CENT, 5 * CENT)))
def test_a_quote_is_on_the_tick_never_crossed_and_no_better_than_exact(
    side: InquirySide, lots: int, quantity: int, mid: int, tick: int
) -> None:
    found = quote(asked(side, quantity=quantity), Exposure(lots * units(10)), Market(tick, mid * CENT * 100), WORKED)
    if found.action is QuoteAction.QUOTE:
        assert found.bid_price is not None
        assert found.ask_price is not None
        assert found.half_spread is not None
        assert found.reservation_price is not None
        assert found.bid_price % tick == found.ask_price % tick == 0
        assert found.bid_price < found.ask_price
        assert 0 <= found.reservation_price - found.half_spread - found.bid_price <= tick + 1
        assert 0 <= found.ask_price - found.reservation_price - found.half_spread + 1 <= tick + 2


def test_arithmetic_has_a_context_of_its_own() -> None:
    context = getcontext()
    before, context.prec = context.prec, 3
    try:
        assert quote(asked(TWO_WAY), Exposure(), CALM, WORKED).half_spread == units("0.845385211")
        assert context.prec == 3
    finally:
        context.prec = before
