"""One noun with state, one output an event and a changelog: how many events a worker takes from a backlog."""

import asyncio
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

from kafka import private_broker

from bench.report import Measure
from bench.stage import PARTITIONS, fill, make_topics, measured

NAMES = (
    "exactly_once_throughput",
    "exactly_once_throughput_vs_stock_faust",
    "exactly_once_throughput_vs_quix",
)
EVENTS = 300_000
STOCK_EVENTS = 60_000
"""Stock Faust takes a sixteenth of what the shards do: it gets fewer, and its rate is what counts."""
ACCOUNTS, SYMBOLS = 200, 37


def events(count: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Of 100 bytes each: an account, a symbol, and what makes up the rest."""
    rng = Random(1)
    for _ in range(count):
        account, symbol = b"%04d" % rng.randrange(ACCOUNTS), b"S%03d" % rng.randrange(SYMBOLS)
        yield zlib.crc32(account) % PARTITIONS, account, account + symbol + b"x" * 92


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    del wanted
    topics = ("bench-a", "bench-out", "bench-floor")
    with private_broker(folder) as lease:
        servers = lease.bootstrap

        async def prepare() -> None:
            await make_topics(servers, dict.fromkeys(topics, PARTITIONS))
            await make_topics(servers, {"bench-a-changelog": PARTITIONS}, **{"max.message.bytes": str(17 << 20)})
            await fill(servers, "bench-a", events(EVENTS))

        asyncio.run(prepare())
        floor = measured("floor.py", BROKERS=servers, LIMIT=str(EVENTS))
        ours = measured(
            "engine.py", "worker", "--without-web", BROKERS=servers, LIMIT=str(EVENTS), FOLDER=str(folder / "ours")
        )
        note = f"CPU {ours['cpu_us']:.1f} µs an event, floor {floor['cpu_us']:.1f}"
        rate = ours["rate"]
        yield NAMES[0], Measure(rate, "events/s", floor["rate"], rate / floor["rate"], note)
