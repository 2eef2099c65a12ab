"""The book as a record of its upper levels lets it be known, and the commands that make it so."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, TextIO

import msgspec

from app.feeds.order_flow import OrderId

Sides = dict[str, dict[int, int]]
"""Side, B or S -> price -> quantity."""
OTHER = {"B": "S", "S": "B"}


class CannotBePlayed(ValueError):  # noqa: N818 - what it is
    """No venue of price and time does what is recorded."""


class Flow:
    """Writes commands and expectations, and knows what the book is after them."""

    def __init__(self, commands: TextIO, expected: TextIO) -> None:
        self._commands, self._expected = commands, expected
        self._levels: dict[str, dict[int, dict[OrderId, int]]] = {"B": {}, "S": {}}
        """Side -> price -> order -> open units, in order of time."""
        self._prices: dict[OrderId, int] = {}
        """Of the orders that were submitted."""
        self._shrunk: set[OrderId] = set()
        """Orders of these from which units were taken out that went unseen: perhaps they were others'."""
        self._seq = -1
        self._row = self._at = 0
        self.counts: Counter[str] = Counter()

    def begin(self, row: int, at: int) -> None:
        """The next message: its line and its time."""
        self._row, self._at = row, at
        self.count("messages")

    def count(self, what: str) -> None:
        """One more of these."""
        self.counts[what] += 1

    def submit(self, side: str, order_id: OrderId, price: int, size: int) -> None:
        """A new order."""
        if order_id in self._prices:
            raise CannotBePlayed(f"order {order_id} is submitted twice")
        best = self._best(OTHER[side])
        if best is not None and (price >= best if side == "B" else price <= best):
            raise CannotBePlayed(f"order {order_id} at {price} crosses the book at {best}")
        self._add(side, order_id, price, size)
        self._prices[order_id] = price

    def take_off(self, side: str, order_id: OrderId, price: int, size: int) -> None:
        """Units of an order are cancelled: of one that was never submitted, the last of nobody's at the price."""
        for each, units in list(self._parts(side, order_id, price, size, from_last=True)):
            self._reduce(side, each, price, units)

    def execute(self, side: str, order_id: OrderId, price: int, size: int) -> None:
        """Units of an order trade."""
        parts = list(self._parts(side, order_id, price, size))
        if price != self._best(side):
            self.count("executions away from the best price")
            for each, units in parts:
                self._reduce(side, each, price, units, "traded away from the best price")
            return
        self._move_back(side, price, [each for each, _ in parts])
        taker = {"side": OTHER[side], "px": price, "qty": size}
        self._write("take", f"take-{self._row}", taker)
        fills = [{"maker": each, "px": price, "qty": units} for each, units in parts]
        self._tell({"after_seq": self._seq, "fills": fills})
        for each, units in parts:
            self._lessen(side, each, price, units)

    def show(self, sides: Sides, whole: frozenset[str], why: str) -> None:
        """Makes the upper levels what the record says they are: takes out what is gone, and adds what is missing."""
        for side, levels in sides.items():
            for price in self._in_view(side, levels, side in whole):
                gone = sum(self._levels[side][price].values()) - levels.get(price, 0)
                if gone > 0:
                    self._take_out(side, price, gone)
        for side, levels in sides.items():
            for price, size in levels.items():
                missing = size - sum(self._levels[side].get(price, {}).values())
                if missing > 0:
                    self._add_nobodys(side, price, missing, why)

    def expect(self, sides: Sides, whole: frozenset[str]) -> None:
        """The book is like this now."""
        if self._seq < 0:
            return
        levels = {name: list(sides[side].items()) for name, side in (("bids", "B"), ("asks", "S"))}
        self._tell({"after_seq": self._seq} | levels | ({} if len(whole) == len(sides) else {"top_only": True}))

    # --- what is known ------------------------------------------------------------------------------------------------

    def _best(self, side: str) -> int | None:
        prices = self._levels[side]
        return max(prices, default=None) if side == "B" else min(prices, default=None)

    def _in_view(self, side: str, levels: dict[int, int], is_whole: bool) -> list[int]:
        """Prices of levels that the record would show."""
        known = self._levels[side]
        if is_whole or not levels:
            return list(known) if is_whole else []
        worst = min(levels) if side == "B" else max(levels)
        return [price for price in known if (price >= worst if side == "B" else price <= worst)]

    def _parts(
        self, side: str, order_id: OrderId, price: int, size: int, *, from_last: bool = False
    ) -> Iterator[tuple[OrderId, int]]:
        """Orders that stand for this one here, and how much of each."""
        level = self._levels[side].get(price, {})
        has = level.get(order_id, 0) if order_id in self._prices else 0
        if has < size and order_id in self._prices and order_id not in self._shrunk:
            raise CannotBePlayed(f"order {order_id} has {has} at {price}, not {size}")
        if has:
            yield order_id, min(has, size)
        size -= min(has, size)
        missing = size - sum(units for each, units in level.items() if _is_nobodys(each))
        if missing > 0:
            self._add_nobodys(side, price, missing, "never seen before")
        level = self._levels[side].get(price, {})
        found = [each for each in level if _is_nobodys(each)] if size else []
        for each in reversed(found) if from_last else found:
            if size:
                units = min(size, level[each])
                size -= units
                yield each, units

    # --- commands -----------------------------------------------------------------------------------------------------

    def _add(self, side: str, order_id: OrderId, price: int, size: int, why: str | None = None) -> None:
        self._write("add", order_id, {"side": side, "px": price, "qty": size}, why)
        self._levels[side].setdefault(price, {})[order_id] = size

    def _add_nobodys(self, side: str, price: int, size: int, why: str) -> None:
        self.count(f"orders of nobody: {why}")
        self._add(side, f"nobody-{self._seq + 1}", price, size, why)

    def _reduce(self, side: str, order_id: OrderId, price: int, size: int, why: str | None = None) -> None:
        if size == self._levels[side][price][order_id]:
            self._write("cancel", order_id, {}, why)
        else:
            self._write("reduce", order_id, {"qty": size}, why)
        self._lessen(side, order_id, price, size)

    def _lessen(self, side: str, order_id: OrderId, price: int, size: int) -> None:
        level = self._levels[side][price]
        level[order_id] -= size
        if not level[order_id]:
            del level[order_id]
            self._prices.pop(order_id, None)
            self._shrunk.discard(order_id)
        if not level:
            del self._levels[side][price]

    def _take_out(self, side: str, price: int, size: int) -> None:
        """Units that went while nobody saw it: those of nobody first, the last first."""
        self.count("levels that shrank unseen")
        level = self._levels[side][price]
        last_first = list(reversed(level))
        for each in sorted(last_first, key=lambda each: not _is_nobodys(each)):
            units = min(size, level[each])
            if units:
                size -= units
                self._shrunk.add(each)
                self._reduce(side, each, price, units, "gone unseen")

    def _move_back(self, side: str, price: int, makers: list[OrderId]) -> None:
        """Whoever stands before these goes to the back, until they are the first, in this order."""
        level = self._levels[side][price]
        for place, maker in enumerate(makers):
            while (first := list(level)[place]) != maker:
                self.count("orders that were moved back")
                size = level.pop(first)
                self._write("cancel", first, {}, "moved back")
                self._add(side, first, price, size, "moved back")

    def _write(self, op: str, order_id: OrderId, fields: dict[str, Any], why: str | None = None) -> None:
        self._seq += 1
        self.count("commands")
        command = {"seq": self._seq, "t_ns": self._at, "op": op, "id": order_id} | fields | {"row": self._row}
        self._commands.write(_line(command | ({} if why is None else {"why": why})))

    def _tell(self, expected: dict[str, Any]) -> None:
        self._expected.write(_line(expected))


def _is_nobodys(order_id: OrderId) -> bool:
    return isinstance(order_id, str)


def _line(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode() + "\n"
