"""What the world, and the desk, hear of an instrument's prices, windows and indicators."""

from domain.analytics_rows import Telling, indicators_key
from domain.indicators import (
    NO_BARS,
    Bar,
    Indicators,
    advanced,
    bar_of,
    provisional,
    realized_volatility,
    values_of,
)
from domain.market_quotes import Best
from domain.money import VALUE_MAX, half_even
from domain.panes import Pane, merged
from domain.series import DAY_LEVEL, INTERVALS, MINUTE_LEVEL, Levels
from domain.state import Table
from schemas.inquiries import UpdateMarketMeasures
from schemas.market_data import AnalyticsCalculated, IntervalAnalytics, MarketDataReceived, PriceUpdated
from schemas.wire import NANOS

TOLD_LEVELS = range(MINUTE_LEVEL, DAY_LEVEL)
"""Minutes, 5 and 15 minutes, hours."""
MINUTE = INTERVALS[MINUTE_LEVEL]
LONGER = INTERVALS[MINUTE_LEVEL + 1 : DAY_LEVEL]
"""5 minutes, 15, an hour: windows of the realised volatility."""
FULL_PERCENT = 100 * NANOS

Windows = list[tuple[int, Pane]]
"""Where each begins, and all that lies in it."""


def contents_of_all(levels: Levels) -> list[Windows]:
    """Everything in each window that is not final, by length."""
    found: list[Windows] = []
    below: Windows = []
    for level, windows in enumerate(levels):
        size = INTERVALS[level]
        full: Windows = []
        for window in windows:
            pane, start = window.pane, window.start
            end = start + size
            for begun, part in below:
                if start <= begun < end:
                    pane = merged(pane, part)
            full.append((start, pane))
        found.append(full)
        below = full
    return found


def market_data_received(symbol: str, telling: Telling) -> MarketDataReceived:
    """That something was heard."""
    return MarketDataReceived(symbol, telling.exchange, telling.observed_at, telling.count)


def price_updated(symbol: str, best: Best, windows: list[Windows]) -> PriceUpdated:
    """The latest prices, and how they moved since midnight UTC."""
    days = windows[DAY_LEVEL]
    if not days or not days[-1][1].ticks:
        return PriceUpdated(symbol, best.at, best.last, best.bid, best.ask)
    day = days[-1][1]
    change = day.close - day.open
    percent = half_even(change * FULL_PERCENT, day.open) if day.open else None
    return PriceUpdated(
        symbol,
        best.at,
        best.last,
        best.bid,
        best.ask,
        change,
        None if percent is None or abs(percent) > VALUE_MAX else percent,
        day.open,
        day.high,
        day.low,
        day.volume,
        day.vwap,
    )


def analytics_calculated(symbol: str, windows: list[Windows], indicators: Table[Indicators]) -> AnalyticsCalculated:
    """Windows and indicators as if the bars that are open closed now."""
    found = []
    by_level = {level: _followed(indicators, symbol, level, windows[level]) for level in TOLD_LEVELS}
    of_minutes, minute = by_level[MINUTE_LEVEL]
    minute_start = windows[MINUTE_LEVEL][-1][0] if windows[MINUTE_LEVEL] else 0
    for level, (state, bar) in by_level.items():
        if not windows[level]:
            continue
        values = values_of(state) if bar is None else provisional(state, bar)
        start, pane = windows[level][-1]
        minutes = INTERVALS[level] // MINUTE
        found.append(
            IntervalAnalytics(
                INTERVALS[level] // NANOS,
                start,
                pane.ticks,
                pane.mean,
                values.sma,
                values.ema,
                values.rsi,
                values.macd,
                values.macd_signal,
                values.macd_histogram,
                values.bollinger_lower,
                values.bollinger_upper,
                values.atr,
                realized_volatility(of_minutes, minutes, minute, minute_start, MINUTE) if minutes > 1 else None,
                values.ema_fast,
                values.ema_slow,
            )
        )
    return AnalyticsCalculated(symbol, windows[DAY_LEVEL][-1][1].last_at, tuple(found))


def market_measures(symbol: str, of_minutes: Indicators) -> UpdateMarketMeasures:
    """What the desk hears of a minute that is final. Whole nanos: a decision made of them comes out the same again."""
    values = values_of(of_minutes)
    minutes, quarter, hour = (realized_volatility(of_minutes, size // MINUTE) for size in LONGER)
    return UpdateMarketMeasures(
        symbol,
        of_minutes.last_start + MINUTE,
        _nanos(values.ema_fast),
        _nanos(values.ema_slow),
        _nanos(minutes),
        _nanos(quarter),
        _nanos(hour),
    )


def _nanos(value: float | None) -> int | None:
    return None if value is None else round(value * NANOS)


def _followed(
    indicators: Table[Indicators], symbol: str, level: int, windows: Windows
) -> tuple[Indicators, Bar | None]:
    """The indicators after the bars that have ended and are not final; the bar that is open, None without a tick."""
    state = indicators.get(indicators_key(symbol, level)) or NO_BARS
    for start, pane in windows[:-1]:
        if pane.ticks:
            state = advanced(state, bar_of(pane), start, INTERVALS[level])
    if not windows or not windows[-1][1].ticks:
        return state, None
    return state, bar_of(windows[-1][1])
