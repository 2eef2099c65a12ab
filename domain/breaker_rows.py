"""The breaker of a book: how far a trade may lie from any other of the last five minutes.

Only the lowest and the highest price of that time can be too far away, so no others are kept. Time is counted in
slices of five seconds: a price counts until sixty slices after its own, for five minutes at least and five seconds more
at most. A later price that is lower makes an earlier one needless, for it is the lowest for longer: so there is one
entry a slice at most, and as a rule a handful.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from schemas.wire import NANOS

SLICE_NS = 5 * NANOS
SLICES = 60
Prices = tuple[tuple[int, int], ...]
"""Slice and price; slices rise, and the first price is the extreme one."""


class BreakerRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A breaker that is set."""

    limit_rate: int
    """Billionths: a trade that lies so much away from another one trips it."""
    pause_ns: int = 0
    """How long orders gather after it tripped."""
    is_manual: bool = False
    """Once it tripped the book is halted, until an operator arms it again."""
    is_tripped: bool = False
    """It waits for that."""
    lows: Prices = ()
    highs: Prices = ()


class Breaker:
    """A breaker with the prices that it looks at."""

    __slots__ = ("_highs", "_lows", "_row")

    def __init__(self, row: BreakerRow) -> None:
        self._row = row
        self._lows, self._highs = deque(row.lows), deque(row.highs)

    @property
    def settings(self) -> BreakerRow:
        """The row, whose prices may be behind."""
        return self._row

    def row(self) -> BreakerRow:
        """The row as it is now."""
        return msgspec.structs.replace(self._row, lows=tuple(self._lows), highs=tuple(self._highs))

    def take(self, price: int, now: int) -> None:
        """A trade."""
        slice_number = now // SLICE_NS
        for queue, sign in ((self._lows, 1), (self._highs, -1)):
            while queue and (queue[0][0] < slice_number - SLICES):
                queue.popleft()
            while queue and sign * queue[-1][1] >= sign * price:
                queue.pop()
            if not queue or queue[-1][0] != slice_number:
                queue.append((slice_number, price))

    def begin(self, price: int, now: int) -> None:
        """The price of an auction: it forgets the others."""
        self._lows.clear()
        self._highs.clear()
        self.take(price, now)

    def far_from(self, price: int) -> int | None:
        """The price, of those that it looks at, from which a trade that was just taken is too far away."""
        return too_far(self._row.limit_rate, price, self._lows[0][1], self._highs[0][1])

    def extremes(self, now: int) -> tuple[int, int] | None:
        """The lowest and the highest price at that time; None where there are none."""
        oldest = now // SLICE_NS - SLICES
        low, high = _first(self._lows, oldest), _first(self._highs, oldest)
        return None if low is None or high is None else (low, high)


class Sweep:
    """A breaker tried out: where an order would trip it that trades from price to price."""

    def __init__(self, breaker: Breaker, now: int) -> None:
        self._limit_rate = breaker.settings.limit_rate
        self._extremes = breaker.extremes(now)

    def trips(self, price: int) -> bool:
        """Whether a trade at that price would trip it."""
        return self._extremes is not None and too_far(self._limit_rate, price, *self._extremes) is not None

    def take(self, price: int) -> None:
        """There is a trade at that price."""
        low, high = self._extremes or (price, price)
        self._extremes = min(low, price), max(high, price)


def too_far(limit_rate: int, price: int, low: int, high: int) -> int | None:
    """The one of the two from which the price is too far away: |price / other - 1| >= limit."""
    if price * NANOS >= low * (NANOS + limit_rate):
        return low
    return high if price * NANOS <= high * (NANOS - limit_rate) else None


def _first(prices: Iterable[tuple[int, int]], oldest: int) -> int | None:
    return next((price for slice_number, price in prices if slice_number >= oldest), None)
