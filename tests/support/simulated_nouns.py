"""Two nouns that feed each other: `a` counts per account and forwards; `b` counts per symbol and answers to `a`."""

import zlib
from typing import Any, NamedTuple

from simulated_kafka import SimRecord

from app.exactly_once.log import Partition
from app.exactly_once.shard import DeadLetter, Shard, StopShard

PARTITIONS = 2
ACCOUNTS = [f"account{n}" for n in range(7)]
SYMBOLS = [f"symbol{n}" for n in range(5)]
INBOXES = [Partition(topic, number) for topic in ("a", "b") for number in range(PARTITIONS)]
OUT_A, OUT_B, DEAD = Partition("out", 0), Partition("out", 1), Partition("dead", 0)


def partition_of(topic: str, key: str) -> Partition:
    return Partition(topic, zlib.crc32(key.encode()) % PARTITIONS)


class Counting:
    """Common to both machines: rows as bytes, output by table scan, faults of the domain."""

    tables: dict[str, type] = {"counts": bytes, "marks": bytes}
    knows_future = True
    """Whether this version of the code has the newest command."""

    def open(self, shard: Shard) -> None:
        self.shard = shard
        self.counts, self.marks = shard.rows["counts"], shard.rows["marks"]

    def add(self, key: str) -> int:
        count = int(self.counts.get(key) or b"0") + 1
        self.counts.put(key, b"%d" % count)
        return count

    def taken_back(self) -> None:
        pass

    def put_aside(self, letter: DeadLetter) -> None:
        self.shard.emit(DEAD, None, b"%d" % letter.record.offset)

    def handle(self, record: SimRecord) -> None:
        self.shard.advance(record.timestamp)
        kind, key, rest = record.value.decode().split("|", 2)
        count = self.add(key)
        if kind == "poison":
            self.counts.delete(key)
            self.shard.emit(OUT_A, None, b"never")
            raise ZeroDivisionError
        if kind == "future" and not self.knows_future:
            self.shard.emit(OUT_A, None, b"never")
            raise StopShard("a command of a later version")
        if kind in ("delete", "flip"):
            self.counts.delete(key)
            self.marks.put(key, record.value)
        if kind == "flip":  # and back within one record
            self.counts.put(key, b"%d" % count)
        if kind == "list":  # as expiries are listed: the order of the rows is part of the outputs
            for other, row in self.counts.scan():
                self.shard.emit(OUT_A, other.encode(), b"%s=%s" % (other.encode(), row))
        self.forward(kind, key, rest, count)


class MachineA(Counting):
    def forward(self, kind: str, key: str, rest: str, count: int) -> None:
        number = self.shard.next_event_number()
        self.shard.emit(OUT_A, key.encode(), f"a|{kind}|{key}|{count}|{number}".encode())
        if kind != "answer":
            self.shard.emit(partition_of("b", rest), rest.encode(), f"forward|{rest}|{key}:{count}".encode())


class MachineB(Counting):
    def forward(self, kind: str, key: str, rest: str, count: int) -> None:
        self.shard.emit(OUT_B, key.encode(), f"b|{key}|{count}|{rest}".encode())
        account = rest.split(":", maxsplit=1)[0]
        if count % 3 == 0:
            self.shard.emit(partition_of("a", account), account.encode(), f"answer|{account}|{key}:{count}".encode())


class Kind(NamedTuple):
    machine: Any
    tables: dict[str, type]


KINDS = {"a": Kind(MachineA, MachineA.tables), "b": Kind(MachineB, MachineB.tables)}


def kinds_of(*, knows_future: bool) -> dict[str, Kind]:
    """The nouns as one version of the code has them."""

    def made(machine: Any) -> Any:
        made = machine()
        made.knows_future = knows_future
        return made

    return {topic: Kind(lambda kind=kind: made(kind.machine), kind.tables) for topic, kind in KINDS.items()}
