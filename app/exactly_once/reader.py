"""The thread that reads the inboxes: batches that know which range of positions they cover."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, cast

import aiokafka
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from app.exactly_once.arrivals import Arrivals, Round
from app.exactly_once.fatal import fatal
from app.exactly_once.log import Batch, Partition
from app.exactly_once.membership import Membership

BATCH_RECORDS_MAX = 2_000
FETCH_WAIT_MS_MAX = 100
POLL_INTERVAL_MS_MAX = 1 << 40
FETCH_AGAIN_S, FLOW_AGAIN_S = 1.0, 0.1
"""After which it is looked again, whether or not somebody woke the reader."""


def bare_record(_tp: TopicPartition, record: Any) -> Any:
    """The record that aiokafka made of the bytes: it has all that shards ask of one, and need not be copied."""
    return record


async def answers(servers: list[str]) -> bool:
    """Whether Kafka answers a client that knows nothing yet."""
    client = AIOKafkaClient(bootstrap_servers=servers)
    try:
        await client.bootstrap()
    except KafkaError:
        return False
    finally:
        await client.close()
    return True


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads batches that know the range of positions which they cover."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.full: set[TopicPartition] = set()
        """Partitions with enough batches under way."""
        self.paused: set[TopicPartition] = set()
        """Partitions whose shards are stalled."""
        self.arrivals = Arrivals(self.consumer.loop, self.wake)
        self._flowing = asyncio.Event()
        self._pushing: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        """Starts the consumer, and watches what its tasks would tell nobody."""
        await super().on_start()
        conf = self.app.conf
        if not self.app.client_only:
            member = Membership(self._consumer, conf.consumer_group_instance_id, conf.broker_session_timeout, fatal)
            servers = [f"{url.host}:{url.port}" for url in conf.broker]
            self._watching = asyncio.create_task(member.watch(lambda: answers(servers)), name="membership")

            self._pushing = asyncio.create_task(self._push(), name="reader")

    async def on_thread_stop(self) -> None:
        """Reads no more, then leaves the group."""
        if self._pushing is not None:
            self._pushing.cancel()
        await super().on_thread_stop()

    async def _push(self) -> None:
        """Hands over what is read as soon as it is there.

        aiokafka asks a broker for nothing while it holds anything of it: to wait until the main thread comes to ask
        would put a round of its loop between any two fetches.
        """
        try:
            while True:
                self._flowing.clear()
                active = self.consumer._active_partitions
                if not active or not self.consumer.flow_active:
                    await self._until_flowing()
                    continue
                batches = await self._fetch_records(self._consumer, active, FETCH_AGAIN_S)
                if batches:
                    self.arrivals.put(Round(cast("dict[TP, Batch]", batches), self.app.consumer_generation_id))
        except BaseException as error:
            self.arrivals.put(error)
            raise

    async def _until_flowing(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FLOW_AGAIN_S):
                await self._flowing.wait()

    def flow(self) -> None:
        """Lets reading begin again. Called from the main thread."""
        self.thread_loop.call_soon_threadsafe(self._flowing.set)

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        """Faust fixes a wait of 1.5 s, and derives the isolation level from a processing guarantee that is not used.

        aiokafka leaves the group for ever when nobody has called its own polling methods for so long. Nobody does.
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._max_poll_interval_ms = POLL_INTERVAL_MS_MAX
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS_MAX
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(  # type: ignore[override]
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's name for it
        max_records: int | None = None,
    ) -> dict[TopicPartition, Batch]:
        """-> what the fetcher holds, cut by partition. Empty of records where only transaction markers were read."""
        del max_records
        fetcher = consumer._fetcher
        if not self.consumer.flow_active or consumer._closed:
            return {}
        if fetcher._subscriptions.reassignment_in_progress:
            await fetcher._subscriptions.wait_for_assignment()
        batches = self._drain(fetcher, active_partitions)
        if not batches and timeout:
            waiter = fetcher._create_fetch_waiter()
            await asyncio.wait([waiter], timeout=timeout)
            if waiter.done():
                waiter.result()
            else:
                waiter.cancel()
            batches = self._drain(fetcher, active_partitions)
        return batches

    def _drain(self, fetcher: Any, active: Collection[TopicPartition]) -> dict[TopicPartition, Batch]:
        batches: dict[TopicPartition, Batch] = {}
        if not self.arrivals.has_room:
            return batches
        for tp, result in list(fetcher._records.items()):
            if tp not in active or tp in self.full or tp in self.paused:
                if not fetcher._subscriptions.is_assigned(tp):
                    del fetcher._records[tp]
                continue
            if type(result) is not FetchResult:
                if batches:
                    break  # what was taken must get out; the error is still there next time
                del fetcher._records[tp]
                fetcher._notify(fetcher._wait_consume_future)
                result.check_raise()
            batch = self._cut(result, tp)
            if not result.has_more():
                del fetcher._records[tp]
                fetcher._notify(fetcher._wait_consume_future)
            if batch is not None:
                batches[tp] = batch
        return batches

    @staticmethod
    def _cut(result: Any, tp: TopicPartition) -> Batch | None:
        """Takes records off a fetch result: [start, end) is exactly what the consumer's position moves over."""
        if not result.check_assignment(tp) or not result.has_more():
            return None
        source = result._partition_records
        source._consumer_record = bare_record
        start, records = source.next_fetch_offset, []
        for record in source:
            records.append(record)
            if len(records) >= BATCH_RECORDS_MAX:
                break
        else:
            result._partition_records = None
        end = source.next_fetch_offset
        result._assignment.state_value(tp).consumed_to(end)
        return Batch(records, start, end) if end > start else None

    def wake(self) -> None:
        """Lets a waiting fetch look again. Called from the main thread."""
        self.thread_loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._consumer is not None:
            for waiter in list(self._consumer._fetcher._fetch_waiters):
                self._consumer._fetcher._notify(waiter)

    def ends(self, partitions: list[Partition], timeout_s: float) -> dict[Partition, int]:
        """The last stable offset of each partition: up to there a reader of committed records can get.

        Blocks: for threads that have no event loop. Raises TimeoutError.
        """
        asking = self._ensure_consumer().end_offsets([TopicPartition(*partition) for partition in partitions])
        answer = asyncio.run_coroutine_threadsafe(asking, self.thread_loop)
        try:
            return {Partition(*tp): offset for tp, offset in answer.result(timeout_s).items()}
        except BaseException:
            answer.cancel()
            raise

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """False where nothing of it is ours any more: with nothing to commit Faust's own would crash this thread."""
        mine = self.assignment()
        return any(tp in mine for tp in offsets) and await super()._commit(offsets)

    async def seek_to(self, tp: TopicPartition, position: int) -> bool:
        """False where the partition is not assigned any more."""
        return bool(await self.call_thread(self._seek_to, tp, position))

    async def _seek_to(self, tp: TopicPartition, position: int) -> bool:
        try:
            self._ensure_consumer().seek(tp, position)
        except IllegalStateError:
            return False
        return True
