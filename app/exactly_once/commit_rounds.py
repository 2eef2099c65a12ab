"""When journals write: all of a worker together, so that one request carries them and their readers wake once."""

import asyncio
from collections.abc import Callable


class CommitRounds:
    """Rounds at least `interval_s` apart. Who comes after a quiet time opens one at once."""

    def __init__(self, interval_s: float, now: Callable[[], float]) -> None:
        self._interval_s, self._now = interval_s, now
        self._next = 0.0

    async def next(self) -> None:
        """Returns when the next round begins."""
        if self._interval_s <= 0:
            return
        wait_s = self._next - self._now()
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, self._interval_s))
        now = self._now()
        if now >= self._next:
            self._next = now + self._interval_s
