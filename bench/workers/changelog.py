"""A long changelog: BUILD=1 turns ROWS rows over until it is as long as it may be, else they are restored from it."""

import asyncio
import json
import os
import resource
import time
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from app.exactly_once.changelog import changelog_of
from app.exactly_once.commit_rounds import CommitRounds
from app.exactly_once.journal import Journal, Sweep
from app.exactly_once.kafka import KafkaLog
from app.exactly_once.log import Partition
from app.exactly_once.owned import DEFAULT
from app.exactly_once.producer import IdempotentProducer
from app.exactly_once.restore import Restorer
from app.exactly_once.shard import CHANGES_BYTES_MAX, SYSTEM_TABLES, SubBatch
from app.exactly_once.store import RocksStore
from app.exactly_once.store_writer import StoreWriter

BUILD = os.environ.get("BUILD")
ROWS = int(os.environ["ROWS"])
TURNOVER = float(os.environ.get("TURNOVER") or 0)
FOLDER = os.environ.get("FOLDER")
LZ4 = 3
SUB_BATCH_ROWS = 256
VERSIONS_PER_ROW = 4.9
"""Of the five that there may be."""
LOOKS = 20_000
INBOX = Partition("bench-restore", 0)


def fatal(why: str) -> Any:
    raise SystemExit(why)


def key_of(number: int) -> str:
    return f"account-{number:07}|USDT"


def row_of(number: int, version: int) -> bytes:
    return b'{"total":%d,"reserved":%d}' % (1_000_000_000_000 + number, version)


async def restored(log: KafkaLog, store: RocksStore | None) -> Any:
    tables = SYSTEM_TABLES | {"rows": bytes}
    restorer = Restorer(log, changelog_of(INBOX), tables, store, DEFAULT.warm_rows_max)
    return await restorer.restore(f"bench/{os.getpid()}", "", lambda: True)


async def build(log: KafkaLog) -> dict[str, Any]:
    """First every row once, then random ones, by the journal that real shards have."""
    follower = await restored(log, None)
    rows, rng = follower.rows, Random(1)
    sweep = Sweep(rows, 0, DEFAULT.sweep_versions_min)
    at_once = CommitRounds(0, time.monotonic)
    journal = Journal(
        log,
        changelog_of(INBOX),
        follower,
        sweep,
        StoreWriter(rows, DEFAULT.store_interval_s, time.monotonic),
        rounds=at_once,
        quiet_s=10,
        now=time.monotonic,
    )
    writing = asyncio.create_task(journal.run())
    position = 0
    while position < ROWS * (1 + TURNOVER) or follower.row_versions < VERSIONS_PER_ROW * rows.live:
        for _ in range(SUB_BATCH_ROWS):
            number = position if position < ROWS else rng.randrange(ROWS)
            rows["rows"].put(key_of(number), row_of(number, position))
            position += 1
        changes = rows.collect(CHANGES_BYTES_MAX)
        start = position - SUB_BATCH_ROWS
        journal.add(SubBatch(start, position, {}, changes, rows.digest, rows.version, urgent=True), [])
        if not journal.has_room:
            await journal.wait_for_room()
        elif position % (16 * SUB_BATCH_ROWS) == 0:
            await asyncio.sleep(0)
        assert not writing.done(), writing.exception()
    await journal.is_idle()
    writing.cancel()
    return {"turnover": position / ROWS - 1, "truncations": journal.truncations}


async def restore(log: KafkaLog) -> dict[str, Any]:
    began = time.perf_counter()
    store = RocksStore(Path(FOLDER)) if FOLDER else None
    follower = await restored(log, store)
    seconds = time.perf_counter() - began
    rows, rng = follower.rows, Random(2)
    for number in (rng.randrange(ROWS) for _ in range(LOOKS)):
        row = rows["rows"].get(key_of(number))
        assert row is not None
        assert row.startswith(b'{"total":%d,' % (1_000_000_000_000 + number))
    assert rows.live == ROWS
    assert rows.digest == follower.digest
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if store is not None:
        store.close()
    return {"seconds": seconds, "versions_per_row": follower.row_versions / rows.live, "rss_mb": rss_mb}


async def main() -> None:
    servers = os.environ["BROKERS"]
    changelog = changelog_of(INBOX)
    producer = IdempotentProducer(bootstrap_servers=servers, enable_idempotence=True, max_request_size=20 << 20)
    await producer.start()
    await producer.client._wait_on_metadata(changelog.topic)
    log = KafkaLog({"bootstrap_servers": servers}, lambda: producer, fatal, {changelog.topic: LZ4})
    try:
        print(json.dumps(await (build(log) if BUILD else restore(log))), flush=True)
    finally:
        await log.stop()
        await producer.stop()


uvloop.run(main())
