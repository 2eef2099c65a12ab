"""The session of a book whose instrument has a calendar."""

import msgspec


class SessionRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The session that is, or comes next; or the last one, where none is known yet."""

    session: str
    """Its day, as its exchange counts."""
    opens_at: int
    closes_at: int
    is_open: bool = False
    is_over: bool = False

    @property
    def due_at(self) -> int:
        """When it opens, or closes, unless it is over."""
        return self.closes_at if self.is_open else self.opens_at
