"""What a chaos run sends: commands of many accounts on many symbols, the same ones for the same seed."""

import asyncio
import itertools
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from examples import BUY, CENT, SELL, listing
from venues import door_of

from app.codecs import Codec
from app.exactly_once.log import Partition
from app.registry import FileRegistry
from app.settings import Profile
from app.topics import INBOXES, partition_of, partitions_of
from schemas.accounts import AmendOrder, CancelOrder, DepositFunds, PlaceOrder, WithdrawFunds
from schemas.enums import OrderType, TimeInForce
from schemas.order_books import ListInstrument
from schemas.order_commands import AmendRequest, CancelRequest, NewOrder
from schemas.wire import NANOS, Message

ACCOUNTS, SYMBOLS = 60, 9
MID = 10_000
"""Cents: prices lie around it."""
LOT = NANOS // 1_000
ASIDE_EVERY = 32
"""Commands between two looks at the clock."""


class Load:
    """Traders, as they come to the mind of one seed."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.accounts = [f"account-{number}" for number in range(ACCOUNTS)]
        self.listings = [
            listing(symbol=f"C{number}USD", base=f"C{number}", quote="USD", maker_fee_rate=100_000, taker_fee_rate=333)
            for number in range(SYMBOLS)
        ]
        self._orders: list[tuple[str, str]] = []
        self._numbers = itertools.count(1)
        self._last: Message | None = None

    def opening(self) -> Iterator[Message]:
        """Instruments, then money and things to sell for everybody."""
        for found in self.listings:
            yield self._named(found)
        for account in self.accounts:
            yield self._named(DepositFunds(account, "USD", 10_000_000 * NANOS))
            for found in self.listings:
                yield self._named(DepositFunds(account, found.base, 100_000 * NANOS))

    def command(self) -> Message:
        """Whatever comes next; one in fifty comes twice."""
        if self._last is not None and self.rng.random() < 0.02:
            return self._last
        kind = self.rng.choices((self._place, self._cancel, self._amend, self._money), (64, 19, 14, 3))[0]
        self._last = self._named(kind())
        return self._last

    def _named(self, command: Any) -> Message:
        name = f"chaos-{next(self._numbers)}"
        found = msgspec.structs.replace(command, event_id=name, command_id=name)
        assert isinstance(found, Message)
        return found

    def _place(self) -> Message:
        rng, order = self.rng, f"order-{len(self._orders)}"
        account, symbol = rng.choice(self.accounts), rng.choice(self.listings).symbol
        self._orders.append((order, account))
        side = rng.choice((BUY, SELL))
        price = (MID + rng.randint(-12, 4) * (1 if side is BUY else -1)) * CENT
        is_market = rng.random() < 0.08
        kind = OrderType.MARKET if is_market else OrderType.LIMIT
        terms = {
            "order_id": order,
            "account_id": account,
            "symbol": symbol,
            "side": side,
            "order_type": kind,
            "quantity": LOT * rng.choice((1, 10, 500, 1_000, 2_500)),
            "limit_price": None if is_market else price,
            "time_in_force": rng.choices((TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK), (70, 15, 15))[0],
        }
        if self._by_the_public_door():
            return NewOrder(**terms)
        return PlaceOrder(**terms, source="test", stop_price=None, client_order_id=None)

    def _by_the_public_door(self) -> bool:
        return self.rng.random() < 0.15

    def _known(self) -> tuple[str, str]:
        """An order, mostly one of the last, of which some rest, some are done, and some are on their way."""
        count = len(self._orders)
        return self._orders[-self.rng.randint(1, min(count, 400))] if count else ("none", self.accounts[0])

    def _cancel(self) -> Message:
        order, account = self._known()
        kind = CancelRequest if self._by_the_public_door() else CancelOrder
        return kind(order_id=order, account_id=account)

    def _amend(self) -> Message:
        rng, (order, account) = self.rng, self._known()
        kind = AmendRequest if self._by_the_public_door() else AmendOrder
        quantity = LOT * rng.choice((5, 50, 1_500, 3_000)) if rng.random() < 0.7 else None
        price = (MID + rng.randint(-8, 8)) * CENT if rng.random() < 0.7 else None
        return kind(order_id=order, account_id=account, quantity=quantity, limit_price=price)

    def _money(self) -> Message:
        kind = self.rng.choice((DepositFunds, WithdrawFunds))
        return kind(self.rng.choice(self.accounts), "USD", self.rng.randint(1, 10**6) * LOT)


class Sender:
    """Sends a load, idempotently, as far and as fast as it is allowed to."""

    def __init__(self, bootstrap: str, load: Load, count: int) -> None:
        self.load, self.total = load, count
        self.sent: defaultdict[Partition, list[str]] = defaultdict(list)
        """Ids of the commands that went to each inbox, in order."""
        self.count = 0
        self._bootstrap = bootstrap
        self._codec = Codec(FileRegistry())
        self._legs: deque[tuple[int, float]] = deque()
        self._hurried = asyncio.Event()
        """The leg that is under way keeps to its rate no more."""
        self._failure: BaseException | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        """Opens the market, then sends in the background."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, enable_idempotence=True, request_timeout_ms=180_000, linger_ms=2
        )
        async with self._producer:
            await self._open()
            sending = asyncio.create_task(self._run(), name="sender")
            try:
                yield sending
            finally:
                sending.cancel()

    async def _open(self) -> None:
        for command in self.load.opening():
            await self._send(command)
        await self._producer.flush()

    def allow(self, count: int, rate: float) -> None:
        """Lets so many more go out, so many a second."""
        self._legs.append((count, rate))

    def hurry(self, rate: float) -> None:
        """What is left of the leg that is under way goes out at once, and all others at this rate at least."""
        self._hurried.set()
        self._legs = deque((count, max(rate, slower)) for count, slower in self._legs)

    async def reached(self, count: int) -> None:
        """Returns when so many were handed to the producer."""
        while self.count < min(count, self.total):
            self.check()
            await asyncio.sleep(0.01)

    async def _run(self) -> None:
        while self.count < self.total:
            if self._legs:
                await self._go(*self._legs.popleft())
            else:
                await asyncio.sleep(0.01)
        await self._producer.flush()
        self.check()

    async def _go(self, count: int, rate: float) -> None:
        self._hurried.clear()
        began = time.monotonic()
        for number in range(min(count, self.total - self.count)):
            await self._send(self.load.command())
            if number % ASIDE_EVERY == 0:
                await self._wait_until(began + number / rate)

    async def _wait_until(self, due: float) -> None:
        left = due - time.monotonic()
        if left <= 0 or self._hurried.is_set():
            await asyncio.sleep(0)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), left)

    def check(self) -> None:
        """Nothing that was sent is lost before it reached the broker."""
        assert self._failure is None, f"the sender lost a command: {self._failure!r}"

    async def _send(self, command: Message) -> None:
        noun, key = door_of(command)
        assert key is not None
        number = partition_of(key, partitions_of(INBOXES[noun], Profile.TEST))
        inbox = Partition(INBOXES[noun], number)
        value = self._codec.encode(msgspec.structs.replace(command, timestamp=time.time_ns()))
        acknowledged = await self._producer.send(inbox.topic, value, key.encode(), partition=number)
        acknowledged.add_done_callback(self._look)
        self.sent[inbox].append(command.command_id)  # type: ignore[attr-defined]
        self.count += not isinstance(command, ListInstrument)

    def _look(self, acknowledged: "asyncio.Future[Any]") -> None:
        self._failure = self._failure or acknowledged.exception()
