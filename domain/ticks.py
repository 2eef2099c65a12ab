"""Ticks among what markets told, each counted once, each judged by the stream time at which it came."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import NamedTuple

import msgspec

from domain.observations import Printed, Quoted
from domain.panes import Ticked, pane_of, pane_of_one
from domain.repetitions import IDS_MAX, Came, Numbers
from domain.series import GRACE_NS, INTERVALS, NO_WINDOWS, SECOND, Levels, level_in_time, with_pane

SECOND_IN_TIME_NS = SECOND + GRACE_NS
"""From its beginning on, until a second is final."""
RUN_MIN = 4
"""Ticks of an instrument that are worth a look at all of them together."""
MEMORIES_MAX = 32
"""Markets of one instrument whose numbers are remembered, trades and quotes each."""


class DropReason(StrEnum):
    """Why a tick is in no window, or not in all of them."""

    WINDOW_FINAL = "WINDOW_FINAL"
    PERHAPS_REPEATED = "PERHAPS_REPEATED"
    """Its number is from before all that is remembered of its market."""
    TOO_MANY_MARKETS = "TOO_MANY_MARKETS"
    TOO_MANY_SYMBOLS = "TOO_MANY_SYMBOLS"


class Memory(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Numbers of one market that came, as `repetitions.note` keeps them."""

    numbers: tuple[int, ...]
    pages: int = 0
    """How many of them were ever made of lower numbers."""


NOTHING_CAME = Memory((0,))


