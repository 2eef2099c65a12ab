"""Bars in event time, what is told of them, and ticks that come late, twice, or in any order."""

from collections import defaultdict
from random import Random
from typing import Any

import msgspec
import pytest
from effort import seeds
from event_time import Counted, Oracle, arrivals, heard, packs
from examples import units
from machines import Machine, of_type

from domain.analytics import CLOSED_AT_ONCE
from domain.analytics_rows import TELL_INTERVAL_NS_MIN, bar_key
from domain.money import AMOUNT_MAX
from domain.observations import Printed, Quoted
from domain.panes import Pane
from domain.series import GRACE_NS, INTERVALS, SECOND
from domain.telling import contents_of_all
from schemas.market_data import AnalyticsCalculated, BarClosed, MarketDataReceived, PriceUpdated, TickDropped
from schemas.shared import Tick
from schemas.wire import NANOS

MINUTE = 60 * SECOND
NOON = 20_000 * 86_400 * SECOND + 12 * 3_600 * SECOND


def tick(price: float, at_s: float, **more: Any) -> Printed:
    """A trade so many seconds after noon."""
    fields: dict[str, Any] = {"symbol": "AAPL", "quantity": 1, "sequence": 0, "event_id": ""} | more
    return Printed(
        fields["symbol"],
        "XNAS",
        NOON + round(at_s * NANOS),
        units(price),
        units(fields["quantity"]),
        0,
        fields["sequence"],
        "",
        True,
        True,
        fields["event_id"],
    )


def quoted(price: float, at_s: float) -> Quoted:
    return Quoted("AAPL", "XNAS", NOON + round(at_s * NANOS), None, None, None, None, units(price), None, 0, "")


