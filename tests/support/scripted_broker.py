"""A broker at the edge of the reader: it holds each request until the test answers it, with bytes as Kafka has them."""

import asyncio
import struct
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from fetch_13 import FETCH_REQUEST, FETCH_RESPONSE
from small_shards import steps

from app.exactly_once.log import Batch, Header, Partition, TopicId
from app.exactly_once.reader import Reader
from app.exactly_once.requests import Fetch, FetchRequest, FetchResponse

ONE, TWO, LAZY = TopicPartition("inbox", 0), TopicPartition("inbox", 1), TopicPartition("lazy-inbox", 0)
PAUSE_S = 0.0625
CONTROL, TRANSACTIONAL = 0x20, 0x10
COMMIT, ABORT = ((b"\0\0\0" + last, b"\0\0\0\0\0\0") for last in (b"\1", b"\0"))
PRODUCER = 7
OUT_OF_RANGE, UNKNOWN_PARTITION, NOT_LEADER, NO_SUCH_SESSION = 1, 3, 6, 70
UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID = 100, 103
TOPIC_IDS = {"inbox": b"the first inbox.", "lazy-inbox": b"the first lazy.."}
ANEW = b"another inbox..."
CRC_AT, ATTRIBUTES_AT = 17, 21


def batch_of(
    start: int, *values: tuple[bytes | None, bytes | None], flags: int = 0, headers: Sequence[Header] = ()
) -> bytes:
    """A record batch as the broker sends it."""
    builder = DefaultRecordBatchBuilder(2, 0, flags != 0, PRODUCER if flags else -1, 0, 0, 1 << 20)
    for number, (key, value) in enumerate(values):
        builder.append(number, 1_000 + number, key, value, list(headers))
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, start)
    (attributes,) = struct.unpack_from(">h", raw, ATTRIBUTES_AT)
    struct.pack_into(">h", raw, ATTRIBUTES_AT, attributes | flags)
    struct.pack_into(">I", raw, CRC_AT, calc_crc32c(bytes(raw[ATTRIBUTES_AT:])))
    return bytes(raw)


def records(start: int, count: int, flags: int = 0) -> bytes:
    return batch_of(start, *((None, b"%d" % number) for number in range(start, start + count)), flags=flags)


def marker(offset: int, kind: tuple[bytes, bytes] = COMMIT) -> bytes:
    return batch_of(offset, kind, flags=CONTROL | TRANSACTIONAL)


def corrupt(raw: bytes) -> bytes:
    """A bit of the last value is another one: only the checksum tells."""
    return raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:]


class Question:
    """A request on its way; the broker thinks for as long as the test likes."""

    def __init__(self, request: FetchRequest) -> None:
        _, self.wait_ms, _, self.bytes_max, _, _, _, topics, *_ = FETCH_REQUEST.decode(
            BytesIO(request.build(Fetch).encode())
        )
        names = {topic_id: topic for topic, topic_id in TOPIC_IDS.items()} | {ANEW: "inbox"}
        self.topic_ids = {names[topic_id]: topic_id for topic_id, _, _ in topics}
        self.topics = [(topic_id, place[0], place[2]) for topic_id, asked, _ in topics for place in asked]
        """Topic id, partition and offset, as they were asked for."""
        places = [(names[topic_id], place) for topic_id, asked, _ in topics for place in asked]
        self.asked = {TopicPartition(topic, number): offset for topic, (number, _, offset, *_) in places}
        self.partition_bytes_max = {most for _, (*_, most, _) in places}
        self.response: asyncio.Future[FetchResponse] = asyncio.get_running_loop().create_future()

    def answer(
        self,
        found: Mapping[TopicPartition, bytes | int] | None = None,
        aborted: Sequence[tuple[int, int]] | None = None,
        code: int = 0,
    ) -> None:
        """Record batches or an error for each partition that was asked for; of those that are not named, nothing."""
        by_topic: defaultdict[bytes, list[tuple[Any, ...]]] = defaultdict(list)
        for tp, (topic_id, _, _) in [] if code else zip(self.asked, self.topics, strict=True):
            answer = (found or {}).get(tp)
            error, data = (answer, None) if isinstance(answer, int) else (0, answer)
            transactions = None if aborted is None else [(*transaction, {}) for transaction in aborted]
            by_topic[topic_id].append((tp.partition, error, 0, 0, 0, transactions, -1, data, {}))
        topics = [(topic_id, partitions, {}) for topic_id, partitions in by_topic.items()]
        raw = FETCH_RESPONSE.encode((0, code, 0, topics, {}))
        self.response.set_result(FetchResponse.decode(raw))


