"""Clients from outside: records sent by a schedule that waits for nobody, and what came of them, with its time.

They share the cores with what they measure. So they are librdkafka's, in C: they need a third of what aiokafka's do.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from threading import Event, Thread
from time import perf_counter
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.orders import Written

POLL_S = 0.1


class Sent(NamedTuple):
    due: float
    acknowledged: float


class Listener:
    """Notes when each record of a topic arrived; what is in it can be looked at later."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "bench",  # librdkafka wants one, and never uses it
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
            }
        )
        self._begin_at_the_end(topic)
        self._is_over = Event()
        self._thread = Thread(target=self._listen, name=f"listens to {topic}")

    def _begin_at_the_end(self, topic: str) -> None:
        numbers = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {n: self._consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=10)[1] for n in numbers}
        self._consumer.assign([TopicPartition(topic, number, end) for number, end in ends.items()])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._consumer.close()

    def _listen(self) -> None:
        while not self._is_over.is_set():
            record = self._consumer.poll(POLL_S)
            if record is not None:
                assert record.error() is None, record.error()
                self.heard.append((perf_counter(), record.value()))

    def taken(self) -> list[tuple[float, bytes]]:
        """What was heard since the last time."""
        found = self.heard[:]
        del self.heard[: len(found)]
        return found


@asynccontextmanager
async def listening(bootstrap: str, *topics: str) -> AsyncIterator[list[Listener]]:
    """A listener per topic, each with a consumer of its own: one must not wait for another."""
    listeners = [await asyncio.to_thread(Listener, bootstrap, topic) for topic in topics]
    for listener in listeners:
        listener.start()
    try:
        yield listeners
    finally:
        for listener in listeners:
            await asyncio.to_thread(listener.stop)


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
    bootstrap: str, topic: str, records: Iterable[Written], rate: float, seconds: float
) -> dict[str, Sent]:
    """Sends `rate` records a second, whatever becomes of them -> when each was due, and when the broker had it."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 0})
    await asyncio.to_thread(producer.list_topics, topic, 10)
    is_over, sent = Event(), dict[str, Sent]()

    def acknowledged(order_id: str, due: float, error: Any, _: Any) -> None:
        assert error is None, error
        sent[order_id] = Sent(due, perf_counter())

    def hear() -> None:
        while not is_over.is_set():
            producer.poll(POLL_S)

    hearing = Thread(target=hear, name="acknowledgements")
    gc.collect()
    gc.freeze()
    hearing.start()
    began = perf_counter()
    for number, record in enumerate(islice(records, int(rate * seconds))):
        due = began + number / rate
        if (delay := due - perf_counter()) > 0:
            await asyncio.sleep(delay)
        told = partial(acknowledged, record.order_id, due)
        producer.produce(topic, record.value, record.key, record.partition, on_delivery=told)
        if number == 0:  # librdkafka connects now: the schedule begins when it has
            await asyncio.to_thread(producer.flush)
            began = perf_counter()
    await asyncio.to_thread(producer.flush)
    is_over.set()
    await asyncio.to_thread(hearing.join)
    return sent


async def until_heard(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Waits for what is still under way."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.05)
