"""Bars, indicators and what is told of them: what the machine of market data makes of ticks, in event time.

One inner event a record and symbol holds the rows as they are then. What is told of prices and indicators is conflated
by the shard's clock, the latest wins; bars and dropped ticks are told all.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

import msgspec

from domain.analytics_rows import (
    NOTHING_TOLD,
    STREAM,
    TELL_INTERVAL_NS_MIN,
    Analytics,
    Telling,
    bar_key,
    indicators_key,
    memory_key,
    page_key,
)
from domain.indicators import NO_BARS, Indicators, advanced, bar_of
from domain.market_quotes import Market
from domain.observations import DepthChanged, Observation, Printed
from domain.series import DAY_LEVEL, INTERVALS, MINUTE_LEVEL, SECOND, Bar, ClosedWindow, Levels, due, settled
from domain.state import Table
from domain.telling import analytics_calculated, contents_of_all, market_data_received, price_updated
from domain.ticks import Dropped, DropReason, Memory, Page, Remembered, Series, Taken, TimedTick, taken
from schemas.market_data import AnalyticsCalculated, BarClosed, MarketDataReceived, PriceUpdated, TickDropped
from schemas.wire import NANOS

SYMBOLS_MAX = 20_000
"""Of one shard whose bars are kept."""
CLOSED_AT_ONCE = TOLD_AT_ONCE = 64
"""Symbols without a tick whose windows a record closes, and symbols that a record tells of."""
NO_SERIES = Series()
Timed = tuple[int, Observation]
"""What was observed, and the stream time when it came: its own or later."""


class StreamMoved(msgspec.Struct, frozen=True, gc=False):
    """The highest event time that was seen."""

    stream_time: int


class SeriesMoved(msgspec.Struct, frozen=True, gc=False):
    """Bars of one instrument as they are now."""

    symbol: str
    series: Series
    due: int
    """Stream time at which the next of its windows closes or is final."""
    bars: tuple[tuple[str, Bar], ...]
    """Those that were told just now, by their keys."""
    indicators: tuple[tuple[str, Indicators], ...]
    memories: tuple[tuple[str, Memory], ...] = ()
    pages: tuple[tuple[str, Page], ...] = ()


class TellingMoved(msgspec.Struct, frozen=True, gc=False):
    """What the world has not heard of one instrument."""

    symbol: str
    telling: Telling


Event = (
    StreamMoved
    | SeriesMoved
    | TellingMoved
    | MarketDataReceived
    | PriceUpdated
    | AnalyticsCalculated
    | BarClosed
    | TickDropped
)


class Batch(NamedTuple):
    """What came in one record, by instrument."""

    by_symbol: dict[str, list[Timed]]
    """In order of arrival, each with the stream time at which it came."""
    with_books: set[str]
    """Instruments of which levels came, too: those are no ticks."""
    stream_time: int
    """When all came."""


def sorted_by_symbol(observations: Iterable[Observation], stream_time: int) -> Batch:
    """Sorts what came."""
    by_symbol: dict[str, list[Timed]] = {}
    with_books = set()
    for observation in observations:
        symbol, at = observation.symbol, observation.at
        if type(observation) is DepthChanged:
            with_books.add(symbol)
        elif at > stream_time:
            stream_time = at
        found = by_symbol.get(symbol)
        if found is None:
            by_symbol[symbol] = [(stream_time, observation)]
        else:
            found.append((stream_time, observation))
    return Batch(by_symbol, with_books, stream_time)


def observed(state: Analytics, batch: Batch) -> Iterator[Event]:
    """Takes quotes and trades, each at the stream time at which it came."""
    if batch.stream_time != state.stream_time:
        yield StreamMoved(batch.stream_time)
    for symbol, timed in batch.by_symbol.items():
        ticks = [item for item in timed if type(item[1]) is not DepthChanged] if symbol in batch.with_books else timed
        if ticks:
            yield from _took(state, symbol, cast("list[TimedTick]", ticks), batch.stream_time)


def _took(state: Analytics, symbol: str, items: list[TimedTick], stream_time: int) -> Iterator[Event]:
    series = state.series_of(symbol)
    if series is None and state.count >= SYMBOLS_MAX:
        ticks = [(at, each) for at, each in items if isinstance(each, Printed) or each.last]
        dropped = [Dropped(each, DropReason.TOO_MANY_SYMBOLS, len(INTERVALS), at) for at, each in ticks]
    else:
        found = taken(series or NO_SERIES, items, _remembered(state, symbol))
        dropped = found.dropped
        if found.series is not series:
            yield from _moved(state, symbol, series, found, stream_time)
    for drop in dropped:
        yield _tick_dropped(drop)
    telling, last = state.tellings.get(symbol) or NOTHING_TOLD, items[-1][1]
    yield TellingMoved(symbol, Telling(telling.told_at, telling.count + len(items), last.exchange, last.at))


def _remembered(state: Analytics, symbol: str) -> Remembered:
    return Remembered(
        lambda source: state.memories.get(memory_key(symbol, source)),
        lambda source, place: state.pages.get(page_key(symbol, source, place)),
    )


def _moved(state: Analytics, symbol: str, before: Series | None, found: Taken, stream_time: int) -> Iterator[Event]:
    levels = found.series.levels
    at = state.closing.at(symbol)
    if before is None or _windows(levels) != _windows(before.levels):
        at = due(levels)
    touched = found.touched
    if at <= stream_time or (touched and min(touched) + SECOND <= stream_time):
        yield from _settled(state, symbol, found, stream_time)
    else:
        yield SeriesMoved(symbol, found.series, at, (), (), *_numbers(symbol, found))


def _windows(levels: Levels) -> int:
    return sum(map(len, levels))


def _numbers(symbol: str, found: Taken) -> tuple[tuple[tuple[str, Memory], ...], tuple[tuple[str, Page], ...]]:
    memories = tuple([(memory_key(symbol, source), memory) for source, memory in found.memories])
    return memories, tuple([(page_key(symbol, source, place), page) for source, place, page in found.pages])


def _settled(state: Analytics, symbol: str, found: Taken, stream_time: int) -> Iterator[Event]:
    """Closes what stream time closes, and corrects what closed before."""
    levels, told, final = settled(found.series.levels, stream_time, found.touched)
    series = msgspec.structs.replace(found.series, levels=levels)
    bars = tuple([(bar_key(symbol, level, bar.start), bar) for level, bar in told])
    indicators = _advanced(state.indicators, symbol, final)
    yield SeriesMoved(symbol, series, due(levels), bars, indicators, *_numbers(symbol, found))
    for closed in told:
        yield _bar_closed(symbol, closed)


def _advanced(
    indicators: Table[Indicators], symbol: str, final: list[ClosedWindow]
) -> tuple[tuple[str, Indicators], ...]:
    """Indicators one bar further, for each that is final: of a minute and more."""
    found: dict[str, Indicators] = {}
    for level, bar in final:
        if level >= MINUTE_LEVEL:
            key = indicators_key(symbol, level)
            before = found.get(key) or indicators.get(key) or NO_BARS
            found[key] = advanced(before, bar_of(bar.pane), bar.start, INTERVALS[level])
    return tuple(found.items())


def closed(state: Analytics) -> Iterator[Event]:
    """Closes windows of symbols without a tick: stream time moves for all of a shard. So many a record."""
    stream_time = state.stream_time
    for _ in range(CLOSED_AT_ONCE):
        first = state.closing.first()
        if first is None or first[0] > stream_time:
            return
        series = state.series_of(first[1])
        assert series is not None
        yield from _settled(state, first[1], Taken(series, [], [], [], []), stream_time)


def tell(state: Analytics, markets: Table[Market], now: int) -> Iterator[Event]:
    """Tells of those that had their pause, the longest first. So many a record."""
    for _ in range(TOLD_AT_ONCE):
        first = state.telling.first()
        if first is None or first[0] > now:
            return
        symbol = first[1]
        telling, series = state.tellings.get(symbol) or NOTHING_TOLD, state.series_of(symbol) or NO_SERIES
        market = markets.get(symbol)
        yield market_data_received(symbol, telling)
        windows = contents_of_all(series.levels)
        if market is not None:
            yield price_updated(symbol, market.best, windows)
        if windows[DAY_LEVEL]:
            yield analytics_calculated(symbol, windows, state.indicators)
        yield TellingMoved(symbol, Telling(now))


def deadline(state: Analytics, now: int) -> int | None:
    """When the shard wants to hear the time: at once where windows wait to be closed."""
    closing, telling = state.closing.first(), state.telling.first()
    if closing is not None and closing[0] <= state.stream_time:
        return now
    return None if telling is None else telling[0]


def evolve(state: Analytics, event: object) -> None:
    """Brings the event into the state; most are only told."""
    if type(event) is SeriesMoved:
        symbol = event.symbol
        state.count += state.series.get(symbol) is None
        state.put_series(symbol, event.series)
        state.closing.set(symbol, event.due)
        for key, bar in event.bars:
            state.bars.put(key, bar)
        for key, indicators in event.indicators:
            state.indicators.put(key, indicators)
        for key, memory in event.memories:
            state.memories.put(key, memory)
        for key, page in event.pages:
            state.pages.put(key, page)
    elif type(event) is TellingMoved:
        telling = event.telling
        state.tellings.put(event.symbol, telling)
        state.telling.set(event.symbol, telling.told_at + TELL_INTERVAL_NS_MIN if telling.count else 0)
    elif type(event) is StreamMoved:
        state.stream.put(STREAM, event.stream_time)


def _bar_closed(symbol: str, closed_window: ClosedWindow) -> BarClosed:
    level, bar = closed_window
    pane = bar.pane
    return BarClosed(
        symbol,
        INTERVALS[level] // NANOS,
        bar.start,
        pane.open,
        pane.high,
        pane.low,
        pane.close,
        pane.volume,
        pane.ticks,
        pane.signed_volume,
        bar.revision,
        pane.vwap,
    )


def _tick_dropped(drop: Dropped) -> TickDropped:
    tick = drop.observation
    if isinstance(tick, Printed):
        price, quantity, trade_id = tick.price, tick.quantity, tick.trade_id
    else:
        price, quantity, trade_id = tick.last or 0, 0, ""
    return TickDropped(
        tick.symbol,
        tick.exchange,
        tick.at,
        price,
        quantity,
        tick.sequence,
        trade_id,
        tick.event_id,
        drop.reason,
        INTERVALS[drop.level - 1] // NANOS,
        drop.stream_time,
    )
