"""What the shards need of Kafka. `transport.py` answers with the real one, the simulator of the tests with its own."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from typing import NamedTuple, NoReturn, Protocol

import msgspec

Header = tuple[str, bytes]


TopicId = bytes
"""Kafka's name for one life of a topic: made anew under the same name, it has another one."""


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.number}"


class Record(Protocol):
    """A record as read: `timestamp` in milliseconds since the epoch."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[Header]: ...


class Message(msgspec.Struct, frozen=True, gc=False):
    """A record to be written."""

    key: bytes | None
    value: bytes
    headers: list[Header]


class Batch(NamedTuple):
    """Records of one partition and the range [start, end) over which the reader moved: transaction markers included."""

    records: Sequence[Record]
    start: int
    end: int


NOWHERE = Batch((), 1 << 62, 1 << 62)
"""A batch that fits no shard: its owner looks what became of the log, and puts the reader back."""


class OffsetOutOfRange(Exception):  # noqa: N818 - Kafka's own name for it
    """The log does not reach down to the offset that was asked for: its old part was deleted meanwhile."""


class Unavailable(Exception):  # noqa: N818 - a state of affairs
    """Kafka does not answer for this partition now: nothing is wrong with what it holds."""


class Log(Protocol):
    """Reading and writing of partitions."""

    def send(self, destination: Partition, messages: Sequence[Message]) -> list[Awaitable[object]]:
        """Hands the messages to the producer, in order -> what resolves when the broker has them.

        A failure ends the process at once: a later batch of the partition could be accepted meanwhile.
        """

    async def append(self, destination: Partition, message: Message) -> int:
        """Writes one message -> its offset."""

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """The first offset of the log, and the one after its last. Raises Unavailable."""

    def read(self, partition: Partition, start: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """Everything in [start, end), then stops. Raises OffsetOutOfRange, never skips; Unavailable."""

    def tail(self, partition: Partition, start: int) -> AsyncGenerator[Sequence[Record], None]:
        """Everything from `start` on, for ever. Raises OffsetOutOfRange."""

    async def delete_before(self, partition: Partition, offset: int) -> None:
        """Removes the records below `offset`."""


class Fatal(Protocol):
    """Ends the process: for faults after which nothing that it says can be trusted."""

    def __call__(self, why: str) -> NoReturn: ...
