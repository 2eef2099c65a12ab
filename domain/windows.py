"""Windows over panes: tumbling, hopping, sliding and session, aligned to the epoch, in event time.

All of them are made by merging panes, so they count what the panes count, once. A pane lies in a window where all of it
does: sizes, steps and gaps are whole numbers of panes.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from domain.panes import NOTHING, Pane, merged, merged_all


class Window(NamedTuple):
    """A stretch of event time, without its end, and what it saw."""

    start: int
    end: int
    pane: Pane


Panes = Iterable[tuple[int, Pane]]
"""Panes of one size by where they start, in that order; those that saw nothing may be missing."""


def tumbling(panes: Panes, size: int) -> Iterator[Window]:
    """Windows that lie side by side. Those that saw nothing are not there."""
    for start, group in groupby(panes, key=lambda item: item[0] - item[0] % size):
        yield Window(start, start + size, merged_all(pane for _, pane in group))


def hopping(panes: Panes, size: int, step: int) -> Iterator[Window]:
    """Windows of `size`, one every `step`: each pane is in size / step of them. What saw nothing is not there."""
    assert size % step == 0, "a hop that is no part of the size would cut panes"
    open_windows: dict[int, Pane] = {}
    for start, pane in panes:
        newest = start - start % step
        for ended in [begun for begun in open_windows if begun + size <= start]:
            yield Window(ended, ended + size, open_windows.pop(ended))
        for begun in range(newest - size + step, newest + step, step):
            open_windows[begun] = merged(open_windows.get(begun, NOTHING), pane)
    for begun, pane in open_windows.items():
        yield Window(begun, begun + size, pane)


def sliding(panes: Panes, size: int, pane_size: int) -> Iterator[Window]:
    """The window of `size` that ends with each pane. Two merges a pane, whatever the size."""
    back: list[tuple[int, Pane]] = []
    """Older panes, the oldest at the end, each merged with all younger ones in the list."""
    front: list[tuple[int, Pane]] = []
    front_pane = NOTHING
    for start, pane in panes:
        front.append((start, pane))
        front_pane = merged(front_pane, pane)
        end = start + pane_size
        while True:
            if not back:
                back, front, front_pane = _turned(front), [], NOTHING
            if back[-1][0] >= end - size:
                break
            back.pop()
        yield Window(end - size, end, merged(back[-1][1], front_pane))


def _turned(front: list[tuple[int, Pane]]) -> list[tuple[int, Pane]]:
    """The panes from the youngest to the oldest, each with all that are younger."""
    back: list[tuple[int, Pane]] = []
    for start, pane in reversed(front):
        back.append((start, merged(back[-1][1], pane) if back else pane))
    return back


def sessions(panes: Panes, gap: int) -> Iterator[Window]:
    """Windows that end where no tick sets a price for `gap`, which is a pane or longer; they begin with a tick.

    What only adds volume belongs to the session in or after which it comes.
    """
    found = NOTHING
    for _, pane in panes:
        if found.ticks and pane.ticks and pane.first_at - found.last_at >= gap:
            yield Window(found.first_at, found.last_at + gap, found)
            found = NOTHING
        found = merged(found, pane)
    if found.ticks:
        yield Window(found.first_at, found.last_at + gap, found)
