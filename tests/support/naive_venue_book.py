"""The book of the naive venue: one list of living orders, oldest first, scanned from end to end."""

from dataclasses import dataclass
from typing import Any

from tests.support.naive_venue_orders import BUY, GATHERED, RESTING, SELL, WAITING, Order


@dataclass
class Hours:
    """A session: what its bells ring, and when; from the first on they go."""

    bells: list[tuple[int, str]]
    closes: int
    heard: str = ""

    @classmethod
    def of(cls, opens: int, closes: int, auctions: list[int]) -> "Hours":
        bells = [(max(1, opens - auctions[0]), "pre_open")] if auctions[0] else []
        bells += [(opens, "open")]
        bells += [(max(opens, closes - auctions[1]), "call")] if auctions[1] else []
        return cls([*bells, (closes, "close")], closes)

    @property
    def is_over(self) -> bool:
        return self.heard == "close"

    @property
    def is_open(self) -> bool:
        return self.heard in ("open", "call")

    def time_of(self, name: str) -> int | None:
        """When that bell rings that is still to come."""
        return next((time for time, bell in self.bells if bell == name), None)

    @property
    def call(self) -> tuple[str, int] | None:
        """For which auction orders gather, and until when."""
        auctions = {"pre_open": ("opening", "open"), "call": ("closing", "close")}
        if self.heard not in auctions:
            return None
        kind, end = auctions[self.heard]
        time = self.time_of(end)
        assert time is not None
        return kind, time


WINDOW = 15
"""How far back the breaker looks."""


