"""The door through which recordings come into a running system, and where what they bring about is heard."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app import reading
from app.codecs import Codec
from app.feeds.tape import MAKER, TAKER
from app.registry import FileRegistry
from app.settings import Settings
from app.topics import ACCOUNTS, BOOKS, ORDER_COMMANDS, partition_of, partitions_of
from schemas.accounts import DepositFunds
from schemas.enums import InstrumentType, Venue
from schemas.order_books import ListInstrument
from schemas.order_commands import AmendRequest, CancelRequest, NewOrder
from schemas.wire import NANOS, Message

QUIET_S_MAX = 30.0
"""Without a trade for so long the rest is given up."""
LOOK_S = 0.2


class ReplayError(Exception):
    """The system does not take part. The message tells why."""


class Door:
    """One run: the commands of two accounts, which live in one shard, so that all of them keep their order."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, kind: str) -> None:
        self.settings, self._producer = settings, producer
        self.codec = Codec(FileRegistry())
        self.run = f"{kind}-{uuid.uuid4().hex[:12]}"
        """Tells the orders of one run from those of others."""
        self.sent = 0
        counts = [partitions_of(topic, settings.profile) for topic in (ACCOUNTS, ORDER_COMMANDS)]
        self.shard, self._number = (partition_of(MAKER, count) for count in counts)
        assert self.shard == partition_of(TAKER, counts[0]), "one shard, one order"

    async def open_market(self, listing: ListInstrument, purse: int) -> None:
        """Lists the instrument and puts so much of both assets into both purses.

        Raises ReplayError where no worker takes them.
        """
        await self.write(BOOKS, listing.symbol, listing)
        purses = {
            f"{self.run}-{account}-{asset}": (account, asset)
            for account in (MAKER, TAKER)
            for asset in (listing.base, listing.quote)
        }
        for command_id, (account, asset) in purses.items():
            deposit = DepositFunds(account, asset, purse, event_id=command_id, command_id=command_id)
            await self.write(ACCOUNTS, account, deposit)
        accounts = reading.noun_of("accounts")
        try:
            async with reading.reader(self.settings) as log, asyncio.timeout(QUIET_S_MAX):
                while True:
                    rows = (await reading.shard(log, accounts, self.shard)).follower.rows
                    are_filled = all(rows["outcomes"].get(command_id) for command_id in purses)
                    if are_filled and rows["instruments"].get(listing.symbol):
                        return
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise ReplayError("no worker took the instrument and the deposits: is the system running?") from error

    def listing(self, symbol: str, assets: tuple[str, str], tick: int, lot: int) -> ListInstrument:
        """An instrument without fees."""
        return ListInstrument(
            *(symbol, InstrumentType.SPOT, *assets, tick, lot, NANOS, 0, 0, Venue.INTERNAL),
            event_id=self.run,
            command_id=self.run,
        )

    async def write(self, topic: str, key: str, message: Message) -> None:
        """Sends a message, and waits until the broker has it."""
        number = partition_of(key, partitions_of(topic, self.settings.profile))
        await self._producer.send_and_wait(topic, self.codec.encode(message), key.encode(), partition=number)

    async def send(self, command: NewOrder | AmendRequest | CancelRequest) -> Any:
        """Sends a command of one of the two accounts, in order -> what is done when the broker has it."""
        self.sent += 1
        key, value = command.account_id.encode(), self.codec.encode(command)
        return await self._producer.send(ORDER_COMMANDS, value, key, partition=self._number)

    def place_of(self, topic: str, key: str) -> TopicPartition:
        """Where a key of a topic lives."""
        return TopicPartition(topic, partition_of(key, partitions_of(topic, self.settings.profile)))


@asynccontextmanager
async def opened(settings: Settings, kind: str) -> AsyncIterator[Door]:
    """A door to the system that the settings name."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers, enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        yield Door(settings, producer, kind)
    finally:
        await producer.stop()


@asynccontextmanager
async def hearing(settings: Settings, place: TopicPartition) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that hears what is written there from now on."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, auto_offset_reset="none", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([place])
        await seek_to_end(consumer)
        yield consumer
    finally:
        await consumer.stop()


async def seek_to_end(consumer: AIOKafkaConsumer) -> None:
    """What is there already is passed over."""
    for place, end in (await consumer.end_offsets(consumer.assignment())).items():
        consumer.seek(place, end)
