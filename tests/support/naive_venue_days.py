"""Random days of a venue, from a seed: every kind of order, amendment and state, most of them where they matter."""

from random import Random
from typing import Any

from tests.support.naive_venue_orders import Command

MODES = ("none", "cancel_newest", "cancel_oldest", "cancel_both")
ENTRIES = ("limit",) * 8 + ("market", "stop", "stop_limit", "trailing_stop")
KEEP_TOTALS = ("cancel", "mass_cancel", "clock", "session_end", "state", "state", "config")
CHANGE_TOTALS = ("reduce", "modify", "modify", "market by money", "decrement")


class Day:
    """Commands of a seed. Most enter orders, each with an id of its own; the others are about one entered before."""

    def __init__(self, seed: int, length: int, others: tuple[str, ...]) -> None:
        self.random = Random(seed)
        self.commands: list[Command] = []
        for number in range(1, length + 1):
            kind = self.random.choice(ENTRIES if self.random.random() < 0.75 else others)
            self.commands.append(self._entry(kind, number) if kind in ENTRIES else self._other(kind, number))
            if kind == "state":
                # Most of the time there is trading.
                self.commands += [{"op": "state", "state": "continuous"}] * (self.random.random() < 0.75)

    def _some(self, **fields: Any) -> Command:
        return {field: value for field, value in fields.items() if self.random.random() < 0.25}

    def _price(self) -> int:
        return self.random.randint(96, 104)

    def _quantity(self) -> int:
        return self.random.randint(1, 9)

    def _entry(self, op: str, number: int) -> Command:
        pick = self.random.choice
        command: Command = {"op": op, "id": number, "side": pick(["buy", "sell"]), "qty": self._quantity()}
        command |= self._some(owner=pick("ab"), oco=pick("ghijk")) | {"stp": pick(MODES)}
        if op in ("limit", "stop_limit"):
            command |= {"price": self._price()} | self._some(display=pick([1, 2, 3]))
            command |= self._some(tif=pick(["ioc", "fok", "day", "gtd"]), expire=number + pick([-1, 5, 20]))
        if op == "limit":
            command |= self._some(post_only=pick([True, False]))
        if op in ("stop", "stop_limit"):
            command |= {"stop": self._price()}
        if op == "trailing_stop":
            command |= {"trail": pick([1, 2, 3])}
        if op == "market":
            command |= self._some(slip=pick([0, 1, 3]))
        return command

    def _other(self, kind: str, number: int) -> Command:
        pick = self.random.choice
        if kind == "market by money":
            money = self._entry("market", number)
            return {field: value for field, value in money.items() if field != "qty"} | {"quote": pick([50, 500, 2000])}
        if kind == "decrement":
            return self._entry("limit", number) | {"owner": pick("ab"), "stp": "decrement"}
        fields: dict[str, Command] = {
            "cancel": {"id": self.random.randint(1, number)},
            "mass_cancel": {"side": pick(["buy", "sell"]), "owner": pick("ab")},
            "clock": {"now": number},
            "session_end": {},
            "state": {"state": pick(["auction", "halt", "continuous"])},
            "config": self._some(last=self._price()),
            "reduce": {"id": self.random.randint(1, number), "by": self._quantity()},
            "modify": {"id": self.random.randint(1, number)}
            | self._some(qty=self._quantity(), price=self._price(), stop=self._price()),
        }
        return {"op": kind} | fields[kind]