class Book:
    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.trades: list[dict[str, Any]] = []
        self.cancels: list[list[Any]] = []
        self.last: int | None = None
        self.lot = 1
        self.is_shared = False
        """Orders at one price trade in parts."""
        self.now = 0
        self.state = "continuous"
        self.ends: int | None = None
        """When the auction ends by itself."""
        self.kind: str | None = None
        """What the auction is for."""
        self.auctions = [0, 0]
        """How long orders gather before a session opens, and before it closes."""
        self.hours: Hours | None = None
        """Opening hours, where there are some."""
        self.breaker: dict[str, Any] | None = None
        self.prices_seen: list[tuple[int, int]] = []
        """When, and at which price, trades were that the breaker looks at."""
        self.has_tripped = False
        """It waits for somebody to arm it again."""

    def find(self, order_id: int) -> Order | None:
        return next((order for order in self.orders if order.order_id == order_id), None)

    def at(self, place: str) -> list[Order]:
        return [order for order in self.orders if order.place == place]

    def in_auction(self) -> list[Order]:
        """Those who would trade in an uncross now, the oldest first."""
        return [order for order in self.orders if order.place == RESTING or self.is_gathered_for(order, self.kind)]

    def is_gathered_for(self, order: Order, kind: str | None) -> bool:
        return order.place == GATHERED and order.auction == kind

    def best_opposite(self, side: str) -> Order | None:
        """The best price, and of that the oldest."""
        offers = [order for order in self.at(RESTING) if order.side != side]
        sign = 1 if side == BUY else -1
        return min(offers, key=lambda offer: sign * offer.resting_price, default=None)

    def match(self, taker: Order) -> None:
        """Trades until the order has ended, has what it wants, or finds nobody at its price; or trading pauses."""
        while (maker := self.best_opposite(taker.side)) is not None and self.goes_on(taker, maker.resting_price):
            if self.is_shared:
                self.share(taker, maker.resting_price)
            else:
                self.meet(taker, maker, maker.shown)

    def goes_on(self, taker: Order, price: int) -> bool:
        """Whether it would trade at that price."""
        is_open = self.state == "continuous" and not taker.has_ended
        return is_open and taker.accepts(price) and taker.wants(price, self.lot) > 0

    def share(self, taker: Order, price: int) -> None:
        """Everybody at the price gets a part of it, and what is left goes by time."""
        level = self.level(taker, price)
        wanted, total = taker.wants(price, self.lot), sum(order.shown for order in level)
        if wanted >= total:
            self.meet(taker, level[0], level[0].shown)
            return
        shares = [(order, wanted * order.shown // total // self.lot * self.lot) for order in level]
        for order, share in shares:
            if share and not order.has_ended and self.goes_on(taker, price):
                self.meet(taker, order, share)
        while (left := self.level(taker, price)) and self.goes_on(taker, price):
            self.meet(taker, left[0], left[0].shown)

    def level(self, taker: Order, price: int) -> list[Order]:
        """Those with whom it trades at the price, the oldest first."""
        return [order for order in self.at(RESTING) if order.side != taker.side and order.resting_price == price]

    def meet(self, taker: Order, maker: Order, most: int) -> None:
        quantity = min(taker.wants(maker.resting_price, self.lot), most)
        is_own = taker.owner is not None and taker.owner == maker.owner
        if is_own and taker.self_trade != "none":
            self.prevent(taker, maker, quantity)
        else:
            self.trade(taker, maker, quantity)

    def prevent(self, taker: Order, maker: Order, quantity: int) -> None:
        """The two are of one owner and do not trade."""
        if taker.self_trade == "decrement":
            for order in (maker, taker):
                order.give_up(quantity, maker.resting_price)
            maker.shown -= quantity
            for order in (maker, taker):
                if order.is_empty or order.most == 0:
                    self.end(order, 0, "stp")
            self.refresh(maker)
        if taker.self_trade in ("cancel_oldest", "cancel_both"):
            self.end(maker, maker.open, "stp")
        if taker.self_trade in ("cancel_newest", "cancel_both"):
            self.end(taker, taker.open, "stp")

    def trade(self, taker: Order, maker: Order, quantity: int) -> None:
        price = maker.resting_price
        self.trades.append({"taker": taker.order_id, "maker": maker.order_id, "qty": quantity, "price": price})
        taker.fill(quantity, price)
        maker.fill(quantity, price)
        maker.shown -= quantity
        for order in (taker, maker):
            if order.is_empty:
                self.finish(order)
        self.refresh(maker)
        self.print(price)
        self.cancel_siblings(taker)
        self.cancel_siblings(maker)
        self.look(price)

    def look(self, price: int) -> None:
        """A trade too far away from one of the last minutes pauses trading."""
        if not self.breaker:
            return
        self.prices_seen.append((self.now, price))
        seen = [old for time, old in self.prices_seen if self.now - time <= WINDOW]
        if any(abs(price - old) * 100 >= self.breaker["limit"] * old for old in seen):
            self.prices_seen = []
            pause = self.breaker.get("pause")
            self.state, self.has_tripped = ("auction", False) if pause else ("halt", True)
            self.ends = self.now + pause if pause else None

    def refresh(self, maker: Order) -> None:
        if not maker.has_ended and not maker.shown:
            self.rest(maker)

    def print(self, price: int) -> None:
        self.last = price
        for order in self.at(WAITING):
            order.follow(price)

    def cancel_siblings(self, filled: Order) -> None:
        """One of these orders cancels the others."""
        if filled.group is not None:
            self.end_all([order for order in self.orders if order.group == filled.group and order is not filled], "oco")

    def rest(self, order: Order) -> None:
        """In the book, behind everybody of its price."""
        order.place = RESTING
        order.shown = order.open if order.display is None else min(order.display, order.open)
        self.put_last(order)

    def put_last(self, order: Order) -> None:
        self.orders = [*(other for other in self.orders if other is not order), order]

    def finish(self, order: Order) -> None:
        order.has_ended = True
        self.orders = [other for other in self.orders if other is not order]

    def end(self, order: Order, quantity: int, reason: str) -> None:
        self.finish(order)
        self.cancels.append([order.order_id, quantity, reason])

    def end_all(self, orders: list[Order], reason: str) -> None:
        for order in sorted(orders, key=lambda order: order.order_id):
            self.end(order, order.open, reason)

    def levels(self) -> list[tuple[str, int, list[Order]]]:
        """Bids from the best, then asks from the best, each level's orders in priority order."""
        return [
            (side, price, [order for order in self.at(RESTING) if (order.side, order.price) == (side, price)])
            for side in (BUY, SELL)
            for price in self.prices(side)
        ]

    def prices(self, side: str) -> list[int]:
        """From the best."""
        return sorted({order.resting_price for order in self.at(RESTING) if order.side == side}, reverse=side == BUY)
