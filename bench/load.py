"""Clients from outside: records sent by a schedule that waits for nobody, and what came of them, with its time."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.orders import Written


class Sent(NamedTuple):
    due: float
    acknowledged: float


class Listener:
    """Notes when each record of a topic arrived; what is in it can be looked at later."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []

    async def listen(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            found = await consumer.getmany(timeout_ms=500)
            now = perf_counter()
            for records in found.values():
                self.heard += [(now, record.value) for record in records]


@asynccontextmanager
async def listening(bootstrap: str, *topics: str) -> AsyncIterator[list[Listener]]:
    """A listener per topic, each with a consumer of its own: one must not wait for another."""
    consumers, tasks, listeners = [], [], []
    try:
        for topic in topics:
            consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, fetch_max_wait_ms=100)
            await consumer.start()
            consumers.append(consumer)
            await consumer._client._wait_on_metadata(topic)
            tps = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            consumer.assign(tps)
            await consumer.seek_to_end(*tps)
            for tp in tps:
                await consumer.position(tp)
            listeners.append(Listener())
            tasks.append(asyncio.create_task(listeners[-1].listen(consumer)))
        yield listeners
    finally:
        for task in tasks:
            task.cancel()
        for consumer in consumers:
            await consumer.stop()


@asynccontextmanager
async def producing(bootstrap: str, *topics: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=0)
    await producer.start()
    try:
        for topic in topics:
            await producer.client._wait_on_metadata(topic)
        yield producer
    finally:
        await producer.stop()


async def send_by_schedule(
    producer: AIOKafkaProducer, topic: str, records: Iterable[Written], rate: float, seconds: float
) -> dict[str, Sent]:
    """Sends `rate` records a second, whatever becomes of them -> when each was due, and when the broker had it."""
    sent: dict[str, Sent] = {}

    def acknowledged(order_id: str, due: float, _: Any) -> None:
        sent[order_id] = Sent(due, perf_counter())

    gc.collect()
    gc.freeze()
    began = perf_counter()
    waiting = []
    for number, record in enumerate(islice(records, int(rate * seconds))):
        due = began + number / rate
        if (delay := due - perf_counter()) > 0:
            await asyncio.sleep(delay)
        future = await producer.send(topic, record.value, key=record.key, partition=record.partition)
        future.add_done_callback(partial(acknowledged, record.order_id, due))
        waiting.append(future)
    await asyncio.gather(*waiting)
    return sent


async def until_heard(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Waits for what is still under way."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.05)
