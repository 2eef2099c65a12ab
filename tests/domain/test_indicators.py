from collections.abc import Sequence
from itertools import pairwise
from math import isnan, log, sqrt

import msgspec
import numpy as np
import pytest
import talib
from effort import EFFORT
from recorded import coinbase_minutes, ibm_minutes, rsi_example

from domain.indicators import Bar, Indicators, Values, advanced, provisional, realized_volatility, values_of
from schemas.wire import NANOS

PATHS, PATH_BARS = 10_000 * EFFORT, 40
Array = np.ndarray
RECORDED = {
    "coinbase": [(bar.high, bar.low, bar.close) for bar in coinbase_minutes()],
    "ibm": [(bar.high, bar.low, bar.close) for bar in ibm_minutes()],
}


def walked(bars: Sequence[Bar], state: Indicators = Indicators()) -> list[Indicators]:  # noqa: B008 - it is frozen
    """The state after each bar."""
    found = []
    for start, bar in enumerate(bars, state.bars):
        state = advanced(state, bar, start, 1)
        found.append(state)
    return found


def closes(*prices: float) -> list[Bar]:
    return [Bar(price, price, price) for price in prices]


def oracle(high: Array, low: Array, close: Array) -> dict[str, Array]:
    """TA-Lib's values, bar by bar.

    Its bands come from a running sum of squares, which loses half of the digits where prices hardly move: it is given
    the distances from the first price, for which the same bands are correct.
    """
    macd, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = (band + close[0] for band in talib.BBANDS(close - close[0], 20, 2, 2))
    return {
        "sma": talib.SMA(close, 20),
        "ema": talib.EMA(close, 20),
        "ema_fast": talib.EMA(close, 5),
        "ema_slow": talib.EMA(close, 15),
        "rsi": talib.RSI(close, 14),
        "macd": macd,
        "macd_signal": signal,
        "macd_histogram": histogram,
        "bollinger_lower": lower,
        "bollinger_middle": middle,
        "bollinger_upper": upper,
        "atr": talib.ATR(high, low, close, 14),
    }


def assert_equal(ours: Values, theirs: dict[str, Array], at: int) -> None:
    for name, values in theirs.items():
        found, expected = getattr(ours, name), float(values[at])
        if isnan(expected):
            assert found is None, (name, at)
        else:
            assert abs(found - expected) <= 1e-9 * max(1, abs(expected)), (name, at)