class Page(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Lower numbers of one market."""

    numbers: tuple[int, ...]


class Series(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is open of one instrument's bars, and which ticks came."""

    levels: Levels = NO_WINDOWS
    memories: int = 0
    """How many markets there are whose numbers are remembered, trades and quotes each."""
    ids: tuple[str, ...] = ()
    """Of the last messages without a number, the newest at the end."""
    arrivals: int = 0
    """Ticks that came, but for repetitions."""
    repeated: int = 0
    dropped: int = 0


class Dropped(NamedTuple):
    """A tick that is in no window below that level."""

    observation: Quoted | Printed
    reason: DropReason
    level: int
    stream_time: int


class Taken(NamedTuple):
    """What came of some observations of one instrument."""

    series: Series
    dropped: list[Dropped]
    touched: list[int]
    """A time within each second that took ticks."""
    memories: list[tuple[str, Memory]]
    """Those that were looked at, by their markets."""
    pages: list[tuple[str, int, Page]]
    """Those that changed, each with its market and number."""


TimedTick = tuple[int, Quoted | Printed]
"""An observation, and the stream time when it came: its own or later."""


class Remembered(NamedTuple):
    """Reads what is remembered of an instrument's markets."""

    memory: Callable[[str], Memory | None]
    """By the market."""
    page: Callable[[str, int], Page | None]
    """By the market and the page's number."""


_REASONS = {Came.UNKNOWN: DropReason.PERHAPS_REPEATED, None: DropReason.TOO_MANY_MARKETS}


def taken(series: Series, timed: list[TimedTick], remembered: Remembered) -> Taken:
    """Takes ticks into the windows that are not final for them. Observations without a price are none."""
    taking = _Taking(series, remembered)
    if len(timed) >= RUN_MIN and taking.take_run(timed):
        return taking.result()
    for stream_time, observation in timed:
        if isinstance(observation, Printed):
            taking.take(stream_time, observation, observation.price, "|trades")
        elif observation.last:
            taking.take(stream_time, observation, observation.last, "|quotes")
    return taking.result() if taking.is_changed else Taken(series, [], [], [], [])


class _Taking:
    """Some observations of one instrument while they are looked at."""

    def __init__(self, series: Series, remembered: Remembered) -> None:
        self.before, self.remembered = series, remembered
        self.memories: dict[str, Numbers] = {}
        """Those of the markets that are looked at."""
        self.count = series.memories
        """How many there are of all markets."""
        self.ids = series.ids
        self.arrivals, self.repeated = series.arrivals, series.repeated
        self.dropped: list[Dropped] = []
        self.seconds: dict[int, list[Ticked]] = {}
        self.late: list[tuple[int, Ticked]] = []
        """Ticks that only larger windows take, each with the level of the smallest of those."""

    def take(self, stream_time: int, observation: Quoted | Printed, price: int, kind: str) -> None:
        """Looks at one tick."""
        number = observation.sequence
        memory = self.memories.get(observation.exchange + kind) if number else None
        came = self._came(observation, kind) if memory is None else memory.note(number)
        if came is Came.AGAIN:
            self.repeated += 1
            return
        self.arrivals += 1
        at = observation.at
        second = at - at % SECOND
        if came is not Came.FIRST:
            self.dropped.append(Dropped(observation, _REASONS[came], len(INTERVALS), stream_time))
        elif stream_time < second + SECOND_IN_TIME_NS:
            ticks = self.seconds.get(second)
            if ticks is None:
                ticks = self.seconds[second] = []
            ticks.append(_tick(observation, price, self.arrivals))
        else:
            self._late(stream_time, observation, price)

    def take_run(self, timed: list[TimedTick]) -> bool:
        """Takes trades in time that are numbered without a gap, for half of what they cost one by one; else nothing."""
        numbers = [each.sequence for _, each in timed]
        first, latest, exchange = numbers[0], timed[-1][0], timed[0][1].exchange
        if not first or numbers != list(range(first, first + len(numbers))):
            return False
        seconds: dict[int, list[Ticked]] = {}
        for _, each in timed:
            if type(each) is not Printed or each.exchange != exchange:
                return False
            at = each.at
            second = at - at % SECOND
            if latest >= second + SECOND_IN_TIME_NS:
                return False
            terms = (at, each.sequence, each.price, each.quantity, each.aggressor, each.sets_price, each.adds_volume)
            ticks = seconds.get(second)
            if ticks is None:
                seconds[second] = [tuple.__new__(Ticked, terms)]
            else:
                ticks.append(tuple.__new__(Ticked, terms))
        memory = self._opened(exchange + "|trades")
        if memory is None or not memory.note_all(first, numbers[-1]):
            return False
        self.arrivals += len(timed)
        self.seconds = seconds
        return True

    def _opened(self, source: str) -> Numbers | None:
        found = self.remembered.memory(source)
        if found is None:
            if self.count >= MEMORIES_MAX:
                return None
            self.count += 1
            found = NOTHING_CAME
        # A function in here would hold what holds it: garbage, once a record and symbol, until it is collected.
        read = partial(_numbers_of, self.remembered, source)
        opened = self.memories[source] = Numbers(list(found.numbers), found.pages, read)
        return opened

    @property
    def is_changed(self) -> bool:
        """Whether there was any tick."""
        return self.arrivals != self.before.arrivals or self.repeated != self.before.repeated

    def _late(self, stream_time: int, observation: Quoted | Printed, price: int) -> None:
        level = level_in_time(observation.at, stream_time)
        self.dropped.append(Dropped(observation, DropReason.WINDOW_FINAL, level, stream_time))
        if level < len(INTERVALS):
            tick = _tick(observation, price, self.arrivals)
            self.late.append((level, tick))

    def _came(self, observation: Quoted | Printed, kind: str) -> Came | None:
        """Whether it came before; None where too many markets speak of the instrument."""
        number = observation.sequence
        if number:
            source = observation.exchange + kind
            memory = self._opened(source)
            return None if memory is None else memory.note(number)
        name = observation.event_id
        if not name:
            return Came.FIRST
        if name in self.ids:
            return Came.AGAIN
        self.ids = (*self.ids[-IDS_MAX + 1 :], name)
        return Came.FIRST

    def result(self) -> Taken:
        """What became of all."""
        levels, touched = self.before.levels, list(self.seconds)
        for second, ticks in self.seconds.items():
            levels = with_pane(levels, 0, second, pane_of(ticks))
        for level, tick in self.late:
            levels = with_pane(levels, level, tick.at - tick.at % INTERVALS[level], pane_of_one(*tick))
            touched.append(tick.at)
        memories = [(source, Memory(tuple(each.memory), each.pages)) for source, each in self.memories.items()]
        pages = [
            (source, place, Page(tuple(numbers)))
            for source, each in self.memories.items()
            for place, numbers in each.changed.items()
        ]
        dropped = self.before.dropped + len(self.dropped)
        series = Series(levels, self.count, self.ids, self.arrivals, self.repeated, dropped)
        return Taken(series, self.dropped, touched, memories, pages)


def _numbers_of(remembered: Remembered, source: str, place: int) -> list[int] | None:
    page = remembered.page(source, place)
    return None if page is None else list(page.numbers)


def _tick(observation: Quoted | Printed, price: int, arrivals: int) -> Ticked:
    at, number = observation.at, observation.sequence or arrivals
    if isinstance(observation, Printed):
        quantity, aggressor = observation.quantity, observation.aggressor
        terms = (at, number, price, quantity, aggressor, observation.sets_price, observation.adds_volume)
        return tuple.__new__(Ticked, terms)  # half the time of Ticked(...)
    return Ticked(at, number, price)
