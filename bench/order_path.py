"""The whole order path: how fast one worker with all machines takes a backlog of orders that cross."""

import asyncio
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from system import System

from app import broker
from app.settings import NOUNS, Profile
from bench.opening import open_market
from bench.orders import INBOX, crossing_orders
from bench.report import Measure
from bench.stage import PARTITIONS, fill, make_topics, measured

NAMES = ("order_path_throughput",)
ORDERS = int(os.environ.get("ORDERS") or 60_000)


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    del wanted
    system = System(folder)
    with broker.use(folder / "data", system.kafka_port, lambda _: None) as lease:
        try:
            asyncio.run(prepare(system))
            prepared = asyncio.run(backlog(lease.bootstrap))
            floor = measured("floor.py", BROKERS=lease.bootstrap, LIMIT=str(ORDERS))
            ours = measured("order_path.py", "worker", "-l", "warning", **knobs(system, prepared))
        finally:
            lease.release()
            asyncio.run(system.stop())
    print_stages(ours)
    rate = ours["rate"]
    records = sum(ours["sent"].values()) / ORDERS
    note = f"CPU {ours['cpu_us']:.0f} µs and {records:.1f} records an order; {ours['rss_mb']} MB; the floor is one hop"
    yield NAMES[0], Measure(rate, "orders/s", floor["rate"], rate / floor["rate"], note)


async def prepare(system: System) -> None:
    """Opens the market with a worker that ends then: what follows begins with shards that know everything."""
    async with aiohttp.ClientSession() as system.session:
        worker = system.start_worker()
        await system.until_ready()
        await open_market(system)
        worker.terminate()
        await asyncio.to_thread(worker.wait, 30)


async def backlog(bootstrap: str) -> int:
    """Writes the orders, and the same bytes for the floor -> how many records the inbox had before."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    ends = await consumer.end_offsets([TopicPartition(INBOX, number) for number in range(PARTITIONS)])
    await consumer.stop()
    orders = [order[1:] for order in islice(crossing_orders("order", Profile.TEST), ORDERS)]
    await make_topics(bootstrap, {"bench-a": PARTITIONS, "bench-floor": PARTITIONS})
    await fill(bootstrap, "bench-a", orders)
    await fill(bootstrap, INBOX, orders)
    return sum(ends.values())


def knobs(system: System, prepared: int) -> dict[str, str]:
    """The environment of a worker below a supervisor."""
    folder = system.folder / "data" / "worker-0"
    return {
        "PROFILE": system.profile,
        "ROLES": ",".join(NOUNS),
        "DATA_DIR": str(system.folder / "data"),
        "INSTANCE_DIR": str(folder),
        "INSTANCE_ID": folder.name,
        "SUPERVISED": "1",
        "KAFKA_BROKERS": system.bootstrap,
        "WEB_PORT": str(system.web_port),
        "RECORDS": str(ORDERS),
        "PREPARED": str(prepared),
    }


def print_stages(found: dict[str, Any]) -> None:
    """Where an order's time goes, and what it writes."""
    print(f"\n{'stage':<34} {'CPU µs an order':>16}")
    for stage, seconds in found["stages"].items():
        print(f"{stage:<34} {seconds / ORDERS * 1e6:>16.1f}")
    print(f"{'topic':<34} {'records an order':>16}")
    for topic, count in sorted(found["sent"].items()):
        print(f"{topic:<34} {count / ORDERS:>16.2f}")
