"""The thread that keeps this process in its group. It reads no inbox: `reader.py` does."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from app.exactly_once.fatal import fatal
from app.exactly_once.log import Partition
from app.exactly_once.membership import Membership

POLL_INTERVAL_MS_MAX = 1 << 40


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
    """Membership, commits, and the topics of agents that are no inbox."""

    async def on_start(self) -> None:
        """Starts the consumer, and watches what its tasks would tell nobody."""
        await super().on_start()
        conf = self.app.conf
        if not self.app.client_only:
            member = Membership(self._consumer, conf.consumer_group_instance_id, conf.broker_session_timeout, fatal)
            servers = [f"{url.host}:{url.port}" for url in conf.broker]
            self._watching = asyncio.create_task(member.watch(lambda: answers(servers)), name="membership")

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        """Nobody calls aiokafka's own polling methods: without this it would leave the group for ever."""
        consumer = super()._create_worker_consumer(transport)
        consumer._max_poll_interval_ms = POLL_INTERVAL_MS_MAX
        return consumer

    async def leave_alone(self, partitions: Collection[TP]) -> None:
        """Asks Kafka for nothing of them. An assignment forgets it."""
        await self.call_thread(self._leave_alone, partitions)

    async def _leave_alone(self, partitions: Collection[TP]) -> None:
        consumer = self._ensure_consumer()
        consumer.pause(*[tp for tp in consumer.assignment() if tp in partitions])

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
