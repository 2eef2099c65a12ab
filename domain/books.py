"""The book of one symbol: price levels, each a queue in order of arrival. Derived from rows, and rebuilt from them."""

from collections import OrderedDict
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from domain.resting import RestingOrder, StopOrder
from schemas.enums import Side, TradingPhase

Entry = TypeVar("Entry")

STALE_PRICES_MAX = 64
"""Prices of levels that are gone, beside as many as there are levels: behind the best they never come to the top."""
NO_REFERENCE = 1 << 128
"""How far the price lies that a trailing stop follows, before there is one."""


class Levels(Generic[Entry]):
    """Queues by price, the best price first. Every step takes O(1), or O(log levels) where a level is new or gone.

    A queue is an OrderedDict by order id, for its head is found at once however many have left.
    """

    __slots__ = ("_heap", "_sign", "levels")

    def __init__(self, sign: int) -> None:
        """`sign` is 1 where the lowest price is the best, -1 where the highest is."""
        self._sign = sign
        self.levels: dict[int, OrderedDict[str, Entry]] = {}
        self._heap: list[int] = []
        """Prices, the best first; those of levels that are gone stay until they come to the top."""

    def best(self) -> OrderedDict[str, Entry] | None:
        """The queue that comes first."""
        heap, levels, sign = self._heap, self.levels, self._sign
        while heap:
            level = levels.get(sign * heap[0])
            if level is not None:
                return level
            heappop(heap)
        return None

    def best_price(self) -> int | None:
        """Its price."""
        return self._sign * self._heap[0] if self.best() is not None else None

    def put(self, price: int, order_id: str, entry: Entry) -> None:
        """Adds an entry at the end of its queue, or replaces it where it stands."""
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = OrderedDict()
            heappush(self._heap, self._sign * price)
            if len(self._heap) > 2 * len(self.levels) + STALE_PRICES_MAX:
                self._heap = [self._sign * each for each in self.levels]
                heapify(self._heap)
        level[order_id] = entry

    def remove(self, price: int, order_id: str) -> None:
        """Takes an entry out."""
        level = self.levels[price]
        del level[order_id]
        if not level:
            del self.levels[price]

    def until(self, price: int) -> list[Entry]:
        """Entries up to that price, in the order of their queues; costs what it finds."""
        found: list[Entry] = []
        heap, levels, sign = self._heap, self.levels, self._sign
        taken: list[int] = []
        while self.best() is not None and heap[0] <= sign * price:
            taken.append(heappop(heap))
            found += levels[sign * taken[-1]].values()
            while heap and heap[0] == taken[-1]:
                heappop(heap)
        for each in taken:
            heappush(heap, each)
        return found

    def from_best(self) -> Iterator[tuple[int, OrderedDict[str, Entry]]]:
        """Queues from the best on."""
        for signed in sorted(self._sign * price for price in self.levels):
            yield self._sign * signed, self.levels[self._sign * signed]


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


class Book:
    """Both sides, stops, and every order by its id; and what is known beside them."""

    __slots__ = (
        "asks",
        "band",
        "bids",
        "elected",
        "expiries",
        "falls",
        "groups",
        "last",
        "orders",
        "phase",
        "rises",
        "sequence",
        "stops",
    )

    def __init__(self) -> None:
        self.bids, self.asks = Levels[RestingOrder](-1), Levels[RestingOrder](1)
        self.orders: dict[str, RestingOrder] = {}
        self.rises, self.falls = Stops(1), Stops(-1)
        self.stops: dict[str, StopOrder] = {}
        self.elected: dict[str, StopOrder] = {}
        """Stops whose price has come, in the order in which they act."""
        self.groups: dict[str, dict[str, None]] = {}
        """Ids of the orders of each OCO group."""
        self.expiries = Expiries()
        self.sequence = 0
        self.last: int | None = None
        self.phase = TradingPhase.CONTINUOUS
        self.band: tuple[int | None, int | None] = (None, None)

    def side(self, side: Side) -> Levels[RestingOrder]:
        """The side on which such an order rests."""
        return self.bids if side is Side.BUY else self.asks

    def opposite(self, side: Side) -> Levels[RestingOrder]:
        """The side with which such an order trades."""
        return self.asks if side is Side.BUY else self.bids

    @property
    def has_trailing_stops(self) -> bool:
        """Whether a stop follows the trades."""
        return bool(self.rises.followed.levels or self.falls.followed.levels)

    def allows(self, price: int) -> bool:
        """Whether a limit lies within the band."""
        low, high = self.band
        return (low is None or price >= low) and (high is None or price <= high)

    def find(self, order_id: str) -> RestingOrder | None:
        """The order, whether it rests or waits for its trigger."""
        order = self.orders.get(order_id)
        if order is None and order_id in self.stops:
            return self.stops[order_id].order
        return order

    def group(self, name: str) -> list[RestingOrder]:
        """Orders of an OCO group, by number."""
        found = [order for order_id in self.groups.get(name, ()) if (order := self.find(order_id)) is not None]
        return sorted(found, key=lambda order: order.order_number)

    def all_orders(self) -> Iterator[RestingOrder]:
        """Every order that rests or waits."""
        yield from self.orders.values()
        for stop in self.stops.values():
            yield stop.order

    def rest(self, order: RestingOrder) -> None:
        """Adds an order at the end of its queue, or replaces it where it stands."""
        (self.bids if order.side is Side.BUY else self.asks).put(order.limit_price, order.order_id, order)
        self.orders[order.order_id] = order
        if order.instructions is not None:
            self._index(order)

    def remove(self, order: RestingOrder) -> None:
        """Takes an order out that rests."""
        (self.bids if order.side is Side.BUY else self.asks).remove(order.limit_price, order.order_id)
        del self.orders[order.order_id]
        if order.instructions is not None:
            self._forget(order)

    def arm(self, stop: StopOrder) -> None:
        """Lets a stop wait, in place of what it was before."""
        order = stop.order
        before = self.stops.get(order.order_id)
        if before is not None:
            self._disarm(before)
        self.stops[order.order_id] = stop
        if stop.elected:
            self.elected[order.order_id] = stop
        else:
            (self.rises if stop.waits_for_rise else self.falls).put(stop)
        self._index(order)

    def drop(self, stop: StopOrder) -> None:
        """Takes a stop out."""
        self._disarm(stop)
        del self.stops[stop.order.order_id]
        self._forget(stop.order)

    def _disarm(self, stop: StopOrder) -> None:
        if stop.elected:
            del self.elected[stop.order.order_id]
        else:
            (self.rises if stop.waits_for_rise else self.falls).remove(stop)

    def _index(self, order: RestingOrder) -> None:
        instructions = order.instructions
        if instructions is None:
            return
        if instructions.oco_group:
            self.groups.setdefault(instructions.oco_group, {})[order.order_id] = None
        if instructions.expires_at:
            self.expiries.add(order, instructions.expires_at)

    def _forget(self, order: RestingOrder) -> None:
        instructions = order.instructions
        if instructions is None:
            return
        if instructions.oco_group:
            group = self.groups[instructions.oco_group]
            del group[order.order_id]
            if not group:
                del self.groups[instructions.oco_group]
        if instructions.expires_at:
            self.expiries.remove(order)


def crosses(side: Side, limit_price: int, price: int) -> bool:
    """Would an order with this limit trade at that price?"""
    return limit_price >= price if side is Side.BUY else limit_price <= price
