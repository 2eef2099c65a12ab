"""The latest prices of an instrument, market by market, the best of all, and what its order book hears."""

import pytest
from examples import listing, units
from hypothesis import given
from hypothesis import strategies as st
from machines import Machine, about, of_type

from domain.analytics_rows import TELL_INTERVAL_NS_MIN
from domain.market_data import REFERENCE_INTERVAL_NS_MIN
from domain.market_quotes import SOURCES_MAX, STALE_NS, Best
from domain.measures import OF_QUOTES
from domain.observations import Observation, Printed, Quoted, packed
from schemas.enums import Comparison, Venue
from schemas.market_data import (
    AlertTriggered,
    AnalyticsCalculated,
    PriceUpdated,
    RecordObservations,
    ResetMarketData,
    SetAlert,
)
from schemas.order_books import InstrumentListed, SetReferencePrices
from schemas.shared import Tick

SECOND = 10**9


def quote(
    bid: object = None, ask: object = None, last: object = None, *, at: int = 1, exchange: str = "X", sequence: int = 0
) -> Quoted:
    prices = [None if price is None else units(price) for price in (bid, ask, last)]
    return Quoted("AAPL", exchange, at, prices[0], prices[1], None, None, prices[2], None, sequence, "")


def trade(price: object, *, at: int = 1, exchange: str = "X", sets_price: bool = True) -> Printed:
    return Printed("AAPL", exchange, at, units(price), units(1), 0, 0, "", sets_price, True, "")


def heard(*observations: Observation) -> RecordObservations:
    return RecordObservations("AAPL", packed(observations), len(observations), 0)


def listed(venue: Venue = Venue.SIM, exchange: str = "") -> InstrumentListed:
    found = listing(symbol="AAPL", base="AAPL", quote="USD", venue=venue, exchange=exchange)
    names = InstrumentListed.__struct_fields__
    return InstrumentListed(**{name: getattr(found, name) for name in names if hasattr(found, name)})


def best(machine: Machine) -> tuple[object, ...]:
    market = machine.state.markets.get("AAPL")
    return about(market.best, "bid", "ask", "last")


def test_a_book_of_the_venue_sim_hears_every_change_of_its_prices_in_order() -> None:
    machine = Machine("market_data")
    machine.run(listed())
    events = machine.run(heard(quote(94, 95, at=1), trade(95, at=2), quote(94, 95, at=3), trade(94, at=4)))
    assert of_type(events, SetReferencePrices) == [
        SetReferencePrices("AAPL", 1, units(94), units(95), None),
        SetReferencePrices("AAPL", 2, None, None, units(95)),
        SetReferencePrices("AAPL", 3, None, None, None),
        SetReferencePrices("AAPL", 4, None, None, units(94)),
    ]


def test_other_books_hear_the_latest_once_a_pause() -> None:
    machine = Machine("market_data")
    machine.run(listed(Venue.INTERNAL))
    ticks = [heard(trade(90 + number, at=number)) for number in range(1, 9)]
    events = [event for tick in ticks for event in machine.run(tick, at=SECOND)]
    assert [told.last for told in of_type(events, SetReferencePrices)] == [units(91)]
    machine.run(Tick(is_manual=False), at=SECOND + TELL_INTERVAL_NS_MIN)
    assert machine.noun.deadline(machine.state) == SECOND + REFERENCE_INTERVAL_NS_MIN
    events = machine.run(Tick(is_manual=False), at=SECOND + REFERENCE_INTERVAL_NS_MIN)
    assert [told.last for told in of_type(events, SetReferencePrices)] == [units(98)]
    assert machine.noun.deadline(machine.state) is None


def test_a_book_that_is_listed_later_hears_what_is_known() -> None:
    machine = Machine("market_data")
    assert of_type(machine.run(heard(quote(94, 95), trade(95))), SetReferencePrices) == []
    (told,) = of_type(machine.run(listed(), at=SECOND), SetReferencePrices)
    assert about(told, "bid", "ask", "last") == (units(94), units(95), units(95))


def test_an_older_quote_or_trade_never_overwrites_a_newer_one() -> None:
    machine = Machine("market_data")
    machine.run(heard(quote(94, 95, at=5), trade(95, at=5)))
    machine.run(heard(quote(90, 91, at=4), trade(91, at=4)))
    assert best(machine) == (units(94), units(95), units(95))


