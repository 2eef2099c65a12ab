"""The book of one symbol: price levels, each a queue in order of arrival. Derived from rows, and rebuilt from them."""

from collections import OrderedDict
from collections.abc import Iterator
from heapq import heappop, heappush

import msgspec

from schemas.enums import Side


class RestingOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order that waits in the book."""

    order_id: str
    account_id: str
    symbol: str
    order_number: int
    side: Side
    limit_price: int
    quantity: int
    """Total units, what is filled included."""
    leaves: int
    priority: int
    """Place in time among the orders of one price."""
    maker_fee_rate: int
    taker_fee_rate: int
    fee_accrued: int


Level = OrderedDict[str, RestingOrder]
"""Orders of one price by id, the oldest first. An OrderedDict, for its head is found at once however many have left."""


STALE_PRICES_MAX = 64
"""Prices of levels that are gone, beside as many as there are levels: behind the best they never come to the top."""


class BookSide:
    """All bids or all asks. Every step takes O(1), or O(log levels) where a level is new or gone."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self.levels: dict[int, Level] = {}
        self._heap: list[int] = []
        """Prices, the best first; those of levels that are gone stay until they come to the top."""

    def best(self) -> Level | None:
        """The level that trades first."""
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

    def put(self, order: RestingOrder) -> None:
        """Adds an order at the end of its level, or replaces it where it stands."""
        level = self.levels.get(order.limit_price)
        if level is None:
            level = self.levels[order.limit_price] = OrderedDict()
            heappush(self._heap, self._sign * order.limit_price)
            if len(self._heap) > 2 * len(self.levels) + STALE_PRICES_MAX:
                self._heap = sorted(self._sign * price for price in self.levels)
        level[order.order_id] = order

    def remove(self, order: RestingOrder) -> None:
        """Takes an order out."""
        level = self.levels[order.limit_price]
        del level[order.order_id]
        if not level:
            del self.levels[order.limit_price]

    def from_best(self) -> Iterator[tuple[int, Level]]:
        """Levels from the best on."""
        for signed in sorted(self._sign * price for price in self.levels):
            yield self._sign * signed, self.levels[self._sign * signed]


class Book:
    """Both sides, and every order by its id."""

    def __init__(self) -> None:
        self.bids, self.asks = BookSide(-1), BookSide(1)
        self.orders: dict[str, RestingOrder] = {}

    def side(self, side: Side) -> BookSide:
        """The side on which such an order rests."""
        return self.bids if side is Side.BUY else self.asks

    def opposite(self, side: Side) -> BookSide:
        """The side with which such an order trades."""
        return self.asks if side is Side.BUY else self.bids

    def put(self, order: RestingOrder) -> None:
        """Adds an order at the end of its level, or replaces it where it stands."""
        self.side(order.side).put(order)
        self.orders[order.order_id] = order

    def remove(self, order: RestingOrder) -> None:
        """Takes an order out."""
        self.side(order.side).remove(order)
        del self.orders[order.order_id]


def crosses(side: Side, limit_price: int, price: int) -> bool:
    """Would an order with this limit trade at that price?"""
    return limit_price >= price if side is Side.BUY else limit_price <= price
