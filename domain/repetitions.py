"""Which numbers of a market came already, in bounded memory: what comes twice counts once.

Numbers that follow each other are one range, in whatever order they come. The highest 128 ranges are at hand; lower
ones are in pages, rows of their own that are read when a number comes late. When there are too many pages the lowest is
forgotten: a number from before all that is remembered may be new or a repetition, and nobody can tell.
"""

from bisect import bisect_left
from collections.abc import Callable
from enum import IntEnum

RANGES_MAX = 128
PAGE_RANGES = 64
PAGES_MAX = 64
"""So a market whose numbers have gaps is remembered for 4,096 ticks of an instrument at least."""
IDS_MAX = 128
"""Of messages that have an id and no number."""


class Came(IntEnum):
    """What is known of a number that comes."""

    FIRST = 0
    AGAIN = 1
    UNKNOWN = 2
    """It is from before everything that is remembered."""


def note(memory: list[int], number: int) -> Came:
    """Whether the number came already; now it did.

    `memory` is the highest number that was forgotten (zero at first), then the first and last of each range, in order.
    """
    newest = memory[-1]
    if number > newest:
        if number == newest + 1 and len(memory) > 1:
            memory[-1] = number
        else:
            memory += (number, number)
        return Came.FIRST
    if number <= memory[0]:
        return Came.UNKNOWN
    place = bisect_left(memory, number, 1)
    if place % 2 == 0 or memory[place] == number:  # within a range, or its first
        return Came.AGAIN
    _enter(memory, place, number)
    return Came.FIRST


def _enter(memory: list[int], place: int, number: int) -> None:
    """Puts a number between two ranges; `place` is that of the first number of the range above."""
    joins_below = place > 1 and memory[place - 1] == number - 1
    joins_above = memory[place] == number + 1
    if joins_below and joins_above:
        del memory[place - 1 : place + 1]
    elif joins_below:
        memory[place - 1] = number
    elif joins_above:
        memory[place] = number
    else:
        memory[place:place] = (number, number)


def cut(memory: list[int], ranges: int) -> list[int]:
    """Takes the lowest ranges out of a memory -> them, as a memory of their own."""
    end = 1 + 2 * ranges
    page = memory[:end]
    memory[0] = page[-1]
    del memory[1:end]
    return page


class Numbers:
    """The numbers of one market while some are looked at."""

    __slots__ = ("_read", "changed", "memory", "pages")

    def __init__(self, memory: list[int], pages: int, read: Callable[[int], list[int] | None]) -> None:
        self.memory, self.pages, self._read = memory, pages, read
        """How many pages were ever made, and what reads one by its number."""
        self.changed: dict[int, list[int]] = {}
        """Pages that are not as they were read, by number."""

    def note(self, number: int) -> Came:
        """Whether the number came already; now it did."""
        memory = self.memory
        if number == memory[-1] + 1 and len(memory) > 1:  # as nearly always where each instrument is counted
            memory[-1] = number
            return Came.FIRST
        found = note(memory, number)
        if found is Came.UNKNOWN:
            return self._look_back(number)
        if len(memory) > 2 * RANGES_MAX + 1:
            self.changed[self.pages] = cut(memory, PAGE_RANGES)
            self.pages += 1
        return found

    def note_all(self, first: int, last: int) -> bool:
        """Notes numbers without a gap where they follow the highest that came; else nothing, and false."""
        memory = self.memory
        if first != memory[-1] + 1 or len(memory) == 1:
            return False
        memory[-1] = last
        return True

    def _look_back(self, number: int) -> Came:
        for place in range(self.pages - 1, max(0, self.pages - PAGES_MAX) - 1, -1):
            page = self.changed.get(place) or self._read(place)
            assert page is not None, place
            if number > page[0]:
                if number > page[-1]:  # between two pages: the upper one forgot it
                    return Came.UNKNOWN
                found = note(page, number)
                if len(page) > 2 * RANGES_MAX + 1:
                    cut(page, PAGE_RANGES)
                if found is Came.FIRST:
                    self.changed[place] = page
                return found
        return Came.UNKNOWN
