"""Recordings played onto the topic `market-data`, at any speed, as often as wanted."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.feeds import recording
from app.feeds.frames import Observation
from app.feeds.publishing import shifted
from app.feeds.symbols import Source
from app.feeds.venue import Told, Venue
from app.feeds.venues import opened
from schemas.wire import NANOS

PAUSE_NS = NANOS // 1000
"""Between the end of a recording and its beginning."""
FAULTS_TOLD = 10


@dataclass
class Report:
    """What became of all frames."""

    frames: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    faults: list[Told] = field(default_factory=list)
    skew: int | None = None
    faulty: int = 0
    """Frames with a fault."""
    lost: int = 0
    """Books that wait for a snapshot."""
    current: Venue | None = None
    """The connection that is counting."""

    def now(self) -> "Report":
        """With what the current connection has counted so far. It may go on counting in another thread."""
        venue = self.current
        if venue is None:
            return self
        return Report(
            self.frames + Counter(dict(venue.frames)),
            self.messages + Counter(dict(venue.messages)),
            self.flags + Counter(dict(venue.flags)),
            [*self.faults, *venue.faults][:FAULTS_TOLD],
            venue.clock.skew,
            self.faulty + venue.faulty,
            len(venue.lost),
        )

    def follow(self, venue: Venue | None) -> None:
        """Keeps what the current connection has counted; from now on it is this one."""
        vars(self).update(vars(self.now()), current=venue)


Send = Callable[[Observation], Awaitable[None]]


async def play(
    paths: Sequence[Path],
    venue_name: str,
    sources: dict[str, Source],
    send: Send,
    report: Report,
    speed: float = 0,
    count: int = 1,
    start: int | None = None,
) -> None:
    """Sends the messages of the recordings, so many times, 0: for ever; with `start`, as if the first came then, in ns.

    What becomes of all frames is in the report.

    `speed` is in times the recorded one; 0 means as fast as it goes.
    With `start`, times pass at this speed, too. Raises RecordingError.
    """
    loop, played = asyncio.get_running_loop(), 0
    began = loop.time()
    for _ in range(count) if count else itertools.count():
        venue = opened(venue_name, sources)
        report.follow(venue)
        first = latest = None
        for frame in recording.read(*paths):
            messages = venue.take(frame)
            at = frame.at or (messages[0].timestamp if messages else 0)
            if at:
                first, latest = first or at, max(at, latest or at)
            if speed and first:
                await asyncio.sleep((at - first + played) / NANOS / speed - (loop.time() - began))
            for message in messages:
                if start is None or not first:
                    await send(shifted(message, played))
                else:
                    passed = int((message.timestamp - first + played) / (speed or 1))
                    await send(shifted(message, played + start - first, start + passed))
        played += (latest or 0) - (first or 0) + PAUSE_NS
    report.follow(None)