def random_paths(count: int, bars: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(7)
    close = rng.uniform(0.01, 50_000, (count, 1)) * np.exp(np.cumsum(rng.normal(0, 0.01, (count, bars)), axis=1))
    close[rng.random((count, bars)) < 0.1] = close[0, 0]  # prices that come again, and jumps
    reach = np.abs(rng.normal(0, 0.003, (2, count, bars)))
    return close * (1 + reach[0]), close * (1 - reach[1]), close


def test_every_indicator_is_that_of_ta_lib_on_ten_thousand_random_paths() -> None:
    for high, low, close in zip(*random_paths(PATHS, PATH_BARS), strict=True):
        states = walked([Bar(*each) for each in zip(high.tolist(), low.tolist(), close.tolist(), strict=True)])
        theirs = oracle(high, low, close)
        for at in (PATH_BARS - 15, PATH_BARS - 1):
            assert_equal(values_of(states[at]), theirs, at)


@pytest.mark.parametrize("name", RECORDED)
def test_every_indicator_is_that_of_ta_lib_on_every_bar_of_a_recording(name: str) -> None:
    high, low, close = (np.array(column) / NANOS for column in zip(*RECORDED[name], strict=True))
    states = walked([Bar(*each) for each in zip(high.tolist(), low.tolist(), close.tolist(), strict=True)])
    theirs = oracle(high, low, close)
    for at, state in enumerate(states):
        assert_equal(values_of(state), theirs, at)


def test_rsi_is_that_of_the_published_table() -> None:
    published = [rsi for _, rsi in rsi_example()]
    states = walked(closes(*[close for close, _ in rsi_example()]))
    for state, expected in zip(states, published, strict=True):
        found = values_of(state).rsi
        if expected is None:
            assert found is None
        else:
            assert found is not None
            assert abs(found - expected) <= 0.01
    assert sum(expected is not None for expected in published) == 19


def test_what_would_be_if_the_bar_closed_now_is_what_is_when_it_does() -> None:
    high, low, close = random_paths(3, 80)
    for number in range(3):
        bars = [
            Bar(*each) for each in zip(high[number].tolist(), low[number].tolist(), close[number].tolist(), strict=True)
        ]
        for before, bar, after in zip([Indicators(), *walked(bars)], bars, walked(bars), strict=False):
            now, then = provisional(before, bar), values_of(after)
            for name in Values.__struct_fields__:
                found, expected = getattr(now, name), getattr(then, name)
                assert found == (expected if expected is None else pytest.approx(expected, rel=1e-12, abs=1e-9)), name


def test_a_market_that_does_not_move_is_at_rest() -> None:
    rest = values_of(walked(closes(*[97.0] * 40))[-1])
    assert rest == Values(97, 97, 50, 0, 0, 0, 97, 97, 97, 0, 97, 97)


def test_a_market_that_only_rises_has_an_rsi_of_100() -> None:
    assert values_of(walked(closes(*range(1, 20)))[-1]).rsi == 100


def test_indicators_are_silent_until_there_are_bars_enough() -> None:
    states = walked(closes(*range(1, 60)))
    needed = {
        name: next(number for number, state in enumerate(states, 1) if getattr(values_of(state), name) is not None)
        for name in Values.__struct_fields__
    }
    assert needed == {
        "sma": 20, "ema": 20, "rsi": 15, "atr": 15, "macd": 34, "macd_signal": 34, "macd_histogram": 34,
        "bollinger_lower": 20, "bollinger_middle": 20, "bollinger_upper": 20, "ema_fast": 5, "ema_slow": 15,
    }  # fmt: skip


def test_what_is_remembered_is_a_row_and_comes_back_from_it_bit_by_bit() -> None:
    high, low, close = random_paths(1, 200)
    bars = [Bar(*each) for each in zip(high[0].tolist(), low[0].tolist(), close[0].tolist(), strict=True)]
    straight = walked(bars)[-1]
    state = Indicators()
    for start, bar in enumerate(bars):
        state = msgspec.json.decode(msgspec.json.encode(advanced(state, bar, start, 1)), type=Indicators)
    assert state == straight
    assert len(msgspec.json.encode(state)) < 4_000


def test_realized_volatility_adds_up_the_squared_returns_of_the_last_windows() -> None:
    prices = [100.0, 101, 99, 103, 102, 102]
    state = walked(closes(*prices))[-1]
    squares = [log(later / earlier) ** 2 for earlier, later in pairwise(prices)]
    assert realized_volatility(state, 5) == pytest.approx(sqrt(sum(squares)))
    assert realized_volatility(state, 2) == pytest.approx(sqrt(sum(squares[-2:])))
    assert realized_volatility(state, 6) is None
    rise = log(105 / 102) ** 2
    assert realized_volatility(state, 3, Bar(105, 105, 105), 6) == pytest.approx(sqrt(sum(squares[-2:]) + rise))
    assert realized_volatility(state, 3, Bar(105, 105, 105), 8) == pytest.approx(sqrt(rise)), "two windows without"


def test_a_window_without_a_bar_has_no_return() -> None:
    state = advanced(Indicators(), Bar(100, 100, 100), 0, 60)
    state = advanced(state, Bar(110, 110, 110), 240, 60)  # three windows of 60 saw nothing
    assert state.squares == (0, 0, 0, log(1.1) ** 2)
    long_idle = advanced(state, Bar(121, 121, 121), 240 + 60 * 10_000, 60)
    assert len(long_idle.squares) == 60
    assert realized_volatility(long_idle, 60) == pytest.approx(log(1.1))


def test_a_price_of_zero_has_no_return() -> None:
    assert realized_volatility(walked(closes(1, 0, 1))[-1], 2) == 0
