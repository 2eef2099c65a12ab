"""Panes: what a stretch of event time saw of one instrument, in whole numbers that add up exactly.

Two panes make one, in any order and grouping, and the result is the pane of all their ticks: the sums are integers
of any size, and open and close are the prices of the first and the last tick by a total order, not by arrival. So a bar
may be made of smaller bars, a window of any kind of panes, and a late tick may be merged in.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from domain.money import half_even
from schemas.wire import NANOS


class Ticked(NamedTuple):
    """One tick: a trade, or a last price that a market quoted. Nanos, and nanoseconds since the epoch."""

    at: int
    sequence: int
    """The market's number, or that of its arrival where the market gives none: it orders ticks of one nanosecond."""
    price: int
    quantity: int = 0
    aggressor: int = 0
    """1 where the order that came later bought, -1 where it sold, 0 where nobody knows."""
    sets_price: bool = True
    adds_volume: bool = True


class Pane(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one stretch of time saw. Where no tick set a price, the prices are zero and mean nothing."""

    ticks: int = 0
    """Those that set the price."""
    open: int = 0
    high: int = 0
    low: int = 0
    close: int = 0
    first_at: int = 0
    first_sequence: int = 0
    last_at: int = 0
    last_sequence: int = 0
    sum_price: int = 0
    """Of the ticks that set the price, nanos."""
    sum_square: int = 0
    """Of their squares, nanos times nanos."""
    volume: int = 0
    """Units, of the ticks that add volume."""
    sum_value: int = 0
    """Of price times quantity, nanos times nanos, of the ticks that add volume."""
    signed_volume: int = 0
    """Units that were bought by the order that came later, less those that were sold by it."""

    @property
    def mean(self) -> float | None:
        """Of the prices of the ticks, in units."""
        return self.sum_price / (self.ticks * NANOS) if self.ticks else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the ticks' prices around their mean, of all of them (not of a sample), in units."""
        if not self.ticks:
            return None
        square = self.ticks * self.sum_square - self.sum_price * self.sum_price
        return float((square / (self.ticks * self.ticks)) ** 0.5 / NANOS)

    @property
    def vwap(self) -> int | None:
        """Mean price weighted by quantity, in nanos, half to even; None where nothing was traded."""
        return half_even(self.sum_value, self.volume) if self.volume else None


NOTHING = Pane()


def merged(one: Pane, other: Pane) -> Pane:
    """The pane of the ticks of both."""
    if not other.ticks and not other.volume:
        return one
    if not one.ticks and not one.volume:
        return other
    volume, value = one.volume + other.volume, one.sum_value + other.sum_value
    signed = one.signed_volume + other.signed_volume
    if not one.ticks or not other.ticks:
        priced = one if one.ticks else other
        return Pane(*_prices(priced), volume, value, signed)
    if one.first_at != other.first_at:
        first = one if one.first_at < other.first_at else other
    else:
        first = one if (one.first_sequence, one.open) <= (other.first_sequence, other.open) else other
    if one.last_at != other.last_at:
        last = one if one.last_at > other.last_at else other
    else:
        last = one if (one.last_sequence, one.close) >= (other.last_sequence, other.close) else other
    return Pane(
        one.ticks + other.ticks,
        first.open,
        max(one.high, other.high),
        min(one.low, other.low),
        last.close,
        first.first_at,
        first.first_sequence,
        last.last_at,
        last.last_sequence,
        one.sum_price + other.sum_price,
        one.sum_square + other.sum_square,
        volume,
        value,
        signed,
    )


def _prices(pane: Pane) -> tuple[int, int, int, int, int, int, int, int, int, int, int]:
    return (
        pane.ticks,
        pane.open,
        pane.high,
        pane.low,
        pane.close,
        pane.first_at,
        pane.first_sequence,
        pane.last_at,
        pane.last_sequence,
        pane.sum_price,
        pane.sum_square,
    )


def merged_all(panes: Iterable[Pane]) -> Pane:
    """The pane of the ticks of all."""
    found = NOTHING
    for pane in panes:
        found = merged(found, pane)
    return found


def pane_of(ticks: list[Ticked]) -> Pane:
    """The pane of some ticks."""
    if len(ticks) == 1:
        return pane_of_one(*ticks[0])
    volume = value = signed = sum_price = sum_square = 0
    priced, prices = [], []
    for tick in ticks:
        _, _, price, quantity, aggressor, sets_price, adds_volume = tick
        if adds_volume:
            volume += quantity
            value += price * quantity
            signed += quantity * aggressor
        if sets_price:
            priced.append(tick)
            prices.append(price)
            sum_price += price
            sum_square += price * price
    if not priced:
        return Pane(volume=volume, sum_value=value, signed_volume=signed)
    first, last = min(priced), max(priced)  # by time, number, price
    high_low = max(prices), min(prices)
    times = first[0], first[1], last[0], last[1]
    return Pane(len(prices), first[2], *high_low, last[2], *times, sum_price, sum_square, volume, value, signed)


def pane_of_one(
    at: int, sequence: int, price: int, quantity: int, aggressor: int, sets_price: bool, adds_volume: bool
) -> Pane:
    """The pane of one tick."""
    if not adds_volume:
        quantity = 0
    value, signed = price * quantity, quantity * aggressor
    if not sets_price:
        return Pane(volume=quantity, sum_value=value, signed_volume=signed)
    return Pane(
        1, price, price, price, price, at, sequence, at, sequence, price, price * price, quantity, value, signed
    )
