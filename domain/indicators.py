"""Indicators over closed bars, one step a bar: what they remember is a row, so a replay gives the same bits.

Floats, and the only ones of the domain: nothing that is owned or owed is computed here (D27). How each begins is
written at its function; where nothing else is said a value is that of TA-Lib. A bar that is open has the indicators as
they would be if it closed now: those values are provisional, and no state follows from them.
"""

from math import log, sqrt

import msgspec

from domain.panes import Pane
from schemas.wire import NANOS

SMA_BARS = EMA_BARS = BOLLINGER_BARS = 20
EMA_FAST_BARS, EMA_SLOW_BARS = 5, 15
"""The difference of the two is the short signal of the desk."""
RSI_BARS = ATR_BARS = 14
BOLLINGER_DEVIATIONS = 2
MACD_FAST_BARS, MACD_SLOW_BARS, MACD_SIGNAL_BARS = 12, 26, 9
CLOSES_KEPT = MACD_SLOW_BARS
WARM_BARS = MACD_SLOW_BARS + MACD_SIGNAL_BARS - 1
"""With so many bars every indicator says something."""
EMA_PART, EMA_FAST_PART, EMA_SLOW_PART = (2 / (bars + 1) for bars in (EMA_BARS, EMA_FAST_BARS, EMA_SLOW_BARS))
FAST_PART, SLOW_PART, SIGNAL_PART = (2 / (bars + 1) for bars in (MACD_FAST_BARS, MACD_SLOW_BARS, MACD_SIGNAL_BARS))
RETURNS_KEPT = 60
"""The longest window of the realised volatility, in bars: an hour of minutes."""


