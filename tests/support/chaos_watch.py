"""Looks on from outside: who owns which shard, how far each is, and which records of replaced owners came late."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from chaos_system import until
from venues import NOUN_OF

from app import reading
from app.exactly_once.changelog import Claim, changelog_of
from app.exactly_once.log import OffsetOutOfRange, Partition
from app.machine import Place
from app.settings import Profile, Settings
from app.topics import INBOXES, TOPICS, partitions_of

SHARDS = [
    Partition(topic, number) for topic in INBOXES.values() for number in range(partitions_of(topic, Profile.TEST))
]


class DataHead(msgspec.Struct, tag="data", array_like=True, frozen=True):
    """A changelog record whose rows are not looked at."""

    epoch: int
    start: int
    end: int
    rows: msgspec.Raw
    digest: int


_decode = msgspec.msgpack.Decoder(Claim | DataHead).decode


class Watch:
    """Follows every changelog by the one rule of reading."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.owners: dict[Partition, str] = {}
        """shard -> name of the process that claimed it last, and which of its claims it was."""
        self.epochs: Counter[Partition] = Counter()
        self.durable: Counter[Partition] = Counter()
        self.late: Counter[Partition] = Counter()
        """Records of owners that had been replaced: fenced."""
        self.claims = 0

    async def have_topics(self) -> bool:
        """Whether the whole catalogue is there."""
        async with AIOKafkaConsumer(bootstrap_servers=self._bootstrap) as consumer:
            return TOPICS.keys() <= await consumer.topics()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follows in the background."""
        places = {TopicPartition(*changelog_of(shard)): shard for shard in SHARDS}
        settings = {"bootstrap_servers": self._bootstrap, "auto_offset_reset": "earliest"}
        self._asking = AIOKafkaConsumer(bootstrap_servers=self._bootstrap)
        async with AIOKafkaConsumer(**settings) as consumer, self._asking:
            consumer.assign(list(places))
            await consumer.seek_to_beginning()
            task = asyncio.create_task(self._follow(consumer, places), name="watch")
            try:
                yield
            finally:
                task.cancel()

    async def _follow(self, consumer: AIOKafkaConsumer, places: dict[TopicPartition, Partition]) -> None:
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    self._look(places[tp], _decode(record.value))
                await asyncio.sleep(0)

    def _look(self, shard: Partition, entry: Claim | DataHead) -> None:
        if isinstance(entry, Claim):
            self.claims += 1
            if entry.epoch > self.epochs[shard]:
                self.epochs[shard], self.owners[shard] = entry.epoch, entry.owner
        elif entry.epoch < self.epochs[shard]:
            self.late[shard] += 1
        else:
            self.epochs[shard], self.durable[shard] = entry.epoch, entry.end

    def owned_by(self, name: str) -> set[Partition]:
        """The shards whose last claim is of this instance, whichever of its processes it was."""
        return {shard for shard, owner in self.owners.items() if owner.partition("/")[0] == name}

    def later_than(self, epochs: Counter[Partition], shards: Iterable[Partition]) -> bool:
        """Whether each of these was claimed since."""
        return all(self.epochs[shard] > epochs[shard] for shard in shards)

    async def ends(self) -> dict[Partition, int]:
        """Where the inboxes end now."""
        found = await self._asking.end_offsets([TopicPartition(*shard) for shard in SHARDS])
        return {Partition(*tp): end for tp, end in found.items()}

    async def caught_up(self, check: Callable[[], None], timeout_s: float) -> None:
        """Returns when every shard is durable up to where its inbox ended a moment ago."""
        ends = await self.ends()

        def are_there() -> bool:
            check()
            return all(self.durable[shard] >= end for shard, end in ends.items())

        await until(are_there, Behind(self, ends), timeout_s)

    async def at_rest(self, settings: Settings, check: Callable[[], None], timeout_s: float) -> None:
        """Returns when nothing is on its way, and no shard waits for a time."""
        while True:
            before = await self.ends()
            await self.caught_up(check, timeout_s)
            if before == await self.ends() and not await is_anything_due(settings):
                return


async def is_anything_due(settings: Settings) -> bool:
    """Whether a shard will want to hear the time."""
    try:
        async with reading.reader(settings) as log:
            async for found in reading.shards(log, settings):
                noun = reading.noun_of(NOUN_OF[found.inbox.topic])
                inboxes = {name: partitions_of(topic, settings.profile) for name, topic in INBOXES.items()}
                state = noun.state(found.follower.rows.tables, Place(found.inbox.number, inboxes))
                if found.lag or noun.deadline(state) is not None:
                    return True
    except OffsetOutOfRange:  # an owner has just deleted what it carried forward
        return True
    return False


class Behind:
    """Those shards that are not where they should be, when somebody asks."""

    def __init__(self, watch: Watch, ends: dict[Partition, int]) -> None:
        self._watch, self._ends = watch, ends

    def __str__(self) -> str:
        durable = self._watch.durable
        late = {str(shard): (durable[shard], end) for shard, end in self._ends.items() if durable[shard] < end}
        return f"all shards reach the ends of their inboxes; (durable, end) of those that do not: {late}"
