"""Recorded order flow through the whole system: its public door, accounts, books, and the trades that it tells.

A book of its own, which nobody disturbs, plays along: it knows what of an order is filled when the next command about
it goes out, and it is compared with the record step by step. The system is compared with both.
"""

import asyncio
import time
from collections import deque
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer

from app import reading
from app.feeds.door import LOOK_S, QUIET_S_MAX, Door, ReplayError, hearing, opened, seek_to_end
from app.feeds.flow_replay import NOTHING, Comparison, Difference, Step
from app.feeds.order_flow import Add, Cancel, Fill, Level, Modify, OrderId, Reduce, Take
from app.feeds.tape import MAKER, TAKER
from app.settings import Settings
from app.topics import ACCOUNTS
from domain.money import AMOUNT_MAX
from domain.new_terms import AMENDS_PENDING_MAX
from domain.resting import RestingOrder
from schemas.accounts import CancelOpenOrders, OrderEvent
from schemas.enums import OrderStatus, OrderType, ReasonCode, Side, TimeInForce
from schemas.order_books import TradeExecuted
from schemas.order_commands import AmendRequest, CancelRequest, NewOrder
from schemas.wire import NANOS

TICK, LOT = 1, NANOS
"""What one of the record's units is: so prices and quantities may be as large as anywhere in the system."""
ASSETS = ("FLOW-UNITS", "FLOW-MONEY")
PURSE = AMOUNT_MAX // 4
FILLS_AHEAD_MAX = 10_000
"""Fills that are expected and not yet made: then sending waits."""
SIDES = {"B": Side.BUY, "S": Side.SELL}


class Wanted(NamedTuple):
    """A trade as the record expects it, under the names that its orders have in the system."""

    seq: int
    maker: str
    fill: Fill


