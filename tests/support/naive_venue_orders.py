"""An order of the naive venue, and what can be asked of one order alone."""

from dataclasses import dataclass
from typing import Any

Command = dict[str, Any]

BUY, SELL = "buy", "sell"
LIMITS = ("limit", "ioc", "fok")
STOPS = ("stop", "stop_limit", "trailing_stop", "take_profit")
ENTRIES = {
    "limit": ("qty", "price"),
    "ioc": ("qty", "price"),
    "fok": ("qty", "price"),
    "market": (),
    "stop": ("qty", "stop"),
    "stop_limit": ("qty", "stop", "price"),
    "trailing_stop": ("qty", "trail"),
    "take_profit": ("qty", "stop"),
}
"""Commands that enter an order, and what each cannot do without."""
NEVER_REST = ("market", "stop", "trailing_stop", "take_profit")

ACTING, RESTING, WAITING, ELECTED, GATHERED = "acting", "resting", "waiting", "elected", "gathered"
"""Where a living order is: at work, in the book, waiting for its stop, next to act because its stop was touched, or
waiting for its auction."""
AUCTION_OF = {"opg": "opening", "cls": "closing"}
"""Orders for one auction alone, by time in force."""

WORDS = {
    "side": (BUY, SELL),
    "tif": ("gtc", "ioc", "fok", "day", "gtd", *AUCTION_OF),
    "stp": ("none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"),
}
"""What these fields may say."""


@dataclass
class Order:
    order_id: int
    op: str
    side: str
    total: int
    price: int | None
    """The worst at which it trades; None takes any."""
    stop: int | None
    trail: int | None
    money: int | None
    """Of a market order by money: what is left of it. Its total is what it has traded so far."""
    display: int | None
    owner: str | None
    self_trade: str
    group: str | int | None
    time_in_force: str
    expire: int | None
    is_post_only: bool
    ends_group: bool
    """When it is triggered, not first when it trades."""
    most: int | None
    """Of a market order by money: what it may still trade."""
    filled: int = 0
    shown: int = 0
    place: str = ACTING
    has_ended: bool = False

    @classmethod
    def of(cls, command: Command) -> "Order":
        for field, words in WORDS.items():
            if command.get(field, words[0]) not in words:
                raise ValueError(f"{field} {command[field]!r} is none of {', '.join(words)}")
        op = command["op"]
        missing = [field for field in ("id", "side", *ENTRIES[op]) if field not in command]
        if missing:
            raise ValueError(f"{op} without {' and '.join(missing)}")
        return cls(
            command["id"],
            op,
            command["side"],
            command.get("qty", 0),
            command.get("price"),
            command.get("stop"),
            command.get("trail"),
            command.get("quote"),
            command.get("display"),
            command.get("owner"),
            command.get("stp", "none"),
            command.get("oco"),
            op if op in ("ioc", "fok") else command.get("tif", "gtc"),
            command.get("expire"),
            op in LIMITS and bool(command.get("post_only")),
            bool(command.get("oco_trigger")),
            command.get("most"),
        )

    @property
    def open(self) -> int:
        return self.total - self.filled

    @property
    def resting_price(self) -> int:
        assert self.price is not None, f"{self.order_id} rests without a price"
        return self.price

    @property
    def auction(self) -> str | None:
        """The one auction in which it trades."""
        return AUCTION_OF.get(self.time_in_force)

    def accepts(self, price: int) -> bool:
        if self.price is None:
            return True
        return price <= self.price if self.side == BUY else price >= self.price

    def wants(self, price: int, lot: int) -> int:
        """How much it would take at that price."""
        if self.money is None:
            return self.open
        wanted = self.money // (price * lot) * lot
        return wanted if self.most is None else min(wanted, self.most)

    def fill(self, quantity: int, price: int) -> None:
        self.filled += quantity
        if self.money is not None:
            self.money -= quantity * price
            self.total += quantity
            self.most = None if self.most is None else self.most - quantity

    def give_up(self, quantity: int, price: int) -> None:
        """As a fill, but nothing is traded."""
        if self.money is None:
            self.total -= quantity
        else:
            self.money -= quantity * price
            self.most = None if self.most is None else self.most - quantity

    @property
    def is_empty(self) -> bool:
        return not (self.open if self.money is None else self.money)

    def follow(self, last: int) -> None:
        """A trailing stop goes with the market, never against it."""
        if self.trail is None:
            return
        if self.side == SELL:
            self.stop = last - self.trail if self.stop is None else max(self.stop, last - self.trail)
        else:
            self.stop = last + self.trail if self.stop is None else min(self.stop, last + self.trail)

    def widen(self, trail: int | None) -> None:
        """Another distance from the best price that it has followed."""
        if self.trail is None or trail is None:
            return
        if self.stop is not None:
            self.stop += (trail - self.trail) * (1 if self.side == BUY else -1)
        self.trail = trail

    def is_touched(self, last: int) -> bool:
        if self.stop is None:
            return False
        waits_for_rise = (self.side == BUY) != (self.op == "take_profit")
        return last >= self.stop if waits_for_rise else last <= self.stop
