"""Recorded order flow on one book: the machine of books alone, driven as its shard drives it."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from app import reading
from app.feeds.order_flow import Add, Cancel, Command, Fill, Level, Modify, OrderId, Reduce, Take
from app.machine import Place
from domain.levels import Levels
from domain.resting import RestingOrder
from domain.trades import Traded
from schemas.enums import InstrumentType, OrderType, Side, TimeInForce, Venue
from schemas.order_books import (
    CancelRestingOrder,
    EnterOrder,
    InstrumentListed,
    ReduceOrder,
    ReplaceOrder,
)
from schemas.wire import NANOS

SYMBOL, ACCOUNT = "RECORDED", "recorded"
SIDES = {"B": Side.BUY, "S": Side.SELL}
Row = TypeVar("Row")


class RowsInMemory(Generic[Row]):
    """A table of which nothing is ever taken back."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def get(self, key: str) -> Row | None:
        """The row, or None."""
        return self._rows.get(key)

    def put(self, key: str, row: Row) -> None:
        """Writes the row."""
        self._rows[key] = row

    def delete(self, key: str) -> None:
        """Removes the row, if it is there."""
        self._rows.pop(key, None)

    def scan(self, prefix: str = "") -> Iterator[tuple[str, Row]]:
        """Rows whose key begins with `prefix`, in key order."""
        yield from sorted(item for item in self._rows.items() if item[0].startswith(prefix))


class NotThere(LookupError):  # noqa: N818 - what it is
    """The command is about an order that is not in the book, or adds one that is."""


class Outcome(NamedTuple):
    """What a command brought about."""

    fills: tuple[Fill, ...]
    fault: tuple[str, Any, Any] | None = None
    """Where it did something else than it says of itself: of what, what it says, and what it did."""


class FlowBook:
    """A book of which nobody else knows."""

    def __init__(self) -> None:
        noun = reading.noun_of("order_books")
        self._decide, self._evolve, self._own = noun.decide, noun.evolve, frozenset(noun.commands)
        tables: Mapping[str, Any] = {name: RowsInMemory() for name in noun.tables}
        self._state = noun.state(tables, Place(0, {"accounts": 1}))
        listed = InstrumentListed(
            *(SYMBOL, InstrumentType.SPOT, "BASE", "QUOTE", 1, 1, NANOS * NANOS, 0, 0, Venue.INTERNAL)
        )
        self._evolve(self._state, listed)
        self._book = self._state.book(SYMBOL)
        self._count = 0
        self._plays: dict[type, Callable[[Any, Any], Outcome]] = {
            Add: self._add,
            Take: self._take,
            Reduce: self._reduce,
            Cancel: self._cancel,
            Modify: self._modify,
        }

    def play(self, command: Command) -> Outcome:
        """Brings the command into the book. Raises NotThere."""
        self._state.now = max(self._state.now, command.t_ns)
        order = self.find(command.id)
        if (order is None) is not isinstance(command, Add | Take):
            raise NotThere(f"order {command.id!r} is {'not ' if order is None else ''}in the book")
        return self._plays[type(command)](command, order)

    def find(self, recorded: OrderId) -> RestingOrder | None:
        """The order that was recorded under this id, while it is in the book."""
        found: RestingOrder | None = self._book.orders.get(_name(recorded))
        return found

    def top(self, depth: int | None = None) -> tuple[list[Level], list[Level]]:
        """So many levels from the best on, or all of them: bids, then asks."""
        return _levels(self._book.bids, depth), _levels(self._book.asks, depth)

    def _enter(self, command: Add | Take, in_force: TimeInForce) -> tuple[Fill, ...]:
        self._count += 1
        side, name = SIDES[command.side], _name(command.id)
        return self._run(
            EnterOrder(
                *(name, ACCOUNT, SYMBOL, self._count, side, OrderType.LIMIT, command.qty, in_force, 0, 0),
                limit_price=command.px,
            )
        )

    def _add(self, command: Add, _order: None) -> Outcome:
        return Outcome(self._enter(command, TimeInForce.GTC))

    def _take(self, command: Take, _order: None) -> Outcome:
        fills = self._enter(command, TimeInForce.IOC)
        left = command.qty - sum(fill.qty for fill in fills)
        return Outcome(fills, ("left of the order", 0, left) if left else None)

    def _reduce(self, command: Reduce, order: RestingOrder) -> Outcome:
        return Outcome(self._run(ReduceOrder(order.order_id, ACCOUNT, SYMBOL, command.qty)))

    def _cancel(self, _command: Cancel, order: RestingOrder) -> Outcome:
        return Outcome(self._run(CancelRestingOrder(order.order_id, ACCOUNT, SYMBOL)))

    def _modify(self, command: Modify, order: RestingOrder) -> Outcome:
        filled = order.quantity - order.leaves
        fills = self._run(ReplaceOrder(order.order_id, ACCOUNT, SYMBOL, filled + command.qty, command.px))
        after = self.find(command.id)
        keeps = after is not None and after.priority == order.priority
        return Outcome(fills, None if keeps is command.keep else ("keep", command.keep, keeps))

    def _run(self, command: Any) -> tuple[Fill, ...]:
        """The command, and what the shard sends to itself."""
        own, fills = [command], []
        for each in own:
            for event in self._decide(self._state, each):
                self._evolve(self._state, event)
                if isinstance(event, Traded):
                    fills.append(_fill(event))
                elif type(event) in self._own:
                    own.append(event)
        return tuple(fills)


def _fill(trade: Traded) -> Fill:
    maker = trade.maker.order_id
    return Fill(maker[1:] if maker.startswith("s") else int(maker), trade.row.price, trade.row.quantity)


def _name(recorded: OrderId) -> str:
    """Of an order in the book: 1 and "1" are two."""
    return f"s{recorded}" if isinstance(recorded, str) else str(recorded)


def _levels(side: Levels[RestingOrder], depth: int | None) -> list[Level]:
    return [(price, sum(order.leaves for order in level.values())) for price, level in islice(side.from_best(), depth)]
