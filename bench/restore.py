"""How fast a shard of a million rows is back: from a changelog as long as one may be, and from its RocksDB folder."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import private_broker

from bench.report import Measure
from bench.stage import make_topics, measured

NAMES = ("restore_rows", "restore_rows_from_store")
ROWS = int(os.environ.get("ROWS") or 1_000_000)
TURNOVER = float(os.environ.get("TURNOVER") or 5)
"""How often every row was written anew. From 5 on, copy-forward keeps the changelog between the same bounds."""
CHANGELOG = "bench-restore-changelog"
BUILD_TIMEOUT_S = 3600.0


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    with private_broker(folder) as lease:
        knobs = {"BROKERS": lease.bootstrap, "ROWS": str(ROWS)}
        asyncio.run(make_topics(lease.bootstrap, {CHANGELOG: 1}, **{"max.message.bytes": str(17 << 20)}))
        built = measured("changelog.py", BUILD="1", TURNOVER=str(TURNOVER), timeout_s=BUILD_TIMEOUT_S, **knobs)
        floor_s, megabytes = asyncio.run(read(lease.bootstrap))
        found = measured("changelog.py", **knobs)
        note = (
            f"{ROWS:,} rows turned over {built['turnover']:.0f} times, {found['versions_per_row']:.1f} versions a row"
        )
        note += f", {megabytes:.0f} MB; {found['rss_mb']} MB in memory; the floor reads and does nothing"
        yield NAMES[0], Measure(found["seconds"], "s", floor_s, found["seconds"] / floor_s, note)
        if NAMES[1] in wanted:
            first = measured("changelog.py", FOLDER=str(folder / "store"), **knobs)
            again = measured("changelog.py", FOLDER=str(folder / "store"), **knobs)
            note = f"making the folder from the changelog took {first['seconds']:.1f} s, the reference"
            yield NAMES[1], Measure(again["seconds"], "s", first["seconds"], again["seconds"] / first["seconds"], note)


async def read(bootstrap: str) -> tuple[float, float]:
    """The changelog read by a plain consumer -> seconds and megabytes."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", max_partition_fetch_bytes=4 << 20
    )
    await consumer.start()
    try:
        tp = TopicPartition(CHANGELOG, 0)
        consumer.assign([tp])
        end = (await consumer.end_offsets([tp]))[tp]
        await consumer.seek_to_beginning(tp)
        began, size = perf_counter(), 0
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(tp, timeout_ms=500)).values():
                size += sum(len(record.value) for record in records)
        return perf_counter() - began, size / 1e6
    finally:
        await consumer.stop()
