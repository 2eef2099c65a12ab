"""Reads the inboxes: batches that know which range of positions they cover.

A client of its own on the main loop, without a group: the thread that keeps the membership reads nothing of them. What
is read is here at once, without a second thread that wants Python's lock; and partitions of other topics, which that
thread reads, cost the inboxes nothing.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException, KafkaError, NoError, OffsetOutOfRangeError, for_code
from aiokafka.record.memory_records import MemoryRecords

from app.exactly_once.log import NOWHERE, Batch, Fatal, Partition, Record, TopicId
from app.exactly_once.requests import Asked, Fetched, FetchRequest
from app.exactly_once.topic_ids import topic_id

logger = logging.getLogger(__name__)

RECORDS_AHEAD_MAX = 2_000
"""That wait for a partition's agent; what one fetch brings may come on top. Beyond that, records stay in Kafka."""
FETCH_WAIT_MS, FETCH_BYTES_MAX, PARTITION_FETCH_BYTES_MAX = 100, 16 << 20, 256 << 10
"""A fetch is answered as soon as there is anything; a partition of which little is taken at once holds no other up."""
RETRY_S = 0.1
LOOK_AGAIN_S = 1.0
"""After which it is looked whether every partition has a leader, and is asked of it."""
NO_LEADER = -1
UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID = 100, 103
LOST = {
    OffsetOutOfRangeError.errno: "its log does not reach there",
    UNKNOWN_TOPIC_ID: "its topic was deleted, or made anew",
    INCONSISTENT_TOPIC_ID: "its topic was made anew",
}
"""Answers after which the owner must look what became of the log, and why."""


class Place:
    """Where in a partition the reader is, and what was read there and not yet taken."""

    def __init__(self, partition: Partition, position: int, topic_id: TopicId) -> None:
        self.partition, self.topic_id, self.start, self.end = partition, topic_id, position, position
        self.records: list[Record] = []
        self.is_lost = False
        """Nothing more can be read of it."""
        self.not_before = 0.0
        """When it is asked for again."""

    @property
    def has_room(self) -> bool:
        """Whether more of it should be read."""
        return not self.is_lost and len(self.records) < RECORDS_AHEAD_MAX

    @property
    def has_more(self) -> bool:
        """Whether there is anything to take."""
        return self.is_lost or self.end > self.start

    def take(self) -> Batch:
        """All that was read since the last time: who is late takes more."""
        if self.is_lost:
            return NOWHERE
        batch = Batch(self.records, self.start, self.end)
        self.records, self.start = [], self.end
        return batch


class Arrivals:
    """Partitions of one topic of which there is something to take, in the order in which it came."""

    def __init__(self) -> None:
        self.places: deque[Place] = deque()
        self.is_there = asyncio.Event()

    def add(self, place: Place) -> None:
        """There is something of it; it must not be here yet."""
        self.places.append(place)
        self.is_there.set()


