"""What operators do to shards from outside the workers."""

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.exactly_once.adopt import Adoption, adopt
from app.exactly_once.changelog import changelog_of
from app.exactly_once.fatal import fatal
from app.exactly_once.kafka import KafkaLog
from app.exactly_once.log import Partition
from app.exactly_once.producer import IdempotentProducer
from app.settings import Settings
from app.topics import INBOXES, partitions_of


class NoSuchShard(Exception):  # noqa: N818 - what it is
    """There is no shard of this name."""


def shard_named(name: str, settings: Settings) -> Partition:
    """The shard of a name like accounts-inbox-3. Raises NoSuchShard."""
    found = re.fullmatch(r"(.+)-(\d+)", name)
    if found is None or found[1] not in INBOXES.values() or int(found[2]) >= partitions_of(found[1], settings.profile):
        names = ", ".join(f"{topic}-0…{partitions_of(topic, settings.profile) - 1}" for topic in INBOXES.values())
        raise NoSuchShard(f"{name} is no shard; shards are {names}")
    return Partition(found[1], int(found[2]))


@asynccontextmanager
async def writer(settings: Settings, topic: str) -> AsyncIterator[KafkaLog]:
    """Kafka for reading, and for writing to one topic."""
    producer = IdempotentProducer(bootstrap_servers=settings.brokers, enable_idempotence=True, acks="all")
    await producer.start()
    log = KafkaLog({"bootstrap_servers": settings.brokers}, lambda: producer, fatal, {})
    try:
        await producer.client._wait_on_metadata(topic)  # noqa: SLF001 - or the first record waits for it
        yield log
    finally:
        await log.stop()
        await producer.stop()


async def adopted(settings: Settings, shard: Partition) -> Adoption:
    """Accepts the inbox of a shard as it is. Its owner, if it has one, restores and goes on."""
    async with writer(settings, changelog_of(shard).topic) as log:
        return await adopt(log, shard, f"operator/{uuid.uuid4().hex[:12]}")
