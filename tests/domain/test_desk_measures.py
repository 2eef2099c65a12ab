"""From the trades of a market to the prices of the desk: the short signal, and the volatility."""

from itertools import pairwise
from math import log, sqrt
from typing import Any

import pytest
from desk import (
    AAPL,
    BOOK,
    CLIENT_SELLS,
    START,
    TWO_WAY,
    aapl,
    decisions,
    desk_with,
    inquire,
    market,
    measured,
    positions,
    terms,
)
from desk_reader import check_quote
from effort import EFFORT
from event_time import heard
from examples import CENT, units
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import Machine, about, of_type

from domain.desk_measures import MEASURES_AGE_NS_MAX, NOT_MEASURED, Measures, fresh
from domain.desk_terms import fault
from domain.observations import Printed
from domain.series import GRACE_NS
from schemas.inquiries import (
    DeskTermsChanged,
    QuoteDecided,
    ReferencePrice,
    SetDeskTerms,
    TierMarkup,
    UpdateMarketMeasures,
    UpdateReferencePrices,
)
from schemas.market_data import AnalyticsCalculated
from schemas.shared import Tick
from schemas.wire import NANOS

MINUTE = 60 * NANOS
NOON = 20_000 * 86_400 * NANOS + 12 * 60 * MINUTE
CLOSES = [100, 101, 99, 103, 102, 102, 104, 103, 105, 107, 106, 108, 107, 109, 111, 110, 112]


def trade(price: float, at: int, symbol: str = AAPL) -> Printed:
    return Printed(symbol, "XNAS", at, units(price), units(1), 0, 0, "", True, True, "")


def markets(*symbols: str) -> Machine:
    """A shard of market data that knows of these listings."""
    machine = Machine("market_data", now=NOON)
    machine.run_all([aapl(symbol=symbol) for symbol in symbols])
    return machine


def told(events: list[Any]) -> list[UpdateMarketMeasures]:
    return of_type(events, UpdateMarketMeasures)


def minutes(machine: Machine, closes: list[float]) -> list[UpdateMarketMeasures]:
    """A trade in each minute, and what the desk hears once stream time is behind the grace of the last one."""
    trades = [trade(price, NOON + number * MINUTE + 10 * NANOS) for number, price in enumerate(closes)]
    trades.append(trade(1, NOON + len(closes) * MINUTE + GRACE_NS, "OTHER"))
    return [message for each in trades for message in told(machine.run(heard((each,)), at=each.at))]


def average(closes: list[float], bars: int) -> float:
    """The EMA to the letter: the mean of the first bars, and then 2 / (bars + 1) of each difference."""
    found = sum(closes[:bars]) / bars
    for close in closes[bars:]:
        found += (close - found) * 2 / (bars + 1)
    return found


def realized(closes: list[float], count: int) -> float:
    return sqrt(sum(log(after / before) ** 2 for before, after in list(pairwise(closes))[-count:]))


def test_the_desk_hears_of_each_minute_once_when_it_is_final() -> None:
    machine = markets(AAPL)
    machine.run(heard((trade(100, NOON), trade(101, NOON + 30 * NANOS))))
    assert told(machine.run(heard((trade(102, NOON + MINUTE),)))) == [], "it has ended, and may be corrected yet"
    assert told(machine.run(heard((trade(103, NOON + 59 * NANOS),)))) == []
    (message,) = told(machine.run(heard((trade(104, NOON + MINUTE + GRACE_NS),))))
    assert about(message, "instrument_id", "measured_at", "ema_fast") == (AAPL, NOON + MINUTE, None)
    assert told(machine.run(heard((trade(105, NOON + MINUTE + 2 * GRACE_NS),)))) == []


def test_it_hears_whole_nanos_of_the_averages_and_of_the_volatility() -> None:
    found = minutes(markets(AAPL), CLOSES)
    assert [each.measured_at for each in found] == [NOON + number * MINUTE for number in range(1, len(CLOSES) + 1)]
    assert [each.ema_fast for each in found[:5]] == [None] * 4 + [units(101)]
    assert [each.ema_slow is None for each in found] == [True] * 14 + [False] * 3
    assert [each.volatility_5m is None for each in found] == [True] * 5 + [False] * 12
    last = found[-1]
    assert last.ema_fast == pytest.approx(average(CLOSES, 5) * NANOS, abs=1)
    assert last.ema_slow == pytest.approx(average(CLOSES, 15) * NANOS, abs=1)
    assert last.volatility_5m == pytest.approx(realized(CLOSES, 5) * NANOS, abs=1)
    assert last.volatility_15m == pytest.approx(realized(CLOSES, 15) * NANOS, abs=1)
    assert last.volatility_1h is None
    assert all(type(each) is int for each in about(last, "ema_fast", "ema_slow", "volatility_5m", "volatility_15m"))


