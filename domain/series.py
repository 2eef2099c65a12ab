"""Bars of one instrument, from a second to a day, in event time: open, closed, final.

Stream time is the highest event time that the shard has seen. A window closes when stream time is at its end: its bar
is told, revision 1. A tick that comes for it within the grace corrects it, and it is told again with the next revision.
At its end and the grace it is final: a tick that comes later is dropped for that window, and may still be in time for
the larger ones. No wall clock is looked at (D26).

A tick goes into the pane of its second alone. A window that is final goes, as one pane, into the next larger one; so a
larger window that is open is its own pane and those of the smaller windows in it that are not final yet.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from domain.panes import NOTHING, Pane, merged
from schemas.wire import NANOS

SECOND = NANOS
INTERVALS = (SECOND, 60 * SECOND, 300 * SECOND, 900 * SECOND, 3_600 * SECOND, 86_400 * SECOND)
"""Lengths of the bars; each is a whole number of the one before. They are aligned to the epoch, UTC."""
INTERVAL_NAMES = ("1s", "1m", "5m", "15m", "1h", "1d")
MINUTE_LEVEL, DAY_LEVEL = 1, len(INTERVALS) - 1
BARS_KEPT = (300, 1_500, 864, 768, 744, 400)
"""Bars of an instrument that are kept, by their length: 5 min, 25 h, 3 d, 8 d, 31 d, 400 d."""
GRACE_NS = 5 * SECOND
"""For how long after its end, in stream time, a window takes late ticks."""


class OpenWindow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A window that is not final."""

    start: int
    pane: Pane
    """What lies in it, but for what lies in smaller windows that are not final either."""
    revision: int = 0
    """How many times its bar was told."""
    has_ended: bool = False


class Bar(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A bar that was told, as it was told last."""

    start: int
    pane: Pane
    revision: int


class ClosedWindow(NamedTuple):
    """A window that closed, was corrected, or is final."""

    level: int
    bar: Bar


Levels = tuple[tuple[OpenWindow, ...], ...]
"""The windows that are not final, by length, each in order of time."""
NO_WINDOWS: Levels = ((),) * len(INTERVALS)


def level_in_time(at: int, stream_time: int) -> int:
    """The shortest window that still takes a tick of that event time; behind all of them where none does."""
    for level, size in enumerate(INTERVALS):
        if stream_time < at - at % size + size + GRACE_NS:
            return level
    return len(INTERVALS)


def bar_slot(level: int, start: int) -> int:
    """The place of a bar among those that are kept: it takes that of the one that is too old now."""
    return start // INTERVALS[level] % BARS_KEPT[level]


def with_pane(levels: Levels, level: int, start: int, pane: Pane) -> Levels:
    """Takes the pane into the window that begins there; the larger ones around it are there then, too."""
    windows = levels[level]
    if windows and windows[-1].start == start:
        last = windows[-1]
        grown = (*windows[:-1], OpenWindow(start, merged(last.pane, pane), last.revision, last.has_ended))
        return (*levels[:level], grown, *levels[level + 1 :])
    changed = list(levels)
    changed[level] = _with_window(windows, start, pane)
    for larger in range(level + 1, len(INTERVALS)):
        larger_start = start - start % INTERVALS[larger]
        if any(window.start == larger_start for window in changed[larger]):
            break  # and so are those that are larger still
        changed[larger] = _with_window(changed[larger], larger_start, NOTHING)
    return tuple(changed)


def _with_window(windows: tuple[OpenWindow, ...], start: int, pane: Pane) -> tuple[OpenWindow, ...]:
    for place, window in enumerate(windows):
        if window.start == start:
            grown = OpenWindow(start, merged(window.pane, pane), window.revision, window.has_ended)
            return (*windows[:place], grown, *windows[place + 1 :])
        if window.start > start:
            return (*windows[:place], OpenWindow(start, pane), *windows[place:])
    return (*windows, OpenWindow(start, pane))


def contents(levels: Levels, level: int, window: OpenWindow) -> Pane:
    """Everything that lies in the window so far."""
    pane, start = window.pane, window.start
    end = start + INTERVALS[level]
    for smaller in levels[:level]:
        for each in smaller:
            if start <= each.start < end:
                pane = merged(pane, each.pane)
    return pane


def due(levels: Levels) -> int:
    """The stream time at which the next of the windows closes or is final; zero where there is none."""
    return min(
        [
            window.start + size + (GRACE_NS if window.has_ended else 0)
            for windows, size in zip(levels, INTERVALS, strict=True)
            for window in windows
        ],
        default=0,
    )


def settled(
    levels: Levels, stream_time: int, touched: Iterable[int] = ()
) -> tuple[Levels, list[ClosedWindow], list[ClosedWindow]]:
    """What is open at that stream time; the bars to be told; the bars that are final, smaller ones first.

    `touched` are the times of ticks that came just now: what they corrected is told again.
    """
    changed = list(levels)
    told: list[ClosedWindow] = []
    for level, size in enumerate(INTERVALS):
        if levels[level] and levels[level][0].start + size <= stream_time:  # else none has ended
            changed[level] = tuple(_ended(levels, level, stream_time, tuple(touched), told))
    final: list[ClosedWindow] = []
    for level, size in enumerate(INTERVALS):
        while changed[level] and changed[level][0].start + size + GRACE_NS <= stream_time:
            window = changed[level][0]
            changed[level] = changed[level][1:]
            if window.pane.ticks:
                final.append(ClosedWindow(level, Bar(window.start, window.pane, window.revision)))
            if level < DAY_LEVEL:
                start = window.start - window.start % INTERVALS[level + 1]
                changed[level + 1] = _with_window(changed[level + 1], start, window.pane)
    return tuple(changed), told, final


def _ended(
    levels: Levels, level: int, stream_time: int, touched: tuple[int, ...], told: list[ClosedWindow]
) -> Iterator[OpenWindow]:
    size = INTERVALS[level]
    for window in levels[level]:
        start, end = window.start, window.start + size
        if end > stream_time or (window.has_ended and not any(start <= at < end for at in touched)):
            yield window
            continue
        pane, revision = contents(levels, level, window), window.revision
        if pane.ticks:  # what only added volume is no bar
            revision += 1
            told.append(ClosedWindow(level, Bar(start, pane, revision)))
        yield OpenWindow(start, window.pane, revision, has_ended=True)
