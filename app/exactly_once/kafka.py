"""The log port on a real Kafka: writes through Faust's producer, reads through consumers of its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, OffsetOutOfRangeError
from aiokafka.producer.message_accumulator import BatchBuilder, MessageBatch

from app.exactly_once.log import Fatal, Message, OffsetOutOfRange, Partition, Record, Unavailable
from app.exactly_once.tail import Tail, Written

READERS_MAX = 8
FETCH_BYTES_MAX = 4 << 20
BOUNDED_WAIT_MS, TAIL_WAIT_MS = 10, 500
"""How long the broker may wait for records. A reader that moves to another partition waits behind its last request."""
BACKLOG_MESSAGES, BACKLOG_BATCH_BYTES = 64, 128 << 10
"""So many messages at once go into larger batches than the producer's own: then each batch costs, not the wait."""
STUCK_S = 60.0
"""A read that gets nothing for so long, though the log goes on, gives up."""


class KafkaLog:
    """Kafka as the shards see it."""

    def __init__(
        self, settings: Mapping[str, Any], producer: Callable[[], Any], fatal: Fatal, compression: Mapping[str, int]
    ) -> None:
        self._settings, self._producer, self._fatal, self._compression = dict(settings), producer, fatal, compression
        self._idle: list[Any] = []
        self._slots = asyncio.Semaphore(READERS_MAX)
        self._admin: Any = None
        self._tail: Tail | None = None
        self._opening = asyncio.Lock()
        self.sent: dict[str, int] = {}
        """Records written, by topic."""

    async def stop(self) -> None:
        """Closes what it opened."""
        for reader in self._idle:
            await reader.stop()
        self._idle.clear()
        if self._tail is not None:
            await self._tail.stop()
        if self._admin is not None:
            await self._admin.close()

    # --- writing -----------------------------------------------------------------------------------------------------

    def send(self, destination: Partition, messages: Sequence[Message]) -> list[Awaitable[Any]]:
        """Adds the messages to the producer's last batch of the partition while it is open, then to new ones."""
        accumulator, tp = self._accumulator(), TopicPartition(*destination)
        acknowledgements: list[Awaitable[Any]] = []
        batch, done = _last_open(accumulator, tp), 0
        while done < len(messages):
            added = 0 if batch is None else _add_some(batch, messages, done)
            if added:
                assert batch is not None
                acknowledgements.append(batch.future)
                done += added
            if done < len(messages):
                assert added or batch is None or batch.record_count, "an empty batch takes any message"
                batch = self._open(accumulator, tp, len(messages) - done)
        self.sent[destination.topic] = self.sent.get(destination.topic, 0) + done
        return acknowledgements

    async def append(self, destination: Partition, message: Message) -> int:
        """Writes one message -> its offset."""
        accumulator, tp = self._accumulator(), TopicPartition(*destination)
        batch = _last_open(accumulator, tp)
        if batch is None or not _add_some(batch, [message], 0):
            batch = self._open(accumulator, tp, 1)
            _add_some(batch, [message], 0)
        index = batch.record_count - 1
        metadata = await asyncio.shield(batch.future)  # it belongs to aiokafka, whatever becomes of us
        offset = int(metadata.offset + index)
        if self._tail is not None:
            self._tail.written(tp, Written(offset, message.key, message.value, metadata.timestamp, message.headers))
        return offset

    def _accumulator(self) -> Any:
        accumulator = self._producer()._message_accumulator
        if accumulator._exception is not None:
            self._fatal(f"the producer has failed: {accumulator._exception!r}")
        return accumulator

    def _open(self, accumulator: Any, tp: TopicPartition, count: int) -> MessageBatch:
        compression = self._compression.get(tp.topic, 0)
        size = accumulator._batch_size if count < BACKLOG_MESSAGES else BACKLOG_BATCH_BYTES
        batch = accumulator._append_batch(BatchBuilder(size, compression, is_transactional=False), tp)
        batch.future.add_done_callback(self._must_not_fail)
        return batch

    def _must_not_fail(self, future: "asyncio.Future[Any]") -> None:
        if not future.cancelled() and future.exception() is not None:
            self._fatal(f"the broker refused a batch: {future.exception()!r}")

    # --- reading -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[Any]:
        """One of a few consumers without a group; a read that fails throws its consumer away."""
        async with self._slots:
            reader = self._idle.pop() if self._idle else await self._new_reader(BOUNDED_WAIT_MS)
            try:
                yield reader
            except BaseException:
                await reader.stop()
                raise
            reader.unsubscribe()  # or it would go on asking for its last partition, a hundred times a second
            self._idle.append(reader)

    async def _new_reader(self, wait_ms: int) -> Any:
        reader = aiokafka.AIOKafkaConsumer(
            **self._settings,
            enable_auto_commit=False,
            auto_offset_reset="none",  # the default reads nothing after a seek to the beginning, without an error
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            fetch_max_wait_ms=wait_ms,
        )
        try:
            await reader.start()
        except KafkaConnectionError as error:
            await reader.stop()
            raise Unavailable(f"no Kafka: {error!r}") from error
        except BaseException:
            await reader.stop()
            raise
        return reader

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """The first offset of the log, and the one after its last."""
        tp = TopicPartition(*partition)
        try:
            async with self._reader() as reader:
                first = await reader.beginning_offsets([tp])
                end = await reader.end_offsets([tp])
        except KafkaTimeoutError as error:
            raise Unavailable(f"{tp}: {error!r}") from error
        return first[tp], end[tp]

    async def read(self, partition: Partition, start: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """Everything in [start, end), then stops. Raises OffsetOutOfRange, never skips."""
        if start >= end:
            return
        async with self._reader() as reader:
            async for records, position in self._follow(reader, TopicPartition(*partition), start, end):
                yield [record for record in records if record.offset < end]
                if position >= end:
                    return

    async def tail(self, partition: Partition, start: int) -> AsyncGenerator[Sequence[Record], None]:
        """Everything from `start` on, for ever. Raises OffsetOutOfRange."""
        async with self._opening:
            if self._tail is not None and self._tail.is_over:
                await self._tail.stop()
                self._tail = None
            if self._tail is None:
                self._tail = Tail(await self._new_reader(TAIL_WAIT_MS))
            tail = self._tail
        async with aclosing(tail.follow(TopicPartition(*partition), start)) as found:
            async for records in found:
                yield records

    async def _follow(
        self, reader: Any, tp: TopicPartition, start: int, end: int | None
    ) -> AsyncIterator[tuple[Sequence[Record], int]]:
        reader.assign([tp])
        reader.seek(tp, start)
        position, moved_at = start, asyncio.get_running_loop().time()
        while True:
            try:
                found = await reader.getmany(tp, timeout_ms=500)
            except OffsetOutOfRangeError as error:
                raise OffsetOutOfRange(f"{tp} at {position}") from error
            before, position = position, await reader.position(tp)
            now = asyncio.get_running_loop().time()
            if position > before:
                moved_at = now
                yield found.get(tp, []), position
            elif end is not None and now - moved_at > STUCK_S:
                raise Unavailable(f"{tp}: nothing at {position}, though the log goes on to {end}")

    async def delete_before(self, partition: Partition, offset: int) -> None:
        """Removes the records below `offset`."""
        async with self._opening:
            if self._admin is None:
                admin = AIOKafkaAdminClient(**self._settings)
                await admin.start()
                self._admin = admin
        await self._admin.delete_records({TopicPartition(*partition): RecordsToDelete(before_offset=offset)})


def _last_open(accumulator: Any, tp: TopicPartition) -> MessageBatch | None:
    waiting = accumulator._batches.get(tp)
    return waiting[-1] if waiting and waiting[-1].retry_count == 0 else None


def _add_some(batch: MessageBatch, messages: Sequence[Message], begin: int) -> int:
    """Adds messages from `begin` on, as far as they fit -> how many were added."""
    builder = batch._builder
    if builder.closed():
        return 0
    append, offset = builder._builder.append, builder._relative_offset
    count = 0
    for message in messages[begin:] if begin else messages:
        added = append(offset + count, None, key=message.key, value=message.value, headers=message.headers)
        if added is None:
            builder.close()
            break
        count += 1
    builder._relative_offset = offset + count
    return count