def test_they_are_what_everybody_was_told_with_the_last_trade_of_the_minute() -> None:
    machine = markets(AAPL)
    events: list[Any] = []
    for number, price in enumerate(CLOSES):
        events = machine.run(heard((trade(price, NOON + number * MINUTE),)), at=NOON + number * MINUTE)
    calculated = of_type(events, AnalyticsCalculated)[-1]
    shown = {interval.interval_s: interval for interval in calculated.intervals}
    end = NOON + len(CLOSES) * MINUTE
    (message,) = told(machine.run(heard((trade(1, end + GRACE_NS, "OTHER"),))))
    assert message.ema_fast == round(shown[60].ema_fast * NANOS)
    assert message.ema_slow == round(shown[60].ema_slow * NANOS)
    assert message.volatility_5m == round(shown[300].realized_volatility * NANOS)


def test_a_minute_that_is_long_over_is_told_by_its_own_time_and_of_many_the_last() -> None:
    machine = markets(AAPL)
    machine.run(heard((trade(100, NOON), trade(101, NOON + MINUTE))))
    (message,) = told(machine.run(heard((trade(1, NOON + 600 * MINUTE, "OTHER"),))))
    assert message.measured_at == NOON + 2 * MINUTE


def test_of_what_is_not_listed_the_desk_hears_nothing() -> None:
    assert minutes(markets("IBM"), CLOSES) == []


def test_windows_that_wait_for_the_clock_are_told_too() -> None:
    symbols = [f"S{number:03}" for number in range(100)]
    machine = markets(*symbols)
    machine.run(heard(tuple(trade(100, NOON, symbol) for symbol in symbols)))
    found = told(machine.run(heard((trade(1, NOON + MINUTE + GRACE_NS, "OTHER"),))))
    while machine.noun.deadline(machine.state) == machine.now:
        found += told(machine.run(Tick(is_manual=False)))
    assert sorted(each.instrument_id for each in found) == symbols


def quoted(*given: Any, at: int = START, **laid_down: Any) -> QuoteDecided:
    """What the auto-trader says to a client who asks for two prices of 100 units, at a middle of 100."""
    usual = {"signal_max": units("0.50"), "volatility_window_s": 300}
    machine = desk_with(terms(**usual | laid_down), market(100, at=at), *given, at=START)
    (decision,) = decisions(machine.run(inquire("1", TWO_WAY), at=at))
    return decision


def about_market(decision: QuoteDecided) -> tuple[Any, ...]:
    return about(decision, "signal", "volatility", "ema_fast", "ema_slow", "realized_volatility", "measured_at")


def test_prices_follow_the_signal_and_the_volatility_and_the_record_shows_of_what_they_are() -> None:
    found = quoted(measured("100.30", "100.10", "0.01"))
    assert about_market(found) == (*(units("0.2"), units(1), units("100.30"), units("100.10"), units("0.01"), START),)
    assert found.reservation_price == units("100.2")
    assert found.half_spread == units("0.695385211"), "0.1 x 1 / 2 and what waiting brings"
    assert (found.bid_price, found.ask_price) == (units("99.50"), units("100.90"))


def test_the_signal_is_bounded_up_and_down() -> None:
    assert quoted(measured(105, 100)).signal == units("0.50")
    assert quoted(measured(95, 100)).signal == -units("0.50")


def test_terms_say_which_window_counts() -> None:
    message = measured(None, None, "0.01", "0.02", "0.04")
    found = [quoted(message, volatility_window_s=window).volatility for window in (0, 300, 900, 3_600)]
    assert found == [units(2), units(1), units(2), units(4)]


def test_where_terms_ask_for_neither_nothing_is_measured() -> None:
    found = quoted(measured(101, 100, "0.01"), signal_max=0, volatility_window_s=0)
    assert about_market(found) == (0, units(2), None, None, None, None)


def test_what_is_not_known_yet_is_not_made_up() -> None:
    assert about_market(quoted(measured(101))) == (0, units(2), None, None, None, None)
    assert about_market(quoted()) == (0, units(2), None, None, None, None)
    found = quoted(measured(101, None, "0.01"))
    assert about_market(found) == (0, units(1), None, None, units("0.01"), START)


def test_a_calm_market_has_a_volatility_of_zero_and_not_that_of_the_terms() -> None:
    found = quoted(measured(100, 100, 0))
    assert (found.volatility, found.half_spread) == (0, units("0.645385211"))


def test_what_was_measured_too_long_ago_does_not_count() -> None:
    message = measured(101, 100, "0.01")
    assert quoted(message, at=START + MEASURES_AGE_NS_MAX).measured_at == START
    late = quoted(message, at=START + MEASURES_AGE_NS_MAX + 1)
    assert about_market(late) == (0, units(2), None, None, None, None)
    assert fresh(Measures(START), START - NANOS) == Measures(START), "a market may be ahead of the shard"
    assert fresh(None, START) is NOT_MEASURED


