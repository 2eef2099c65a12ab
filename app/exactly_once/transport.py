"""Faust's transport: its consumer tells the shards what is ours, its producer's failures end the process.

Private parts of Faust and aiokafka are touched here and in consumer_thread.py, kafka.py, membership.py, producer.py,
reader.py, requests.py and tail.py. tests/exactly_once/test_contract.py names each of them, and fails loudly when
another version has them otherwise.
"""

from typing import Any

import faust
from faust.sensors.monitor import Monitor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from app.exactly_once.consumer_thread import ConsumerThread
from app.exactly_once.log import Partition, TopicId
from app.exactly_once.owner import Owner
from app.exactly_once.producer import Producer
from app.exactly_once.reader import Reader


class Consumer(driver.Consumer):
    """Membership: tells the shards what is ours, and the reader of the inboxes when nothing is."""

    app: "ShardApp"

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def thread(self) -> ConsumerThread:
        """The thread that keeps us in the group."""
        thread = self._thread
        assert isinstance(thread, ConsumerThread)
        return thread

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Every rebalance begins here."""
        self.app.owner.revoke()
        self.app.reader.clear()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Faust does not come to `perform_seek` with nothing in its hands."""
        if not assigned:
            await self.app.owner.assign(())
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Every start and every rebalance passes here. Committed offsets play no part: each shard knows where it is."""
        assigned = self.assignment()
        await self.thread.leave_alone({tp for tp in assigned if tp.topic in self.app.inboxes})
        await self.app.owner.assign({Partition(tp.topic, tp.partition) for tp in assigned})

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

    async def topic_id(self, partition: Partition) -> TopicId:
        """Which topic of its name there is now."""
        return await self.app.reader.topic_id(partition)

    async def seek(self, partition: Partition, position: int, topic_id: TopicId) -> None:  # type: ignore[override]
        """Reads the partition from there on."""
        self.app.reader.seek(partition, position, topic_id)

    def pause(self, partition: Partition) -> None:
        """Reads no more of it until `seek`."""
        self.app.reader.pause(partition)

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
    reader: Reader
    inboxes: frozenset[str] = frozenset()
    """Topics that `reader` reads."""

    async def before_producer(self) -> None:
        """What must be true before anything is written."""

    async def after_producer(self, producer: Any) -> None:
        """Builds what writes."""

    async def on_stop(self) -> None:
        """The shards end while their reader and their producer are still there."""
        if hasattr(self, "owner"):
            await self.owner.stop()
            await self.reader.stop()
        await super().on_stop()

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return Transport(self.conf.broker_producer, self)

    async def take(self, stream: Any) -> None:
        """What every agent of an inbox does. Its stream says which topic is meant; the records come in batches."""
        async for partition, batch in self.reader.batches(stream.channel.get_topic_name()):
            await self.owner.deliver(partition, batch)
