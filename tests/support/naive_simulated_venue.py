"""The venue SIM once more, in the plainest way: lists of orders and of stops, and a look at all of them each time."""

from typing import Any

from examples import BUY

from schemas.enums import OrderType, TimeInForce, TradingPhase
from schemas.order_books import CancelRestingOrder, ChangePhase, EnterOrder, ReplaceOrder, SetReferencePrices

RISING = {("BUY", False), ("SELL", True)}
"""Side, and whether it takes a profit: these wait for a rise."""
Said = tuple[Any, ...]


class Working:
    """An order that rests or waits."""

    def __init__(self, entered: EnterOrder, number: int) -> None:
        self.entered, self.number = entered, number
        self.order_id, self.side, self.kind = entered.order_id, entered.side, entered.order_type
        self.quantity, self.stop, self.trail = entered.quantity, entered.stop_price, entered.trail
        self.is_buy = self.side is BUY
        self.limit = entered.limit_price
        self.filled = 0

    @property
    def leaves(self) -> int:
        return self.quantity - self.filled

    @property
    def is_market(self) -> bool:
        return self.kind not in (OrderType.LIMIT, OrderType.STOP_LIMIT)

    @property
    def waits_for_rise(self) -> bool:
        return (self.side.value, self.kind is OrderType.TAKE_PROFIT) in RISING

    def sorting(self) -> tuple[int, int]:
        assert self.limit is not None
        return (-self.limit if self.is_buy else self.limit), self.number


