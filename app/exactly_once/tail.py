"""Following many partitions with one consumer: what replicas live on."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from app.exactly_once.log import Header, OffsetOutOfRange, Record

AHEAD_MAX = 16
OWN_S = 0.5
"""For so long after we wrote to a partition, we take it that nobody else does, and ask the broker for nothing of it."""


class Written(NamedTuple):
    """A record that this process wrote."""

    offset: int
    key: bytes | None
    value: bytes
    timestamp: int
    headers: Sequence[Header]


"""Batches that may wait for a follower; then all wait for it."""


class Tail:
    """One consumer, and a queue for each follower."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._positions: dict[TopicPartition, int] = {}
        self._queues: dict[TopicPartition, asyncio.Queue[Sequence[Record] | Exception]] = {}
        self._own: dict[TopicPartition, float] = {}
        """Partitions that are not asked for, because what we write to them comes from `written` -> since when."""
        self._waiting_for_room: TopicPartition | None = None
        self._is_changed = asyncio.Event()
        self._has_failed = False
        self._task = asyncio.create_task(self._run(), name="tail")

    @property
    def is_over(self) -> bool:
        """Whether it follows nothing any more."""
        return self._has_failed or self._task.done()

    async def stop(self) -> None:
        """Ends following."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([self._task])
        await self._consumer.stop()

    async def follow(self, tp: TopicPartition, start: int) -> AsyncGenerator[Sequence[Record], None]:
        """Everything of the partition from `start` on. Raises OffsetOutOfRange, or what befell the consumer."""
        assert tp not in self._queues, f"{tp} has a follower"
        queue = self._queues[tp] = asyncio.Queue(AHEAD_MAX)
        self._positions[tp] = start
        self._is_changed.set()
        try:
            while True:
                found = await queue.get()
                if isinstance(found, Exception):
                    raise found
                yield found
        finally:
            if self._queues.get(tp) is queue:
                del self._queues[tp], self._positions[tp]
                self._is_changed.set()
            while not queue.empty():  # lets go of whoever waits for room in it
                queue.get_nowait()

    def written(self, tp: TopicPartition, record: Written) -> None:
        """Hands over what we wrote ourselves, if nothing stands before it that is still to be read."""
        queue = self._queues.get(tp)
        if queue is None or record.offset < self._positions[tp]:
            return
        if record.offset > self._positions[tp] or queue.full() or tp == self._waiting_for_room:
            self._ask_again(tp)
            return
        queue.put_nowait([record])
        self._positions[tp] = record.offset + 1
        if tp not in self._own and not self._is_changed.is_set():
            self._consumer.pause(tp)
        self._own[tp] = monotonic()

    def _ask_again(self, tp: TopicPartition) -> None:
        """Somebody else writes there, too, or may begin to."""
        if self._own.pop(tp, None) is not None:
            self._is_changed.set()

    async def _run(self) -> None:
        try:
            while True:
                await self._read_on()
        except Exception as error:  # noqa: BLE001 - whatever it is, the followers must hear of it
            self._has_failed = True  # who comes back while others still have to be told must find another one
            for tp in list(self._queues):
                await self._tell(tp, error)

    async def _read_on(self) -> None:
        if self._is_changed.is_set():
            self._is_changed.clear()
            self._own.clear()
            self._consumer.assign(list(self._positions))
            for tp, position in self._positions.items():
                self._consumer.seek(tp, position)
        if not self._positions:
            await self._is_changed.wait()
            return
        try:
            found = await self._consumer.getmany(timeout_ms=200)
        except OffsetOutOfRangeError as error:
            for tp in error.args[0]:  # the others go on
                await self._tell(tp, OffsetOutOfRange(f"{tp}"))
            self._is_changed.set()
            return
        for tp, records in found.items():
            if self._is_changed.is_set():  # what else was found is read again: a new follower may begin further down
                return
            new = [record for record in records if record.offset >= self._positions[tp]]
            if new:
                self._positions[tp] = new[-1].offset + 1
                self._waiting_for_room = tp
                await self._queues[tp].put(new)
                self._waiting_for_room = None
        for tp in [tp for tp, since in self._own.items() if monotonic() - since > OWN_S]:
            self._ask_again(tp)

    async def _tell(self, tp: TopicPartition, error: Exception) -> None:
        queue = self._queues.pop(tp, None)
        self._positions.pop(tp, None)
        if queue is not None:
            await queue.put(error)
