"""Where orders wait that are for one auction alone: beside the book, in queues of their own."""

import msgspec

from domain.levels import Expiries, Levels
from domain.resting import RestingOrder
from schemas.enums import AuctionKind, Side, TimeInForce

AUCTIONS = {TimeInForce.OPG: AuctionKind.OPENING, TimeInForce.CLS: AuctionKind.CLOSING}
"""Times in force of orders for one auction, and which auction that is."""


class AuctionOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order for one auction."""

    order: RestingOrder
    is_market: bool
    """Its limit is only what its account holds funds for: nobody offers that price."""

    @property
    def kind(self) -> AuctionKind:
        """Its auction."""
        assert self.order.instructions is not None
        return AUCTIONS[self.order.instructions.time_in_force]


class Gathering:
    """Orders that wait for one auction."""

    __slots__ = ("_by_number", "asks", "bids", "orders")

    def __init__(self) -> None:
        self.orders: dict[str, AuctionOrder] = {}
        self.bids, self.asks = Levels[RestingOrder](-1), Levels[RestingOrder](1)
        self._by_number = Expiries()

    def side(self, side: Side) -> Levels[RestingOrder]:
        """Those who buy, or those who sell."""
        return self.bids if side is Side.BUY else self.asks

    def put(self, entry: AuctionOrder) -> None:
        """Adds an order at the end of its queue, or replaces it where it stands."""
        order = entry.order
        self.side(order.side).put(order.limit_price, order.order_id, order)
        self.orders[order.order_id] = entry
        self._by_number.add(order, 0)

    def remove(self, order: RestingOrder) -> None:
        """Takes an order out."""
        self.side(order.side).remove(order.limit_price, order.order_id)
        del self.orders[order.order_id]
        self._by_number.remove(order)

    def first(self, count: int) -> list[RestingOrder]:
        """Those with the lowest numbers, so many at most."""
        return [self.orders[order_id].order for order_id in self._by_number.due(0, count)]

    @property
    def has_market_orders(self) -> bool:
        """Whether some take any price."""
        return any(entry.is_market for entry in self.orders.values())

    def limits(self) -> set[int]:
        """Prices that somebody offers."""
        return {entry.order.limit_price for entry in self.orders.values() if not entry.is_market}
