"""A market that nobody trades on: prices that walk at random, the same ones for the same seed."""

from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from app.feeds.frames import Observation
from domain.depth import Depth, checksum, levels_to_tell
from schemas.enums import Side
from schemas.feeds import DepthUpdate, MarketDataEvent, TradePrint
from schemas.wire import NANOS

NAME = "simulator"
TICK = NANOS // 100
LOT = NANOS // 1000
LEVELS = 10
PRICE_TICKS = (1_000, 50_000)
"""Where prices begin: from the first to the second."""
LOTS_MAX = 5_000
DEPTH, QUOTE, TRADE = 40, 35, 25
"""Of a hundred messages."""


class Walk:
    """One instrument: its middle walks a tick at a time, and both sides have ten levels around it."""

    def __init__(self, symbol: str, random: Random) -> None:
        self.symbol, self._random = symbol, random
        self._middle = random.randrange(*PRICE_TICKS)
        self._depth = Depth()
        self._numbers = dict.fromkeys(("q", "t", "d"), 0)

    def snapshot(self, at: int) -> Observation:
        """All levels, for the beginning."""
        return self._told(at, self._levels(-1), self._levels(1), is_snapshot=True)

    def depth(self, at: int) -> Observation:
        """A step of the middle, and what it changes."""
        self._middle = max(LEVELS + 1, self._middle + self._random.choice((-1, 0, 0, 1)))
        wanted = dict(self._levels(-1)), dict(self._levels(1))
        changes = []
        for side, levels in zip((self._depth.bids, self._depth.asks), wanted, strict=True):
            gone = [(price, 0) for price in sorted(side.levels) if price not in levels]
            fresh = [
                level for level in levels.items() if level[0] not in side.levels or not self._random.randrange(LEVELS)
            ]
            changes.append([*gone, *fresh])
        return self._told(at, changes[0], changes[1], is_snapshot=False)

    def quote(self, at: int) -> Observation:
        """The best level of each side."""
        bid, ask = self._depth.bids.best(), self._depth.asks.best()
        assert bid is not None
        assert ask is not None
        number, event_id = self._number("q")
        return MarketDataEvent(
            *(self.symbol, NAME, bid[0], ask[0], bid[1], ask[1], None, None, number), event_id=event_id, timestamp=at
        )

    def trade(self, at: int) -> Observation:
        """Somebody buys at the ask, or sells at the bid."""
        aggressor = self._random.choice((Side.BUY, Side.SELL))
        best = (self._depth.asks if aggressor is Side.BUY else self._depth.bids).best()
        assert best is not None
        quantity = min(best[1], self._random.randrange(1, LOTS_MAX) * LOT)
        number, event_id = self._number("t")
        return TradePrint(
            *(self.symbol, best[0], quantity, NAME, aggressor, str(number)),
            sequence=number,
            event_id=event_id,
            timestamp=at,
        )

    def _levels(self, sign: int) -> list[tuple[int, int]]:
        middle, random = self._middle, self._random
        return [((middle + sign * step) * TICK, random.randrange(1, LOTS_MAX) * LOT) for step in range(1, LEVELS + 1)]

    def _told(
        self, at: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]], *, is_snapshot: bool
    ) -> DepthUpdate:
        number, event_id = self._number("d")
        update = DepthUpdate(
            self.symbol,
            is_snapshot,
            levels_to_tell(bids, asks),
            exchange=NAME,
            first_sequence=number,
            sequence=number,
            event_id=event_id,
            timestamp=at,
        )
        self._depth.apply(update)
        return msgspec.structs.replace(update, checksum=checksum(self._depth))

    def _number(self, kind: str) -> tuple[int, str]:
        self._numbers[kind] += 1
        number = self._numbers[kind]
        return number, f"{NAME}-{self.symbol}-{kind}{number}"


def simulate(seed: int, symbols: Sequence[str], rate: int, seconds: int) -> Iterator[Observation]:
    """So many messages a second, for so long, after a snapshot of each book. Times are in ns from 0 on."""
    random = Random(seed)  # noqa: S311 - a simulation
    walks = [Walk(symbol, random) for symbol in symbols]
    for walk in walks:
        yield walk.snapshot(1)
    for count in range(rate * seconds):
        walk = random.choice(walks)
        kind = random.choices((walk.depth, walk.quote, walk.trade), (DEPTH, QUOTE, TRADE))[0]
        yield kind(1 + count * NANOS // rate)
