"""When books have something to do by themselves: a phase ends, or an order, or an instrument."""

from domain.books import Book

NEVER = 1 << 63
"""Later than any time."""


class BookTimes:
    """Of the books of one shard; derived from them, and so in memory alone."""

    now: int
    marks_due_at: int
    by_symbol: dict[str, Book]
    busy: set[str]

    def begin_times(self) -> None:
        """Nothing is known yet."""
        self.due_at = NEVER
        """Until when nothing ends by itself: no phase of a book, no order, no instrument; it may be too early."""
        self.timed = dict[str, int]()
        """When the phases of books end by themselves."""
        self._ends = dict[str, int]()
        """When the first order of a book ends, or its instrument; it may be too early."""

    def settle(self) -> None:
        """Notes until when a command need not look at anything but its own book: no time is due, and no work waits."""
        self.quiet_until = 0 if self.busy else min(self.marks_due_at, self.due_at)

    def time(self, symbol: str) -> None:
        """Notes when the phase of a book ends by itself, if it does."""
        auction, session = self.by_symbol[symbol].auction, self.by_symbol[symbol].session
        times = [auction.ends_at] if auction is not None and auction.ends_at else []
        times += [session.due_at] if session is not None and not session.is_over else []
        self.timed.pop(symbol, None)
        if times:
            self.timed[symbol] = min(times)
            self.due_at = min(self.due_at, *times)
        self.settle()

    def hear_of_end(self, symbol: str, at: int) -> None:
        """Something in the book ends then."""
        self._ends[symbol] = min(at, self._ends.get(symbol, NEVER))
        self.due_at = min(self.due_at, at)
        self.settle()

    def with_ends(self) -> list[str]:
        """Symbols of books in which orders may have ended by now, or the instrument; in order."""
        return sorted(symbol for symbol, at in self._ends.items() if at <= self.now)

    def look_ahead(self) -> None:
        """Finds out anew until when nothing ends by itself."""
        for symbol in self.with_ends():
            at = self.by_symbol[symbol].next_end(self.now)
            if at is None:
                del self._ends[symbol]
            else:
                self._ends[symbol] = at
        self.due_at = min((*self._ends.values(), *self.timed.values()), default=NEVER)
        self.settle()

    def is_behind(self, symbol: str) -> bool:
        """Whether something in the book should have ended by now: one record does a bounded amount of work."""
        book = self.by_symbol.get(symbol)
        first = None if book is None else book.next_expiry()
        return (first is not None and first <= self.now) or self.timed.get(symbol, NEVER) <= self.now