def test_what_was_measured_earlier_does_not_replace_what_was_measured_later() -> None:
    found = quoted(measured(101, 100, "0.02", at=START), measured(99, 100, "0.01", at=START - 1))
    assert (found.signal, found.volatility) == (units("0.50"), units(2))


def test_what_a_person_says_with_the_price_goes_before_what_was_measured() -> None:
    by_hand = market(100, signal=-units("0.1"), volatility=units(3))
    found = quoted(measured(101, 100, "0.01"), by_hand)
    assert about_market(found) == (-units("0.1"), units(3), None, None, None, None)
    assert quoted(measured(101, 100, "0.01"), market(100, signal=0)).signal == 0


def test_another_instrument_has_measures_of_its_own() -> None:
    assert quoted(measured(101, 100, "0.01", instrument="IBM")).measured_at is None


def test_every_shard_of_the_desk_hears_of_every_instrument_and_has_it_after_a_restart() -> None:
    machine = desk_with(measured(101, 100, "0.01"))
    assert machine.rebuilt().state.measures_of(AAPL) == machine.state.measures_of(AAPL)
    assert machine.state.measures_of(AAPL) == Measures(START, units(101), units(100), (units("0.01"), None, None))


@pytest.mark.parametrize("window", [-300, 1, 60, 299, 301, 86_400])
def test_a_window_that_nobody_measures_is_refused(window: int) -> None:
    assert fault(terms(volatility_window_s=window)) == "volatility_window_s is one of 0, 300, 900, 3600"
    assert desk_with().run(terms(volatility_window_s=window)) == []


def test_the_window_is_part_of_what_names_the_terms() -> None:
    hashes = [
        changed.config_hash
        for window in (0, 300, 900, 3_600)
        for changed in of_type(desk_with().run(terms(book_id=BOOK, volatility_window_s=window)), DeskTermsChanged)
    ]
    assert len(set(hashes)) == 4


def test_numbers_beyond_all_measure_are_refused_with_a_record_that_holds_them() -> None:
    """σ of so many units squared has more digits than a record."""
    found = quoted(market(100, volatility=10**27))
    assert about(found, "action", "reason_code", "ref_mid") == ("REJECT", "AMOUNT_OUT_OF_RANGE", units(100))
    assert found.encoded()


amounts = st.integers(1, 500).map(lambda number: number * CENT)


@given(
    st.builds(
        SetDeskTerms,
        risk_aversion=amounts,
        volatility=amounts,
        arrival_decay=amounts,
        horizon=amounts,
        inventory_lot=st.integers(1, 300).map(lambda number: number * NANOS),
        signal_max=st.integers(0, 100).map(lambda number: number * CENT),
        size_premium=st.integers(0, 50).map(lambda number: number * CENT),
        typical_quantity=st.integers(1, 300).map(lambda number: number * NANOS),
        counter_band=st.just(0),
        tiers=st.sampled_from(((), (TierMarkup("gold", 3 * CENT),))),
        volatility_window_s=st.sampled_from((0, 300, 900, 3_600)),
        book_id=st.just(BOOK),
    ),
    st.builds(
        UpdateMarketMeasures,
        instrument_id=st.just(AAPL),
        measured_at=st.sampled_from((START, START - MEASURES_AGE_NS_MAX - 1)),
        ema_fast=st.none() | st.integers(99 * NANOS, 101 * NANOS),
        ema_slow=st.none() | st.integers(99 * NANOS, 101 * NANOS),
        volatility_5m=st.none() | st.integers(0, NANOS // 50),
        volatility_15m=st.none() | st.integers(0, NANOS // 50),
        volatility_1h=st.none() | st.integers(0, NANOS // 50),
    ),
    st.integers(90 * NANOS, 110 * NANOS),
    st.sampled_from((1, CENT, 5 * CENT)),
    st.integers(1, 500),
    st.integers(1, 500),
)
@settings(max_examples=200 * EFFORT)
def test_who_reads_the_records_finds_the_same_prices(
    laid_down: SetDeskTerms, message: UpdateMarketMeasures, mid: int, tick: int, bought: int, quantity: int
) -> None:
    """The book buys first, so it has a position; then a client of a class asks for two prices."""
    machine = desk_with(aapl(tick=tick), market(1_000_000))
    (changed,) = of_type(machine.run(laid_down), DeskTermsChanged)
    (booked,) = positions(machine.run(inquire("1", CLIENT_SELLS, bought, 1)))
    machine.run_all([message, UpdateReferencePrices((ReferencePrice(AAPL, mid, START),))])
    (record,) = decisions(machine.run(inquire("2", TWO_WAY, quantity, client_tier="gold")))
    assert record.config_hash == changed.config_hash
    assert (record.measured_at is None) or record.measured_at == message.measured_at == START
    check_quote(record, changed, tick=tick, position=booked.position_qty, quantity=units(quantity), tier="gold")
