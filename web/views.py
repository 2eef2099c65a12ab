"""Views that follow the replicas: lists in order, books by price, sums of ledgers."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from heapq import merge
from typing import Any, NamedTuple

from app.reading import SYSTEM_ACCOUNTS
from domain.account_rows import FINAL, Balance, Order
from domain.positions import Position
from domain.resting import RestingOrder
from domain.trades import TradeRow
from schemas.enums import Side
from tables.accounts import NOUN as ACCOUNTS
from tables.order_books import NOUN as ORDER_BOOKS
from tables.positions import NOUN as POSITIONS
from web.replicas import View


class Sequence:
    """Numbers of one shard in rising order, whose entries may vanish."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._keys: dict[int, str] = {}

    def add(self, number: int, key: str) -> None:
        """Adds an entry, or leaves it as it is."""
        if number in self._keys:
            return
        self._keys[number] = key
        if self._numbers and number < self._numbers[-1]:
            self._numbers.insert(bisect_right(self._numbers, number), number)
        else:
            self._numbers.append(number)

    def remove(self, number: int) -> None:
        """Takes an entry out."""
        self._keys.pop(number, None)
        if len(self._numbers) > 2 * len(self._keys) + 100:
            self._numbers = sorted(self._keys)

    def after(self, number: int) -> Iterator[tuple[int, str]]:
        """Entries with higher numbers."""
        for position in range(bisect_right(self._numbers, number), len(self._numbers)):
            found = self._numbers[position]
            key = self._keys.get(found)
            if key is not None:
                yield found, key

    def newest(self, count: int) -> list[str]:
        """The entries with the highest numbers, in rising order."""
        last = [key for number in self._numbers[-count:] if (key := self._keys.get(number)) is not None]
        return last[-count:]

    def get(self, number: int) -> str | None:
        """The entry with this number."""
        return self._keys.get(number)

    def last(self) -> int:
        """The highest number there was; 0 where there was none."""
        return self._numbers[-1] if self._numbers else 0


class Sums(NamedTuple):
    """One asset over all shards, in nanos."""

    users: int
    clearing: int
    fees: int
    house: int
    """Of the other side of trades at the venue SIM: below zero for what it sold."""
    external: int
    reserved: int
    held: int
    """What the open orders say is held."""

    @property
    def imbalance(self) -> int:
        """Zero, or money was made or lost."""
        return self.users + self.clearing + self.fees + self.house + self.external


