"""A broker for the simulation: logs that are truncated and made anew, clients whose requests and answers get lost.

What a client sent lands later, in order for each partition; an answer that got lost is asked for again, and the broker
knows what it has already. What a killed process had on the wire may still land.
"""

import asyncio
import contextvars
import random
from collections import Counter, defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from virtual_loop import Process, VirtualLoop

from app.exactly_once.log import Header, Message, OffsetOutOfRange, Partition
from app.exactly_once.rows import Changes


class SimRecord(NamedTuple):
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class PartitionLog:
    def __init__(self) -> None:
        self.records: list[SimRecord] = []
        self.first, self.end = 0, 0
        self.topic_id = b""
        """Another one for each time that it is made anew; nothing else tells."""
        self.grown: list[asyncio.Future[None]] = []

    def append(self, message: Message, timestamp: int) -> int:
        offset = self.end
        self.records.append(SimRecord(offset, timestamp, message.key, message.value, message.headers))
        self.end += 1
        self.wake()
        return offset

    def wake(self) -> None:
        for future in self.grown:
            if not future.done():
                future.set_result(None)
        self.grown.clear()

    def mark(self) -> None:
        """A transaction marker: an offset without a record."""
        self.end += 1

    def slice(self, start: int, end: int) -> list[SimRecord]:
        low, high = 0, len(self.records)
        while low < high:
            middle = (low + high) // 2
            if self.records[middle].offset < start:
                low = middle + 1
            else:
                high = middle
        found = []
        for record in self.records[low:]:
            if record.offset >= end:
                break
            found.append(record)
        return found

    def delete_before(self, offset: int) -> None:
        if offset > self.first:
            self.first = offset
            self.records = [record for record in self.records if record.offset >= offset]


class Wire:
    """A produce batch: open to more messages until it leaves."""

    def __init__(self, destination: Partition, future: asyncio.Future[int]) -> None:
        self.destination, self.future = destination, future
        self.messages: list[Message] = []
        self.offset: int | None = None
        """Where the broker wrote it, if it did."""


class Broker:
    """All logs."""

    def __init__(self, loop: VirtualLoop, rng: random.Random, *, loses_answers: float = 0.0) -> None:
        self.loop, self.rng, self.loses_answers = loop, rng, loses_answers
        self.logs: defaultdict[Partition, PartitionLog] = defaultdict(PartitionLog)
        self.former: defaultdict[Partition, list[list[SimRecord]]] = defaultdict(list)
        """Records of topics that were made anew."""
        self.up_at = 0.0
        self.counts: Counter[str] = Counter()

    def land(self, wire: Wire) -> int:
        log = self.logs[wire.destination]
        offsets = [log.append(message, int(self.loop.time() * 1000)) for message in wire.messages]
        return offsets[0]

    @property
    def is_up(self) -> bool:
        return self.loop.time() >= self.up_at

    async def up(self) -> None:
        while not self.is_up:  # noqa: ASYNC110 - virtual time passes in sleeps alone
            await asyncio.sleep(self.up_at - self.loop.time() + 0.001)

    def restart(self) -> None:
        """Away for a while. Answers to what it wrote last are lost."""
        self.up_at = self.loop.time() + self.rng.choice([0.1, 0.5, 2.0])

    def make_anew(self, partition: Partition) -> None:
        former = self.logs[partition]
        self.former[partition].append(former.records)
        self.logs[partition] = log = PartitionLog()
        log.topic_id = former.topic_id + b"'"
        former.wake()