class Bar(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A bar as indicators see it: units, floats."""

    high: float
    low: float
    close: float


class Indicators(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the indicators of one series of bars remember."""

    bars: int = 0
    closes: tuple[float, ...] = ()
    """The last ones, the newest at the end."""
    ema: float = 0.0
    """As the averages below: until its seed is complete, the sum of what there was."""
    gain: float = 0.0
    """Of the RSI: what bars won against the one before, on average."""
    loss: float = 0.0
    true_range: float = 0.0
    fast: float = 0.0
    slow: float = 0.0
    signal: float = 0.0
    squares: tuple[float, ...] = ()
    """Squared logarithmic returns of the last windows, the newest at the end; those without a bar have none: zero."""
    last_start: int = 0
    """Of the newest bar."""
    recent_mean: float = 0.0
    """Of the last closes, one fewer than a mean takes: what a provisional one adds its close to."""
    recent_square: float = 0.0
    """Their squared deviations from it, added up."""
    ema_fast: float = 0.0
    ema_slow: float = 0.0


class Values(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the indicators say; None until there are bars enough."""

    sma: float | None = None
    ema: float | None = None
    rsi: float | None = None
    macd: float | None = None
    macd_signal: float | None = None
    macd_histogram: float | None = None
    bollinger_lower: float | None = None
    bollinger_middle: float | None = None
    bollinger_upper: float | None = None
    atr: float | None = None
    ema_fast: float | None = None
    ema_slow: float | None = None


NO_BARS = Indicators()


def bar_of(pane: Pane) -> Bar:
    """The bar of a pane whose ticks set a price."""
    return Bar(pane.high / NANOS, pane.low / NANOS, pane.close / NANOS)


def followed(average: float, value: float, count: int, period: int, part: float) -> float:
    """The average with one more value, the `count`-th: seeded with the mean of the first `period` values.

    Until then it is their sum. After that it goes by a part of the difference: 2 / (period + 1) in an exponential
    average, 1 / period in Wilder's.
    """
    if count > period:
        return average + (value - average) * part
    return (average + value) / period if count == period else average + value


def advanced(state: Indicators, bar: Bar, start: int, size: int) -> Indicators:
    """The state after one more closed bar, which begins at `start` and is `size` long."""
    closes, close, changes = state.closes, bar.close, state.bars
    bars, kept = changes + 1, (*closes[-CLOSES_KEPT + 1 :], close)
    gain, loss, true_range, squares = state.gain, state.loss, state.true_range, state.squares
    if closes:
        before = closes[-1]
        change = close - before
        gain = followed(gain, max(change, 0.0), changes, RSI_BARS, 1 / RSI_BARS)
        loss = followed(loss, max(-change, 0.0), changes, RSI_BARS, 1 / RSI_BARS)
        reached = max(bar.high, before) - min(bar.low, before)
        true_range = followed(true_range, reached, changes, ATR_BARS, 1 / ATR_BARS)
        gaps = min((start - state.last_start) // size - 1, RETURNS_KEPT)
        squares = (*squares, *(0.0,) * gaps, _square(before, close))[-RETURNS_KEPT:]
    fast, slow, signal = _macd_advanced(state, bars, kept)
    ema = followed(state.ema, close, bars, EMA_BARS, EMA_PART)
    recent = kept[-SMA_BARS + 1 :]
    mean = sum(recent) / len(recent)
    square = sum([(each - mean) ** 2 for each in recent])
    emas = (
        followed(state.ema_fast, close, bars, EMA_FAST_BARS, EMA_FAST_PART),
        followed(state.ema_slow, close, bars, EMA_SLOW_BARS, EMA_SLOW_PART),
    )
    macd = (fast, slow, signal)
    return Indicators(bars, kept, ema, gain, loss, true_range, *macd, squares, start, mean, square, *emas)


def _macd_advanced(state: Indicators, bars: int, closes: tuple[float, ...]) -> tuple[float, float, float]:
    """Both averages begin with the same bar: the fast one with the mean of the last bars up to it."""
    if bars < MACD_SLOW_BARS:
        return 0.0, 0.0, 0.0
    if bars == MACD_SLOW_BARS:
        fast, slow = sum(closes[-MACD_FAST_BARS:]) / MACD_FAST_BARS, sum(closes) / MACD_SLOW_BARS
    else:
        fast = state.fast + (closes[-1] - state.fast) * FAST_PART
        slow = state.slow + (closes[-1] - state.slow) * SLOW_PART
    count = bars - MACD_SLOW_BARS + 1
    return fast, slow, followed(state.signal, fast - slow, count, MACD_SIGNAL_BARS, SIGNAL_PART)


def _square(before: float, close: float) -> float:
    """The squared logarithmic return. A price of zero has none."""
    return log(close / before) ** 2 if close > 0 and before > 0 else 0.0


def values_of(state: Indicators) -> Values:
    """What the indicators say after the bars of the state."""
    bars = state.bars
    sma = lower = upper = None
    if bars >= SMA_BARS:
        recent = state.closes[-SMA_BARS:]
        sma = sum(recent) / SMA_BARS
        width = BOLLINGER_DEVIATIONS * sqrt(sum([(close - sma) ** 2 for close in recent]) / BOLLINGER_BARS)
        lower, upper = sma - width, sma + width
    macd = signal = histogram = None
    if bars >= WARM_BARS:
        macd, signal = state.fast - state.slow, state.signal
        histogram = macd - signal
    return Values(
        sma,
        state.ema if bars >= EMA_BARS else None,
        _rsi(state.gain, state.loss) if bars > RSI_BARS else None,
        macd,
        signal,
        histogram,
        lower,
        sma,
        upper,
        state.true_range if bars > ATR_BARS else None,
        state.ema_fast if bars >= EMA_FAST_BARS else None,
        state.ema_slow if bars >= EMA_SLOW_BARS else None,
    )


def _rsi(gain: float, loss: float) -> float:
    """Wilder's RSI. Seeded with the plain means of the first 14 changes, so it needs 15 bars.

    Where nothing moved at all it is 50: neither side is stronger. (TA-Lib says 0 there, which reads as a crash.)
    """
    total = gain + loss
    return 100 * gain / total if total > 0 else 50.0


def provisional(state: Indicators, bar: Bar) -> Values:
    """What the indicators would say if the bar closed now."""
    if state.bars < WARM_BARS:
        return values_of(advanced(state, bar, state.last_start, 1))
    close, before = bar.close, state.closes[-1]
    difference = close - state.recent_mean
    sma = state.recent_mean + difference / SMA_BARS
    square = state.recent_square + difference * difference * (SMA_BARS - 1) / SMA_BARS
    width = BOLLINGER_DEVIATIONS * sqrt(square / BOLLINGER_BARS)
    fast, slow, signal = state.fast, state.slow, state.signal
    macd = fast + (close - fast) * FAST_PART - slow - (close - slow) * SLOW_PART
    signal += (macd - signal) * SIGNAL_PART
    change = close - before
    gain = state.gain + (max(change, 0.0) - state.gain) * (1 / RSI_BARS)
    loss = state.loss + (max(-change, 0.0) - state.loss) * (1 / RSI_BARS)
    reached = max(bar.high, before) - min(bar.low, before)
    return Values(
        sma,
        state.ema + (close - state.ema) * EMA_PART,
        _rsi(gain, loss),
        macd,
        signal,
        macd - signal,
        sma - width,
        sma,
        sma + width,
        state.true_range + (reached - state.true_range) * (1 / ATR_BARS),
        state.ema_fast + (close - state.ema_fast) * EMA_FAST_PART,
        state.ema_slow + (close - state.ema_slow) * EMA_SLOW_PART,
    )


def realized_volatility(
    state: Indicators, windows: int, bar: Bar | None = None, start: int = 0, size: int = 1
) -> float | None:
    """Square root of the sum of squared logarithmic returns over the last windows; not scaled to a year.

    With a bar that is open, that is the last window. None until there were so many; one without a bar has no return.
    """
    squares = state.squares
    if bar is not None and state.closes:
        gaps = min((start - state.last_start) // size - 1, RETURNS_KEPT)
        squares = (*squares, *(0.0,) * gaps, _square(state.closes[-1], bar.close))
    if len(squares) < windows:
        return None
    return sqrt(sum(squares[-windows:]))
