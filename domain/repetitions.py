"""Which numbers of a market came already, in bounded memory: what comes twice counts once.

Numbers that follow each other are one range, in whatever order they come. When there are too many ranges, the lowest
one is forgotten: what is not above it may be new or a repetition, and nobody can tell.
"""

from bisect import bisect_left
from enum import IntEnum

RANGES_MAX = 128
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
    size = len(memory)
    newest = memory[-1]
    if number == newest + 1 and size > 1:
        memory[-1] = number
        return Came.FIRST
    if number > newest:
        memory += (number, number)
        if size > 2 * RANGES_MAX:
            memory[0] = memory[2]
            del memory[1:3]
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
        if len(memory) > 2 * RANGES_MAX + 1:
            memory[0] = memory[2]
            del memory[1:3]