class NaiveSimulatedVenue:
    """One instrument. `said` is what the world hears."""

    def __init__(self, tick: int, lot: int) -> None:
        self.tick, self.lot = tick, lot
        self.bid: int | None = None
        self.ask: int | None = None
        self.last: int | None = None
        self.left: dict[bool, int | None] = {True: None, False: None}
        """What the ask and the bid still show; None where nobody said how much."""
        self.at = self.count = 0
        self.is_open = True
        self.resting: list[Working] = []
        self.stops: list[Working] = []
        self.said: list[Said] = []

    def play(self, command: Any) -> None:
        match command:
            case EnterOrder():
                self.enter(command)
            case SetReferencePrices():
                self.quote(command)
            case ReplaceOrder():
                self.replace(command)
            case CancelRestingOrder():
                for order in [*self.resting, *self.stops]:
                    if order.order_id == command.order_id:
                        self.end(order, "REQUESTED")
            case ChangePhase():
                self.is_open = command.phase is TradingPhase.CONTINUOUS
                self.look()

    def number(self) -> int:
        self.count += 1
        return self.count

    def price_for(self, order: Working) -> int | None:
        """The quote, if the order may trade there."""
        price = self.ask if order.is_buy else self.bid
        if price is None or self.left[order.is_buy] == 0:
            return None
        return (
            price if order.limit is None or (order.limit >= price if order.is_buy else order.limit <= price) else None
        )

    def enter(self, command: EnterOrder) -> None:
        order = Working(command, self.number())
        if not self.is_open:
            self.said.append(("end", order.order_id, order.quantity, "HALTED"))
        elif command.is_post_only and self.price_for(order) is not None:
            self.said.append(("end", order.order_id, order.quantity, "POST_ONLY_WOULD_CROSS"))
        elif order.kind in (OrderType.MARKET, OrderType.LIMIT):
            self.act(order)
        else:
            if order.trail is not None and self.last is not None:
                order.stop = self.last + order.trail if order.is_buy else self.last - order.trail
            self.stops.append(order)
            self.look()

    def act(self, order: Working) -> None:
        price, left = self.price_for(order), self.left[order.is_buy]
        force = order.entered.time_in_force
        is_enough = price is not None and (left is None or left >= order.quantity)
        if force is TimeInForce.FOK and not is_enough:
            self.end(order, "FOK_UNFILLABLE")
            return
        if price is not None:
            self.trade(order, price, "taker")
        if order.leaves and (order.is_market or force is TimeInForce.IOC):
            self.end(order, "MARKET_REMAINDER" if order.is_market else "IOC_REMAINDER")
        elif order.leaves:
            order.number = self.number()
            self.resting.append(order)

    def trade(self, order: Working, price: int, liquidity: str) -> None:
        left = self.left[order.is_buy]
        quantity = order.leaves if left is None else min(left, order.leaves)
        if left is not None:
            self.left[order.is_buy] = left - quantity
        self.said.append(("trade", order.order_id, quantity, price, liquidity))
        order.filled += quantity
        if not order.leaves:
            self.gone(order)
        group = order.entered.oco_group
        siblings = [each for each in [*self.resting, *self.stops] if group and each.entered.oco_group == group]
        for sibling in sorted(siblings, key=lambda each: each.entered.order_number):
            if sibling is not order:
                self.end(sibling, "OCO")

    def end(self, order: Working, reason: str) -> None:
        self.said.append(("end", order.order_id, order.leaves, reason))
        self.gone(order)

    def gone(self, order: Working) -> None:
        self.resting = [each for each in self.resting if each is not order]
        self.stops = [each for each in self.stops if each is not order]

    def replace(self, command: ReplaceOrder) -> None:
        for order in [each for each in [*self.resting, *self.stops] if each.order_id == command.order_id]:
            would_cross = self.is_open and order.entered.is_post_only and self._crosses(order, command.limit_price)
            if not self.is_open or would_cross:
                continue
            if command.quantity <= order.filled:
                self.gone(order)
                continue
            stays = command.limit_price == order.limit and command.quantity <= order.quantity
            order.limit, order.quantity = command.limit_price, command.quantity
            if not stays and order in self.stops:
                order.number = self.number()
            elif not stays:
                self.gone(order)
                price = self.price_for(order)
                if price is not None:
                    self.trade(order, price, "taker")
                if order.leaves:
                    order.number = self.number()
                    self.resting.append(order)

    def _crosses(self, order: Working, limit: int) -> bool:
        price = self.ask if order.is_buy else self.bid
        return (
            price is not None and self.left[order.is_buy] != 0 and (limit >= price if order.is_buy else limit <= price)
        )

    def quote(self, command: SetReferencePrices) -> None:
        if command.quoted_at < self.at:
            return
        self.at, tick = command.quoted_at, self.tick
        if command.bid is not None:
            self.bid = command.bid // tick * tick or None
            self.left[False] = None if command.bid_size is None else command.bid_size // self.lot * self.lot
        if command.ask is not None:
            self.ask = (command.ask + tick - 1) // tick * tick or None
            self.left[True] = None if command.ask_size is None else command.ask_size // self.lot * self.lot
        if self.bid is not None and self.ask is not None and self.bid > self.ask:
            if command.ask is None:
                self.ask = None
            else:
                self.bid = None
        if command.last is not None:
            self.last = round(command.last / tick) * tick or None
        if self.last is not None:
            self.follow(self.last)
        self.look()

    def follow(self, last: int) -> None:
        for stop in self.stops:
            if stop.trail is not None and stop.is_buy:
                stop.stop = min(stop.stop or last + stop.trail, last + stop.trail)
            elif stop.trail is not None:
                stop.stop = max(stop.stop or last - stop.trail, last - stop.trail)

    def look(self) -> None:
        """Everything that the prices, as they are now, bring about."""
        if not self.is_open:
            return
        for is_buy in (True, False):
            while touched := [each for each in self.resting if each.is_buy is is_buy and self.price_for(each)]:
                order = min(touched, key=Working.sorting)
                assert order.limit is not None
                self.trade(order, order.limit, "maker")
        last = self.last
        if last is None:
            return
        fired = [
            (abs(each.stop - last), each)
            for each in self.stops
            if each.stop is not None and (last >= each.stop if each.waits_for_rise else last <= each.stop)
        ]
        for _, stop in sorted(fired, key=lambda found: (-found[0], found[1].number)):
            if stop in self.stops:  # no sibling ended it
                self.gone(stop)
                self.said.append(("triggered", stop.order_id))
                self.act(stop)
