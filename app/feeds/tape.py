"""A recorded market as orders: quotes become a maker's on both sides, each trade a maker's and a taker's (D29)."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.enums import OrderType, Side, TimeInForce
from schemas.order_commands import CancelRequest, NewOrder

MAKER, TAKER = "demo-maker", "demo-taker-128"
"""The two accounts live in one shard, however many there are of them: commands of both keep their order (a test holds
it, for 4 partitions and for 50)."""

Command = NewOrder | CancelRequest


class Quote(NamedTuple):
    """The best bid and ask of a moment. Times in ns of the recording's clock, prices and quantities in nanos."""

    at: int
    symbol: str
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


class Trade(NamedTuple):
    """One trade, as the venue told it."""

    at: int
    symbol: str
    trade_id: int
    price: int
    quantity: int
    taker: Side
    """The side of the order that came later."""


class _Quoted(NamedTuple):
    order_id: str
    price: int
    quantity: int


class Tape:
    """Turns what was recorded into commands. All of them go to one partition, in order."""

    def __init__(self, run: str) -> None:
        self.run = run
        """Tells the orders of one run from those of others."""
        self._count = 0
        self._quoted: dict[Side, _Quoted] = {}

    def play(self, event: Quote | Trade) -> Iterator[Command]:
        """Commands that make the event happen here."""
        return self._quote(event) if isinstance(event, Quote) else self._trade(event)

    def pull(self) -> Iterator[Command]:
        """Takes the maker's quotes out of the book."""
        for side in list(self._quoted):
            yield self._cancel(side)

    def is_quoted(self, order_id: str) -> bool:
        """Whether this order is one of the maker's quotes of now."""
        return any(quoted.order_id == order_id for quoted in self._quoted.values())

    def _quote(self, quote: Quote) -> Iterator[Command]:
        wanted = {Side.BUY: (quote.bid, quote.bid_quantity), Side.SELL: (quote.ask, quote.ask_quantity)}
        changed = [side for side, terms in wanted.items() if self._terms(side) != terms]
        # All that goes, goes first: a new bid may lie above the old ask.
        for side in changed:
            if side in self._quoted:
                yield self._cancel(side)
        for side in changed:
            price, quantity = wanted[side]
            order = self._order(MAKER, quote.symbol, side, price, quantity, TimeInForce.GTC)
            assert order.order_id is not None
            self._quoted[side] = _Quoted(order.order_id, price, quantity)
            yield order

    def _terms(self, side: Side) -> tuple[int, int] | None:
        quoted = self._quoted.get(side)
        return None if quoted is None else (quoted.price, quoted.quantity)

    def _trade(self, trade: Trade) -> Iterator[Command]:
        for side, quoted in list(self._quoted.items()):
            if quoted.price >= trade.price if side is Side.BUY else quoted.price <= trade.price:
                yield self._cancel(side)
        maker_side = Side.SELL if trade.taker is Side.BUY else Side.BUY
        terms = (trade.price, trade.quantity)
        yield self._order(MAKER, trade.symbol, maker_side, *terms, TimeInForce.GTC)
        yield self._order(TAKER, trade.symbol, trade.taker, *terms, TimeInForce.IOC)

    def _cancel(self, side: Side) -> CancelRequest:
        order_id = self._quoted.pop(side).order_id
        return CancelRequest(order_id=order_id, account_id=MAKER, event_id=self._next_id())

    def _order(
        self, account_id: str, symbol: str, side: Side, price: int, quantity: int, time_in_force: TimeInForce
    ) -> NewOrder:
        order_id = self._next_id()
        return NewOrder(
            account_id=account_id,
            symbol=symbol,
            side=side,
            order_type=OrderType.LIMIT,
            quantity=quantity,
            limit_price=price,
            time_in_force=time_in_force,
            order_id=order_id,
            event_id=order_id,
        )

    def _next_id(self) -> str:
        self._count += 1
        return f"{self.run}-{self._count}"
