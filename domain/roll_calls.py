"""Orders by number, for what takes all of them out in several records: sorted once, and not anew in every record.

It is in memory alone: a shard that begins anew sorts what is left, and finds the same.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from domain.books import Book
from domain.resting import RestingOrder


class RollCall:
    """Who is still to be called."""

    __slots__ = ("_ids", "cause")

    def __init__(self, cause: Sequence[object], orders: Iterable[RestingOrder]) -> None:
        """`cause` is all that says whose turn it is."""
        self.cause = cause
        self._ids = deque(order.order_id for order in sorted(orders, key=lambda order: order.order_number))

    def first(self, book: Book, count: int) -> list[RestingOrder]:
        """Those with the lowest numbers that are in the book, so many at most; they are called again until they go."""
        found: list[RestingOrder] = []
        while self._ids and len(found) < count:
            order = book.find(self._ids.popleft())
            if order is not None:
                found.append(order)
        self._ids.extendleft(order.order_id for order in reversed(found))
        return found


def called(
    book: Book, cause: Sequence[object], orders: Callable[[], Iterable[RestingOrder]], count: int
) -> list[RestingOrder]:
    """Those of the orders that come first, so many at most. Who joins them meanwhile is called at the end."""
    call = book.roll_call
    if call is not None and call.cause == cause:
        found: list[RestingOrder] = call.first(book, count)
        if len(found) == count:
            return found
    call = book.roll_call = RollCall(cause, orders())
    return call.first(book, count)
