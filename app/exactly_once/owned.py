"""What the owner of shards needs around them: nouns, a reader of inboxes, knobs, and one shard's parts put together."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.exactly_once.changelog import Follower, changelog_of
from app.exactly_once.commit_rounds import CommitRounds
from app.exactly_once.journal import Journal, Sweep
from app.exactly_once.log import Fatal, Log, Partition, TopicId
from app.exactly_once.restore import DurableStore
from app.exactly_once.shard import Machine, Shard
from app.exactly_once.store_writer import StoreWriter


class Kind(Protocol):
    """What the owner must know of a noun."""

    @property
    def tables(self) -> Mapping[str, type]: ...
    def machine(self) -> Machine:
        """A fresh machine for one shard."""


class Consumer(Protocol):
    """The reader of the inboxes."""

    async def topic_id(self, partition: Partition) -> TopicId:
        """Which topic of its name there is now. Raises Unavailable."""

    async def seek(self, partition: Partition, position: int, topic_id: TopicId) -> None:
        """Reads the partition from there on; never that of another topic of the same name."""

    def pause(self, partition: Partition) -> None:
        """Reads no more of it until `seek`."""

    async def is_still_ours(self, partition: Partition) -> bool:
        """Asks the group's coordinator whether the partition is ours in the current generation."""


@dataclass(frozen=True)
class Tuning:
    """Durations and bounds; tests turn them."""

    commit_interval_s: float = 0.01
    """From one round of the journals to the next; delays no output."""
    store_interval_s: float = 0.25
    """From one write to a store to the next; a changelog record counts whether or not a store has it."""
    quiet_s: float = 10.0
    """The same for sub-batches that nobody waits for."""
    stall_s: float = 1.0
    """How long a batch may wait for its shard's journal before the partition is paused, so that others go on."""
    warm_rows_max: int = 1_000_000
    """Rows of one table and shard in memory; the others are read from the store."""
    sweep_versions_min: int = 2_000
    """Row versions in the changelog below which nothing is carried forward."""
    domain: tuple[str, ...] = ("domain",)
    """Packages whose exceptions are the record's fault."""
    public_inboxes: frozenset[str] = frozenset()
    """Inboxes into which strangers write: there, a header that looks like one of ours means nothing."""


DEFAULT = Tuning()


class Owned:
    """One shard of this process, and what makes it durable."""

    def __init__(self, shard: Shard, follower: Follower, journal: Journal, store: DurableStore | None) -> None:
        self.shard, self.follower, self.journal, self.store = shard, follower, journal, store
        self.frozen = True
        self.topic_id: TopicId = b""
        """Of the inbox that was compared with the shard last, and is read."""
        self.seek_at: float | None = None
        """When it asked for its position, if no fitting batch came since."""
        self.busy_since: float | None = None
        """When it got the first batch that it has not finished."""
        self.task: asyncio.Task[None] | None = None
        self.stall: asyncio.Task[None] | None = None
        self.is_stalled = False
        """Its journal has no room: batches that were read already are dropped, and read again when it has."""
        self.look: asyncio.Task[None] | None = None
        """Looks whether a batch that fits comes after one that was dropped."""

    def close(self) -> None:
        """Ends it where it stands. What it sent may still arrive, as from any owner that was replaced."""
        self.frozen = True
        for task in (self.task, self.stall, self.look):
            if task is not None:
                task.cancel()
        if self.store is not None:
            self.journal.store.write()
            self.store.close()


def assembled(
    inbox: Partition,
    kind: Kind,
    follower: Follower,
    store: DurableStore | None,
    log: Log,
    tuning: Tuning,
    fatal: Fatal,
    counts: Counter[str],
    now: Callable[[], float],
    rounds: CommitRounds,
) -> Owned:
    """The shard whose rows the follower has restored, with its journal."""
    is_public = inbox.topic in tuning.public_inboxes
    machine, rows = kind.machine(), follower.rows
    shard = Shard(inbox, machine, rows, fatal, domain=tuning.domain, is_public=is_public, counts=counts)
    shard.open(follower.next)
    sweep = Sweep(rows, follower.row_versions, tuning.sweep_versions_min)
    writer = StoreWriter(rows, tuning.store_interval_s, now)
    journal = Journal(log, changelog_of(inbox), follower, sweep, writer, rounds=rounds, quiet_s=tuning.quiet_s, now=now)
    return Owned(shard, follower, journal, store)