class Client:
    """One process's connection: what it sent last is lost with it, or lands late, but never out of order."""

    is_idempotent = True

    def __init__(self, broker: Broker, process: Process, *, failing: float = 0.0, fatal: Any = None) -> None:
        self.broker, self.process, self.failing, self.fatal = broker, process, failing, fatal
        self.queues: defaultdict[Partition, deque[Wire]] = defaultdict(deque)
        self.busy: set[Partition] = set()
        """Where something is on the wire."""
        self.refused: set[Partition] = set()
        """Nothing follows a refused batch: its sender ends when it hears of it."""
        self.lag_s = 0.0
        """How slow a tail may be."""

    def _delay(self, slow: float = 0.05) -> float:
        rng = self.broker.rng
        return rng.random() * 0.002 if rng.random() > slow else rng.random() * 0.5

    # writing
    def send(self, destination: Partition, messages: Iterable[Message]) -> list[asyncio.Future[int]]:
        wire = self._open(destination)
        wire.messages += messages
        return [wire.future]

    async def append(self, destination: Partition, message: Message) -> int:
        wire = self._open(destination)
        index = len(wire.messages)
        wire.messages.append(message)
        return await asyncio.shield(wire.future) + index

    def _open(self, destination: Partition) -> Wire:
        """As with the real producer, the last batch is open until it leaves, and all who write to it share its fate."""
        queue = self.queues[destination]
        if len(queue) > (destination in self.busy):
            return queue[-1]
        future = self.broker.loop.create_future()
        future.add_done_callback(self._must_not_fail)
        queue.append(Wire(destination, future))
        if destination not in self.busy:  # leaves when the sender comes round
            self.broker.loop.call_soon(self._pump, destination)
        return queue[-1]

    def _must_not_fail(self, future: asyncio.Future[int]) -> None:
        if not future.cancelled() and future.exception() is not None:
            self.fatal(f"send {future.exception()!r}", expected=True)

    def _pump(self, destination: Partition) -> None:
        if destination in self.refused:
            return
        if destination not in self.busy and self.queues[destination] and self.process.is_alive:
            self._put_on_the_wire(destination, self._delay())

    def _put_on_the_wire(self, destination: Partition, delay: float) -> None:
        self.busy.add(destination)
        root(self.broker.loop, delay, self._land, destination)

    def _land(self, destination: Partition) -> None:
        rng, queue = self.broker.rng, self.queues[destination]
        self.busy.discard(destination)
        if not queue:
            return
        if not self.process.is_alive and (rng.random() < 0.5 or not self.broker.is_up):
            queue.clear()
            return
        if not self.broker.is_up:
            self._put_on_the_wire(destination, self.broker.up_at - self.broker.loop.time() + self._delay())
            return
        wire = queue[0]
        if self.failing and self.process.is_alive and wire.offset is None and rng.random() < self.failing:
            queue.popleft()
            self._resolve(wire.future, None)
            self.refused.add(destination)
            return
        if wire.offset is None or not self.is_idempotent:
            wire.offset = self.broker.land(wire)
        if self.process.is_alive and self.broker.loses_answers and rng.random() < self.broker.loses_answers:
            self.broker.counts["lost answers"] += 1
            self._put_on_the_wire(destination, 0.02 + self._delay())
            return
        queue.popleft()
        self._resolve(wire.future, wire.offset)
        if self.process.is_alive and not self.process.is_paused:
            self._pump(destination)
        elif queue and rng.random() < 0.5:  # was on the wire, too
            self._put_on_the_wire(destination, self._delay())
        elif self.process.is_alive:
            root(self.broker.loop, 1.0, self._pump_later, destination)

    def _pump_later(self, destination: Partition) -> None:
        if self.process.is_paused:
            root(self.broker.loop, 1.0, self._pump_later, destination)
        else:
            self._pump(destination)

    def _resolve(self, future: asyncio.Future[int], offset: int | None) -> None:
        def set_result() -> None:
            if not future.done():
                if offset is None:
                    future.set_exception(ConnectionError("refused"))
                else:
                    future.set_result(offset)

        root(self.broker.loop, self._delay(0.01), set_result)

    # reading
    async def _ask(self) -> None:
        await asyncio.sleep(self._delay())
        await self.broker.up()

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        await self._ask()
        log = self.broker.logs[partition]
        return log.first, log.end

    async def read(self, partition: Partition, start: int, end: int) -> AsyncIterator[Sequence[SimRecord]]:
        position = start
        while position < end:
            await self._ask()
            log = self.broker.logs[partition]
            if position < log.first or position > log.end:
                raise OffsetOutOfRange(f"{partition} {position}")
            to = min(end, position + self.broker.rng.randint(1, 40))
            yield log.slice(position, to)
            position = to

    async def tail(self, partition: Partition, start: int) -> AsyncGenerator[Sequence[SimRecord], None]:
        position = start
        while True:
            log = self.broker.logs[partition]
            if position < log.first or position > log.end:
                raise OffsetOutOfRange(f"{partition} {position}")
            if position >= log.end:
                grown = self.broker.loop.create_future()
                log.grown.append(grown)
                await grown
                continue
            to = min(log.end, position + self.broker.rng.randint(1, 40))
            yield log.slice(position, to)
            position = to
            await self._ask()
            if self.lag_s and self.broker.rng.random() < 0.05:
                await asyncio.sleep(self.broker.rng.random() * self.lag_s)

    async def delete_before(self, partition: Partition, offset: int) -> None:
        await asyncio.sleep(self._delay(0.3))
        await self.broker.up()
        self.broker.logs[partition].delete_before(offset)


def root(loop: VirtualLoop, delay: float, callback: Any, *args: Any) -> None:
    """Schedules something that belongs to no process."""
    contextvars.Context().run(loop.call_later, delay, callback, *args)


class Disk:
    """A store that survives its process. `write` is atomic; the last writes may be lost when the machine goes down."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], bytes] = {}
        self.mark: bytes | None = None
        self._before: deque[tuple[dict[tuple[str, str], bytes | None], bytes | None]] = deque(maxlen=30)

    def get(self, table: str, key: str) -> bytes | None:
        return self.rows.get((table, key))

    def items(self, table: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        return iter(
            [(key, data) for (name, key), data in self.rows.items() if name == table and key.startswith(prefix)]
        )

    def all_items(self) -> list[tuple[str, str, bytes]]:
        return [(name, key, data) for (name, key), data in self.rows.items()]

    def write(self, changes: Changes, meta: bytes | None) -> None:
        places = [(table, key) for table, changed in changes.items() for key in changed]
        self._before.append(({place: self.rows.get(place) for place in places}, self.mark))
        self._set({(table, key): data for table, changed in changes.items() for key, data in changed.items()})
        if meta is not None:
            self.mark = meta

    def _set(self, rows: dict[tuple[str, str], bytes | None]) -> None:
        for place, data in rows.items():
            if data is None:
                self.rows.pop(place, None)
            else:
                self.rows[place] = data

    def lose_last(self, count: int) -> None:
        for _ in range(min(count, len(self._before))):
            rows, self.mark = self._before.pop()
            self._set(rows)

    def meta(self) -> bytes | None:
        return self.mark

    def clear(self) -> None:
        self.rows.clear()
        self._before.clear()
        self.mark = None

    def close(self) -> None:
        pass
