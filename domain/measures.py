"""What an alert may watch: prices at every tick, and the numbers that are told of the day and of bars."""

from collections.abc import Iterator

from domain.market_quotes import Best
from domain.series import DAY_LEVEL, INTERVAL_NAMES, INTERVALS, MINUTE_LEVEL
from schemas.market_data import AnalyticsCalculated, PriceUpdated
from schemas.wire import NANOS

OF_QUOTES = ("price", "bid", "ask", "spread")
"""Heard at every tick, in units of the quote asset."""
OF_DAYS = ("change", "change_percent", "volume", "vwap")
"""Since midnight UTC."""
OF_BARS = (
    "tick_sma",
    "bar_sma",
    "ema",
    "rsi",
    "macd",
    "macd_signal",
    "macd_histogram",
    "bollinger_lower",
    "bollinger_upper",
    "atr",
    "realized_volatility",
    "ema_fast",
    "ema_slow",
)
"""Of bars of one length: `rsi:1m`."""
BAR_NAMES = INTERVAL_NAMES[MINUTE_LEVEL:DAY_LEVEL]
MEASURES = frozenset((*OF_QUOTES, *OF_DAYS, *(f"{name}:{bars}" for name in OF_BARS for bars in BAR_NAMES)))
NAME_OF = {size // NANOS: name for size, name in zip(INTERVALS, INTERVAL_NAMES, strict=True)}

Measured = Iterator[tuple[str, int]]
"""Measures and their values, in nanos of a unit."""


def of_quotes(best: Best) -> Measured:
    """What the best prices say."""
    if best.last is not None:
        yield "price", best.last
    if best.bid is not None:
        yield "bid", best.bid
    if best.ask is not None:
        yield "ask", best.ask
    if best.bid is not None and best.ask is not None:
        yield "spread", best.ask - best.bid


def of_day(told: PriceUpdated) -> Measured:
    """What the day says so far."""
    for name in OF_DAYS:
        value = getattr(told, name)
        if value is not None:
            yield name, value


def of_bars(told: AnalyticsCalculated) -> Measured:
    """What bars and indicators say, the provisional ones of open bars."""
    for interval in told.intervals:
        bars = NAME_OF[interval.interval_s]
        for name in OF_BARS:
            value = getattr(interval, name)
            if value is not None:
                yield f"{name}:{bars}", round(value * NANOS)
