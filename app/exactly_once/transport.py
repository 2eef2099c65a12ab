"""Faust's transport with batches, exact position ranges and a producer whose failures end the process.

Private parts of Faust and aiokafka are touched here and in kafka.py, membership.py, producer.py, reader.py and tail.py.
tests/exactly_once/test_contract.py names each of them, and fails loudly when another version has them otherwise.
"""

import asyncio
from typing import Any, cast

import faust
from aiokafka import TopicPartition
from faust.sensors.monitor import Monitor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from app.exactly_once.log import Batch, Partition
from app.exactly_once.owner import Owner
from app.exactly_once.producer import Producer
from app.exactly_once.reader import ConsumerThread

RECORDS_AHEAD_MAX = 2_000
"""That wait for a partition's agent. Beyond that, records stay in the consumer, and then in Kafka.

What stays in the consumer keeps aiokafka from asking that broker for anything for 100 ms: so little must never stay.
"""


class Parcel:
    """What an agent gets next of a partition: it grows until the agent takes it, so that who is late takes more."""

    def __init__(self, batch: Batch, generation: int) -> None:
        self._records, self._start, self._end, self.generation = list(batch.records), batch.start, batch.end, generation

    def __len__(self) -> int:
        return len(self._records)

    def add(self, batch: Batch, generation: int) -> bool:
        """False where the batch does not follow upon what is here."""
        if batch.start != self._end or generation != self.generation or len(self._records) >= RECORDS_AHEAD_MAX:
            return False
        self._records += batch.records
        self._end = batch.end
        return True

    def batch(self) -> Batch:
        """All that is in it."""
        return Batch(self._records, self._start, self._end)


class Consumer(driver.Consumer):
    """Hands batches to the agents, and tells the shards what is ours."""

    app: "ShardApp"

    def _new_consumer_thread(self) -> ConsumerThread:
        self._parcels: dict[TP, Parcel] = {}
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def reader(self) -> ConsumerThread:
        """The thread that reads."""
        thread = self._thread
        assert isinstance(thread, ConsumerThread)
        return thread

    async def _drain_messages(self, fetcher: Any) -> None:
        """One event a batch; Faust's own loop makes one a record, which costs 25 times as much."""
        arrivals = self.reader.arrivals  # whoever stops the fetcher cancels this loop
        while not (self._stopped.is_set() or fetcher._stopped.is_set()):
            found = await arrivals.get()
            if not self.flow_active:
                continue
            for tp, batch in found.batches.items():
                if tp in (self._active_partitions or ()) and found.generation == self.app.consumer_generation_id:
                    await self._hand_over(TP(*tp), batch, found.generation)

    async def _hand_over(self, tp: TP, batch: Batch, generation: int) -> None:
        parcel = self._parcels.get(tp)
        is_waiting = parcel is not None and parcel.add(batch, generation)
        if parcel is None or not is_waiting:
            parcel = self._parcels[tp] = Parcel(batch, generation)
        if len(parcel) >= RECORDS_AHEAD_MAX:
            self.reader.full.add(tp)
        if not is_waiting:
            await self.callback(_message(tp, batch, parcel))

    def taken(self, tp: TP, parcel: Parcel) -> Batch:
        """An agent takes a parcel: what comes from now on is for the next one."""
        if self._parcels.get(tp) is parcel:
            del self._parcels[tp]
            if tp in self.reader.full:
                self.reader.full.discard(tp)
                self.reader.wake()
        return parcel.batch()

    def resume_flow(self) -> None:
        """Faust has just emptied the agents' queues: what was in them is read again."""
        self._parcels.clear()
        self.reader.full.clear()
        super().resume_flow()
        self.reader.flow()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Every rebalance begins here."""
        self.app.owner.revoke()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Faust does not come to `perform_seek` with nothing in its hands."""
        if not assigned:
            await self.app.owner.assign(())
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Every start and every rebalance passes here. Committed offsets play no part: each shard knows where it is."""
        await self.app.owner.assign({Partition(tp.topic, tp.partition) for tp in self.assignment()})

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Commits what is durable, for those who watch the group's lag; nothing is ever read from there."""
        if not hasattr(self.app, "owner"):  # stopped before Kafka was there
            return False
        durable = {
            TP(partition.topic, partition.number): owned.journal.durable
            for partition, owned in self.app.owner.shards.items()
            if not owned.frozen and owned.journal.durable
        }
        mine = {tp: offset for tp, offset in durable.items() if tp in self.assignment()}
        return bool(mine) and await self._commit(mine)

    async def verify_all_partitions_active(self) -> None:
        """Nothing: Faust looks at its monitor, which counts nothing here, and would call every backlog an error."""

    # what the shards ask of their reader

    async def seek(self, partition: Partition, position: int) -> None:  # type: ignore[override]
        """Puts the reader there, unless the partition is no longer ours."""
        await self.reader.seek_to(TopicPartition(*partition), position)

    def pause(self, partition: Partition) -> None:
        """Reads no more of it until `resume`."""
        self.reader.paused.add(TopicPartition(*partition))

    def resume(self, partition: Partition) -> None:
        """Goes on reading it."""
        self.reader.paused.discard(TopicPartition(*partition))
        self.reader.wake()

    async def is_still_ours(self, partition: Partition) -> bool:
        """A commit that the coordinator accepts proves that we are in the current generation."""
        tp, owned = TP(*partition), self.app.owner.shards.get(partition)
        return owned is not None and tp in self.assignment() and await self._commit({tp: owned.journal.durable})


class Transport(driver.Transport):
    """Faust's transport with ours in the places that matter."""

    Consumer = Consumer
    Producer = Producer


class NullMonitor(Monitor):
    """Faust's monitor without its work per event; the shards count for themselves."""

    def _nothing(self, *_args: Any, **_kwargs: Any) -> None:
        return None

    on_message_in = on_stream_event_in = on_stream_event_out = on_message_out = track_tp_end_offset = _nothing


class ShardApp(faust.App):
    """A Faust app whose agents drive shards."""

    owner: Owner

    async def before_producer(self) -> None:
        """What must be true before anything is written."""

    async def after_producer(self, producer: Any) -> None:
        """Builds what writes."""

    async def on_stop(self) -> None:
        """The shards end while their reader and their producer are still there."""
        if hasattr(self, "owner"):
            await self.owner.stop()
        await super().on_stop()

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return Transport(self.conf.broker_producer, self)

    async def take(self, stream: Any) -> None:
        """What every agent of an inbox does."""
        async for event in stream.noack().events():
            tp = event.message.tp
            await asyncio.sleep(0)  # a turn for the network, or all partitions would be taken before anything is sent
            batch = cast("Consumer", self.consumer).taken(tp, event.message.value)
            await self.owner.deliver(Partition(tp.topic, tp.partition), batch)


def _message(tp: TP, batch: Batch, parcel: Parcel) -> ConsumerMessage:
    """A parcel as Faust wants to see it."""
    when = batch.records[-1].timestamp / 1000.0 if batch.records else 0.0
    value = cast("bytes", parcel)
    return ConsumerMessage(
        tp.topic, tp.partition, batch.end - 1, when, 0, [], b"", value, None, 0, 0, tp, generation_id=parcel.generation
    )
