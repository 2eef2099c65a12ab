"""Scenarios by chance, of every kind of command, in a narrow range of prices so that nearly everything meets."""

from random import Random
from typing import Any

MIDDLE, WIDTH = 100, 6
OWNERS, GROUPS = ("a", "b", "c"), ("g", "h")
ORDERS = {
    "limit": ("price",),
    "ioc": ("price",),
    "fok": ("price",),
    "market": (),
    "stop": ("stop",),
    "stop_limit": ("stop", "price"),
    "trailing_stop": ("trail",),
    "take_profit": ("stop",),
}
OPS = (
    *["limit"] * 10,
    *("ioc", "fok", "market", "market", "stop", "stop_limit", "trailing_stop", "take_profit"),
    *("cancel", "cancel", "cancel", "reduce", "modify", "modify", "modify"),
    *("mass_cancel", "clock", "session_end", "state", "state", "config", "config", "rearm"),
)
WITH_HOURS = ("session", "session", *["clock"] * 6)
"""In some scenarios the venue has opening hours, and time goes by."""
PREVENTIONS = ("none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement")
QUANTITIES = (0, *[1, 2, 3, 4, 5, 7, 10, 20] * 4)


class Chance:
    """One scenario."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.ids, self.now, self.has_hours = rng, 0, 0, False

    def commands(self, count: int) -> list[dict[str, Any]]:
        if self._is(0.12):
            return self._day()
        self.has_hours = self._is(0.3)
        ops = OPS + WITH_HOURS if self.has_hours else OPS
        commands = self._nervous() if self._is(0.2) else []
        if self.has_hours and self._is(0.7):
            commands.append({"op": "config", "auctions": [self.rng.choice((0, 4, 9)), self.rng.choice((0, 4, 9))]})
            commands.append({"op": "session"} | self._of_the_venue("session"))
        commands += [self._command(self.rng.choice(ops)) for _ in range(count)]
        return self._shared(commands) if self._is(0.25) else commands

    def _day(self) -> list[dict[str, Any]]:
        """A session with its auctions, or one of them: the clock moves on to each part of it, most of the time."""
        rng, self.has_hours = self.rng, True
        commands: list[dict[str, Any]] = [
            {"op": "config", "auctions": [rng.choice((4, 4, 0)), rng.choice((4, 4, 0))]},
            {"op": "session", "opens": 10, "closes": 20},
        ]
        ops = (*["limit"] * 6, "market", "market", "stop", "cancel", "modify", "reduce")
        for now in (7, 10, 17, 20, 30):
            commands += [self._command(rng.choice(ops)) for _ in range(rng.randint(0, 8))]
            if self._is(0.15):
                commands.append({"op": "state"} | self._of_the_venue("state"))
            if self._is(0.9):
                self.now = now
                commands.append({"op": "clock", "now": now})
        return commands

    def _nervous(self) -> list[dict[str, Any]]:
        """A market in which stops and a breaker wait for the first trades."""
        breaker = self._breaker() or {"limit": 1, "pause": 5}
        stops = [self._order("stop") | {"qty": self.rng.randint(1, 9)} for _ in range(4)]
        return [{"op": "config", "breaker": breaker | {"limit": self.rng.randint(1, 3)}}, *stops]

    def _shared(self, commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The same where orders at one price trade in parts, with lots of two or three."""
        lot = self.rng.choice((1, 1, 2, 3))
        found: list[dict[str, Any]] = [{"op": "config", "allocation": "pro_rata", "lot": lot}]
        for command in commands:
            amounts = {name: command[name] * lot for name in ("qty", "display", "by", "most") if name in command}
            found.append(command | amounts)
        return found

    def _price(self) -> int:
        return MIDDLE + self.rng.randint(-WIDTH, WIDTH)

    def _is(self, share: float) -> bool:
        return self.rng.random() < share

    def _command(self, op: str) -> dict[str, Any]:
        command = self._what(op)
        if op != "clock" and self._is(0.15):  # most tell nothing of the time
            self.now += self.rng.randint(0, 5)
            command["at"] = self.now
        return command

    def _what(self, op: str) -> dict[str, Any]:
        if op in ORDERS:
            return self._order(op)
        return self._change(op) if op in ("cancel", "reduce", "modify") else {"op": op} | self._of_the_venue(op)

    def _of_the_venue(self, op: str) -> dict[str, Any]:
        rng = self.rng
        if op == "clock":
            self.now += rng.randint(1, 10)
            return {"now": self.now}
        if op == "mass_cancel":
            owner = {"owner": rng.choice(OWNERS)} if self._is(0.8) else {}
            return owner | ({"side": rng.choice(["buy", "sell"])} if self._is(0.5) else {})
        if op == "session":
            opens = self.now + rng.randint(0, 12) or 1
            return {"opens": opens, "closes": opens + rng.randint(1, 40)}
        if op == "rearm":
            return {"auction": rng.randint(1, 12)} if self._is(0.5) else {}
        if op == "state":
            length = {"auction": rng.randint(1, 12)} if self._is(0.4) else {}
            kind = {"kind": rng.choice(["opening", "closing"])} if self._is(0.3) else {}
            return {"state": rng.choice(["auction", "continuous", "continuous", "halt"])} | length | kind
        return self._config() if op == "config" else {}

    def _config(self) -> dict[str, Any]:
        rng = self.rng
        if self._is(0.5):
            return {"last": self._price()}
        if self._is(0.3):
            return {"breaker": self._breaker()}
        return {"band": [MIDDLE - rng.randint(3, 9), MIDDLE + rng.randint(3, 9)]}

    def _breaker(self) -> dict[str, Any] | None:
        rng = self.rng
        if self._is(0.2):
            return None
        return {"limit": rng.randint(1, 8)} | ({"pause": rng.randint(1, 12)} if self._is(0.7) else {})

    def _order(self, op: str) -> dict[str, Any]:
        rng = self.rng
        if self.ids and self._is(0.03):
            number = rng.randint(1, self.ids)
        else:
            number = self.ids = self.ids + 1
        order: dict[str, Any] = {"op": op, "id": number, "side": rng.choice(["buy", "sell"])}
        order["qty"] = rng.choice(QUANTITIES)
        for name in ORDERS[op]:
            order[name] = rng.randint(1, WIDTH) if name == "trail" else self._price()
        if op == "market" and self._is(0.3):
            del order["qty"]
            order["quote"] = rng.randint(1, 15 * MIDDLE)
            if self._is(0.5):
                order["most"] = rng.choice([1, 2, 3, 5, 9])
        if op == "market" and self._is(0.3):
            order["slip"] = rng.randint(0, 4)
        order |= self._instructions(op)
        if self.has_hours and op in ("limit", "market") and self._is(0.35):
            for name in ("slip", "quote", "expire", "post_only"):
                order.pop(name, None)
            order |= {"tif": rng.choice(["opg", "cls"]), "qty": rng.choice(QUANTITIES)}
        return order

    def _instructions(self, op: str) -> dict[str, Any]:
        rng = self.rng
        wanted: dict[str, Any] = {}
        if self._is(0.5):
            wanted["owner"] = rng.choice(OWNERS)
        if self._is(0.3):
            wanted["stp"] = rng.choice(PREVENTIONS)
        if self._is(0.12):
            wanted["oco"] = rng.choice(GROUPS)
            if op in ("stop", "stop_limit", "trailing_stop", "take_profit") and self._is(0.5):
                wanted["oco_trigger"] = True
        if op == "limit" and self._is(0.1):
            wanted["post_only"] = True
        if op in ("limit", "stop_limit"):
            if self._is(0.25):
                wanted["display"] = rng.randint(1, 6)
            if self._is(0.25):
                wanted["tif"] = rng.choice(["gtc", "ioc", "fok", "day", "gtd"])
                if wanted["tif"] == "gtd":
                    wanted["expire"] = self.now + rng.randint(0, 20)
        return wanted

    def _change(self, op: str) -> dict[str, Any]:
        rng = self.rng
        change: dict[str, Any] = {"op": op, "id": rng.randint(1, max(1, self.ids))}
        if self._is(0.15):
            change["owner"] = rng.choice(OWNERS)
        if op == "reduce":
            change["by"] = rng.randint(1, 6)
        if op == "modify":
            if self._is(0.6):
                change["qty"] = rng.randint(1, 12)
            if self._is(0.6):
                change["price"] = self._price()
            if self._is(0.15):
                change["stop"] = self._price()
            if self._is(0.1):
                change["trail"] = rng.randint(1, WIDTH)
        return change
