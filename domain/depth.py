"""The order book of a market elsewhere: levels of one symbol at one source, kept right, or known to be wrong."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple
from zlib import crc32

from domain.observations import DepthChanged
from schemas.enums import Side
from schemas.feeds import DepthUpdate, PriceLevel

LEVELS_MAX = 1_000
"""Of one side. Levels behind them are forgotten: what moves up from there comes with an update of its own."""
CHECKSUM_LEVELS = 10
"""Of each side, the best ones."""

Level = tuple[int, int]
"""Price and quantity, in nanos."""


class Outcome(StrEnum):
    """What an update did to the book."""

    APPLIED = "applied"
    REPEATED = "repeated"
    """Nothing: all of it was there already."""
    GAP = "gap"
    """Nothing: an update before it is missing. From now on only a snapshot helps."""
    AWAITS_SNAPSHOT = "awaits snapshot"
    """Nothing: there is no book that it could change."""


class Applied(NamedTuple):
    """The outcome, and what is different now: levels to write, with no quantity those to delete."""

    outcome: Outcome
    bids: list[Level]
    asks: list[Level]


class DepthSide:
    """Quantities by price. The best price costs nothing, a change O(log levels) and the move of a few bytes."""

    __slots__ = ("_prices", "_sign", "levels")

    def __init__(self, sign: int, levels: Iterable[Level] = ()) -> None:
        """`sign` is 1 where the highest price is the best, -1 where the lowest is."""
        self._sign = sign
        self.levels: dict[int, int] = dict(levels)
        self._prices = sorted(sign * price for price in self.levels)
        """With their sign, the best one last: what changes most is moved least."""

    def best_price(self) -> int | None:
        """The price of the level that comes first."""
        return self._sign * self._prices[-1] if self._prices else None

    def best(self) -> Level | None:
        """The level that comes first."""
        price = self.best_price()
        return None if price is None else (price, self.levels[price])

    def top(self, count: int) -> list[Level]:
        """So many levels from the best on."""
        levels, sign = self.levels, self._sign
        return [(sign * signed, levels[sign * signed]) for signed in reversed(self._prices[-count:])]

    def change(self, changes: Iterable[Level]) -> list[Level]:
        """Sets levels, removes those without quantity, forgets what lies too deep -> what is different now."""
        levels, sign, prices = self.levels, self._sign, self._prices
        different: dict[int, int] = {}
        for price, quantity in changes:
            known = levels.get(price, 0)
            if quantity == known:
                continue
            different[price] = quantity
            if not quantity:
                del levels[price], prices[bisect_left(prices, sign * price)]
                continue
            levels[price] = quantity
            if not known:
                insort(prices, sign * price)
        if len(prices) > LEVELS_MAX:
            forgotten = [sign * signed for signed in prices[:-LEVELS_MAX]]
            del prices[:-LEVELS_MAX]
            for price in forgotten:
                del levels[price]
            different.update(dict.fromkeys(forgotten, 0))
        return list(different.items())

    def replace(self, levels: Iterable[Level]) -> list[Level]:
        """Makes these all levels -> what is different now."""
        wanted = {price: quantity for price, quantity in levels if quantity}
        gone = [(price, 0) for price in self.levels if price not in wanted]
        return self.change([*gone, *wanted.items()])


def outcome_of(known: int, is_synchronised: bool, update: DepthUpdate | DepthChanged) -> Outcome:
    """What an update does to a book that has all changes up to the one numbered `known`.

    Numbers are the source's; zero where it does not count, and nothing can be told missing. An update may begin before
    the end of the last one: quantities are what is there now, not differences. A snapshot repairs every book.
    """
    if is_synchronised and update.sequence and update.sequence <= known:
        return Outcome.REPEATED
    if update.is_snapshot:
        return Outcome.APPLIED
    if not is_synchronised:
        return Outcome.AWAITS_SNAPSHOT
    return Outcome.GAP if update.first_sequence > known + 1 else Outcome.APPLIED


class Depth:
    """Both sides, and whether they are what the source has."""

    __slots__ = ("asks", "bids", "is_synchronised", "sequence")

    def __init__(
        self,
        bids: Iterable[Level] = (),
        asks: Iterable[Level] = (),
        sequence: int = 0,
        is_synchronised: bool = False,
    ) -> None:
        self.bids, self.asks = DepthSide(1, bids), DepthSide(-1, asks)
        self.sequence = sequence
        """Of the last change that is in it."""
        self.is_synchronised = is_synchronised
        """Whether nothing is missing: without it the levels are old ones."""

    @property
    def is_crossed(self) -> bool:
        """Whether a buyer bids what a seller asks, or more: no market stays so."""
        bid, ask = self.bids.best_price(), self.asks.best_price()
        return bid is not None and ask is not None and bid >= ask

    def apply(self, update: DepthUpdate) -> Applied:
        """Brings the update into the book."""
        outcome = outcome_of(self.sequence, self.is_synchronised, update)
        if outcome is not Outcome.APPLIED:
            self.is_synchronised = self.is_synchronised and outcome is not Outcome.GAP
            return Applied(outcome, [], [])
        self.sequence, self.is_synchronised = update.sequence, True
        bids, asks = levels_of(update, Side.BUY), levels_of(update, Side.SELL)
        if update.is_snapshot:
            return Applied(outcome, self.bids.replace(bids), self.asks.replace(asks))
        return Applied(outcome, self.bids.change(bids), self.asks.change(asks))

    def lose(self) -> None:
        """Something was missed: from now on only a snapshot helps."""
        self.is_synchronised = False


def levels_of(update: DepthUpdate, side: Side) -> list[Level]:
    """The levels of one side in a message."""
    return [(level.price, level.quantity) for level in update.levels if level.side is side]


def levels_to_tell(bids: Iterable[Level], asks: Iterable[Level]) -> tuple[PriceLevel, ...]:
    """Both sides for a message, bids first."""
    told = [PriceLevel(Side.BUY, price, quantity) for price, quantity in bids]
    return (*told, *(PriceLevel(Side.SELL, price, quantity) for price, quantity in asks))


def checksum(depth: Depth) -> int:
    """CRC-32 (ISO 3309) of the ten best levels a side.

    The text: bids from the highest on, then asks from the lowest on, parted by `;`. A level is price, `:` and quantity,
    in whole nanos; levels are parted by `,`. One bid of 2 at 1.5 and no asks are `1500000000:2000000000;`.
    """
    sides = (depth.bids, depth.asks)
    text = ";".join(",".join(f"{price}:{size}" for price, size in side.top(CHECKSUM_LEVELS)) for side in sides)
    return crc32(text.encode())
