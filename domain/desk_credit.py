"""What an account has paid, as far as a shard of the desk knows: what accounts reported, and its own bookings since."""

import msgspec


class Credit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account has paid, less received, in quote units: as accounts said, and what was booked here since."""

    reported: int = 0
    older: int = 0
    older_to: int = 0
    newer: int = 0
    newer_to: int = 0
    """Bookings up to these, which may not be in what was reported: two heaps, so that one is let go of as a whole."""

    @property
    def net(self) -> int:
        """With all that may be missing."""
        return self.reported + self.older + self.newer

    def booked(self, paid: int, count: int) -> "Credit":
        """After a booking of this shard."""
        return Credit(self.reported, self.older, self.older_to, self.newer + paid, count)

    def heard(self, reported: int, counted: int) -> "Credit":
        """After a report that has bookings of this shard up to that one."""
        if counted >= self.newer_to:
            return Credit(reported)
        if counted >= self.older_to:
            return Credit(reported, self.newer, self.newer_to)
        return Credit(reported, self.older, self.older_to, self.newer, self.newer_to)
