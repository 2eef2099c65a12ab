"""Whether orders are slower or faster while market data wait: analytics is a worker of its own, which stops."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import NamedTuple

from confluent_kafka import Producer
from kafka import free_port
from system import System

from app.topics import FEEDS, partition_of, partitions_of
from bench.latency import LAYOUT, WARM_UP_S, load, market
from bench.market_data import now_ticks
from bench.orders import Written, crossing_orders
from bench.report import Measure
from bench.stage import quantile

NAMES = ("order_latency_while_analytics_paused",)
PAUSE_S = float(os.environ.get("PAUSE_SECONDS") or 30)
ROUNDS = int(os.environ.get("ROUNDS") or 5)
ANALYTICS = "feeds,market_data"
TRADING = "accounts,order_books,positions,inquiries,inquiry_commands,gateway"
TICKS_AT_ONCE, TICK_INTERVAL_S = 5, 0.01
"""500 a second of one symbol: they come on, whether somebody takes them or not."""
CATCH_UP_S = 5.0
"""What came in a pause is taken in a second or two. Orders come on meanwhile, and are not counted."""


class Round(NamedTuple):
    """p50 to the trade in milliseconds."""

    running: float
    paused: float


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    del wanted
    rounds = asyncio.run(_measure(folder))
    ratio = median(each.paused / each.running for each in rounds)
    told = ", ".join(f"{each.running:.2f}/{each.paused:.2f}" for each in rounds)
    note = (
        f"p50 running/paused in ms, {len(rounds)} rounds of {PAUSE_S:g} s each way: {told}; paused it is {ratio:.2f} of"
    )
    running = median(each.running for each in rounds)
    yield NAMES[0], Measure(max(ratio, 1 / ratio), "x", running, ratio, f"{note} running")


async def _measure(folder: Path) -> list[Round]:
    async with market(folder, LAYOUT, ROLES=TRADING, beside=ANALYTICS) as system:
        orders = crossing_orders("paused", LAYOUT)
        with ticking(system.bootstrap):
            found = []
            worker = system.workers[1]
            await load(system, orders, WARM_UP_S, to_fill=False)
            for _ in range(ROUNDS):
                running = await p50(system, orders)
                await pause(system, worker)
                found.append(Round(running, await p50(system, orders)))
                worker = await resumed(system, orders, CATCH_UP_S)
        return found


async def p50(system: System, orders: Iterator[Written]) -> float:
    return quantile((await load(system, orders, PAUSE_S, to_fill=False)).to_trade, 0.5)


async def resumed(system: System, orders: Iterator[Written], seconds: float) -> subprocess.Popen[bytes]:
    """Starts the worker of market data, as an operator would, and waits until it has caught up."""
    port = free_port()
    worker = system.start_worker(ROLES=ANALYTICS, WEB_PORT=str(port))
    await system.until_ready(port)
    await load(system, orders, seconds, to_fill=False)
    return worker


async def pause(system: System, worker: subprocess.Popen[bytes]) -> None:
    """Stops it."""
    worker.terminate()
    await asyncio.to_thread(worker.wait, 30)
    system.workers.remove(worker)


@contextmanager
def ticking(bootstrap: str) -> Iterator[None]:
    """Ticks on `market-data`, from a thread of their own."""
    producer, is_over, ticks = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0}), Event(), now_ticks()

    def tick() -> None:
        while not is_over.wait(TICK_INTERVAL_S):
            for _ in range(TICKS_AT_ONCE):
                _, _, key, value = next(ticks)
                producer.produce(FEEDS, value, key, place)
            producer.poll(0)

    place = partition_of("NOW", partitions_of(FEEDS, LAYOUT))
    thread = Thread(target=tick, name="ticks")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        producer.flush(10)
