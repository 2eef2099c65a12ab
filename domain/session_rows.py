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
    pre_open_at: int = 0
    """When orders begin to gather for its opening auction; zero where it has none."""
    closing_auction_at: int = 0
    """When orders begin to gather for its closing auction; zero where it has none."""
    is_pre_open: bool = False
    """Orders gather for the opening, or did."""
    is_closing: bool = False
    """Orders gather for the close, or did."""

    @property
    def due_at(self) -> int:
        """When it goes on to its next part, unless it is over."""
        if self.is_open:
            return self.closes_at if self.is_closing or not self.closing_auction_at else self.closing_auction_at
        return self.opens_at if self.is_pre_open or not self.pre_open_at else self.pre_open_at

    @property
    def bell_at(self) -> int:
        """When it opens, or closes, unless it is over."""
        return self.closes_at if self.is_open else self.opens_at
