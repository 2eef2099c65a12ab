"""What the reader's thread has for the main one: batches in the order in which they were read."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from faust.types import TP

from app.exactly_once.log import Batch

ROUNDS_MAX = 16
"""That may wait. Then what is read stays in the consumer, until the main thread has come this far."""


class Round(NamedTuple):
    """What one look into the consumer found."""

    batches: Mapping[TP, Batch]
    generation: int
    """Of the group, when it was found."""


class Arrivals:
    """Filled by one thread, emptied by another one's event loop. A failure of the first is raised in the second."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_room: Callable[[], None]) -> None:
        self._loop, self._on_room = loop, on_room
        self._waiting: deque[Round | BaseException] = deque()
        self._arrived = asyncio.Event()

    @property
    def has_room(self) -> bool:
        """Whether another round may be put."""
        return len(self._waiting) < ROUNDS_MAX

    def put(self, found: Round | BaseException) -> None:
        """Called by the thread that reads."""
        self._waiting.append(found)
        self._loop.call_soon_threadsafe(self._arrived.set)

    async def get(self) -> Round:
        """The next round."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        found = self._waiting.popleft()
        if len(self._waiting) == ROUNDS_MAX - 1:  # where it is full again by now, the next one comes by here
            self._on_room()
        if isinstance(found, BaseException):
            raise found
        return found
