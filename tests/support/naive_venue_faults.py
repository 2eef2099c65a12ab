"""Why the naive venue refuses a command: every reason is looked at, and the first that applies is the answer."""

from tests.support.naive_venue_book import Book, Hours
from tests.support.naive_venue_orders import (
    AUCTION_OF,
    ELECTED,
    GATHERED,
    LIMITS,
    NEVER_REST,
    RESTING,
    WAITING,
    Command,
    Order,
)


class Rules(Book):
    """A book with the rules of the day."""

    def __init__(self) -> None:
        super().__init__()
        self.tick = 1
        self.band: tuple[int, int] | None = None

    def entry_fault(self, command: Command) -> str | None:
        is_limit, time_in_force = command["op"] in LIMITS, _time_in_force(command)
        is_immediate = command["op"] == "market" or (is_limit and time_in_force in ("ioc", "fok"))
        is_for_auction = time_in_force in AUCTION_OF
        return _first(
            {
                "duplicate_id": self.find(command["id"]) is not None,
                "bad_quantity": not self._has_good_quantities(command),
                "bad_price": not self._has_good_prices(command),
                "price_band": not self._is_in_band(command),
                "halted": self.state == "halt",
                "no_auction": is_for_auction and not self._has_auction(time_in_force),
                "auction_missed": self._has_missed(time_in_force),
                "market_closed": self.state == "closed" and not is_for_auction,
                "not_in_auction": self.state == "auction" and is_immediate and not is_for_auction,
                "post_only_would_cross": bool(command.get("post_only"))
                and is_limit
                and self.would_cross(command["side"], command["price"]),
                "expire_in_past": time_in_force == "gtd" and command.get("expire", self.now) <= self.now,
            }
        )

    def reduction_fault(self, command: Command) -> str | None:
        return _first({"unknown": self.named(command) is None, "bad_quantity": not self._is_whole(command["by"])})

    def amend_fault(self, command: Command) -> str | None:
        order = self.named(command)
        if order is None:
            return "unknown"
        is_pending = order.place in (WAITING, ELECTED)
        is_stop = is_pending and order.op != "trailing_stop"
        is_trailing = is_pending and order.op == "trailing_stop"
        has_limit = order.op not in NEVER_REST
        crosses = "price" in command and order.place == RESTING and self.would_cross(order.side, command["price"])
        return _first(
            {
                "bad_quantity": "qty" in command and not self._is_whole(command["qty"]),
                "bad_price": not self._has_good_prices(command)
                or ("price" in command and not has_limit)
                or ("stop" in command and not is_stop)
                or ("trail" in command and not is_trailing),
                "price_band": command.get("price") != order.price and not self._is_in_band(command),
                "halted": self.state == "halt",
                "market_closed": self.state == "closed" and order.place != GATHERED,
                "post_only_would_cross": order.is_post_only and crosses,
            }
        )

    def _is_held(self, time_in_force: str) -> bool:
        return self.state == "auction" and self.kind == AUCTION_OF[time_in_force]

    def _has_auction(self, time_in_force: str) -> bool:
        """Now, in the session that is or comes, or else in those that follow."""
        if self._is_held(time_in_force):
            return True
        hours = None if self.hours is None or self.hours.is_over else self.hours
        if time_in_force == "opg":
            return self.auctions[0] > 0 and (hours is None or hours.is_open or self._calls(hours, "pre_open"))
        return self.auctions[1] > 0 and (hours is None or self._calls(hours, "call"))

    def _calls(self, hours: Hours, bell: str) -> bool:
        return hours.heard == bell or hours.time_of(bell) is not None

    def _has_missed(self, time_in_force: str) -> bool:
        """Who comes when the session has opened missed its opening."""
        return time_in_force == "opg" and not self._is_held("opg") and self.hours is not None and self.hours.is_open

    def named(self, command: Command) -> Order | None:
        """The order that the command is about; somebody else's is as good as unknown."""
        order = self.find(command["id"])
        return order if order is not None and command.get("owner") in (None, order.owner) else None

    def would_cross(self, side: str, price: int) -> bool:
        best = self.best_opposite(side)
        if best is None or self.state != "continuous":
            return False
        return best.resting_price <= price if side == "buy" else best.resting_price >= price

    def _has_good_quantities(self, command: Command) -> bool:
        if command["op"] == "market" and "quote" in command:
            return "qty" not in command and command["quote"] > 0 and self._is_whole(command.get("most", self.lot))
        return all(self._is_whole(quantity) for quantity in (command.get("qty", 0), command.get("display", self.lot)))

    def _is_whole(self, quantity: int) -> bool:
        return quantity > 0 and quantity % self.lot == 0

    def _has_good_prices(self, command: Command) -> bool:
        prices = [command[field] for field in ("price", "stop", "trail") if field in command]
        slip: int = command.get("slip", 0)
        return slip >= 0 and all(price > 0 and price % self.tick == 0 for price in prices)

    def _is_in_band(self, command: Command) -> bool:
        if self.band is None or "price" not in command:
            return True
        price: int = command["price"]
        return self.band[0] <= price <= self.band[1]


def _time_in_force(command: Command) -> str:
    """A stop's order is immediate only when it has fired, so only what it says itself counts."""
    op = command["op"]
    return op if op in ("ioc", "fok") else str(command.get("tif", "gtc"))


def _first(faults: dict[str, bool]) -> str | None:
    return next((reason for reason, applies in faults.items() if applies), None)
