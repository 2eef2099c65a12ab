"""One noun on our exactly-once shards: counts per account, one re-keyed output an event. Ends after LIMIT events."""

import asyncio
import gc
import json
import os
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import mode.loop

mode.loop.use("uvloop")

from aiokafka.client import AIOKafkaClient

from app.exactly_once.kafka import KafkaLog
from app.exactly_once.log import Partition, Record
from app.exactly_once.owned import Tuning
from app.exactly_once.owner import Owner
from app.exactly_once.reader import Reader
from app.exactly_once.shard import DeadLetter, Shard
from app.exactly_once.store import Stores
from app.exactly_once.transport import NullMonitor, ShardApp

PARTITIONS = 4
LIMIT = int(os.environ["LIMIT"])
FOLDER = Path(os.environ["FOLDER"])


class Counting:
    """Counts an account's events and tells each to the symbol's partition."""

    def open(self, shard: Shard) -> None:
        self.shard = shard
        self.counts = shard.rows["counts"]

    def handle(self, record: Record) -> None:
        value = record.value
        assert value is not None
        account, symbol = value[:4], value[4:8]
        key = account.decode()
        count = int(self.counts.get(key) or b"0") + 1
        self.counts.put(key, b"%d" % count)
        self.shard.emit(Partition("bench-out", zlib.crc32(symbol) % PARTITIONS), symbol, symbol + value[8:])

    def taken_back(self) -> None:
        pass

    def put_aside(self, letter: DeadLetter) -> None:
        raise AssertionError(letter.stack)


class Kind:
    tables = {"counts": bytes}

    def machine(self) -> Counting:
        return Counting()


def fatal(why: str) -> Any:
    sys.stderr.write(why + "\n")
    os._exit(70)


class App(ShardApp):
    async def after_producer(self, producer: Any) -> None:
        for topic in ("bench-a", "bench-out", "bench-a-changelog"):
            await producer.client._wait_on_metadata(topic)
        self.inboxes = frozenset(["bench-a"])
        self.reader = Reader(AIOKafkaClient(bootstrap_servers=os.environ["BROKERS"]), {"bench-a": 0.0}, fatal)
        await self.reader.start()
        log = KafkaLog({"bootstrap_servers": os.environ["BROKERS"]}, lambda: producer, fatal, {})
        self.owner = Owner(
            "bench",
            log,
            {"bench-a": Kind()},
            self.consumer,
            fatal,
            now=time.monotonic,
            open_store=Stores(FOLDER / "shards"),
            tuning=Tuning(domain=("engine",)),
        )
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)


app = App(
    "bench",
    broker=f"kafka://{os.environ['BROKERS']}",
    topic_allow_declare=False,
    topic_disable_leader=True,
    web_enabled=False,
    Monitor=NullMonitor,
    datadir=str(FOLDER / "faust"),
    stream_wait_empty=False,
    broker_session_timeout=10.0,
    broker_heartbeat_interval=1.0,
    broker_rebalance_timeout=20.0,
    consumer_auto_offset_reset="earliest",
    producer_acks=-1,
    producer_linger=0.0,
    producer_max_batch_size=16_384,
    producer_max_request_size=20 << 20,
    producer_request_timeout=30.0,
    worker_redirect_stdouts=False,
)
inbox = app.topic("bench-a", key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


@app.agent(inbox)
async def engine(stream: Any) -> None:
    await app.take(stream)


@app.task()
async def measure() -> None:
    """From the first record taken to the last changelog record acknowledged."""
    while not hasattr(app, "owner"):
        await asyncio.sleep(0.01)
    while not (taken := sum(owned.shard.next for owned in app.owner.shards.values())):
        await asyncio.sleep(0.001)
    began, cpu, first = time.perf_counter(), time.process_time(), taken
    while sum(owned.journal.durable for owned in app.owner.shards.values()) < LIMIT:
        await asyncio.sleep(0.002)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    records = sum(owned.journal.records for owned in app.owner.shards.values())
    print(
        json.dumps(
            {
                "rate": (LIMIT - first) / seconds,
                "cpu_us": cpu / (LIMIT - first) * 1e6,
                "changelog_records": records,
                "counts": dict(app.owner.counts),
            }
        ),
        flush=True,
    )
    os._exit(0)


if __name__ == "__main__":
    (FOLDER / "faust").mkdir(parents=True, exist_ok=True)
    app.finalize()
    app.Worker(loglevel="warning", redirect_stdouts=False).execute_from_commandline()
