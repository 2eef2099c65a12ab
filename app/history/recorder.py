"""Records topics into the history: reads on from where the ledger says, and writes files and positions together."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from app.codecs import Codec
from app.exactly_once.shard import Undecodable
from app.history import files
from app.history.ledger import Ledger
from app.history.tables import HOUR_NS, KIND_OF, OF_SHARDS, TABLES, TOPICS
from app.settings import Settings
from app.topics import partitions_of

ROWS_MAX = 50_000
"""Of one batch."""
FLUSH_S = 5.0
"""How long a row waits for others."""
POLL_MS = 200
MILLISECOND_NS = 1_000_000


class Recorder:
    """Reads records, keeps those that belong to the history, and commits them in batches."""

    def __init__(self, ledger: Ledger, codec: Codec) -> None:
        self.ledger, self.codec = ledger, codec
        self.positions = ledger.positions()
        self.numbers = ledger.numbers()
        self.rows: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
        self.waiting = 0
        self.written = 0
        self.repeated = 0
        """Records that a shard sent again after a crash."""
        self.undecodable = 0

    def take(self, record: ConsumerRecord[bytes | None, bytes | None]) -> None:
        """One record."""
        self.positions[record.topic, record.partition] = record.offset + 1
        if self._was_seen(record):
            self.repeated += 1
            return
        try:
            message = self.codec.decode(record.value)
        except Undecodable:
            self.undecodable += 1
            return
        kind = KIND_OF.get(type(message))
        if kind is None:
            return
        at = TABLES[kind].at(message) or record.timestamp * MILLISECOND_NS
        self.rows[kind, at // HOUR_NS].append(message)
        self.waiting += 1

    def _was_seen(self, record: ConsumerRecord[bytes | None, bytes | None]) -> bool:
        """Events of our shards are numbered, and come again after a crash; others come once."""
        if record.topic not in OF_SHARDS:
            return False
        event_id = next(value for name, value in record.headers if name == "event_id")
        shard, _, number = event_id.decode().rpartition("-")
        place = f"{record.topic}-{record.partition} {shard}"
        if int(number) <= self.numbers.get(place, 0):
            return True
        self.numbers[place] = int(number)
        return False

    def commit(self) -> None:
        """What was taken becomes part of the history."""
        added = files.write(self.ledger, self.rows) if self.rows else []
        self.ledger.commit(added, positions=self.positions, numbers=self.numbers)
        self.written += self.waiting
        self.rows.clear()
        self.waiting = 0


async def record(
    settings: Settings, ledger: Ledger, codec: Codec, *, once: bool, tell: Callable[[str], None]
) -> Recorder:
    """Follows the topics; `once` ends where they end now. Raises KafkaConnectionError."""
    recorder = Recorder(ledger, codec)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    try:
        counts = {topic: partitions_of(topic, settings.profile) for topic in TOPICS}
        places = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
        consumer.assign(places)
        firsts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            wanted = recorder.positions.get((place.topic, place.partition), 0)
            begin = max(wanted, firsts[place])
            if 0 < wanted < begin:
                tell(f"{place.topic}-{place.partition}: {begin - wanted} records are gone that were not recorded")
            recorder.positions[place.topic, place.partition] = begin
            consumer.seek(place, begin)
        await _follow(recorder, consumer, ends if once else None, tell)
    finally:
        await consumer.stop()
    return recorder


async def _follow(
    recorder: Recorder, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int] | None, tell: Callable[[str], None]
) -> None:
    flushed, hour = time.monotonic(), _this_hour()
    while True:
        for records in (await consumer.getmany(timeout_ms=POLL_MS, max_records=ROWS_MAX)).values():
            for found in records:
                recorder.take(found)
        is_done = ends is not None and all(
            recorder.positions[place.topic, place.partition] >= end for place, end in ends.items()
        )
        if recorder.waiting >= ROWS_MAX or time.monotonic() - flushed >= FLUSH_S or is_done:
            if recorder.waiting or is_done:
                await asyncio.to_thread(recorder.commit)
                tell(f"{recorder.written} rows, {recorder.repeated} repetitions left out")
            flushed = time.monotonic()
        if is_done:
            return
        if hour != _this_hour():
            hour = _this_hour()
            await asyncio.to_thread(files.compact, recorder.ledger, before=files.hour_text(hour))


def _this_hour() -> int:
    return time.time_ns() // HOUR_NS
