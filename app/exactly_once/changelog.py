"""The changelog of a shard: what its records say, and the one rule by which everybody reads them."""

from collections.abc import AsyncIterator, Callable

import msgspec

from app.exactly_once.log import Log, OffsetOutOfRange, Partition, Record
from app.exactly_once.rows import Changes, Rows

RECORD_BYTES_MAX = 16 << 20
"""What the changelog topics allow: the changes of one inbox record never need more (`Shard` sees to it)."""


class Claim(msgspec.Struct, tag="claim", array_like=True, frozen=True):
    """`owner` takes the shard over: records of lower epochs that come after this one do not count."""

    epoch: int
    owner: str
    version: str
    """Of the code, for people who read the log."""


class Data(msgspec.Struct, tag="data", array_like=True, frozen=True):
    """Rows after the inbox was taken from position `start` up to position `end`."""

    epoch: int
    start: int
    end: int
    rows: Changes
    digest: int
    """Of all rows after this record."""


encode: Callable[[Claim | Data], bytes] = msgspec.msgpack.Encoder().encode
decode: Callable[[bytes], Claim | Data] = msgspec.msgpack.Decoder(Claim | Data).decode


def topic_of(inbox: str) -> str:
    """The changelog topic of an inbox topic."""
    return f"{inbox}-changelog"


def changelog_of(inbox: Partition) -> Partition:
    """The changelog of a shard."""
    return Partition(topic_of(inbox.topic), inbox.number)


class ChangelogError(Exception):
    """The log contradicts itself: a hole within an epoch, or rows that do not agree with the digest."""


class Follower:
    """Reads a changelog into rows. Owners restore with it, replicas live on it, the store lives below it.

    A data record counts if its epoch is the current one and it begins where the one before ended.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.next: int | None = None
        """Inbox position up to which the rows speak; None before the first data record."""
        self.epoch = 0
        self.owner = ""
        self.offset = 0
        """Changelog offset up to which was read."""
        self.digest = 0
        """As the last record that counted says."""
        self.row_versions = 0
        """Row versions that were read: what copy-forward keeps small."""
        self.fenced = 0
        """Data records of superseded owners, skipped."""

    def apply(self, record: Record) -> Data | None:
        """Reads one record -> it, if it counts."""
        assert record.value is not None
        entry = decode(record.value)
        self.offset = record.offset + 1
        if isinstance(entry, Claim):
            if entry.epoch > self.epoch:
                self.epoch, self.owner = entry.epoch, entry.owner
            return None
        if entry.epoch < self.epoch:
            self.fenced += 1
            return None
        if self.next is None:
            self.epoch = entry.epoch  # the first record of a truncated log
        elif entry.epoch > self.epoch or entry.start != self.next:
            raise ChangelogError(
                f"a hole at changelog offset {record.offset}: the record of epoch {entry.epoch} begins at "
                f"{entry.start}, the rows of epoch {self.epoch} end at {self.next}"
            )
        self.rows.apply(entry.rows)
        self.next, self.digest = entry.end, entry.digest
        self.row_versions += sum(map(len, entry.rows.values()))
        return entry

    def check(self) -> None:
        """Raises if the rows are not those that the writer had."""
        if self.next is not None and self.rows.digest != self.digest:
            raise ChangelogError(f"digest {self.rows.digest:x} of the rows at {self.next}, {self.digest:x} in the log")


async def follow(log: Log, changelog: Partition, follower: Follower, end: int) -> AsyncIterator[tuple[Record, Data]]:
    """Reads from where the follower is to `end` -> the records that count."""
    async for records in log.read(changelog, follower.offset, end):
        for record in records:
            entry = follower.apply(record)
            if entry is not None:
                yield record, entry
    follower.offset = max(follower.offset, end)


async def is_superseded(log: Log, changelog: Partition, follower: Follower, end: int) -> bool:
    """Did anybody claim the shard between the record that we read or wrote last and `end`?"""
    found = False
    try:
        async for records in log.read(changelog, follower.offset, end):
            for record in records:
                entry = decode(record.value or b"")
                found = found or (isinstance(entry, Claim) and entry.epoch > follower.epoch)
    except OffsetOutOfRange:  # somebody else deletes records
        return True
    return found
