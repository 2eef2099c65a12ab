"""Windows of event time, counted by pandas: what our windows must be, whatever came late, twice or in which order."""

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import pandas as pd

from domain.observations import Observation, Printed, packed
from domain.series import GRACE_NS, INTERVALS, SECOND
from schemas.market_data import RecordObservations
from schemas.wire import NANOS

SYMBOLS = ("AAPL", "IBM", "MSFT")
DAY = 86_400 * SECOND


class Counted(NamedTuple):
    """One window as pandas counts it."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    ticks: int
    sum_price: int
    sum_square: int
    sum_value: int
    signed_volume: int


def arrivals(seed: int, count: int = 600) -> list[Printed]:
    """Ticks as they arrive: shuffled by some seconds, some very late, some twice.

    Around midnight, some of them. A market counts all its ticks together, so the numbers of a symbol have gaps.
    """
    rng = Random(seed)
    at = 20_000 * DAY + rng.choice((DAY - 30 * SECOND, 3_600 * SECOND - 20 * SECOND, 0)) + rng.randrange(SECOND)
    ticks = []
    for number in range(1, count + 1):
        at += int(rng.expovariate(1 / rng.choice((0.01, 0.3, 0.3, 8))) * SECOND)
        lateness = rng.choice((0, 0, 2, 7)) * rng.random()
        if rng.random() < 0.02:
            lateness = rng.choice((40, 400, 4_000, 90_000))
        ticks.append((at + int(lateness * SECOND), _tick(rng, at, number)))
    found = [tick for _, tick in sorted(ticks, key=lambda item: item[0])]
    for _ in range(count // 10):
        place = rng.randrange(len(found))
        found.insert(rng.randrange(place, min(len(found), place + 100)) + 1, found[place])
    return found


def _tick(rng: Random, at: int, number: int) -> Printed:
    symbol = rng.choice(SYMBOLS)
    price, quantity, aggressor = rng.randint(1, 99), rng.randint(1, 9), rng.choice((-1, 0, 1))
    return Printed(symbol, "XNAS", at, price, quantity, aggressor, number, str(number), True, True, "")


def packs(ticks: list[Printed], rng: Random, size_max: int = 64) -> Iterator[tuple[Observation, ...]]:
    """Cut anywhere."""
    place = 0
    while place < len(ticks):
        size = rng.randint(1, size_max)
        yield tuple(ticks[place : place + size])
        place += size


def heard(observations: tuple[Observation, ...], **more: Any) -> RecordObservations:
    return RecordObservations(observations[0].symbol, packed(observations), len(observations), 0, **more)


class Oracle:
    """What came, in order of arrival."""

    def __init__(self, ticks: list[Printed]) -> None:
        frame = pd.DataFrame(
            [(each.symbol, each.at, each.sequence, each.price, each.quantity, each.aggressor) for each in ticks],
            columns=["symbol", "at", "sequence", "price", "quantity", "aggressor"],
        )
        frame["stream"] = frame["at"].cummax()
        self.stream_time = int(frame["stream"].iloc[-1])
        self.repeated = int(frame.duplicated(["symbol", "sequence"]).sum())
        frame = frame.drop_duplicates(["symbol", "sequence"]).sort_values(["at", "sequence"])
        frame["square"], frame["value"] = frame["price"] ** 2, frame["price"] * frame["quantity"]
        frame["signed"] = frame["quantity"] * frame["aggressor"]
        self._frame = frame

    def windows(self) -> dict[tuple[str, int, int], Counted]:
        """Every window that took a tick, by symbol, length and start."""
        found = {}
        for size in INTERVALS:
            frame = self._frame.assign(start=self._frame["at"] // size * size)
            frame = frame[frame["stream"] < frame["start"] + size + GRACE_NS]
            counted = frame.groupby(["symbol", "start"]).agg(
                open=("price", "first"),
                high=("price", "max"),
                low=("price", "min"),
                close=("price", "last"),
                volume=("quantity", "sum"),
                ticks=("price", "count"),
                sum_price=("price", "sum"),
                sum_square=("square", "sum"),
                sum_value=("value", "sum"),
                signed_volume=("signed", "sum"),
            )
            for (symbol, start), *values in counted.itertuples(name=None):
                found[symbol, size, int(start)] = Counted(*map(int, values))
        return found

    def dropped(self) -> dict[tuple[str, int], int]:
        """The longest window that each tick is missing in, in seconds, by its symbol and number."""
        found = {}
        for size in INTERVALS:
            late = self._frame["stream"] >= self._frame["at"] // size * size + size + GRACE_NS
            keys = zip(self._frame[late]["symbol"], map(int, self._frame[late]["sequence"]), strict=True)
            found.update(dict.fromkeys(keys, size // NANOS))
        return found
