"""A small machine and what a shard needs around it, for tests of single classes of `app.exactly_once`."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import msgspec
from memory_log import MemoryLog
from simulated_kafka import Disk, SimRecord

from app.exactly_once import identity
from app.exactly_once.log import Batch, Header, Partition
from app.exactly_once.owned import Tuning
from app.exactly_once.owner import Owner
from app.exactly_once.rows import Rows
from app.exactly_once.shard import SYSTEM_TABLES, DeadLetter, Shard, StopShard, Undecodable

INBOX = Partition("accounts-inbox", 0)
OTHER_INBOX = Partition("accounts-inbox", 1)
OUT, OUT_TOO, DEAD = Partition("out", 0), Partition("out", 1), Partition("dead-letters", 0)


class Balance(msgspec.Struct, frozen=True):
    amount: int


class Accounts:
    """Adds amounts to balances. Commands are `word argument …`."""

    tables: dict[str, type] = {"balances": Balance, "notes": bytes}

    def open(self, shard: Shard) -> None:
        self.shard = shard
        self.balances, self.notes = shard.rows["balances"], shard.rows["notes"]
        self.voids = 0

    def taken_back(self) -> None:
        self.voids += 1

    def put_aside(self, letter: DeadLetter) -> None:
        self.shard.emit(DEAD, None, f"{letter.record.offset} {letter.reason}".encode())

    def handle(self, record: SimRecord) -> None:
        word, *arguments = (record.value or b"").decode().split()
        getattr(self, f"_{word}")(*arguments)

    def _add(self, account: str, amount: str = "1") -> None:
        before = self.balances.get(account)
        self.balances.put(account, Balance((before.amount if before else 0) + int(amount)))
        self.shard.emit(OUT, account.encode(), f"{account} {self.shard.next_event_number()}".encode())

    def _remove(self, account: str) -> None:
        self.balances.delete(account)

    def _note(self, account: str, size: str) -> None:
        self.notes.put(account, b"n" * int(size))

    def _nothing(self) -> None:
        pass

    def _list(self) -> None:
        for account, balance in self.balances.scan():
            self.shard.emit(OUT, account.encode(), f"{account}={balance.amount}".encode())

    def _time(self, clock: str) -> None:
        self.shard.advance(int(clock))

    def _everywhere(self) -> None:
        for destination in (OUT, OUT_TOO, DEAD, OUT):
            self.shard.emit(destination, None, b"x")

    def _huge(self, account: str, size: str) -> None:
        self.balances.put(account, Balance(1))
        self.shard.emit(OUT, None, b"h" * int(size))

    def _fail(self, account: str) -> None:
        self.shard.advance(10**18)
        self._add(account, "1000")
        raise ZeroDivisionError(account)

    def _refuse(self, account: str) -> None:
        self._add(account, "1000")
        raise Undecodable("BAD", account)

    def _stop(self) -> None:
        self._add("alice", "1000")
        raise StopShard("a command of a later version")

    def _memory(self) -> None:
        raise MemoryError

    def _recursion(self) -> None:
        self._recursion()

    def _interrupt(self) -> None:
        raise KeyboardInterrupt

    def _outside(self) -> None:
        json.loads("{")  # fails in a module that is none of the domain's


class Ended(BaseException):
    """The process would have ended."""


def fatal(why: str, status: int = 70) -> NoReturn:
    raise Ended(why, status)


def shard_of(machine: Any = None, inbox: Partition = INBOX, **more: Any) -> Shard:
    """A shard that never took a record."""
    machine = machine or Accounts()
    shard = Shard(inbox, machine, Rows(SYSTEM_TABLES | Accounts.tables), fatal, domain=("small_shards",), **more)
    shard.open(None)
    return shard


def records_of(*values: str, start: int = 0, time: int = 0) -> list[SimRecord]:
    return [SimRecord(start + number, time, None, value.encode(), []) for number, value in enumerate(values)]


def from_shard(value: str, offset: int, sender: tuple[int, int, int], source: Partition = OTHER_INBOX) -> SimRecord:
    """A record that another shard sent; `sender` is (incarnation, offset, index)."""
    header: Header = (identity.HEADER, identity.pack(source.topic.encode(), source.number, *sender))
    return SimRecord(offset, 0, None, value.encode(), [header])


def amounts(rows: Rows) -> dict[str, int]:
    return {account: balance.amount for account, balance in rows["balances"].scan()}


class Kind(NamedTuple):
    machine: Callable[[], Any] = Accounts
    tables: dict[str, type] = Accounts.tables


class Inboxes:
    """The reader of the inboxes: delivers nothing by itself, and remembers what it was asked."""

    def __init__(self) -> None:
        self.positions: dict[Partition, int] = {}
        self.seeks: list[tuple[Partition, int]] = []
        self.topic_ids: dict[Partition, bytes] = {}
        self.reads: dict[Partition, bytes] = {}
        """Which topic it was told to read."""
        self.paused: set[Partition] = set()
        self.is_ours = True

    async def topic_id(self, partition: Partition) -> bytes:
        return self.topic_ids.get(partition, b"first")

    async def seek(self, partition: Partition, position: int, topic_id: bytes) -> None:
        self.reads[partition] = topic_id
        self.seeks.append((partition, position))
        self.positions[partition] = position
        self.paused.discard(partition)

    def pause(self, partition: Partition) -> None:
        self.paused.add(partition)

    async def is_still_ours(self, partition: Partition) -> bool:
        return self.is_ours


class Process:
    """One process that owns shards."""

    def __init__(self, log: MemoryLog, name: str = "worker", **tuning: Any) -> None:
        self.log, self.inboxes = log, Inboxes()
        self.ended: list[str] = []
        self.disks: dict[Partition, Disk] = {}
        self.time = 0.0
        knobs = {
            "commit_interval_s": 0.0,
            "store_interval_s": 0.0,
            "quiet_s": 0.0,
            "domain": ("small_shards",),
        } | tuning
        self.owner = Owner(
            name,
            log,
            {INBOX.topic: Kind()},
            self.inboxes,
            self._end,
            now=lambda: self.time,
            open_store=lambda partition: self.disks.setdefault(partition, Disk()),
            tuning=Tuning(**knobs),
        )

    def _end(self, why: str) -> Any:
        self.ended.append(why)
        raise Ended(why)

    async def take(self, *values: str, inbox: Partition = INBOX) -> None:
        """Writes records into the inbox and delivers them as one batch."""
        start = self.log.logs[inbox].end
        records = [self.log.write(inbox, value.encode()) for value in values]
        await self.owner.deliver(inbox, Batch(records, start, self.log.logs[inbox].end))

    async def settle(self, inbox: Partition = INBOX) -> None:
        """Waits until everything that was taken is durable."""
        await self.owner.shards[inbox].journal.is_idle()

    def amounts(self, inbox: Partition = INBOX) -> dict[str, int]:
        return amounts(self.owner.shards[inbox].shard.rows)

    def kill(self) -> None:
        """Nothing of it runs on."""
        for owned in self.owner.shards.values():
            owned.close()
        for task in list(self.owner._tasks):
            task.cancel()


async def steps(count: int = 50) -> None:
    """Lets everything that can happen now happen."""
    for _ in range(count):
        await asyncio.sleep(0)
