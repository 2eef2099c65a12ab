"""A book so simple that it is obviously right: one list of orders in order of time, scanned from end to end."""

from dataclasses import dataclass
from typing import NamedTuple


class Trade(NamedTuple):
    taker: str
    maker: str
    quantity: int
    price: int


class Cancelled(NamedTuple):
    order: str
    quantity: int
    reason: str


@dataclass
class Resting:
    order: str
    is_buy: bool
    price: int
    total: int
    open: int


class NaiveBook:
    """Each command -> what happened, in order. Prices and quantities are whole numbers of whatever."""

    def __init__(self) -> None:
        self.orders: list[Resting] = []

    def limit(self, order: str, quantity: int, price: int, *, is_buy: bool, tif: str = "gtc") -> list[NamedTuple]:
        if tif == "fok" and self._offered(price, is_buy=is_buy) < quantity:
            return [Cancelled(order, quantity, "fok")]
        incoming = Resting(order, is_buy, price, quantity, quantity)
        trades = self._trade(incoming)
        if incoming.open and tif == "ioc":
            return [*trades, Cancelled(order, incoming.open, "ioc")]
        if incoming.open:
            self.orders.append(incoming)
        return trades

    def market(self, order: str, quantity: int, worst: int, *, is_buy: bool) -> list[NamedTuple]:
        incoming = Resting(order, is_buy, worst, quantity, quantity)
        trades = self._trade(incoming)
        return [*trades, Cancelled(order, incoming.open, "market")] if incoming.open else trades

    def cancel(self, order: str) -> list[NamedTuple]:
        resting = self.find(order)
        if resting is None:
            return []
        self.orders.remove(resting)
        return [Cancelled(order, resting.open, "user")]

    def amend(self, order: str, total: int, price: int) -> list[NamedTuple]:
        resting = self.find(order)
        if resting is None:
            return []
        filled = resting.total - resting.open
        if total <= filled:
            self.orders.remove(resting)
            return []
        if price == resting.price and total <= resting.total:
            resting.total, resting.open = total, total - filled
            return []
        self.orders.remove(resting)
        resting.price, resting.total, resting.open = price, total, total - filled
        trades = self._trade(resting)
        if resting.open:
            self.orders.append(resting)
        return trades

    def find(self, order: str) -> Resting | None:
        return next((resting for resting in self.orders if resting.order == order), None)

    def levels(self) -> list[tuple[str, int, int, list[str]]]:
        found = []
        for name, is_buy in (("buy", True), ("sell", False)):
            prices = {resting.price for resting in self.orders if resting.is_buy is is_buy}
            for price in sorted(prices, reverse=is_buy):
                level = [resting for resting in self.orders if resting.is_buy is is_buy and resting.price == price]
                found.append((name, price, sum(resting.open for resting in level), [each.order for each in level]))
        return found

    def _opposite(self, price: int, *, is_buy: bool) -> list[Resting]:
        if is_buy:
            return [resting for resting in self.orders if not resting.is_buy and resting.price <= price]
        return [resting for resting in self.orders if resting.is_buy and resting.price >= price]

    def _offered(self, price: int, *, is_buy: bool) -> int:
        return sum(resting.open for resting in self._opposite(price, is_buy=is_buy))

    def _trade(self, incoming: Resting) -> list[NamedTuple]:
        trades: list[NamedTuple] = []
        while incoming.open and (offers := self._opposite(incoming.price, is_buy=incoming.is_buy)):
            best = (min if incoming.is_buy else max)(offer.price for offer in offers)
            maker = next(offer for offer in offers if offer.price == best)
            quantity = min(maker.open, incoming.open)
            maker.open -= quantity
            incoming.open -= quantity
            trades.append(Trade(incoming.order, maker.order, quantity, best))
            if not maker.open:
                self.orders.remove(maker)
        return trades
