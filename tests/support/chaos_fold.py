"""The judge of a chaos run: folds every inbox as it lies on Kafka in one process, and compares what the workers made.

Row by row, byte by byte; and hop by hop: what each shard must have sent to each partition, against what arrived there.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import xxhash
from aiokafka import AIOKafkaConsumer, TopicPartition
from chaos_watch import SHARDS
from venues import NOUN_OF, fatal

from app import reading
from app.codecs import Codec
from app.exactly_once import identity
from app.exactly_once.log import Message, Partition, Record
from app.exactly_once.rows import Rows
from app.exactly_once.shard import SUB_BATCH_RECORDS_MAX, SYSTEM_TABLES, Shard
from app.machine import Noun, NounMachine
from app.registry import FileRegistry
from app.settings import Profile, Settings
from app.topics import ROUTES, TOPICS, partitions_of

DESTINATIONS = sorted({route.topic for routes in ROUTES.values() for ways in routes.values() for route in ways})


def weigh(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> bytes:
    """Stands for all bytes of a record."""
    parts = [b"\0" if key is None else b"\1" + key, value or b""]
    for name, content in headers:
        parts += [name.encode(), content]
    lengths = b",".join(b"%d" % len(part) for part in parts)
    return xxhash.xxh3_128_digest(lengths + b"".join(parts))


class Way:
    """What one shard sends to one partition, in order; then, what arrived of it."""

    def __init__(self) -> None:
        self.positions: list[bytes] = []
        self.weights: list[bytes] = []
        self.arrived = 0
        self.repeated = 0

    def expect(self, message: Message) -> None:
        name, sender = message.headers[0]
        assert name == identity.HEADER
        self.positions.append(sender[identity.POSITION])
        self.weights.append(weigh(message.key, message.value, message.headers))

    def see(self, record: Record, sender: bytes) -> str | None:
        """Takes the next record of this source -> what is wrong with it."""
        position = sender[identity.POSITION]
        is_next = self.arrived < len(self.positions) and position == self.positions[self.arrived]
        index = self.arrived if is_next else bisect_left(self.positions, position, 0, self.arrived)
        if not is_next and (index == self.arrived or self.positions[index] != position):
            return f"identity {identity.unpack(sender)} is not the next of those that are due, nor one that was"
        if weigh(record.key, record.value, record.headers) != self.weights[index]:
            return f"identity {identity.unpack(sender)} has other bytes than the fold"
        self.arrived += is_next
        self.repeated += not is_next
        return None


@dataclass
class Verdict:
    """What was found. `faults` is empty where every unit is where it belongs."""

    faults: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    rows: dict[Partition, Rows] = field(default_factory=dict)
    """As the fold has them."""
    ends: dict[Partition, int] = field(default_factory=dict)
    """Of the inboxes."""

    def compare(self, what: str, expected: object, found: object) -> None:
        if expected != found:
            self.faults.append(f"{what}: {expected!r} expected, {found!r} found")

    def compare_rows(self, inbox: Partition, found: Rows) -> None:
        """The stored bytes of every row."""
        for name, table in self.rows[inbox].tables.items():
            ours, theirs = table.warm, found[name].warm
            if ours != theirs:
                keys = [key for key in sorted(ours.keys() | theirs.keys()) if ours.get(key) != theirs.get(key)]
                for key in keys[:3]:
                    what = f"{inbox} {name} {key!r}, one of {len(keys)}"
                    self.compare(what, ours.get(key), theirs.get(key))


class Judge:
    """Reads all logs of a system that came to rest."""

    def __init__(self, settings: Settings, rng: Random) -> None:
        self.settings, self.rng = settings, rng
        self.codec = Codec(FileRegistry())
        self.ways: defaultdict[tuple[bytes, int, Partition], Way] = defaultdict(Way)
        self.verdict = Verdict()

    async def read(self, partition: Partition) -> AsyncIterator[tuple[list[Any], int]]:
        """Committed records, and the position behind them."""
        tp = TopicPartition(*partition)
        settings = {"isolation_level": "read_committed", "auto_offset_reset": "none", "enable_auto_commit": False}
        async with AIOKafkaConsumer(bootstrap_servers=self.settings.brokers, **settings) as consumer:
            consumer.assign([tp])
            first = (await consumer.beginning_offsets([tp]))[tp]
            end = (await consumer.end_offsets([tp]))[tp]
            consumer.seek(tp, first)
            position = first
            while position < end:
                records = (await consumer.getmany(tp, timeout_ms=1000)).get(tp, [])
                position = await consumer.position(tp)
                yield records, position

    async def fold(self, sent: dict[Partition, list[str]]) -> None:
        """Every inbox, in one process, cut into batches as chance will have it."""
        for inbox in SHARDS:
            noun = reading.noun_of(NOUN_OF[inbox.topic])
            shard = self._shard(inbox, noun)
            outside: list[str] = []
            async for records, end in self.read(inbox):
                for part, until in self._cut(records, end):
                    self._take(shard, part, until)
                outside += [name for name in map(self._sent_by_us, records) if name]
            assert shard.rows.digest == shard.rows.full_digest()
            self.verdict.rows[inbox], self.verdict.ends[inbox] = shard.rows, shard.next
            if outside != sent[inbox]:
                self.verdict.faults.append(f"{inbox} holds {len(outside)} commands, {len(sent[inbox])} were sent")

    def _shard(self, inbox: Partition, noun: Noun) -> Shard:
        machine = NounMachine(noun, self.codec, Profile.TEST, {}, {})
        rows = Rows(SYSTEM_TABLES | noun.tables)
        is_public = TOPICS[inbox.topic].is_public_input
        shard = Shard(inbox, machine, rows, fatal, is_public=is_public, counts=self.verdict.figures)
        shard.open(None)
        return shard

    def _cut(self, records: Sequence[Record], end: int) -> list[tuple[Sequence[Record], int]]:
        places = [0]
        while places[-1] < len(records):
            places.append(min(len(records), places[-1] + self.rng.randint(1, SUB_BATCH_RECORDS_MAX)))
        parts = [records[start:stop] for start, stop in pairwise(places)]
        starts = [part[0].offset for part in parts[1:]]
        return list(zip(parts, [*starts, end], strict=True)) if parts else [([], end)]

    def _take(self, shard: Shard, records: Sequence[Record], end: int) -> None:
        while shard.next < end:
            left = [record for record in records if record.offset >= shard.next]
            sub = shard.take(left, end)
            for destination, messages in sub.outputs.items():
                way = self.ways[shard.inbox.topic.encode(), shard.inbox.number, destination]
                for message in messages:
                    way.expect(message)
        self.verdict.figures["inbox records"] += len(records)

    def _sent_by_us(self, record: Record) -> str | None:
        if any(name == identity.HEADER for name, _ in record.headers):
            return None
        name = self.codec.decode(record.value).command_id  # type: ignore[attr-defined]
        return name if name.startswith("chaos-") else None

    async def compare_hops(self) -> None:
        """First occurrences, in order, byte by byte; and every repetition the same as the first."""
        for topic in DESTINATIONS:
            for number in range(partitions_of(topic, Profile.TEST)):
                destination = Partition(topic, number)
                async for records, _ in self.read(destination):
                    for record in records:
                        self._arrived(destination, record)
        for (source, number, destination), way in self.ways.items():
            what = f"{source.decode()}-{number} to {destination}"
            self.verdict.compare(f"records from {what}", len(way.positions), way.arrived)
            self.verdict.figures["outputs"] += way.arrived
            self.verdict.figures["repeated outputs"] += way.repeated

    def _arrived(self, destination: Partition, record: Record) -> None:
        sender = next((value for name, value in record.headers if name == identity.HEADER), None)
        if sender is None:
            if destination.topic not in NOUN_OF:
                self.verdict.faults.append(f"{destination} offset {record.offset}: a record from nowhere")
            return
        source, number, _, _, _ = identity.unpack(sender)
        way = self.ways.get((source, number, destination))
        fault = f"nothing should come from {source!r}-{number}" if way is None else way.see(record, sender)
        if fault is not None and len(self.verdict.faults) < 50:
            self.verdict.faults.append(f"{destination} offset {record.offset}: {fault}")

    async def compare_rows(self) -> None:
        """What a restore from each changelog gives, against the fold."""
        async with reading.reader(self.settings) as log:
            for inbox, folded in self.verdict.rows.items():
                found = await reading.shard(log, reading.noun_of(NOUN_OF[inbox.topic]), inbox.number)
                self.verdict.compare(f"lag of {inbox}", 0, found.lag)
                self.verdict.figures["rows"] += folded.live
                self.verdict.figures["fenced records left"] += found.follower.fenced
                self.verdict.compare_rows(inbox, found.follower.rows)
