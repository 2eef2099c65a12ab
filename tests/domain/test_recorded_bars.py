"""Bars of ticks of a real day, compared with those of the vendor that recorded both."""

from collections import Counter, defaultdict
from itertools import groupby
from random import Random

from event_time import heard, packs
from machines import Machine, of_type
from recorded import RecordedBar, coinbase_minutes, ibm_minutes, ibm_trades

from domain.observations import Printed
from domain.panes import Pane, Ticked, merged_all, pane_of
from domain.series import INTERVALS, MINUTE_LEVEL, SECOND
from domain.windows import tumbling
from schemas.market_data import BarClosed, TickDropped

MINUTE, HOUR = INTERVALS[MINUTE_LEVEL], 3_600 * SECOND


def ticks_by_minute() -> dict[int, list[Ticked]]:
    found = defaultdict(list)
    for tick in ibm_trades():
        found[tick.at - tick.at % MINUTE].append(tick)
    return found


def bars_by_merging() -> dict[int, Pane]:
    """Minutes that were merged of the panes of their seconds."""
    seconds = [(at, pane_of(list(group))) for at, group in groupby(ibm_trades(), key=lambda tick: second_of(tick.at))]
    return {window.start: window.pane for window in tumbling(seconds, MINUTE)}


def second_of(at: int) -> int:
    return at - at % SECOND


def differences(pane: Pane | BarClosed, bar: RecordedBar) -> set[str]:
    return {name for name in ("open", "high", "low", "close", "volume") if getattr(pane, name) != getattr(bar, name)}


def test_minutes_of_a_real_day_are_those_of_the_vendor_wherever_the_ticks_allow_it() -> None:
    bars, regular = bars_by_merging(), [bar for bar in ibm_minutes() if bar.is_regular]
    assert len(regular) == 390
    agreeing = [bar for bar in regular if not differences(bars[bar.start], bar)]
    assert len(agreeing) == 353
    assert agreeing == [bar for bar in regular if bar.agrees_with_ticks]


def test_every_minute_is_the_recount_of_its_ticks() -> None:
    assert bars_by_merging() == {start: pane_of(ticks) for start, ticks in ticks_by_minute().items()}


def test_minutes_in_which_the_vendor_differs_lack_a_few_of_the_trades_that_it_recorded_itself() -> None:
    """In 37 minutes the vendor's bar passes over some of its own trades, which nothing marks: the first, the last, or
    the highest or lowest. Its volume differs in two, those of the opening and of the closing auction."""
    bars, ticks, fields = bars_by_merging(), ticks_by_minute(), Counter[str]()
    for bar in ibm_minutes():
        if not bar.is_regular or bar.agrees_with_ticks:
            continue
        found = differences(bars[bar.start], bar)
        fields.update(found)
        prices = [tick.price for tick in ticks[bar.start] if tick.sets_price]
        passed_over = {
            "open": prices.index(bar.open),
            "close": prices[::-1].index(bar.close),
            "high": sum(price > bar.high for price in prices),
            "low": sum(price < bar.low for price in prices),
            "volume": 1,
        }
        auctions = (regular_open(), regular_open() + 389 * MINUTE)
        assert all(1 <= passed_over[name] <= (5 if bar.start in auctions else 3) for name in found), bar
        assert "volume" not in found or bar.start in auctions
    assert fields == {"open": 11, "close": 12, "high": 9, "low": 10, "volume": 2}


def regular_open() -> int:
    return min(bar.start for bar in ibm_minutes() if bar.is_regular)


def test_the_machine_makes_the_same_minutes_of_the_day_though_ticks_come_late_and_twice() -> None:
    rng = Random(1)
    arriving = sorted(ibm_trades(), key=lambda tick: tick.at + rng.randrange(4 * SECOND))
    arriving = [tick for tick in arriving for _ in range(1 + (rng.random() < 0.05))]
    printed = [
        Printed("IBM", "XNYS", *tick[:1], *tick[2:5], tick.sequence, "", tick.sets_price, tick.adds_volume, "")
        for tick in arriving
    ]
    machine, told = Machine("market_data"), dict[int, BarClosed]()
    for pack in packs(printed, rng):
        events = machine.run(heard(pack))
        assert of_type(events, TickDropped) == []
        told |= {bar.start: bar for bar in of_type(events, BarClosed) if bar.interval_s == 60}
    assert {start: (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap) for start, bar in told.items()} == {
        start: (pane.open, pane.high, pane.low, pane.close, pane.volume, pane.vwap)
        for start, pane in bars_by_merging().items()
        if pane.ticks and start + MINUTE <= ibm_trades()[-1].at
    }
    assert max(bar.revision for bar in told.values()) > 1
    agreeing = [bar for bar in ibm_minutes() if bar.is_regular and not differences(told[bar.start], bar)]
    assert len(agreeing) == 353


def as_pane(bar: RecordedBar) -> Pane:
    """A recorded bar as a pane of one tick at each of its prices."""
    prices = (bar.open, bar.high, bar.low, bar.close)
    pane = pane_of([Ticked(bar.start + number, number, price) for number, price in enumerate(prices)])
    return merged_all([pane, Pane(volume=bar.volume)])


def test_minutes_that_are_merged_into_hours_are_the_recounted_hours() -> None:
    minutes = coinbase_minutes()
    hours = list(tumbling([(bar.start, as_pane(bar)) for bar in minutes], HOUR))
    assert len(minutes) == 1009
    assert sum(hour.pane.ticks for hour in hours) == 4 * len(minutes)
    for hour in hours:
        inside = [bar for bar in minutes if hour.start <= bar.start < hour.end]
        assert (hour.pane.open, hour.pane.close) == (inside[0].open, inside[-1].close)
        assert hour.pane.high == max(bar.high for bar in inside)
        assert hour.pane.low == min(bar.low for bar in inside)
        assert hour.pane.volume == sum(bar.volume for bar in inside)
    days = list(tumbling([(hour.start, hour.pane) for hour in hours], 24 * HOUR))
    assert [day.pane for day in days] == [merged_all(as_pane(bar) for bar in minutes)]