class Reader:
    """Reads partitions from where it is told to; one request to each broker at a time, the next one at once."""

    def __init__(self, client: AIOKafkaClient, pauses_s: Mapping[str, float], fatal: Fatal) -> None:
        """`pauses_s` has every topic, with the pause after which it is asked for again: of those who are waited for, 0.

        What is read in larger parts costs everybody less.
        """
        self._client, self._pauses_s, self._fatal = client, dict(pauses_s), fatal
        self._places: dict[TopicPartition, Place] = {}
        self._arrivals: defaultdict[str, Arrivals] = defaultdict(Arrivals)
        self._nodes: dict[int, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._changed: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def start(self) -> None:
        """Connects."""
        await self._client.bootstrap()
        self._client.set_topics(self._pauses_s)
        for topic in self._pauses_s:
            await self._client._wait_on_metadata(topic)

    async def stop(self) -> None:
        """Reads no more."""
        self.clear()
        for task in (*self._nodes.values(), *filter(None, [self._looking])):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        await self._client.close()

    async def topic_id(self, partition: Partition) -> TopicId:
        """Which topic of its name there is now. Raises Unavailable."""
        return await topic_id(self._client, partition.topic)

    def seek(self, partition: Partition, position: int, topic_id: TopicId) -> None:
        """Reads the partition from there on; what was read of it before is forgotten."""
        if self._looking is None:
            self._looking = self._begin(self._look_for_leaders(), "leaders of the inboxes")
        self._places[TopicPartition(*partition)] = Place(partition, position, topic_id)
        self._wake()

    def pause(self, partition: Partition) -> None:
        """Reads nothing of it until the next `seek`."""
        self._places.pop(TopicPartition(*partition), None)

    def clear(self) -> None:
        """Reads nothing at all."""
        self._places.clear()

    async def batches(self, topic: str) -> AsyncIterator[tuple[Partition, Batch]]:
        """What is read of a topic, for ever."""
        arrivals = self._arrivals[topic]
        while True:
            while not arrivals.places:
                arrivals.is_there.clear()
                await arrivals.is_there.wait()
            await asyncio.sleep(0)  # a turn for the network, or all partitions would be taken before anything is sent
            place = arrivals.places.popleft()
            if self._places.get(TopicPartition(*place.partition)) is place:
                was_full = not place.has_room
                yield place.partition, place.take()
                if was_full:
                    self._wake()

    # --- one task a broker -------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Something can be read that is not asked for: each leader's task looks again, and those without one begin."""
        leaders = {self._client.cluster.leader_for_partition(tp) for tp in self._places}
        for node in leaders - self._nodes.keys() - {None, NO_LEADER}:
            self._nodes[node] = self._begin(self._read_from(node), f"reader of {node}")
        for changed in self._changed.values():
            changed.set()

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._fatal(f"the reader of the inboxes ended: {task.exception()!r}")

    async def _look_for_leaders(self) -> None:
        """Partitions lose their leaders and get new ones; the task of either may have been told nothing."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            leader_of = self._client.cluster.leader_for_partition
            if any(leader_of(tp) in (None, NO_LEADER) for tp in self._places):
                self._client.force_metadata_update()
            self._wake()

    async def _read_from(self, node: int) -> None:
        changed = self._changed[node]
        while True:
            changed.clear()
            asked, wait_s = self._wanted(node)
            if not asked:
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if wait_s == float("inf") else wait_s):
                        await changed.wait()
            elif not await self._fetch(node, asked, wait_s):
                self._client.force_metadata_update()
                await asyncio.sleep(RETRY_S)
                self._wake()

    def _wanted(self, node: int) -> tuple[dict[TopicPartition, Place], float]:
        """-> what to ask this broker for, and in how many seconds there will be more to ask for."""
        leader_of, now = self._client.cluster.leader_for_partition, monotonic()
        asked, wait_s = {}, float("inf")
        for tp, place in self._places.items():
            if place.has_room and leader_of(tp) == node:
                if place.not_before <= now:
                    asked[tp] = place
                else:
                    wait_s = min(wait_s, place.not_before - now)
        return asked, wait_s

    async def _fetch(self, node: int, asked: Mapping[TopicPartition, Place], wait_s: float) -> bool:
        """False where something should be tried again."""
        wait_ms = int(min(wait_s * 1e3, FETCH_WAIT_MS))
        places = {tp: Asked(place.topic_id, tp.partition, place.end) for tp, place in asked.items()}
        try:
            response = await self._client.send(
                node, FetchRequest(wait_ms, FETCH_BYTES_MAX, PARTITION_FETCH_BYTES_MAX, places.values())
            )
        except KafkaError as error:
            logger.warning("cannot read from broker %s: %r", node, error)
            return False
        is_well: bool = response.error_code == NoError.errno
        partitions = {(place.topic_id, place.partition): tp for tp, place in places.items()}
        for found in response.found:
            tp = partitions[found.topic_id, found.partition]
            place = asked[tp]
            # else it was put elsewhere meanwhile, or has another leader who was quicker
            if self._places.get(tp) is place and place.end == places[tp].offset:
                is_well = self._heard(tp, place, found) and is_well
        return is_well

    def _heard(self, tp: TopicPartition, place: Place, found: Fetched) -> bool:
        if found.error_code == NoError.errno:
            return not found.data or self._add(tp, place, found)
        if found.error_code in LOST:
            logger.warning("cannot read %s from %s on: %s", place.partition, place.end, LOST[found.error_code])
            had_more = place.has_more
            place.records, place.is_lost = [], True
            if not had_more:
                self._arrivals[tp.topic].add(place)
            return True
        logger.warning("cannot read %s: %s", place.partition, for_code(found.error_code).__name__)
        return False

    def _add(self, tp: TopicPartition, place: Place, found: Fetched) -> bool:
        """[start, end) is exactly what the position moves over: transaction markers and aborted records, too."""
        source = PartitionRecords(
            tp, MemoryRecords(found.data), found.aborted, place.end, None, None, True, READ_COMMITTED
        )
        source._consumer_record = bare_record
        try:
            records = list(source)
        except CorruptRecordException as error:
            logger.warning("cannot read %s: %r", place.partition, error)
            return False
        if source.next_fetch_offset == place.end:
            logger.warning("cannot read %s: no whole batch of records came", place.partition)
            return False
        self._places[tp] = self._places.pop(tp)  # last in the next request, or others might starve
        had_more = place.has_more
        place.records += records
        place.end = source.next_fetch_offset
        if pause_s := self._pauses_s[tp.topic]:
            place.not_before = monotonic() + pause_s
        if not had_more:
            self._arrivals[tp.topic].add(place)
        return True


def bare_record(_tp: TopicPartition, record: Any) -> Any:
    """The record that aiokafka made of the bytes: it has all that shards ask of one, and need not be copied."""
    return record
