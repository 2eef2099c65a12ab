"""The desk in a worker: how many inquiries a second it takes of a backlog, and how long one waits at a steady load."""

import asyncio
import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from time import time_ns
from typing import Any

import aiohttp
from desk_system import open_desk
from system import System

from app import broker
from app.codecs import Codec
from app.registry import FileRegistry
from app.settings import NOUNS, Profile
from app.topics import INQUIRIES, partition_of, partitions_of
from bench.load import listening, send_by_schedule, until_heard
from bench.orders import Written
from bench.report import Measure
from bench.stage import fill, quantile, subfolder
from schemas.enums import InquirySide
from schemas.inquiries import InquiryEvent, OpenInquiry
from schemas.wire import NANOS

NAMES = ("inquiry_throughput", "inquiry_throughput_all_done", "inquiry_latency_p99_ms")
COUNT = int(os.environ.get("INQUIRIES") or 30_000)
RATE = float(os.environ.get("RATE") or 500)
SECONDS = float(os.environ.get("SECONDS") or 20)
WARM_UP_S = 5.0
BOOKS = [f"BOOK{number}" for number in range(5)]
CODEC = Codec(FileRegistry())


def inquiries(kind: str, *, all_done: bool = False) -> Iterator[Written]:
    """Inquiries of five books, to where they live; the policy `mock` takes one in ten, `parity` the even ones."""
    number = 0
    count = partitions_of(INQUIRIES, Profile.TEST)
    while True:
        book, side = BOOKS[number % len(BOOKS)], (InquirySide.BUY, InquirySide.SELL)[number % 2]
        name = str(2 * number) if all_done else f"{kind}-{number}"
        command = OpenInquiry(
            *(name, "cpt1", book, "AAPL", side, 100 * NANOS, 100 * NANOS), command_id=name, timestamp=time_ns()
        )
        key = f"{book}|AAPL"
        yield Written(name, partition_of(key, count), key.encode(), CODEC.encode(command))
        number += 1


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    for name, policy, share in (
        ("inquiry_throughput", "mock", "1 in 10 done"),
        ("inquiry_throughput_all_done", "parity", "all done"),
    ):
        if name in wanted:
            rate = _with_broker(System(subfolder(folder, policy)), partial(_throughput, policy=policy))
            yield name, Measure(rate, "inquiries/s", note=f"backlog of {COUNT}, policy {policy}, {share}")
    if "inquiry_latency_p99_ms" in wanted:
        found = _with_broker(System(subfolder(folder, "latency")), _latency)
        p50, p99 = (quantile(found, share) for share in (0.5, 0.99))
        note = f"{RATE:.0f}/s for {SECONDS:.0f} s, from the broker's word to the outcome; p50 {p50:.1f} ms"
        yield "inquiry_latency_p99_ms", Measure(p99, "ms", note=note)


def _with_broker(system: System, measure: Callable[[System], Any]) -> Any:
    """Measures with a broker that outlives the worker."""

    async def run() -> Any:
        async with aiohttp.ClientSession() as system.session:
            try:
                return await measure(system)
            finally:
                await system.stop()

    with broker.use(system.folder / "data", system.kafka_port, lambda _: None) as lease:
        try:
            return asyncio.run(run())
        finally:
            lease.release()


async def _opened(system: System, policy: str) -> None:
    """Opens the desk with a worker that ends then: what follows begins with shards that know everything."""
    worker = system.start_worker()
    await system.until_ready()
    await open_desk(system, *BOOKS, "cpt1", policy=policy)
    worker.terminate()
    await asyncio.to_thread(worker.wait, 30)
    system.workers.clear()


def _start(system: System) -> None:
    """A worker with every machine, and no gateway."""
    system.start_worker(ROLES=",".join(NOUNS))


async def _throughput(system: System, policy: str) -> float:
    """A worker that begins with a backlog: from its first outcome to its last."""
    await _opened(system, policy)
    records = inquiries(policy, all_done=policy == "parity")
    async with listening(system.bootstrap, "inquiry-events") as (listener,):
        await fill(system.bootstrap, INQUIRIES, [each[1:] for each in islice(records, COUNT)])
        _start(system)
        outcomes: list[float] = []

        def all_are_there() -> bool:
            outcomes.extend(at for at, _ in _ended(listener.taken()))
            return len(outcomes) >= COUNT

        await until_heard(all_are_there, 300)
    outcomes.sort()
    return (len(outcomes) - 1) / (outcomes[-1] - outcomes[0])


async def _latency(system: System) -> list[float]:
    """Milliseconds from the broker's acknowledgement of an inquiry to its outcome, in order."""
    await _opened(system, "mock")
    _start(system)
    await system.until_ready()
    async with listening(system.bootstrap, "inquiry-events") as (listener,):
        await send_by_schedule(system.bootstrap, INQUIRIES, inquiries("warm"), RATE, WARM_UP_S)
        sent = await send_by_schedule(system.bootstrap, INQUIRIES, inquiries("timed"), RATE, SECONDS)
        heard: dict[str, float] = {}

        def all_are_there() -> bool:
            heard.update((name, at) for at, name in _ended(listener.taken()))
            return sent.keys() <= heard.keys()

        await until_heard(all_are_there, 60)
    return sorted((heard[name] - each.acknowledged) * 1_000 for name, each in sent.items())


def _ended(records: list[tuple[float, bytes]]) -> Iterator[tuple[float, str]]:
    """When which inquiry ended."""
    for at, value in records:
        event = CODEC.decode(value)
        if isinstance(event, InquiryEvent) and event.outcome is not None:
            yield at, event.inquiry_id