class Client:
    """All brokers."""

    def __init__(self) -> None:
        self.leaders: dict[TopicPartition, int | None] = {ONE: 1, TWO: 1, LAZY: 1}
        self.cluster = SimpleNamespace(leader_for_partition=self.leaders.get)
        self.questions: defaultdict[int, asyncio.Queue[Question]] = defaultdict(asyncio.Queue)
        self.open: list[Question] = []
        self.refreshed = 0
        """How often metadata was asked for."""
        self.when_refreshed: Callable[[], None] = lambda: None
        self.calls: list[tuple[str, Any]] = []

    async def bootstrap(self) -> None:
        self.calls.append(("bootstrap", None))

    def set_topics(self, topics: Mapping[str, Any]) -> None:
        self.calls.append(("topics", set(topics)))

    async def _wait_on_metadata(self, topic: str) -> None:
        self.calls.append(("metadata", topic))

    async def close(self) -> None:
        self.calls.append(("close", list(self.open)))

    async def send(self, node: int, request: FetchRequest) -> FetchResponse:
        question = Question(request)
        self.questions[node].put_nowait(question)
        self.open.append(question)
        try:
            return await question.response
        finally:
            self.open.remove(question)

    def force_metadata_update(self) -> None:
        self.refreshed += 1
        self.when_refreshed()


class Reading:
    """A reader and the agent of its topic."""

    def __init__(self) -> None:
        self.client, self.ended = Client(), list[str]()
        pauses_s = {"inbox": 0.0, "lazy-inbox": PAUSE_S}
        self.reader = Reader(cast("Any", self.client), pauses_s, cast("Any", self.ended.append))
        self._taking: dict[str, asyncio.Task[tuple[Partition, Batch]]] = {}
        self._batches = {topic: self.reader.batches(topic) for topic in pauses_s}

    def seek(self, tp: TopicPartition, position: int = 0, topic_id: TopicId | None = None) -> None:
        self.reader.seek(Partition(*tp), position, topic_id or TOPIC_IDS[tp.topic])

    def pause(self, tp: TopicPartition) -> None:
        self.reader.pause(Partition(*tp))

    async def question(self, node: int = 1) -> Question:
        """The next request that the broker gets."""
        async with asyncio.timeout(10):
            return await self.client.questions[node].get()

    def _take(self, topic: str) -> asyncio.Task[tuple[Partition, Batch]]:
        """An agent that was found waiting goes on waiting."""
        if topic not in self._taking:
            self._taking[topic] = asyncio.ensure_future(anext(self._batches[topic]))
        return self._taking[topic]

    async def batch(self, topic: str = "inbox") -> tuple[TopicPartition, Batch]:
        """What the agent takes next."""
        async with asyncio.timeout(10):
            partition, batch = await self._take(topic)
        del self._taking[topic]
        return TopicPartition(*partition), batch

    async def take(self, topic: str = "inbox") -> tuple[TopicPartition, int, int, list[int]]:
        """The same as partition, range and offsets."""
        tp, batch = await self.batch(topic)
        return tp, batch.start, batch.end, [record.offset for record in batch.records]

    async def has_nothing(self, topic: str = "inbox") -> bool:
        """The agent waits."""
        task = self._take(topic)
        await steps()
        return not task.done()

    async def asks_nothing(self, node: int = 1) -> bool:
        await steps()
        return self.client.questions[node].empty()

    async def close(self) -> None:
        for task in self._taking.values():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.reader.stop()
