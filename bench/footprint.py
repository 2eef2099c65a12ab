"""What a newcomer notices first: how much memory an idle system needs, and how soon it is there."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import aiohttp
from kafka import free_port, private_broker
from system import System, child_of, running

from app import broker
from bench.report import Measure
from bench.stage import java_of, subfolder

NAMES = ("worker_rss_mb", "broker_rss_mb", "start_warm_s")
IDLE_S, DEMO_S = 20.0, 10.0
LIBRARIES = "import faust, aiokafka, aiohttp, rocksdict, fastavro, prometheus_client, uvloop"


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    if wanted.intersection(NAMES[:2]):
        worker, of_broker = asyncio.run(idle(subfolder(folder, "idle")))
        libraries, empty = rss_of_libraries(), rss_of_empty_broker(subfolder(folder, "empty"))
        note = "a worker with all roles that nobody uses; the reference has imported its libraries, and does nothing"
        yield NAMES[0], Measure(worker, "MB", libraries, worker / libraries, note)
        yield NAMES[1], Measure(of_broker, "MB", empty, of_broker / empty, "the reference has no topics")
    if NAMES[2] in wanted:
        seconds, broker_s = asyncio.run(start_again(subfolder(folder, "again")))
        note = "profile demo, with its broker; the reference is the broker alone"
        yield NAMES[2], Measure(seconds, "s", broker_s, seconds / broker_s, note)


def rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


async def idle(folder: Path) -> tuple[float, float]:
    async with running(folder) as system:
        await asyncio.sleep(IDLE_S)
        return rss_mb(child_of(system.workers[0].pid)), rss_mb(java_of(folder / "data"))


def rss_of_libraries() -> float:
    command = f"{LIBRARIES}; print(open('/proc/self/status').read())"
    printed = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    found = re.search(r"VmRSS:\s+(\d+) kB", printed)
    assert found is not None
    return int(found[1]) / 1024


def rss_of_empty_broker(folder: Path) -> float:
    with private_broker(folder):
        return rss_mb(java_of(folder))


async def start_again(folder: Path) -> tuple[float, float]:
    """-> seconds to ready when everything was started before, and those of the broker among them."""
    system = System(folder, "demo")
    await until_ready(system)
    await asyncio.sleep(DEMO_S)
    await system.stop()
    began = perf_counter()
    lease = await asyncio.to_thread(broker.use, folder / "data", free_port(), lambda _: None)
    broker_s = perf_counter() - began
    lease.release()
    await system.stop()
    system.workers.clear()
    seconds = await until_ready(system)
    await system.stop()
    return seconds, broker_s


async def until_ready(system: System) -> float:
    """Starts a worker -> seconds until it is ready."""
    began = perf_counter()
    async with aiohttp.ClientSession() as system.session:
        system.start_worker()
        await system.until_ready()
    system.session = None
    return perf_counter() - began
