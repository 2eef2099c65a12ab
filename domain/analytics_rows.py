"""Rows of analytics, and what follows from them: bars, indicators, and what the world has not heard yet."""

from heapq import heapify, heappop, heappush

import msgspec

from domain.indicators import Indicators
from domain.repetitions import PAGES_MAX
from domain.series import INTERVAL_NAMES, Bar, bar_slot, due
from domain.state import Table
from domain.ticks import Page, Series

STREAM = "stream"
STALE_MAX = 64
"""Due times that do not hold any more, beside as many as there are symbols."""
TELL_INTERVAL_NS_MIN = 50_000_000
"""Between two tellings of one symbol: 20 a second at most (D28)."""


class Telling(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the world has not heard of one instrument."""

    told_at: int = 0
    """By the shard's clock."""
    count: int = 0
    """Observations since then."""
    exchange: str = ""
    """Of the last of them."""
    observed_at: int = 0


NOTHING_TOLD = Telling()


class Dues:
    """When something is due, by symbol: at most one time each. Kept in memory, derived from rows."""

    __slots__ = ("_heap", "_times")

    def __init__(self, times: dict[str, int]) -> None:
        self._times = times
        self._heap = [(at, symbol) for symbol, at in times.items()]
        heapify(self._heap)

    def at(self, symbol: str) -> int:
        """When it is due; zero where it is not."""
        return self._times.get(symbol, 0)

    def set(self, symbol: str, at: int) -> None:
        """It is due then, and at no other time; not at all where `at` is zero."""
        times = self._times
        if times.get(symbol, 0) == at:
            return
        if not at:
            del times[symbol]
            return
        times[symbol] = at
        heappush(self._heap, (at, symbol))
        if len(self._heap) > 2 * len(times) + STALE_MAX:
            self._heap = [(time, each) for each, time in times.items()]
            heapify(self._heap)

    def first(self) -> tuple[int, str] | None:
        """The earliest time and its symbol; of equal ones the symbol that sorts first."""
        heap, times = self._heap, self._times
        while heap and times.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0] if heap else None


class Analytics:
    """Rows of analytics of one shard."""

    def __init__(
        self,
        series: Table[Series],
        bars: Table[Bar],
        indicators: Table[Indicators],
        pages: Table[Page],
        tellings: Table[Telling],
        stream: Table[int],
    ) -> None:
        self.series, self.bars, self.indicators, self.pages = series, bars, indicators, pages
        self.tellings, self.stream = tellings, stream
        self.rebuild()

    def rebuild(self) -> None:
        """Derived from the rows: which windows close next, in stream time, and who is told next, in the shard's."""
        dues = {symbol: due(series.levels) for symbol, series in self.series.scan()}
        self.count = len(dues)
        self.closing = Dues({symbol: at for symbol, at in dues.items() if at})
        tellings = ((symbol, telling) for symbol, telling in self.tellings.scan() if telling.count)
        self.telling = Dues({symbol: telling.told_at + TELL_INTERVAL_NS_MIN for symbol, telling in tellings})

    def forget(self) -> None:
        """No tick ever came. `rebuild` has to follow."""
        for table in (self.series, self.bars, self.indicators, self.pages, self.tellings, self.stream):
            for key in [key for key, _ in table.scan()]:
                table.delete(key)

    @property
    def stream_time(self) -> int:
        """The highest event time that the shard has seen."""
        return self.stream.get(STREAM) or 0


def bar_key(symbol: str, level: int, start: int) -> str:
    """Where the bar of that window lies: in the place of one that is too old now."""
    return f"{symbol}|{INTERVAL_NAMES[level]}|{bar_slot(level, start)}"


def indicators_key(symbol: str, level: int) -> str:
    """Where the indicators over bars of that length lie."""
    return f"{symbol}|{INTERVAL_NAMES[level]}"


def page_key(symbol: str, source: str, place: int) -> str:
    """Where a page of numbers that came lies: in the place of one that is forgotten."""
    return f"{symbol}|{source}|{place % PAGES_MAX}"
