"""The same load for minutes, while the worker also has a hundred partitions in which nothing happens."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from bench.latency import LAYOUT, RATE, WARM_UP_S, Latencies, load, market
from bench.load import listening, producing
from bench.orders import crossing_orders
from bench.report import Measure
from bench.stage import PARTITIONS, WORKERS, make_topics, quantile

NAMES = ("order_latency_p999_ms_idle_partitions",)
SECONDS = float(os.environ.get("SECONDS") or 300)
BESIDE, PROBE_TOPIC = "bench-idle", "bench-probe"
PROBE_INTERVAL_S = 0.01
GAP_S_MAX = 0.15
"""A pause of the output that is none of the machine's making must be shorter."""


class Pulse(NamedTuple):
    """What a client that only writes and reads back saw meanwhile."""

    latencies_ms: list[float]
    heard_at: list[float]


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    del wanted
    found, pulse = asyncio.run(_measure(folder))
    p999, floor = quantile(found.to_trade, 0.999), quantile(pulse.latencies_ms, 0.999)
    gaps = gaps_of(found.trades_at)
    excess = [gap for gap in gaps if not any(overlap(gap, other) for other in gaps_of(pulse.heard_at))]
    note = (
        f"{SECONDS:g} s at {RATE:g} orders/s; p50 {quantile(found.to_trade, 0.5):.1f} ms, "
        f"largest {found.to_trade[-1]:.0f} ms; largest gap of trades {largest(found.trades_at):.0f} ms, "
        f"of the floor client {largest(pulse.heard_at):.0f} ms; "
        f"gaps above {GAP_S_MAX * 1e3:.0f} ms where the floor client saw none: {len(excess)}; CPU: {found.busy}"
    )
    yield NAMES[0], Measure(p999, "ms", floor, p999 / floor, note)


def gaps_of(times: Sequence[float]) -> list[tuple[float, float]]:
    return [(before, after) for before, after in pairwise(times) if after - before > GAP_S_MAX]


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def largest(times: Sequence[float]) -> float:
    """The largest gap, in milliseconds."""
    return max(after - before for before, after in pairwise(times)) * 1e3


async def _measure(folder: Path) -> tuple[Latencies, Pulse]:
    worker = (sys.executable, str(WORKERS / "idle_beside.py"), "worker", "-l", "info")
    async with market(folder, LAYOUT, *worker, BESIDE=BESIDE) as system:
        await make_topics(system.bootstrap, {PROBE_TOPIC: PARTITIONS})
        orders = crossing_orders("idle", LAYOUT)
        await load(system, orders, WARM_UP_S)
        pulse = Pulse([], [])
        feeling = asyncio.create_task(feel(system.bootstrap, pulse))
        found = await load(system, orders, SECONDS, to_fill=False)
        feeling.cancel()
        return found, Pulse(sorted(pulse.latencies_ms), pulse.heard_at)


async def feel(bootstrap: str, pulse: Pulse) -> None:
    """The floor client: what it writes it reads back, and nobody is between."""
    async with listening(bootstrap, PROBE_TOPIC) as (listener,), producing(bootstrap, PROBE_TOPIC) as producer:
        sent: list[float] = []
        while True:
            value = b"%d" % len(sent)
            sent.append(perf_counter())
            await producer.send(PROBE_TOPIC, value, partition=len(sent) % PARTITIONS)
            await asyncio.sleep(PROBE_INTERVAL_S)
            for heard, number in listener.taken():
                pulse.latencies_ms.append((heard - sent[int(number)]) * 1e3)
                pulse.heard_at.append(heard)
