"""Queues of orders by price, of stops by trigger, and of expiries by time. Each step costs what it finds, no more."""

from collections import OrderedDict
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from domain.resting import RestingOrder, StopOrder

Entry = TypeVar("Entry")

STALE_PRICES_MAX = 64
"""Prices of levels that are gone, beside as many as there are levels: behind the best they never come to the top."""
NO_REFERENCE = 1 << 128
"""How far the price lies that a trailing stop follows, before there is one."""


class Levels(Generic[Entry]):
    """Queues by price, the best price first. Every step takes O(1), or O(log levels) where a level is new or gone.

    A queue is an OrderedDict by order id, for its head is found at once however many have left.
    """

    __slots__ = ("_heap", "_sign", "best", "best_price", "levels")

    def __init__(self, sign: int) -> None:
        """`sign` is 1 where the lowest price is the best, -1 where the highest is."""
        self._sign = sign
        self.levels: dict[int, OrderedDict[str, Entry]] = {}
        self.best: OrderedDict[str, Entry] | None = None
        """The queue that comes first. Known all the time: it is asked for with every order, and changes rarely."""
        self.best_price: int | None = None
        """Its price."""
        self._heap: list[int] = []
        """Prices, the best first; those of levels that are gone stay until they come to the top."""

    def put(self, price: int, order_id: str, entry: Entry) -> None:
        """Adds an entry at the end of its queue, or replaces it where it stands."""
        (self.levels.get(price) or self.begin(price))[order_id] = entry

    def remove(self, price: int, order_id: str) -> None:
        """Takes an entry out."""
        level = self.levels[price]
        del level[order_id]
        if not level:
            self.end(price)

    def begin(self, price: int) -> OrderedDict[str, Entry]:
        """A queue at a price that has none; it must not stay empty."""
        level: OrderedDict[str, Entry] = OrderedDict()
        self.levels[price] = level
        heappush(self._heap, self._sign * price)
        if self.best_price is None or self._sign * (price - self.best_price) < 0:
            self.best, self.best_price = level, price
        if len(self._heap) > 2 * len(self.levels) + STALE_PRICES_MAX:
            self._heap = [self._sign * each for each in self.levels]
            heapify(self._heap)
        return level

    def end(self, price: int) -> None:
        """The queue at a price is empty."""
        heap, levels, sign = self._heap, self.levels, self._sign
        del levels[price]
        if price != self.best_price:
            return
        while heap:
            first = sign * heap[0]
            if first in levels:
                self.best, self.best_price = levels[first], first
                return
            heappop(heap)
        self.best = self.best_price = None

    def until(self, price: int, count: int) -> list[Entry]:
        """Entries up to that price, from the best level on: whole levels, until they are so many or more."""
        found: list[Entry] = []
        heap, levels, sign = self._heap, self.levels, self._sign
        taken: list[int] = []
        while heap and heap[0] <= sign * price and len(found) < count:
            signed = heappop(heap)
            level = levels.get(sign * signed)
            if level is not None and not (taken and taken[-1] == signed):
                taken.append(signed)
                found += level.values()
        for each in taken:
            heappush(heap, each)
        return found

    def from_best(self) -> Iterator[tuple[int, OrderedDict[str, Entry]]]:
        """Queues from the best on."""
        for signed in sorted(self._sign * price for price in self.levels):
            yield self._sign * signed, self.levels[self._sign * signed]


class BookSide(Levels[RestingOrder]):
    """One side of a book."""

    __slots__ = ("units",)

    def __init__(self, sign: int) -> None:
        super().__init__(sign)
        self.units: dict[int, int] = {}
        """What stands at those prices of which somebody asked it; kept from then on, as long as there is something."""

    def units_at(self, price: int) -> int:
        """What stands at a price, hidden quantity included."""
        found = self.units.get(price)
        if found is None:
            found = self.units[price] = sum(order.leaves for order in self.levels[price].values())
        return found

    def count(self, price: int, before: RestingOrder | None, after: RestingOrder | None) -> None:
        """An order at the price changes."""
        if price not in self.units:
            return
        self.units[price] += (0 if after is None else after.leaves) - (0 if before is None else before.leaves)
        if not self.units[price]:
            del self.units[price]


class Stops:
    """Orders that wait until the last trade is at their price: or above it, or below."""

    __slots__ = ("armed", "followed", "sign")

    def __init__(self, sign: int) -> None:
        """`sign` is 1 for those that wait for a rise, -1 for those that wait for a fall."""
        self.sign = sign
        self.armed = Levels[StopOrder](sign)
        """By stop price, the one first that a small move reaches."""
        self.followed = Levels[StopOrder](-sign)
        """Trailing stops by the price that they follow, the one first that moves first."""

    def put(self, stop: StopOrder) -> None:
        """Adds a stop."""
        order_id = stop.order.order_id
        if stop.stop_price is not None:
            self.armed.put(stop.stop_price, order_id, stop)
        if stop.trail is not None:
            self.followed.put(self._followed_by(stop), order_id, stop)

    def remove(self, stop: StopOrder) -> None:
        """Takes a stop out."""
        order_id = stop.order.order_id
        if stop.stop_price is not None:
            self.armed.remove(stop.stop_price, order_id)
        if stop.trail is not None:
            self.followed.remove(self._followed_by(stop), order_id)

    def _followed_by(self, stop: StopOrder) -> int:
        assert stop.trail is not None
        return self.sign * NO_REFERENCE if stop.stop_price is None else stop.stop_price - self.sign * stop.trail


class Expiries:
    """Orders that end at a time, the first first."""

    __slots__ = ("_heap", "_times")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str]] = []
        """Time, number and id; those of orders that are gone stay until they come to the top."""
        self._times: dict[str, int] = {}

    def add(self, order: RestingOrder, expires_at: int) -> None:
        """An order is in the book, perhaps not for the first time."""
        if order.order_id not in self._times:
            self._times[order.order_id] = expires_at
            heappush(self._heap, (expires_at, order.order_number, order.order_id))
            if len(self._heap) > 2 * len(self._times) + STALE_PRICES_MAX:
                self._heap = [entry for entry in self._heap if self._times.get(entry[2]) == entry[0]]
                heapify(self._heap)

    def remove(self, order: RestingOrder) -> None:
        """An order is gone."""
        del self._times[order.order_id]

    def first(self) -> int | None:
        """When the next one ends."""
        heap, times = self._heap, self._times
        while heap and times.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: int, count_max: int) -> list[str]:
        """Ids of those that end by now, so many at most; they stay here until they are removed."""
        found: dict[str, tuple[int, int, str]] = {}
        while len(found) < count_max and (first := self.first()) is not None and first <= now:
            entry = heappop(self._heap)
            found[entry[2]] = entry
        for entry in found.values():
            heappush(self._heap, entry)
        return list(found)
