"""A log in memory for tests of single classes: what was sent is there at once, or when the test lets it land."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any

from simulated_kafka import PartitionLog, SimRecord

from app.exactly_once.changelog import Claim, Data, changelog_of, decode
from app.exactly_once.log import Header, Message, OffsetOutOfRange, Partition

READ_RECORDS_MAX = 3


class MemoryLog:
    """All partitions, as one client sees them."""

    def __init__(self) -> None:
        self.logs: defaultdict[Partition, PartitionLog] = defaultdict(PartitionLog)
        self.held: set[Partition] = set()
        """What is sent there waits until `let_land`."""
        self._waiting: defaultdict[Partition, list[tuple[list[Message], asyncio.Future[int]]]] = defaultdict(list)
        self.before_read: Callable[[Partition], None] = lambda _: None
        """Called before every portion that is read: what others do meanwhile."""
        self.appended = 0
        self.deleted: list[tuple[Partition, int]] = []

    # what tests do

    def write(self, partition: Partition, value: bytes, *headers: Header, timestamp: int = 0) -> SimRecord:
        """One record from outside."""
        log = self.logs[partition]
        log.append(Message(None, value, list(headers)), timestamp)
        return log.records[-1]

    def hold(self, partition: Partition) -> None:
        self.held.add(partition)

    def let_land(self, partition: Partition) -> None:
        self.held.discard(partition)
        for messages, future in self._waiting.pop(partition, []):
            if not future.done():
                future.set_result(self._land(partition, messages))

    def refuse(self, partition: Partition) -> None:
        for _, future in self._waiting.pop(partition, []):
            future.set_exception(ConnectionError("refused"))

    def values(self, partition: Partition) -> list[bytes]:
        return [record.value or b"" for record in self.logs[partition].records]

    def changelog(self, inbox: Partition) -> list[Claim | Data]:
        return [decode(value) for value in self.values(changelog_of(inbox))]

    def data(self, inbox: Partition) -> list[Data]:
        return [entry for entry in self.changelog(inbox) if isinstance(entry, Data)]

    def claims(self, inbox: Partition) -> list[Claim]:
        return [entry for entry in self.changelog(inbox) if isinstance(entry, Claim)]

    # the port

    def _land(self, partition: Partition, messages: list[Message]) -> int:
        self.appended += len(messages)
        offsets = [self.logs[partition].append(message, 0) for message in messages]
        return offsets[0]

    def send(self, destination: Partition, messages: Iterable[Message]) -> list[Awaitable[int]]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if destination in self.held:
            self._waiting[destination].append((list(messages), future))
        else:
            future.set_result(self._land(destination, list(messages)))
        return [future]

    async def append(self, destination: Partition, message: Message) -> int:
        return await asyncio.shield(self.send(destination, [message])[0])

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        await asyncio.sleep(0)
        log = self.logs[partition]
        return log.first, log.end

    async def read(self, partition: Partition, start: int, end: int) -> AsyncIterator[Sequence[SimRecord]]:
        position = start
        while position < end:
            await asyncio.sleep(0)
            self.before_read(partition)
            to = min(end, position + READ_RECORDS_MAX)
            yield self._slice(partition, position, to)
            position = to

    async def tail(self, partition: Partition, start: int) -> AsyncGenerator[Sequence[SimRecord], None]:
        position = start
        while True:
            log = self.logs[partition]
            if position >= log.end:
                self._slice(partition, position, position)
                grown: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                log.grown.append(grown)
                await grown
                continue
            self.before_read(partition)
            to = min(log.end, position + READ_RECORDS_MAX)
            yield self._slice(partition, position, to)
            position = to

    def _slice(self, partition: Partition, start: int, end: int) -> list[SimRecord]:
        log = self.logs[partition]
        if not log.first <= start <= log.end:
            raise OffsetOutOfRange(f"{partition} {start}")
        return log.slice(start, end)

    async def delete_before(self, partition: Partition, offset: int) -> None:
        self.deleted.append((partition, offset))
        self.logs[partition].delete_before(offset)
