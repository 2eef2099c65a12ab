"""Ends a worker that has a batch in hand and does not finish it, though Kafka answers: only a restart can help there.

It looks from a thread of its own: whatever hangs may hang in the event loop.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

from app.exactly_once.log import Partition
from app.exactly_once.owner import Owner

logger = logging.getLogger(__name__)

UNFINISHED_S_MAX = 30.0
LOOK_EVERY_S = 2.0
ANSWER_S_MAX = 5.0

Ends = Callable[[list[Partition], float], Mapping[Partition, int]]
"""Partitions, seconds to wait -> their last stable offsets. Raises where Kafka does not answer in time."""


class Sight(NamedTuple):
    """One shard at one moment."""

    partition: Partition
    lag: int
    """From the shard's position to the last stable offset: transaction markers at the log's end are not waited for."""
    unfinished_s: float
    """How long ago it got the batch that it has not finished; 0 where it has none."""


def stuck(sights: Iterable[Sight], *, broker_answers: bool, is_restoring: bool) -> Sight | None:
    """The shard because of which this process must end, if there is one."""
    if not broker_answers or is_restoring:
        return None
    late = [sight for sight in sights if sight.lag > 0 and sight.unfinished_s > UNFINISHED_S_MAX]
    return max(late, key=lambda sight: sight.unfinished_s, default=None)


class Watchdog:
    """Looks every few seconds. What it sees twice in a row, it acts on: a process that slept is given time to wake."""

    def __init__(
        self,
        owner: Owner,
        ends: Ends,
        log_ends: dict[Partition, int],
        fatal: Callable[[str], NoReturn],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._owner, self._ends, self._log_ends, self._fatal, self._now = owner, ends, log_ends, fatal, now
        self.reason: str | None = None
        """Why this worker should get no work, if it is stuck."""

    def start(self) -> None:
        """Begins to look."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Looks once."""
        shards: dict[Partition, Any] = dict(self._owner.shards)
        try:
            self._log_ends.update(self._ends(list(shards), ANSWER_S_MAX) if shards else {})
        except Exception as error:  # noqa: BLE001 - a restart does not bring Kafka back
            logger.warning("Kafka does not say where the inboxes end: %r", error)
            self.reason = None
            return
        now = self._now()
        sights = [
            Sight(
                partition,
                self._log_ends.get(partition, 0) - owned.shard.next,
                0.0 if owned.frozen or owned.busy_since is None else now - owned.busy_since,
            )
            for partition, owned in shards.items()
        ]
        found = stuck(sights, broker_answers=True, is_restoring=bool(self._owner.restoring))
        before, self.reason = self.reason, None
        if found is not None:
            self.reason = f"{found.partition} has had a batch for {found.unfinished_s:.0f} s and does not finish it"
            logger.error("%s; %s records wait", self.reason, found.lag)
            if before is not None:
                self._fatal(self.reason)
