"""How the clock of a source lies to ours, from nothing but what comes."""

WINDOW_NS = 60_000_000_000
STALE_NS = 5_000_000_000


class Clock:
    """The least time that a message took in the last minute or two.

    Travel is never less than nothing: what the quickest one took is the difference of the clocks, and the least travel.
    Negative where our clock is behind.
    """

    __slots__ = ("_before", "_now", "_since", "latest")

    def __init__(self) -> None:
        self._now: int | None = None
        self._before: int | None = None
        self._since = 0
        self.latest = 0
        """The last time, of theirs, that was told or made up."""

    @property
    def skew(self) -> int | None:
        """Receive time minus theirs, in ns, of the quickest; None before anything came."""
        if self._now is None or self._before is None:
            return self._now
        return min(self._now, self._before)

    def hear(self, received: int, sent: int) -> int:
        """A message of theirs that says its time -> by how much more it took than the quickest."""
        took = received - sent
        if self._now is None or received - self._since > WINDOW_NS:
            self._before, self._now, self._since = self._now, took, received
        else:
            self._now = min(self._now, took)
        self.latest = max(self.latest, sent)
        assert self.skew is not None
        return took - self.skew

    def theirs(self, received: int) -> int:
        """What it was there when a message that does not say so was received; never earlier than what came before."""
        self.latest = max(self.latest, received - (self.skew or 0))
        return self.latest
