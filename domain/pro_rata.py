"""Pro-rata: an order that wants less than what stands at the best price trades with everybody there, in proportion.

Each gets the part of it that it has of the price, of icebergs what they show, rounded down to whole lots; what is left
by rounding goes by time. Shares are worked out once, when the order comes to the price: what goes on in another record
goes on with them. An order looks at everybody at a price twice, however many there are: once to add them up, once to
share among them.
"""

from collections import OrderedDict, deque

import msgspec

from domain.resting import RestingOrder


class Sharing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order trades with everybody at a price."""

    price: int
    wanted: int
    """Units that it wants there."""
    total: int
    """Units that stood there."""
    until: int
    """Priority of the last order that has a share."""
    after: int = 0
    """Priority of the last one that had it; what is left goes by time when that was the last."""


class Shares:
    """How one order trades where prices are shared. What is here beside the row is found again without it."""

    __slots__ = ("_last", "_price", "_queue", "_total", "row")

    def __init__(self, row: Sharing | None = None) -> None:
        self.row = row
        """There while the order trades with everybody at a price."""
        self._queue: deque[str] | None = None
        """Those who have a share and have not had it, the oldest first."""
        self._price, self._total = 0, 0
        self._last: tuple[str, int] | None = None
        """With whom it traded last at that price, and all that this one showed; and what all showed before."""

    def next(self, level: OrderedDict[str, RestingOrder], wanted: int, lot: int) -> tuple[RestingOrder, int]:
        """-> with whom the order trades next at the best price, and how many units at most."""
        first = next(iter(level.values()))
        price = first.limit_price
        if self.row is None or self.row.price != price:
            if self._takes_all(level, price, wanted):
                self.row, self._last = None, (first.order_id, first.tradable)
                return first, first.tradable
            self.row = Sharing(price, wanted, self._total, level[next(reversed(level))].priority)
            self._queue = self._last = None
        return self._share(self.row, level, first, lot)

    def _takes_all(self, level: OrderedDict[str, RestingOrder], price: int, wanted: int) -> bool:
        """Whether it wants as much as is shown. All are counted when it comes to the price, then what has changed."""
        if self._last is not None and self._price == price:
            order_id, units = self._last
            again = level.get(order_id)
            self._total += (0 if again is None else again.tradable) - units
            if wanted >= self._total:  # no more than that is left: siblings may have gone, too
                return True
        self._price, self._total = price, sum(maker.tradable for maker in level.values())
        return wanted >= self._total

    def _share(
        self, row: Sharing, level: OrderedDict[str, RestingOrder], first: RestingOrder, lot: int
    ) -> tuple[RestingOrder, int]:
        queue = self._queue
        if queue is None:
            queue = self._queue = deque(
                maker.order_id for maker in level.values() if row.after < maker.priority <= row.until
            )
        while queue:
            maker = level.get(queue.popleft())
            if maker is None or maker.priority > row.until:
                continue
            share = row.wanted * maker.tradable // row.total
            share -= share % lot
            if share:
                self.row = msgspec.structs.replace(row, after=maker.priority)
                return maker, share
        self.row = msgspec.structs.replace(row, after=row.until)
        return first, first.tradable