def test_what_comes_twice_under_one_sequence_counts_once() -> None:
    machine = Machine("market_data")
    machine.run(heard(quote(94, 95, sequence=7), quote(93, 96, sequence=8)))
    machine.run(heard(quote(94, 95, sequence=7)))
    assert best(machine)[:2] == (units(93), units(96))


def test_the_best_bid_and_ask_come_from_all_markets() -> None:
    machine = Machine("market_data")
    machine.run(heard(quote(94, 96, exchange="X"), quote(93, 95, exchange="Y"), trade(94, at=1, exchange="Y")))
    assert best(machine) == (units(94), units(95), units(94))


def test_a_market_that_went_silent_is_not_among_the_best() -> None:
    machine = Machine("market_data")
    machine.run(heard(quote(94, 95, at=1, exchange="X")))
    machine.run(heard(quote(80, 99, at=1 + STALE_NS, exchange="Y")))
    assert best(machine)[:2] == (units(80), units(99))


def test_a_crossed_quote_counts_nowhere_and_the_next_good_one_does() -> None:
    machine = Machine("market_data")
    machine.run(heard(quote(97, 95)))
    assert best(machine)[:2] == (None, None)
    machine.run(heard(quote(94, 95, at=2)))
    assert best(machine)[:2] == (units(94), units(95))


def test_a_side_that_is_told_ends_the_other_where_the_two_would_cross() -> None:
    machine = Machine("market_data")
    machine.run(heard(quote(94, 95), quote(bid=96, at=2)))
    assert best(machine)[:2] == (units(96), None)


def test_two_markets_that_cross_are_not_merged() -> None:
    machine = Machine("market_data")
    machine.run(heard(quote(94, 95, at=1, exchange="X"), quote(97, 98, at=2, exchange="Y")))
    assert best(machine)[:2] == (units(97), units(98))


def test_a_trade_that_sets_no_price_sets_none() -> None:
    machine = Machine("market_data")
    machine.run(heard(trade(95, at=1), trade(1, at=2, sets_price=False)))
    assert best(machine)[2] == units(95)


def test_a_book_whose_market_is_named_hears_no_other() -> None:
    machine = Machine("market_data")
    machine.run(listed(exchange="X"))
    events = machine.run(heard(quote(94, 95, exchange="Y"), quote(90, 99, exchange="X")))
    assert [about(told, "bid", "ask") for told in of_type(events, SetReferencePrices)] == [(units(90), units(99))]


def test_there_are_no_more_markets_of_an_instrument_than_the_bound() -> None:
    machine = Machine("market_data")
    for number in range(SOURCES_MAX + 5):
        machine.run(heard(quote(94, 95, exchange=f"X{number}")))
    assert len(machine.state.markets.get("AAPL").sources) == SOURCES_MAX


@pytest.mark.parametrize("count", [1, 7])
def test_a_shard_goes_on_from_its_rows(count: int) -> None:
    machine = Machine("market_data")
    machine.run(listed(Venue.INTERNAL))
    for number in range(count):
        machine.run(heard(trade(90 + number, at=number + 1)), at=SECOND)
    again = machine.rebuilt()
    assert again.noun.deadline(again.state) == machine.noun.deadline(machine.state)
    tick = Tick(is_manual=False)
    assert again.run(tick, at=2 * SECOND) == machine.run(tick, at=2 * SECOND)
    assert again.snapshot() == machine.snapshot()


def test_a_clean_sheet_lets_a_book_hear_the_same_prices_again() -> None:
    machine = Machine("market_data")
    machine.run(listed())
    machine.run(heard(quote(94, 95)))
    machine.run(ResetMarketData("reset", "0"))
    (told,) = of_type(machine.run(heard(quote(94, 95))), SetReferencePrices)
    assert about(told, "bid", "ask") == (units(94), units(95))


def test_nothing_is_known_of_an_instrument_at_first() -> None:
    assert Best() == Best(None, None, None, 0)


