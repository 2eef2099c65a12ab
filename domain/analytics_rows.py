"""Rows of analytics, and what follows from them: bars, indicators, and what the world has not heard yet."""

from heapq import heapify, heappop, heappush

import msgspec

from domain.indicators import Indicators
from domain.repetitions import PAGES_MAX
from domain.series import INTERVAL_NAMES, NO_WINDOWS, Bar, Levels, OpenWindow, bar_slot, due
from domain.state import Table
from domain.ticks import Memory, Page, Series

STREAM = "stream"
STALE_MAX = 64
"""Due times that do not hold any more, beside as many as there are symbols."""
TELL_INTERVAL_NS_MIN = 50_000_000
"""Between two tellings of one symbol: 20 a second at most (D28)."""


class SeriesRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a tick changes of a series: the pane of the newest second, and what came."""

    newest: OpenWindow | None
    memories: int
    ids: tuple[str, ...]
    arrivals: int
    repeated: int
    dropped: int


class Windows(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All other windows of a series: they change once a second, and cost ten times as much to write."""

    levels: Levels = NO_WINDOWS


class Telling(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the world has not heard of one instrument."""

    told_at: int = 0
    """By the shard's clock."""
    count: int = 0
    """Observations since then."""
    exchange: str = ""
    """Of the last of them."""
    observed_at: int = 0


NOTHING_TOLD, NO_OTHERS = Telling(), Windows()


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
        series: Table[SeriesRow],
        windows: Table[Windows],
        bars: Table[Bar],
        indicators: Table[Indicators],
        memories: Table[Memory],
        pages: Table[Page],
        tellings: Table[Telling],
        stream: Table[int],
    ) -> None:
        self.series, self.windows, self.bars = series, windows, bars
        self.indicators, self.memories, self.pages = indicators, memories, pages
        self.tellings, self.stream = tellings, stream
        self.rebuild()

    def rebuild(self) -> None:
        """Derived from the rows: which windows close next, in stream time, and who is told next, in the shard's."""
        rows = list(self.series.scan())
        dues = {symbol: due(levels_of(row, self.windows.get(symbol))) for symbol, row in rows}
        self.count = len(dues)
        self.closing = Dues({symbol: at for symbol, at in dues.items() if at})
        tellings = ((symbol, telling) for symbol, telling in self.tellings.scan() if telling.count)
        self.telling = Dues({symbol: telling.told_at + TELL_INTERVAL_NS_MIN for symbol, telling in tellings})

    def series_of(self, symbol: str) -> Series | None:
        """The bars of an instrument that are open, and which ticks came; None where none did."""
        row = self.series.get(symbol)
        if row is None:
            return None
        levels = levels_of(row, self.windows.get(symbol))
        return Series(levels, row.memories, row.ids, row.arrivals, row.repeated, row.dropped)

    def put_series(self, symbol: str, series: Series) -> None:
        """Writes what changed of it."""
        seconds, *larger = series.levels
        newest = seconds[-1] if seconds else None
        row = SeriesRow(newest, series.memories, series.ids, series.arrivals, series.repeated, series.dropped)
        others = (seconds[:-1], *larger)
        self.series.put(symbol, row)
        if others != (self.windows.get(symbol) or NO_OTHERS).levels:
            self.windows.put(symbol, Windows(others))

    def forget(self) -> None:
        """No tick ever came. `rebuild` has to follow."""
        ticks = (self.series, self.windows, self.memories, self.pages, self.stream)
        for table in (*ticks, self.bars, self.indicators, self.tellings):
            for key in [key for key, _ in table.scan()]:
                table.delete(key)

    @property
    def stream_time(self) -> int:
        """The highest event time that the shard has seen."""
        return self.stream.get(STREAM) or 0


def levels_of(row: SeriesRow, windows: Windows | None) -> Levels:
    """All windows that are not final."""
    levels = NO_WINDOWS if windows is None else windows.levels
    return levels if row.newest is None else ((*levels[0], row.newest), *levels[1:])


def open_levels(series: Table[SeriesRow], windows: Table[Windows], symbol: str) -> Levels:
    """The same of an instrument; none where it had no tick."""
    row = series.get(symbol)
    return NO_WINDOWS if row is None else levels_of(row, windows.get(symbol))


def bar_key(symbol: str, level: int, start: int) -> str:
    """Where the bar of that window lies: in the place of one that is too old now."""
    return f"{symbol}|{INTERVAL_NAMES[level]}|{bar_slot(level, start)}"


def indicators_key(symbol: str, level: int) -> str:
    """Where the indicators over bars of that length lie."""
    return f"{symbol}|{INTERVAL_NAMES[level]}"


def memory_key(symbol: str, source: str) -> str:
    """Where the highest numbers that came of a market lie."""
    return f"{symbol}|{source}"


def page_key(symbol: str, source: str, place: int) -> str:
    """Where a page of numbers that came lies: in the place of one that is forgotten."""
    return f"{symbol}|{source}|{place % PAGES_MAX}"
