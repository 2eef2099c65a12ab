"""Plays a recording through the whole path of a running system, and compares the trades with the recorded ones."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app import reading
from app.codecs import Codec
from app.feeds.binance import Quote, Trade
from app.feeds.tape import MAKER, TAKER, Tape
from app.registry import FileRegistry
from app.settings import Settings
from app.topics import ACCOUNTS, BOOKS, ORDER_COMMANDS, partition_of, partitions_of
from domain.money import half_even, value_of
from schemas.accounts import DepositFunds
from schemas.enums import InstrumentType, Side, Venue
from schemas.order_books import ListInstrument, TradeExecuted
from schemas.wire import NANOS, Message

PURSE = 10**12 * NANOS
"""Of each asset for each of the two accounts."""
QUIET_S_MAX = 30.0
"""Without a trade for so long the rest is given up."""
LOOK_S = 0.2


class ReplayError(Exception):
    """The system does not take part. The message tells why."""


class Print(NamedTuple):
    """One trade, recorded or made here."""

    price: int
    quantity: int
    taker: Side


class Report(NamedTuple):
    """How the system's trades compare with the recorded ones. Quantities and values in nanos."""

    commands: int
    seconds: float
    recorded: list[Print]
    made: list[Print]

    @property
    def first_difference(self) -> int | None:
        """Index of the first trade that differs; None where all are equal."""
        pairs = zip(self.recorded, self.made, strict=False)
        found = next((index for index, (theirs, ours) in enumerate(pairs) if theirs != ours), None)
        if found is None and len(self.recorded) != len(self.made):
            return min(len(self.recorded), len(self.made))
        return found


def volume(prints: Iterable[Print]) -> int:
    """Base nanos traded."""
    return sum(found.quantity for found in prints)


def value(prints: Iterable[Print]) -> int:
    """Quote nanos traded."""
    return sum(value_of(found.quantity, found.price) for found in prints)


def vwap(prints: list[Print]) -> int:
    """Volume-weighted average price in nanos, rounded to the nearest; 0 where nothing was traded."""
    return half_even(value(prints) * NANOS, volume(prints) or 1)


class Replay:
    """One run over one symbol."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, base: str, quote: str) -> None:
        self._settings, self._producer, self._base, self._quote = settings, producer, base, quote
        self._codec = Codec(FileRegistry())
        self.run = f"feed-{uuid.uuid4().hex[:12]}"
        self.sent = 0

    async def prepare(self, symbol: str) -> None:
        """Lists the instrument and fills the two purses, where that was not done before."""
        shard = partition_of(MAKER, partitions_of(ACCOUNTS, self._settings.profile))
        assert shard == partition_of(TAKER, partitions_of(ACCOUNTS, self._settings.profile)), "one shard, one order"
        await self._send(BOOKS, symbol, self._listing(symbol))
        for account_id in (MAKER, TAKER):
            for asset in (self._base, self._quote):
                command_id = f"feed-purse-{account_id}-{asset}"
                deposit = DepositFunds(
                    account_id=account_id, asset=asset, amount=PURSE, event_id=command_id, command_id=command_id
                )
                await self._send(ACCOUNTS, account_id, deposit)
        accounts = reading.noun_of("accounts")
        async with reading.reader(self._settings) as log, asyncio.timeout(QUIET_S_MAX):
            while True:
                rows = (await reading.shard(log, accounts, shard)).follower.rows
                keys = [f"{account_id}|{asset}" for account_id in (MAKER, TAKER) for asset in (self._base, self._quote)]
                if rows["instruments"].get(symbol) and all(rows["balances"].get(key) for key in keys):
                    return
                await asyncio.sleep(LOOK_S)

    def _listing(self, symbol: str) -> ListInstrument:
        return ListInstrument(
            symbol=symbol,
            instrument_type=InstrumentType.SPOT,
            base=self._base,
            quote=self._quote,
            tick=NANOS // 100,
            lot=NANOS // 10_000,
            multiplier=NANOS,
            maker_fee_rate=0,
            taker_fee_rate=0,
            venue=Venue.INTERNAL,
            event_id=self.run,
            command_id=self.run,
        )

    async def _send(self, topic: str, key: str, message: Message) -> None:
        number = partition_of(key, partitions_of(topic, self._settings.profile))
        await self._producer.send_and_wait(topic, self._codec.encode(message), key.encode(), partition=number)

    async def play(self, events: Iterable[Quote | Trade], speed: float) -> None:
        """Sends the commands of all events, at so many times the recorded speed; 0 means as fast as it goes."""
        number = partition_of(MAKER, partitions_of(ORDER_COMMANDS, self._settings.profile))
        tape, began, first = Tape(self.run), time.monotonic(), None
        last = None
        for event in events:
            first = event.at if first is None else first
            if speed:
                await asyncio.sleep((event.at - first) / NANOS / speed - (time.monotonic() - began))
            for command in tape.play(event):
                key = command.account_id.encode()
                last = await self._producer.send(ORDER_COMMANDS, self._codec.encode(command), key, partition=number)
                self.sent += 1
        for command in tape.pull():
            last = await self._producer.send(
                ORDER_COMMANDS, self._codec.encode(command), command.account_id.encode(), partition=number
            )
            self.sent += 1
        if last is not None:
            await last

    async def trades(self, partition: TopicPartition, start: int, count: int) -> list[Print]:
        """The first `count` trades of this run from `start` on, or those that came before it went quiet."""
        found: list[Print] = []
        async with _consumer(self._settings) as consumer:
            consumer.assign([partition])
            consumer.seek(partition, start)
            while len(found) < count:
                records = (await consumer.getmany(timeout_ms=int(QUIET_S_MAX * 1000))).get(partition, [])
                if not records:
                    return found
                found += [made for record in records if (made := self._print(record.value)) is not None]
        return found

    def _print(self, data: bytes) -> Print | None:
        trade = self._codec.decode(data)
        if not isinstance(trade, TradeExecuted) or not trade.order_id.startswith(f"{self.run}-"):
            return None
        return Print(trade.execution_price, trade.quantity, trade.side)


@asynccontextmanager
async def _consumer(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, auto_offset_reset="none", enable_auto_commit=False)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def replay(
    settings: Settings, events: list[Quote | Trade], symbol: str, assets: tuple[str, str], speed: float
) -> Report:
    """Plays the events under this symbol -> how the trades compare."""
    recorded = [Print(event.price, event.quantity, event.taker) for event in events if isinstance(event, Trade)]
    events = [event._replace(symbol=symbol) for event in events]
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers, enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        run = Replay(settings, producer, *assets)
        try:
            await run.prepare(symbol)
        except TimeoutError as error:
            raise ReplayError("no worker took the instrument and the deposits: is the system running?") from error
        tape = TopicPartition("trade-events", partition_of(symbol, partitions_of("trade-events", settings.profile)))
        async with _consumer(settings) as consumer:
            start = (await consumer.end_offsets([tape]))[tape]
        began = time.monotonic()
        made, _ = await asyncio.gather(run.trades(tape, start, len(recorded)), run.play(events, speed))
    finally:
        await producer.stop()
    return Report(run.sent, time.monotonic() - began, recorded, made)