def alert(threshold: object, measure: str = "price", comparison: Comparison = Comparison.ABOVE) -> SetAlert:
    return SetAlert("a", "ann", "AAPL", measure, comparison, units(threshold))


def triggered(events: list[object]) -> list[tuple[object, ...]]:
    return [about(event, "measure", "value", "count") for event in of_type(events, AlertTriggered)]


def test_alerts_hear_every_tick_of_a_pack_behind_what_is_told_of_it() -> None:
    machine = Machine("market_data")
    machine.run(alert(105))
    ticks = [trade(price, at=at) for at, price in enumerate((104, 106, 108, 104, 106), 1)]
    events = machine.run(heard(*ticks), at=SECOND)
    assert triggered(events) == [("price", units(106), 1), ("price", units(106), 2)]
    kinds = [type(event) for event in of_type(events, PriceUpdated, AnalyticsCalculated, AlertTriggered)]
    assert kinds == [PriceUpdated, AnalyticsCalculated, AlertTriggered, AlertTriggered]


def test_a_tick_that_comes_too_late_triggers_nothing() -> None:
    machine = Machine("market_data")
    machine.run(alert(105))
    machine.run(heard(trade(104, at=9)))
    assert triggered(machine.run(heard(trade(106, at=8)))) == []


def test_alerts_watch_spreads_days_and_indicators() -> None:
    machine = Machine("market_data")
    machine.run(alert(1, "spread"))
    assert triggered(machine.run(heard(quote(94, 95, at=1), quote(94, 96, at=2)))) == [("spread", units(2), 1)]
    machine.run(alert(9, "change_percent"))
    machine.run(heard(trade(100, at=3)), at=SECOND)
    assert triggered(machine.run(heard(trade(110, at=4)), at=2 * SECOND)) == [("change_percent", units(10), 2)]
    machine.run(alert(106, "tick_sma:1m", Comparison.BELOW))
    assert triggered(machine.run(heard(trade(105, at=5)), at=3 * SECOND)) == [("tick_sma:1m", units(105), 3)]


def test_a_clean_sheet_has_no_alerts() -> None:
    machine = Machine("market_data")
    machine.run(alert(105))
    machine.run(ResetMarketData("reset", "0"))
    assert triggered(machine.run(heard(trade(106)))) == []


exchanges = st.sampled_from(["X", "Y"])
times = st.integers(1, 40)
trades = st.builds(
    lambda price, at, exchange, sets: trade(price, at=at, exchange=exchange, sets_price=sets),
    *(st.integers(97, 103), times, exchanges, st.sampled_from([True, True, True, False])),
)
quotes = st.builds(
    lambda bid, width, last, at, exchange: quote(bid, bid + width, last, at=at, exchange=exchange),
    *(st.integers(97, 103), st.integers(0, 3), st.none() | st.integers(97, 103), times, exchanges),
)
thresholds = st.lists(
    st.tuples(st.sampled_from(OF_QUOTES), st.sampled_from([Comparison.ABOVE, Comparison.BELOW]), st.integers(97, 103)),
    max_size=4,
)


@given(
    st.lists(trades, min_size=1, max_size=30) | st.lists(trades | quotes, min_size=1, max_size=30),
    thresholds,
    st.data(),
)
def test_alerts_and_prices_are_the_same_however_ticks_are_packed(
    ticks: list[Observation], wanted: list[tuple[str, Comparison, int]], data: st.DataObject
) -> None:
    """Each market's latest trade says all of many, where no alert does anything at any of them."""
    found = []
    for sizes in ([1] * len(ticks), data.draw(st.lists(st.integers(1, 9), min_size=len(ticks), max_size=len(ticks)))):
        machine, events, place = Machine("market_data"), [], 0
        for number, (measure, comparison, threshold) in enumerate(wanted):
            machine.run(SetAlert(f"a{number}", "ann", "AAPL", measure, comparison, units(threshold)))
        for size in sizes:
            if ticks[place : place + size]:
                events += machine.run(heard(*ticks[place : place + size]))
            place += size
        triggered = [about(each, "alert_id", "value", "count") for each in of_type(events, AlertTriggered)]
        found.append((machine.state.markets.get("AAPL"), dict(machine.snapshot()["alerts"]), triggered))
    assert found[0] == found[1]