def bars(events: list[Any], interval_s: int = 60) -> list[tuple[int, ...]]:
    """Of those that were told: start in seconds after noon, open, high, low, close in units, and revision."""
    told = [bar for bar in of_type(events, BarClosed) if bar.interval_s == interval_s]
    prices = [[price // NANOS for price in (bar.open, bar.high, bar.low, bar.close)] for bar in told]
    return [((bar.start - NOON) // NANOS, *each, bar.revision) for bar, each in zip(told, prices, strict=True)]


def counted(pane: Pane) -> Counted:
    return Counted(*[getattr(pane, name) for name in Counted._fields])


def played(seed: int) -> tuple[Machine, list[Any]]:
    """Everything that arrives, in packs cut anywhere; from time to time nothing is left but the rows."""
    rng, machine, events = Random(seed), Machine("market_data"), []
    for pack in packs(arrivals(seed), rng):
        events += machine.run(heard(pack), at=machine.now + rng.randrange(2 * TELL_INTERVAL_NS_MIN))
        if rng.random() < 0.05:
            machine = machine.rebuilt()
    while machine.noun.deadline(machine.state) is not None:
        events += machine.run(Tick(is_manual=False), at=machine.now + TELL_INTERVAL_NS_MIN)
    return machine, events


@pytest.mark.parametrize("seed", seeds(25))
def test_windows_are_those_of_pandas_whatever_is_late_or_doubled_or_shuffled(seed: int) -> None:
    machine, events = played(seed)
    oracle = Oracle(arrivals(seed))
    told: dict[tuple[str, int, int], BarClosed] = {}
    for bar in of_type(events, BarClosed):
        key = (bar.symbol, bar.interval_s * NANOS, bar.start)
        assert bar.revision == (told[key].revision if key in told else 0) + 1
        told[key] = bar
    windows = oracle.windows()
    ended = {key for key in windows if key[1] + key[2] <= oracle.stream_time}
    assert told.keys() == ended
    for key, bar in told.items():
        expected = windows[key]
        assert (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks) == expected[:6]
    for symbol in sorted({symbol for symbol, *_ in windows}):
        series = machine.state.analytics.series_of(symbol)
        for size, of_size in zip(INTERVALS, contents_of_all(series.levels), strict=True):
            assert all(counted(pane) == windows[symbol, size, start] for start, pane in of_size)
            open_windows = {start for found, length, start in windows if (found, length) == (symbol, size)}
            assert {start for start, _ in of_size} == {
                start for start in open_windows if start + size + GRACE_NS > oracle.stream_time
            }


@pytest.mark.parametrize("seed", seeds(25))
def test_every_tick_that_a_window_misses_is_told_and_every_repetition_is_counted(seed: int) -> None:
    machine, events = played(seed)
    oracle = Oracle(arrivals(seed))
    dropped = of_type(events, TickDropped)
    assert {(drop.symbol, drop.sequence): drop.interval_s for drop in dropped} == oracle.dropped()
    assert len(dropped) == len(oracle.dropped())
    assert {drop.reason for drop in dropped} <= {"WINDOW_FINAL"}
    rows = [series for _, series in machine.state.analytics.series.scan()]
    assert sum(series.dropped for series in rows) == len(dropped)
    assert sum(series.repeated for series in rows) == oracle.repeated
    assert sum(series.arrivals + series.repeated for series in rows) == len(arrivals(seed))


@pytest.mark.parametrize("seed", seeds(5))
def test_how_ticks_are_packed_changes_no_bar_and_no_indicator(seed: int) -> None:
    snapshots = []
    for size_max in (1, 7, 64):
        machine = Machine("market_data")
        for pack in packs(arrivals(seed), Random(size_max), size_max):
            machine.run(heard(pack))
        while machine.noun.deadline(machine.state) == machine.now:
            machine.run(Tick(is_manual=False))
        rows = machine.snapshot()
        snapshots.append(({key: (bar.start, bar.pane) for key, bar in rows["bars"].items()}, rows["indicators"]))
    assert snapshots[0] == snapshots[1] == snapshots[2]


@pytest.mark.parametrize("seed", seeds(10))
def test_ticks_that_follow_one_another_change_the_same_however_they_are_packed(seed: int) -> None:
    """Most are numbered without a gap, and are taken together; here and there one comes twice, late or without one."""
    rng, number, ticks = Random(seed), 0, []
    for place in range(400):
        number += rng.choice((1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 0))
        late = rng.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 8))
        at_s = place / rng.choice((7, 7, 7, 7, 7, 7, 7, 7, 8)) - late
        ticks.append(tick(rng.randrange(90, 110), at_s, quantity=rng.randrange(5), sequence=number))
    snapshots = []
    for size_max in (1, 9, 100):
        machine = Machine("market_data")
        for pack in packs(ticks, Random(seed), size_max):
            machine.run(heard(pack))
        rows = machine.snapshot()
        bars_told = {key: (bar.start, bar.pane) for key, bar in rows["bars"].items()}
        snapshots.append((bars_told, rows["series"], rows["memories"], rows["pages"], rows["indicators"]))
    assert snapshots[0] == snapshots[1] == snapshots[2]


@pytest.mark.parametrize("seed", seeds(5))
def test_memory_may_be_lost_between_any_two_packs(seed: int) -> None:
    machine = Machine("market_data")
    for pack in packs(arrivals(seed, 200), Random(seed), 9):
        again = machine.rebuilt()
        assert machine.run(heard(pack)) == again.run(heard(pack))
        assert machine.snapshot() == again.snapshot()


def test_a_bar_is_told_when_stream_time_is_at_its_end() -> None:
    machine = Machine("market_data")
    assert bars(machine.run(heard((tick(10, 0), tick(12, 20), tick(9, 40), tick(11, 59.9))))) == []
    assert bars(machine.run(heard((tick(50, 60),)))) == [(0, 10, 12, 9, 11, 1)]


def test_what_comes_late_within_the_grace_corrects_the_bar() -> None:
    machine = Machine("market_data")
    machine.run(heard((tick(10, 0), tick(50, 60))))
    events = machine.run(heard((tick(70, 64.9), tick(99, 59))))
    assert bars(events) == [(0, 10, 99, 10, 99, 2)]
    assert of_type(events, TickDropped) == []


def test_at_its_end_and_the_grace_a_window_is_final_for_late_ticks() -> None:
    machine = Machine("market_data")
    machine.run(heard((tick(10, 0), tick(50, 65))))
    events = machine.run(heard((tick(99, 59, sequence=7, event_id="e"),)))
    assert bars(events) == []
    (dropped,) = of_type(events, TickDropped)
    assert (dropped.reason, dropped.interval_s, dropped.price) == ("WINDOW_FINAL", 60, units(99))
    assert (dropped.observed_at, dropped.stream_time) == (NOON + 59 * NANOS, NOON + 65 * NANOS)
    assert (dropped.sequence, dropped.observation_id) == (7, "e")
    assert bars(machine.run(heard((tick(50, 300),))), 300) == [(0, 10, 99, 10, 50, 1)], "larger windows took it"


def test_the_ticks_of_others_close_the_bars_of_a_symbol_that_is_silent() -> None:
    machine = Machine("market_data")
    machine.run(heard((tick(10, 0),)))
    events = machine.run(heard((tick(1, 60, symbol="IBM"),)))
    assert [bar.symbol for bar in of_type(events, BarClosed) if bar.interval_s == 60] == ["AAPL"]


def test_symbols_that_are_silent_close_so_many_a_record_and_none_is_forgotten() -> None:
    machine = Machine("market_data")
    count = CLOSED_AT_ONCE + 10
    machine.run(heard(tuple(tick(10, 0, symbol=f"S{number:03}") for number in range(count))))
    first = of_type(machine.run(heard((tick(10, 1, symbol="T"),))), BarClosed)
    assert len(first) == CLOSED_AT_ONCE
    assert machine.noun.deadline(machine.state) == machine.now
    rest = of_type(machine.run(Tick(is_manual=False)), BarClosed)
    assert [bar.symbol for bar in (*first, *rest)] == [f"S{number:03}" for number in range(count)]


def test_no_window_is_closed_by_the_clock_of_the_wall() -> None:
    machine = Machine("market_data")
    machine.run(heard((tick(10, 0),)))
    assert bars(machine.run(Tick(is_manual=False), at=NOON + 86_400 * NANOS)) == []


def test_an_id_that_comes_again_counts_once() -> None:
    machine = Machine("market_data")
    machine.run(heard((tick(10, 0, event_id="a"), tick(20, 1, event_id="b"), tick(10, 2, event_id="a"))))
    machine.run(heard((tick(20, 3, event_id="b"),)))
    series = machine.state.analytics.series_of("AAPL")
    assert (series.arrivals, series.repeated) == (2, 2)


def test_an_old_number_of_which_nobody_knows_any_more_is_told_and_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANGES_MAX": 2, "PAGE_RANGES": 1, "PAGES_MAX": 1}.items():
        monkeypatch.setattr(f"domain.repetitions.{name}", value)
    machine = Machine("market_data")
    machine.run(heard(tuple(tick(10, 0, sequence=number) for number in (10, 20, 30, 40, 50))))
    (dropped,) = of_type(machine.run(heard((tick(10, 0, sequence=10),))), TickDropped)
    assert (dropped.reason, dropped.interval_s) == ("PERHAPS_REPEATED", 86_400)


def test_more_symbols_than_a_shard_keeps_are_dropped_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.analytics.SYMBOLS_MAX", 1)
    machine = Machine("market_data")
    machine.run(heard((tick(10, 0),)))
    (dropped,) = of_type(machine.run(heard((tick(10, 0, symbol="IBM"),))), TickDropped)
    assert (dropped.symbol, dropped.reason) == ("IBM", "TOO_MANY_SYMBOLS")


def test_more_markets_than_are_remembered_are_dropped_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.ticks.MEMORIES_MAX", 0)
    (dropped,) = of_type(Machine("market_data").run(heard((tick(10, 0, sequence=1),))), TickDropped)
    assert dropped.reason == "TOO_MANY_MARKETS"


def test_a_bar_takes_the_place_of_the_one_that_is_too_old() -> None:
    machine = Machine("market_data")
    for minute in (0, 1, 1_500, 1_501):
        machine.run(heard((tick(10 + minute, 60 * minute),)))
    machine.run(heard((tick(10, 60 * 1_502),)))
    rows = machine.snapshot()["bars"]
    kept = [bar for key, bar in rows.items() if key.startswith("AAPL|1m|")]
    assert sorted((bar.start - NOON) // MINUTE for bar in kept) == [1_500, 1_501]
    assert rows[bar_key("AAPL", 1, NOON + 1_500 * MINUTE)].pane.close == units(1_510)


def test_a_tick_in_a_second_that_is_open_writes_its_small_row_and_no_other_window() -> None:
    machine = Machine("market_data")
    for number in range(200):
        machine.run(heard((tick(100 + number % 3, number),)))
    before = machine.snapshot()
    machine.run(heard((tick(500, 199.5),)))
    after = machine.snapshot()
    assert before["windows"] == after["windows"]
    assert before["bars"] == after["bars"]
    assert before["series"] != after["series"]
    assert len(msgspec.json.encode(after["series"]["AAPL"])) < 300 < len(msgspec.json.encode(after["windows"]["AAPL"]))


def told(machine: Machine, *observations: Any, at_ms: int) -> list[str]:
    events = machine.run(heard(observations), at=at_ms * 1_000_000)
    chain = of_type(events, MarketDataReceived, PriceUpdated, AnalyticsCalculated)
    return [type(event).__name__ for event in chain]


CHAIN = ["MarketDataReceived", "PriceUpdated", "AnalyticsCalculated"]


def test_what_is_heard_is_told_as_received_price_and_analytics() -> None:
    assert told(Machine("market_data"), tick(10, 0), at_ms=1_000) == CHAIN


def test_a_quote_without_a_last_price_calculates_nothing() -> None:
    machine = Machine("market_data")
    bid = Quoted("AAPL", "XNAS", NOON, units(9), units(10), None, None, None, None, 0, "")
    assert told(machine, bid, at_ms=1_000) == CHAIN[:2]


def test_at_most_twenty_a_second_are_told_and_the_latest_wins() -> None:
    machine = Machine("market_data")
    counts: dict[int, int] = defaultdict(int)
    events = []
    for number in range(3_000):
        now = NANOS + number * 1_000_000
        found = of_type(machine.run(heard((tick(number, number / 1_000),)), at=now), PriceUpdated)
        counts[now // NANOS] += len(found)
        events += found
    assert max(counts.values()) <= 20
    assert len(events) >= 58
    due = machine.noun.deadline(machine.state)
    assert due is not None
    (last,) = of_type(machine.run(Tick(is_manual=False), at=due), PriceUpdated)
    assert last.price == units(2_999)
    assert machine.noun.deadline(machine.state) is None


def test_one_telling_counts_all_that_came_since_the_one_before() -> None:
    machine = Machine("market_data")
    machine.run(heard((tick(10, 0),)), at=NANOS)
    machine.run(heard((tick(11, 1), tick(12, 2))), at=NANOS + 1)
    (received,) = of_type(machine.run(heard((tick(13, 3),)), at=2 * NANOS), MarketDataReceived)
    assert (received.count, received.exchange, received.observed_at) == (3, "XNAS", NOON + 3 * NANOS)


def test_the_price_is_told_with_how_it_moved_since_midnight() -> None:
    machine = Machine("market_data")
    machine.run(heard((tick(100, 0, quantity=2), tick(130, 10), tick(90, 20))), at=NANOS)
    (price,) = of_type(machine.run(heard((tick(110, 3_600),)), at=2 * NANOS), PriceUpdated)
    assert (price.price, price.open, price.high, price.low) == (units(110), units(100), units(130), units(90))
    assert (price.change, price.change_percent, price.volume) == (units(10), units(10), units(5))
    assert price.vwap == units(106)


def test_a_change_that_no_schema_holds_is_not_told() -> None:
    machine = Machine("market_data")
    huge = Printed("AAPL", "XNAS", NOON + 1, AMOUNT_MAX, AMOUNT_MAX, 0, 0, "", True, True, "")
    machine.run(heard((msgspec.structs.replace(huge, price=1, at=NOON),)), at=NANOS)
    (price,) = of_type(machine.run(heard((huge,)), at=2 * NANOS), PriceUpdated)
    assert (price.change, price.change_percent) == (AMOUNT_MAX - 1, None)
    assert len(price.encoded()) > 0


def test_the_sma_of_ticks_is_the_mean_of_the_prices_in_the_window_so_far() -> None:
    machine = Machine("market_data")
    for minute, price in enumerate((100, 102, 104, 106, 108)):
        events = machine.run(heard((quoted(price, 60 * minute),)), at=NANOS * (minute + 1))
    (calculated,) = of_type(events, AnalyticsCalculated)
    means = {interval.interval_s: (interval.ticks, interval.tick_sma) for interval in calculated.intervals}
    assert means == {60: (1, 108), 300: (5, 104), 900: (5, 104), 3_600: (5, 104)}


def test_indicators_are_told_with_the_bars_that_are_open_as_if_they_closed_now() -> None:
    machine = Machine("market_data")
    for minute in range(40):
        events = machine.run(heard((tick(100 + minute % 7, 60 * minute),)), at=NANOS * (minute + 1))
    (minutes, *_) = of_type(events, AnalyticsCalculated)[0].intervals
    closes = [100 + minute % 7 for minute in range(40)]
    assert minutes.bar_sma == pytest.approx(sum(closes[-20:]) / 20)
    assert None not in (minutes.ema, minutes.rsi, minutes.macd_signal, minutes.bollinger_upper, minutes.atr)
    assert machine.state.analytics.indicators.get("AAPL|1m").bars == 38, "the bar before is not final"