class SystemReplay:
    """One recording on its way through the system."""

    def __init__(self, door: Door, comparison: Comparison, symbol: str) -> None:
        self._door, self._symbol, self.comparison = door, symbol, comparison
        self.trades = self.trades_equal = 0
        """Expected ones, and those of them that were made at their place."""
        self.first_difference: Difference | None = None
        self.seconds = 0.0
        self._names: dict[OrderId, str] = {}
        """Of the orders in the book, in the system."""
        self._amends: dict[str, int] = {}
        """How many may not have been answered yet."""
        self._wanted: asyncio.Queue[Wanted | None] = asyncio.Queue(FILLS_AHEAD_MAX)
        self._made: deque[TradeExecuted] = deque()
        self._syncs = 0

    @property
    def is_equal(self) -> bool:
        """Whether all is as expected, on the book alone and in the system."""
        return self.first_difference is None and self.comparison.is_equal

    async def run(self) -> None:
        """All of it. Raises FlowError and ReplayError."""
        door, settings = self._door, self._door.settings
        await door.open_market(door.listing(self._symbol, ASSETS, TICK, LOT), PURSE)
        async with (
            hearing(settings, door.place_of("order-events", MAKER)) as orders,
            hearing(settings, door.place_of("trade-events", self._symbol)) as trades,
        ):
            await self._clear(orders)
            await self._play(orders, trades)
        await self._compare_book()
        await self._cancel_all()

    async def _play(self, orders: AIOKafkaConsumer, trades: AIOKafkaConsumer) -> None:
        began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._compare(trades))
                await self._send(orders)
                await self._synchronised(orders)
                self.seconds = time.monotonic() - began
                await self._wanted.put(None)
        except ExceptionGroup as error:
            raise error.exceptions[0] from error

    async def _clear(self, orders: AIOKafkaConsumer) -> None:
        """Takes out what a run that was broken off has left."""
        await self._cancel_all()
        await self._synchronised(orders)
        bids, asks = (await self._book())[0]
        if bids or asks:
            raise ReplayError(f"the book of {self._symbol} has orders of others: name another symbol")

    async def _cancel_all(self) -> None:
        command_id = f"{self._door.run}-clear-{self._syncs}"
        command = CancelOpenOrders(MAKER, self._symbol, event_id=command_id, command_id=command_id)
        await self._door.write(ACCOUNTS, MAKER, command)

    async def _synchronised(self, orders: AIOKafkaConsumer) -> None:
        """Waits until all that was sent has been decided by accounts and books.

        An order whose time is over goes all the way behind it: its book refuses it.
        """
        self._syncs += 1
        self._amends.clear()
        await seek_to_end(orders)
        order_id = f"{self._door.run}-sync-{self._syncs}"
        late = NewOrder(
            *(MAKER, self._symbol, Side.BUY, OrderType.LIMIT, LOT, TICK),
            time_in_force=TimeInForce.GTD,
            expires_at=1,
            order_id=order_id,
            event_id=order_id,
        )
        await self._door.send(late)
        name, codec = order_id.encode(), self._door.codec
        while batches := await orders.getmany(timeout_ms=int(QUIET_S_MAX * 1000)):
            for record in (record for records in batches.values() for record in records if name in record.value):
                event = codec.decode(record.value)
                assert isinstance(event, OrderEvent)
                if event.status is OrderStatus.REJECTED:
                    if event.reason_code is not ReasonCode.EXPIRE_IN_PAST:
                        raise ReplayError(f"an order was refused: {event.reason_code}")
                    return
        raise ReplayError(f"nothing was heard of any order for {QUIET_S_MAX:.0f} s: is the system running?")

    # --- the way in ---------------------------------------------------------------------------------------------------

    async def _send(self, orders: AIOKafkaConsumer) -> None:
        for step in self.comparison.steps():
            command = self._public(step)
            if isinstance(command, AmendRequest):
                count = self._amends[command.order_id] = self._amends.get(command.order_id, 0) + 1
                if count >= AMENDS_PENDING_MAX or len(self._amends) > FILLS_AHEAD_MAX:
                    await self._synchronised(orders)
            await self._door.send(command)
            for fill in step.fills:
                await self._wanted.put(Wanted(step.command.seq, self._names.get(fill.maker, NOTHING), fill))
            for recorded in [step.command.id, *(fill.maker for fill in step.fills)]:
                if self.comparison.book.find(recorded) is None:
                    self._names.pop(recorded, None)

    def _public(self, step: Step) -> NewOrder | AmendRequest | CancelRequest:
        """The command in the words of the public door."""
        command, order = step.command, step.order
        name, event_id = self._names.get(command.id, NOTHING), f"{self._door.run}-{command.seq}"
        if isinstance(command, Add | Take):
            if isinstance(command, Add):
                self._names[command.id] = event_id
            return self._entered(command, event_id)
        assert order is not None
        if isinstance(command, Cancel) or (isinstance(command, Reduce) and command.qty >= order.leaves):
            return CancelRequest(account_id=MAKER, order_id=name, event_id=event_id)
        quantity, price = _new_terms(command, order)
        return AmendRequest(account_id=MAKER, order_id=name, quantity=quantity, limit_price=price, event_id=event_id)

    def _entered(self, command: Add | Take, order_id: str) -> NewOrder:
        is_add = isinstance(command, Add)
        return NewOrder(
            *(MAKER if is_add else TAKER, self._symbol, SIDES[command.side], OrderType.LIMIT),
            *(command.qty * LOT, command.px * TICK),
            time_in_force=TimeInForce.GTC if is_add else TimeInForce.IOC,
            order_id=order_id,
            event_id=order_id,
        )

    # --- what comes out -----------------------------------------------------------------------------------------------

    async def _compare(self, trades: AIOKafkaConsumer) -> None:
        seq = 0
        while (wanted := await self._wanted.get()) is not None:
            self.trades, seq = self.trades + 1, wanted.seq
            made = await self._next(trades, QUIET_S_MAX if self.first_difference is None else LOOK_S)
            found = NOTHING if made is None else _found(made)
            expected = (wanted.maker, wanted.fill.px, wanted.fill.qty)
            if expected == found:
                self.trades_equal += 1
            else:
                self._differ(Difference(seq, f"trades[{self.trades - 1}]", expected, found))
        more = await self._next(trades, LOOK_S)
        if more is not None:
            self._differ(Difference(seq, f"trades[{self.trades}]", NOTHING, _found(more)))

    async def _next(self, trades: AIOKafkaConsumer, within_s: float) -> TradeExecuted | None:
        while not self._made:
            batches = await trades.getmany(timeout_ms=int(within_s * 1000))
            if not batches:
                return None
            for record in (record for records in batches.values() for record in records):
                trade = self._door.codec.decode(record.value)
                if isinstance(trade, TradeExecuted) and trade.order_id.startswith(f"{self._door.run}-"):
                    self._made.append(trade)
        return self._made.popleft()

    async def _compare_book(self) -> None:
        expected = self.comparison.book.top()
        deadline = time.monotonic() + QUIET_S_MAX
        found, lag = await self._book()
        while found != expected and lag and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_S)
            found, lag = await self._book()
        if found != expected:
            self._differ(Difference(self.comparison.commands - 1, "the book at the end", expected, found))

    async def _book(self) -> tuple[tuple[list[Level], list[Level]], int]:
        """The system's book by levels, and how far what is durable is behind."""
        number = self._door.place_of("order-books-inbox", self._symbol).partition
        async with reading.reader(self._door.settings) as log:
            shard = await reading.shard(log, reading.noun_of("order_books"), number)
        sides: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        for _, order in shard.follower.rows["orders"].scan(f"{self._symbol}|"):
            levels, price = sides[order.side], order.limit_price // TICK
            levels[price] = levels.get(price, 0) + order.leaves // LOT
        return (sorted(sides[Side.BUY].items(), reverse=True), sorted(sides[Side.SELL].items())), shard.lag

    def _differ(self, difference: Difference) -> None:
        self.first_difference = self.first_difference or difference


def _new_terms(command: Modify | Reduce, order: RestingOrder) -> tuple[int, int]:
    """Total quantity and price."""
    if isinstance(command, Reduce):
        return (order.quantity - command.qty) * LOT, order.limit_price * TICK
    return (order.quantity - order.leaves + command.qty) * LOT, command.px * TICK


def _found(trade: TradeExecuted) -> tuple[str, int, int]:
    """Maker, price, quantity."""
    maker = trade.sell_order_id if trade.side is Side.BUY else trade.buy_order_id
    return maker, trade.price // TICK, trade.quantity // LOT


async def replay_through(settings: Settings, comparison: Comparison, symbol: str) -> SystemReplay:
    """Plays a recording on the system that the settings name. Raises FlowError and ReplayError."""
    async with opened(settings, "flow") as door:
        replay = SystemReplay(door, comparison, symbol)
        await replay.run()
        return replay
