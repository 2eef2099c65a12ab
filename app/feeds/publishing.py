"""Messages of feeds onto the topic `market-data`: by symbol, idempotent, once for all that bear the same id."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownTopicOrPartitionError

from app.codecs import Codec
from app.feeds.frames import Observation
from app.registry import FileRegistry
from app.settings import Settings
from app.topics import TOPICS, partition_of

TOPIC = "market-data"
BATCH_BYTES = 128 << 10
MILLISECOND_NS = 1_000_000


class FeedError(Exception):
    """Messages cannot be sent. The message tells why."""


def shifted(message: Observation, by: int, at: int | None = None) -> Observation:
    """The same as if it happened so many ns later, a millisecond at least: another event, whose numbers follow on.

    Numbers move by as much as times: no venue counts more than one change a nanosecond. `at` is another time for it.
    """
    if not by:
        return message
    changes: dict[str, Any] = {"event_id": f"{message.event_id}+{by // MILLISECOND_NS:x}"}
    for name in ("sequence", "first_sequence"):
        value = getattr(message, name, 0)
        if value:
            changes[name] = value + by
    if message.timestamp:
        changes["timestamp"] = message.timestamp + by if at is None else at
    return msgspec.structs.replace(message, **changes)


class Digest:
    """SHA-256 of what was told of each symbol, in its order, whatever came of others in between."""

    def __init__(self) -> None:
        self._symbols: dict[str, Any] = {}

    def add(self, symbol: str, value: bytes) -> None:
        """One more message, as it travels."""
        found = self._symbols.get(symbol)
        if found is None:
            found = self._symbols[symbol] = hashlib.sha256()
        found.update(len(value).to_bytes(4) + value)

    def hexdigest(self) -> str:
        """Of all symbols, by their names."""
        whole = hashlib.sha256()
        for symbol, part in sorted(self._symbols.items()):
            whole.update(symbol.encode() + b"\0" + part.digest())
        return whole.hexdigest()


class Publisher:
    """Sends messages, in order for each symbol; with `place`, in order for all, into the partition of that name.

    A market that is told faster than it was needs the one order: else its instruments are late to each other, for bars
    close by the time of all of them.
    """

    def __init__(self, producer: AIOKafkaProducer, partitions: int, place: str) -> None:
        self._producer, self._partitions, self._place = producer, partitions, place
        self._codec = Codec(FileRegistry())
        self._latest: Any = None
        self._failed: BaseException | None = None
        self.sent = 0
        self.digest = Digest()

    async def send(self, message: Observation) -> None:
        """Hands a message on; waits while the producer has no room. Raises what an earlier one failed with."""
        if self._failed is not None:
            raise self._failed
        value = self._codec.encode(message)
        self.digest.add(message.symbol, value)
        number = partition_of(self._place or message.symbol, self._partitions)
        self._latest = await self._producer.send(TOPIC, value, message.symbol.encode(), partition=number)
        self._latest.add_done_callback(self._done)
        self.sent += 1

    async def flush(self) -> None:
        """Waits until the brokers have all of them."""
        await self._producer.flush()
        if self._failed is not None:
            raise self._failed

    def _done(self, sent: Any) -> None:
        if not sent.cancelled() and sent.exception() is not None:
            self._failed = sent.exception()


@asynccontextmanager
async def publisher(settings: Settings, place: str = "") -> AsyncIterator[Publisher]:
    """A publisher to the Kafka of the settings. Raises FeedError where it has no such topic."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.brokers,
        enable_idempotence=True,
        linger_ms=5,
        max_batch_size=BATCH_BYTES,
        max_request_size=TOPICS[TOPIC].record_bytes_max,
    )
    await producer.start()
    try:
        try:
            partitions = await producer.partitions_for(TOPIC)
        except UnknownTopicOrPartitionError as error:
            raise FeedError(f"no topic {TOPIC}: `faust -A app create-topics` makes it") from error
        opened = Publisher(producer, len(partitions), place)
        yield opened
        await opened.flush()
    finally:
        await producer.stop()
