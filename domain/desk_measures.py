"""What market data measured, as the desk uses it: the short signal, and the volatility σ.

Once a minute each shard of the desk hears the averages and the realised volatility of the minutes that are final. They
come as whole nanos, in the log, so a decision comes out the same whenever it is made again.
"""

import msgspec

from domain.desk_terms import VOLATILITY_WINDOWS_S, DeskTerms
from domain.money import half_even
from schemas.inquiries import UpdateMarketMeasures
from schemas.wire import NANOS

MEASURES_AGE_NS_MAX = 130 * NANOS
"""Two minutes, for one may be without a trade, and twice the 5 s that a minute takes to be final."""


class Measures(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What market data said of an instrument last; None where there were not minutes enough."""

    measured_at: int = 0
    """End of the last minute in it, in event time."""
    ema_fast: int | None = None
    ema_slow: int | None = None
    """Quote units, in nanos."""
    volatilities: tuple[int | None, ...] = (None,) * len(VOLATILITY_WINDOWS_S)
    """Realised in each window, in billionths of the price."""


NOT_MEASURED = Measures()


class Outlook(msgspec.Struct, frozen=True, gc=False):
    """What the auto-trader takes the signal and σ for, and the measures that they were made of. All in nanos."""

    signal: int
    volatility: int
    ema_fast: int | None = None
    ema_slow: int | None = None
    realized_volatility: int | None = None
    measured_at: int | None = None


def measures_of(message: UpdateMarketMeasures) -> Measures:
    """The row of what was told."""
    volatilities = (message.volatility_5m, message.volatility_15m, message.volatility_1h)
    return Measures(message.measured_at, message.ema_fast, message.ema_slow, volatilities)


def fresh(measures: Measures | None, now: int) -> Measures:
    """The same; nothing where it is too old to say anything of now."""
    if measures is None or now - measures.measured_at > MEASURES_AGE_NS_MAX:
        return NOT_MEASURED
    return measures


def outlook_of(measures: Measures, mid: int, signal: int | None, volatility: int | None, terms: DeskTerms) -> Outlook:
    """Signal and volatility: what a person said with the price, else what was measured, else none and the terms' own.

    The signal is the EMA of 5 minutes less that of 15, at most `signal_max` up or down; σ is the middle times the
    realised volatility of the window.
    """
    fast = slow = realized = None
    if signal is None and terms.signal_max and measures.ema_fast is not None and measures.ema_slow is not None:
        fast, slow = measures.ema_fast, measures.ema_slow
        signal = fast - slow
    if volatility is None and terms.volatility_window_s:
        realized = measures.volatilities[VOLATILITY_WINDOWS_S.index(terms.volatility_window_s)]
        volatility = None if realized is None else half_even(mid * realized, NANOS)
    is_measured = fast is not None or realized is not None
    return Outlook(
        max(-terms.signal_max, min(terms.signal_max, signal or 0)),
        terms.volatility if volatility is None else volatility,
        fast,
        slow,
        realized,
        measures.measured_at if is_measured else None,
    )
