"""Times at which something is due, by name: rows that outlive memory, and the first one at once."""

from heapq import heapify, heappop, heappush

import msgspec

from domain.state import Table
from schemas.accounts import CancelOpenOrders
from schemas.shared import Tick

STALE_MAX = 64
"""Times that do not hold any more, beside as many as there are timers."""


class TimerSet(msgspec.Struct, frozen=True, gc=False):
    """All open orders of the account are cancelled at that time; zero where at none."""

    account_id: str
    at: int


TimerEvent = TimerSet | CancelOpenOrders | Tick
"""What the shard decides when a timer runs out, and what it tells itself to go on."""


class Timers:
    """At most one time a name, in nanoseconds since the epoch."""

    __slots__ = ("_heap", "_rows", "_times")

    def __init__(self, rows: Table[int]) -> None:
        self._rows = rows
        self.rebuild()

    def rebuild(self) -> None:
        """Derives anew what follows from the rows."""
        self._times = dict(self._rows.scan())
        self._heap = [(at, name) for name, at in self._times.items()]
        heapify(self._heap)

    def at(self, name: str) -> int | None:
        """When the name is due; None where it is not."""
        return self._times.get(name)

    def set(self, name: str, at: int) -> None:
        """The name is due at that time, and at no other; at none where it is zero."""
        if not at:
            if self._times.pop(name, None) is not None:
                self._rows.delete(name)
            return
        self._times[name] = at
        self._rows.put(name, at)
        heappush(self._heap, (at, name))
        if len(self._heap) > 2 * len(self._times) + STALE_MAX:
            self._heap = [(time, each) for each, time in self._times.items()]
            heapify(self._heap)

    def clear(self) -> None:
        """Nothing is due."""
        for name in list(self._times):
            self.set(name, 0)

    def first(self) -> tuple[int, str] | None:
        """The earliest time and its name; of equal ones the name that sorts first."""
        heap, times = self._heap, self._times
        while heap and times.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0] if heap else None
