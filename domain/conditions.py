"""What holds in a book until somebody changes it."""

import msgspec

from schemas.enums import TradingPhase

NO_BAND = (None, None)
"""Limits may be anywhere. The very object, where a book has no band."""


class Conditions(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What holds in a book until somebody changes it, and its prices as they were sent."""

    marked: tuple[int | None, int | None, int | None] = (None, None, None)
    """Best bid, best ask and last price."""
    phase: TradingPhase = TradingPhase.CONTINUOUS
    low: int | None = None
    """Limits of orders may not be lower."""
    high: int | None = None


def band_of(low: int | None, high: int | None) -> tuple[int | None, int | None]:
    """The band with these ends."""
    return NO_BAND if low is None and high is None else (low, high)