class AccountsView(View):
    """Orders in order of their numbers, and the ledger."""

    noun = ACCOUNTS

    def __init__(self) -> None:
        self.handlers = {"orders": self._order, "balances": self._balance}
        self.orders: defaultdict[int, Sequence] = defaultdict(Sequence)
        self.of_account: defaultdict[str, Sequence] = defaultdict(Sequence)
        self.alive: defaultdict[str, dict[str, None]] = defaultdict(dict)
        """Ids of the open orders of each account."""
        self._known: defaultdict[int, dict[str, tuple[int, str, str, int]]] = defaultdict(dict)
        self._balances: defaultdict[int, defaultdict[str, dict[str, Balance]]] = defaultdict(lambda: defaultdict(dict))
        self._sums: defaultdict[tuple[int, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.listeners: list[Callable[[Order], None]] = []

    def forget(self, partition: int) -> None:
        """A shard's rows come anew."""
        for order_id, (number, account_id, _, _) in self._known.pop(partition, {}).items():
            self.of_account[account_id].remove(number)
            self.alive[account_id].pop(order_id, None)
        self.orders.pop(partition, None)
        self._balances.pop(partition, None)
        for key in [key for key in self._sums if key[0] == partition]:
            del self._sums[key]

    def _order(self, partition: int, order_id: str, order: Order | None) -> None:
        known = self._known[partition].pop(order_id, None)
        if known is not None:
            self._sums[partition, known[2]]["held"] -= known[3]
        if order is None:
            if known is not None:
                self.orders[partition].remove(known[0])
                self.of_account[known[1]].remove(known[0])
                self.alive[known[1]].pop(order_id, None)
            return
        self._known[partition][order_id] = (order.order_number, order.account_id, order.held_asset, order.held)
        self._sums[partition, order.held_asset]["held"] += order.held
        self.orders[partition].add(order.order_number, order_id)
        self.of_account[order.account_id].add(order.order_number, order_id)
        if order.status in FINAL:
            self.alive[order.account_id].pop(order_id, None)
        else:
            self.alive[order.account_id][order_id] = None
        for listener in self.listeners:
            listener(order)

    def _balance(self, partition: int, key: str, balance: Balance | None) -> None:
        account_id, _, asset = key.partition("|")
        kind = SYSTEM_ACCOUNTS.get(account_id, "users")
        sums = self._sums[partition, asset]
        assets = self._balances[partition][account_id]
        before = assets.pop(asset, None)
        if before is not None:
            sums[kind] -= before.total
            sums["reserved"] -= before.reserved
        if balance is not None:
            assets[asset] = balance
            sums[kind] += balance.total
            sums["reserved"] += balance.reserved

    def assets_of(self, partition: int, account_id: str) -> dict[str, Balance]:
        """The balances of one account by asset."""
        return dict(sorted(self._balances[partition][account_id].items()))

    def ledger(self) -> dict[str, Sums]:
        """Sums by asset over all shards."""
        assets = sorted({asset for _, asset in self._sums if asset})
        return {asset: self._total(asset) for asset in assets}

    def _total(self, asset: str) -> Sums:
        parts = [sums for (_, found), sums in self._sums.items() if found == asset]
        return Sums(*[sum(part[field] for part in parts) for field in Sums._fields])

    def imbalance(self) -> int:
        """Sum of all deviations from zero, shard by shard: each ledger is exact by itself."""
        deviations = 0
        for sums in self._sums.values():
            deviations += abs(sum(sums[kind] for kind in ("users", *SYSTEM_ACCOUNTS.values())))
            deviations += abs(sums["reserved"] - sums["held"])
        return deviations


class PositionsView(View):
    """Positions by account."""

    noun = POSITIONS

    def __init__(self) -> None:
        self.handlers = {"positions": self._position}
        self._positions: defaultdict[int, defaultdict[str, dict[str, Position]]] = defaultdict(
            lambda: defaultdict(dict)
        )

    def forget(self, partition: int) -> None:
        """A shard's rows come anew."""
        self._positions.pop(partition, None)

    def _position(self, partition: int, key: str, position: Position | None) -> None:
        account_id, _, symbol = key.partition("|")
        self._positions[partition][account_id].pop(symbol, None)
        if position is not None:
            self._positions[partition][account_id][symbol] = position

    def of_account(self, partition: int, account_id: str) -> dict[str, Position]:
        """The positions of one account by symbol."""
        return dict(sorted(self._positions[partition][account_id].items()))


class Depth:
    """Units by price, of one symbol."""

    def __init__(self) -> None:
        self.bids: defaultdict[int, int] = defaultdict(int)
        self.asks: defaultdict[int, int] = defaultdict(int)
        self.sequence = 0
        """Of the order that rested last."""

    def change(self, side: Side, price: int, units: int) -> None:
        """Adds units at a price."""
        levels = self.bids if side is Side.BUY else self.asks
        levels[price] += units
        if not levels[price]:
            del levels[price]

    def top(self, depth: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The best levels of both sides, best first."""
        bids = sorted(self.bids.items(), reverse=True)[:depth]
        return bids, sorted(self.asks.items())[:depth]


class BooksView(View):
    """Books by price, and trades in order."""

    noun = ORDER_BOOKS

    def __init__(self) -> None:
        self.handlers = {"orders": self._order, "trades": self._trade}
        self.depths: defaultdict[str, Depth] = defaultdict(Depth)
        self.trades: defaultdict[int, Sequence] = defaultdict(Sequence)
        self._orders: defaultdict[int, dict[str, RestingOrder]] = defaultdict(dict)
        self._numbers: defaultdict[int, dict[str, int]] = defaultdict(dict)
        """Of the trade in each row: a new trade takes the row of the oldest."""
        self.listeners: list[Callable[[TradeRow], None]] = []

    def forget(self, partition: int) -> None:
        """A shard's rows come anew."""
        for order in self._orders.pop(partition, {}).values():
            self.depths[order.symbol].change(order.side, order.limit_price, -order.tradable)

    def _order(self, partition: int, key: str, order: RestingOrder | None) -> None:
        before = self._orders[partition].pop(key, None)
        if before is not None:
            self.depths[before.symbol].change(before.side, before.limit_price, -before.tradable)
        if order is not None:
            self._orders[partition][key] = order
            depth = self.depths[order.symbol]
            depth.change(order.side, order.limit_price, order.tradable)
            depth.sequence = max(depth.sequence, order.priority)

    def _trade(self, partition: int, key: str, trade: TradeRow | None) -> None:
        """New trades go out once: rows that copy-forward writes again have numbers that were seen."""
        trades, numbers = self.trades[partition], self._numbers[partition]
        before, number = numbers.pop(key, 0), 0 if trade is None else int(trade.trade_id)
        if before != number:
            trades.remove(before)
        if trade is None:
            return
        numbers[key] = number
        is_new = number > trades.last()
        trades.add(number, key)
        if is_new:
            for listener in self.listeners:
                listener(trade)


def in_order(
    sequences: dict[int, Sequence],
    positions: dict[int, int],
    row: Callable[[int, str], Any],
    time: Callable[[Any], int],
) -> Iterator[tuple[int, int, Any]]:
    """Entries of all shards in order of time, each shard from its own position on -> partition, number, row.

    A position for each shard makes a cursor that neither skips nor repeats while entries arrive in all of them.
    """

    def of_shard(partition: int) -> Iterator[tuple[int, int, int, Any]]:
        for number, key in sequences[partition].after(positions.get(partition, 0)):
            found = row(partition, key)
            if found is not None:
                yield time(found), partition, number, found

    for _, partition, number, found in merge(
        *[of_shard(partition) for partition in sorted(sequences)], key=lambda e: e[:3]
    ):
        yield partition, number, found
