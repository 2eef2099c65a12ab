"""Recorded order flow for tests: days by chance, whose outcome the naive venue says, and a piece of a real market."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

from app.feeds import recorded as recorded_market
from app.feeds.tape import Tape, Trade
from schemas.order_commands import CancelRequest, NewOrder
from tests.support.naive_venue import NaiveVenue

RECORDING = Path(__file__).parents[2] / "app/recordings/binance_ethusdt_20240808.gz"
PRICES = range(95, 106)
CENT, LOT = 10**7, 10**5
"""Of the recorded market, in nanos."""


class Chance:
    """A day of a venue by chance."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.venue = rng, NaiveVenue()
        self.commands: list[dict[str, Any]] = []
        self.expected: list[dict[str, Any]] = []

    def play(self, count: int) -> None:
        while len(self.commands) < count:
            command = self._next()
            told = len(self.venue.trades)
            self.venue.apply(self._neutral(command))
            seq = len(self.commands)
            self.commands.append({"seq": seq, "t_ns": seq * 1_000_000, "why": "chance"} | command)
            trades = self.venue.trades[told:]
            if trades:
                fills = [{"maker": each["maker"], "px": each["price"], "qty": each["qty"]} for each in trades]
                self.expected.append({"after_seq": seq, "fills": fills})
            if self.rng.random() < 0.3:
                self.expected.append({"after_seq": seq} | self._row())

    def _next(self) -> dict[str, Any]:
        rng, resting = self.rng, [order for _, _, level in self.venue.levels() for order in level]
        side = rng.choice("BS")
        entry = {"id": len(self.commands), "side": side, "px": rng.choice(PRICES), "qty": rng.randint(1, 20)}
        op = rng.choice(("add", "add", "take", "cancel", "reduce", "modify")) if resting else "add"
        if op == "take":
            reachable = self._reachable(side, entry["px"])
            return {"op": "take"} | entry | {"qty": rng.randint(1, reachable)} if reachable else {"op": "add"} | entry
        if op == "add":
            return {"op": "add"} | entry
        order = rng.choice(resting)
        if op == "cancel":
            return {"op": "cancel", "id": order.order_id}
        if op == "reduce":
            return {"op": "reduce", "id": order.order_id, "qty": rng.randint(1, order.open)}
        px = rng.choice((order.price, rng.choice(PRICES)))
        qty = rng.randint(1, order.open + 3)
        keep = px == order.price and qty <= order.open
        return {"op": "modify", "id": order.order_id, "px": px, "qty": qty, "keep": keep}

    def _reachable(self, side: str, price: int) -> int:
        other, sign = ("sell", 1) if side == "B" else ("buy", -1)
        found = [
            order for name, _, level in self.venue.levels() for order in level if name == other
        ]  # what the order could trade
        return sum(order.open for order in found if sign * order.price <= sign * price)

    def _neutral(self, command: dict[str, Any]) -> dict[str, Any]:
        """In the words of the scenarios."""
        op, number = command["op"], command["id"]
        if op in ("add", "take"):
            name = "limit" if op == "add" else "ioc"
            side = "buy" if command["side"] == "B" else "sell"
            return {"op": name, "id": number, "side": side, "price": command["px"], "qty": command["qty"]}
        if op == "reduce":
            return {"op": op, "id": number, "by": command["qty"]}
        if op == "modify":
            order = self.venue.find(number)
            return {"op": op, "id": number, "price": command["px"], "qty": command["qty"] + order.filled}
        return {"op": op, "id": number}

    def _row(self) -> dict[str, Any]:
        book = self.venue.report()["book"]
        sides = [[[price, qty] for name, price, qty, _ in book if name == side] for side in ("buy", "sell")]
        if self.rng.random() < 0.5:
            return {"bids": sides[0], "asks": sides[1]}
        depth = self.rng.randint(0, 3)
        return {"bids": sides[0][:depth], "asks": sides[1][:depth], "top_only": True}


def recorded(trades: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A piece of the recorded market of `app/recordings`, with its attribution there: commands and what is expected.

    Each quote is an order of a maker on both sides, each trade one of a maker and one of a taker; what is expected are
    the recorded trades and the recorded quotes.
    """
    tape, commands, expected = Tape("run"), [], []
    known: dict[str, int] = {}
    for event in recorded_market.read(RECORDING):
        for each in tape.play(event):
            commands.append({"seq": len(commands), "t_ns": event.at % (86_400 * 10**9)} | _command(each, known))
        after = {"after_seq": len(commands) - 1}
        if isinstance(event, Trade):
            fill = {"maker": commands[-2]["id"], "px": event.price // CENT, "qty": event.quantity // LOT}
            expected.append(after | {"fills": [fill]})
            trades -= 1
            if not trades:
                break
        elif commands:
            bid, ask = (event.bid, event.bid_quantity), (event.ask, event.ask_quantity)
            sides = [[[price // CENT, quantity // LOT]] for price, quantity in (bid, ask)]
            expected.append(after | {"bids": sides[0], "asks": sides[1]})
    return commands, expected


def _command(command: NewOrder | CancelRequest, known: dict[str, int]) -> dict[str, Any]:
    assert command.order_id is not None
    number = known.setdefault(command.order_id, len(known))
    if isinstance(command, CancelRequest):
        return {"op": "cancel", "id": number}
    assert command.limit_price is not None
    assert command.quantity is not None
    op = "add" if command.time_in_force == "GTC" else "take"
    terms = {"side": command.side[0], "px": command.limit_price // CENT, "qty": command.quantity // LOT}
    return {"op": op, "id": number} | terms


def written(path: Path, lines: Iterable[dict[str, Any] | str]) -> Path:
    """The lines in a file."""
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path
