"""One noun with state, one output an event and a changelog: how many events a worker takes from a backlog."""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from kafka import private_broker

from bench import peers
from bench.report import Measure
from bench.stage import PARTITIONS, Impossible, fill, make_topics, measured

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
    with private_broker(folder) as lease:
        servers = lease.bootstrap
        asyncio.run(prepare(servers))
        floor = measured("floor.py", BROKERS=servers, LIMIT=str(EVENTS))
        ours = measured(
            "engine.py", "worker", "--without-web", BROKERS=servers, LIMIT=str(EVENTS), FOLDER=str(folder / "ours")
        )
        rate = ours["rate"]
        note = f"CPU {ours['cpu_us']:.1f} µs an event, floor {floor['cpu_us']:.1f}"
        yield NAMES[0], Measure(rate, "events/s", floor["rate"], rate / floor["rate"], note)
        for name, peer in ((NAMES[1], stock_faust), (NAMES[2], quix)):
            if name in wanted:
                yield name, compared(ours, peer, servers, folder)


async def prepare(servers: str) -> None:
    await make_topics(servers, dict.fromkeys(("bench-a", "bench-out", "bench-floor", "bench-quix"), PARTITIONS))
    await make_topics(servers, {"bench-a-changelog": PARTITIONS}, **{"max.message.bytes": str(17 << 20)})
    await fill(servers, "bench-a", events(EVENTS))


def compared(ours: dict[str, Any], peer: Callable[[str, Path], dict[str, Any]], servers: str, folder: Path) -> Measure:
    """How many times faster we are; without a value where the peer cannot run."""
    try:
        found = peer(servers, folder)
    except Impossible as error:
        return Measure(None, "x", note=f"the peer cannot run: {error}")
    ratio, by_cpu = ours["rate"] / found["rate"], found["cpu_us"] / ours["cpu_us"]
    note = f"peer: {found['rate']:,.0f} events/s, CPU {found['cpu_us']:.1f} µs an event; by CPU alone {by_cpu:.1f} x"
    return Measure(ratio, "x", found["rate"], ratio, note)


def stock_faust(servers: str, folder: Path) -> dict[str, Any]:
    arguments = ("worker", "-l", "warn", "--without-web")
    limit = str(STOCK_EVENTS)
    return measured("stock_faust.py", *arguments, BROKERS=servers, LIMIT=limit, FOLDER=str(folder / "stock"))


def quix(servers: str, folder: Path) -> dict[str, Any]:
    limit = str(EVENTS)
    return measured("quix.py", python=peers.python(), BROKERS=servers, LIMIT=limit, FOLDER=str(folder / "quix"))
