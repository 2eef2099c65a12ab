"""How long an order takes, from the broker's acknowledgement to its trade and to its fill, at a steady load."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import aiohttp
from kafka import free_port
from system import System, child_of

from app import broker
from app.settings import ROLES, Profile
from bench import ROOT
from bench.load import Listener, Sent, listening, send_by_schedule, until_heard
from bench.opening import open_market
from bench.orders import INBOX, Written, codec, crossing_orders
from bench.report import Measure
from bench.stage import PARTITIONS, WORKERS, cpu_s, java_of, make_topics, quantile
from schemas.accounts import OrderEvent
from schemas.enums import OrderStatus
from schemas.order_books import TradeExecuted

NAMES = (
    "order_latency_p50_ms",
    "order_latency_p99_ms",
    "order_filled_p50_ms",
    "order_filled_p99_ms",
    "order_latency_p50_vs_floor",
)
LAYOUT = Profile.DEMO
RATE = float(os.environ.get("RATE") or 500)
SECONDS = float(os.environ.get("SECONDS") or 40)
WARM_UP_S, FLOOR_WARM_UP_S, FLOOR_S = 40.0, 5.0, 12.0
FLOORS, STOCK = ("floor", "floor-again"), "stock"


class Latencies(NamedTuple):
    """In milliseconds, in order."""

    to_trade: list[float]
    to_fill: list[float]
    from_due: list[float]
    """To the trade, from the moment when the schedule wanted the order sent."""
    trades_at: list[float]
    """When each trade was heard."""
    busy: str


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    del wanted
    floors, stock, found = asyncio.run(_measure(folder))
    trade, fill = found.to_trade, found.to_fill
    floor50, floor99 = quantile(floors, 0.5), quantile(floors, 0.99)
    p50, p99 = quantile(trade, 0.5), quantile(trade, 0.99)
    due = f"{quantile(found.from_due, 0.5):.2f} / {quantile(found.from_due, 0.99):.2f}"
    note = f"{len(trade)} trades at {RATE:g} orders/s; from the schedule p50 / p99 {due}; p99.9 "
    note += f"{quantile(trade, 0.999):.1f}, largest {trade[-1]:.0f}; CPU: {found.busy}; {stock}"
    yield NAMES[0], Measure(p50, "ms", floor50, p50 / floor50)
    yield NAMES[1], Measure(p99, "ms", floor99, p99 / floor99, note)
    yield NAMES[2], Measure(quantile(fill, 0.5), "ms", floor50, quantile(fill, 0.5) / floor50)
    yield NAMES[3], Measure(quantile(fill, 0.99), "ms", floor99, quantile(fill, 0.99) / floor99)
    yield NAMES[4], Measure(p50 / floor50, "x", floor50, p50 / floor50, "two plain aiokafka hops in one process")


async def _measure(folder: Path) -> tuple[list[float], str, Latencies]:
    async with market(folder, LAYOUT) as system:
        await make_topics(
            system.bootstrap,
            dict.fromkeys([topic for prefix in (*FLOORS, STOCK) for topic in topics_of(prefix)], PARTITIONS),
        )
        orders = crossing_orders("latency", LAYOUT)
        await load(system, orders, WARM_UP_S)
        floors = await floor(system.bootstrap, FLOORS[0], orders)
        found = await load(system, orders, SECONDS)
        floors += await floor(system.bootstrap, FLOORS[1], orders)
        return sorted(floors), await stock_faust(system.bootstrap, orders), found


async def stock_faust(bootstrap: str, orders: Iterator[Written]) -> str:
    """What became of the same load in stock Faust, which may be too much for it."""
    try:
        found = await floor(bootstrap, STOCK, orders)
    except TimeoutError:
        return f"stock Faust in two hops falls behind {RATE:g} orders/s for good"
    return f"stock Faust in two hops p50 / p99 {quantile(found, 0.5):.1f} / {quantile(found, 0.99):.1f}"


def topics_of(prefix: str) -> tuple[str, ...]:
    """Of two hops."""
    return tuple(f"{prefix}-{name}" for name in ("inbox", "middle", "out"))


@asynccontextmanager
async def market(
    folder: Path, profile: Profile, *command: str, beside: str = "", **knobs: str
) -> AsyncIterator[System]:
    """A system as `make run` starts it, without the live market of the demo; `command` in place of its worker's.

    `beside` are roles of a second worker.
    """
    system = System(folder, profile)
    if profile is Profile.DEMO:
        # Without the door where the live market plays.
        knobs.setdefault("ROLES", ",".join(role for role in ROLES if role != "order_commands"))
    with broker.use(folder / "data", system.kafka_port, lambda _: None):
        if "BESIDE" in knobs:
            await make_topics(system.bootstrap, {knobs["BESIDE"]: 100})
        async with aiohttp.ClientSession() as system.session:
            if command:
                start(system, command, knobs)
            else:
                system.start_worker(**knobs)
            if beside:
                system.start_worker(ROLES=beside, WEB_PORT=str(free_port()))
            try:
                await system.until_ready()
                await open_market(system)
                yield system
            finally:
                for worker in system.workers:
                    worker.terminate()
                    await asyncio.to_thread(worker.wait, 20)
    await system.stop()


def start(system: System, command: tuple[str, ...], knobs: dict[str, str]) -> None:
    supervised = [sys.executable, "-P", str(ROOT / "app" / "supervisor.py"), "--", *command]
    with (system.folder / "worker-0.log").open("ab") as log:
        environment = system.environment(**knobs) | {"PYTHONPATH": str(ROOT)}
        system.workers.append(subprocess.Popen(supervised, cwd=ROOT, env=environment, stdout=log, stderr=log))


async def load(system: System, orders: Iterator[Written], seconds: float, *, to_fill: bool = True) -> Latencies:
    """Orders for so long -> what they took."""
    topics = ("trade-events", "order-events") if to_fill else ("trade-events",)
    async with listening(system.bootstrap, *topics) as (trades, *events):
        with busy(system) as shares:
            sent = await send_by_schedule(system.bootstrap, INBOX, orders, RATE, seconds)
        await until_heard(lambda: len(trades.heard) >= len(sent) // 2)
        fills: list[tuple[float, str]] = []
        while to_fill and len(fills) < len(sent):
            fills += fills_in(*events)
            await asyncio.sleep(0.05)
    return joined(sent, trades, fills, ", ".join(shares))


@contextmanager
def busy(system: System) -> Iterator[list[str]]:
    """What share of a core the worker, the broker and this client need meanwhile."""
    processes = {
        "worker": child_of(system.workers[0].pid),
        "broker": java_of(system.folder / "data"),
        "client": os.getpid(),
    }
    before, began = {name: cpu_s(pid) for name, pid in processes.items()}, perf_counter()
    shares: list[str] = []
    yield shares
    seconds = perf_counter() - began
    shares += [f"{name} {(cpu_s(pid) - before[name]) / seconds:.0%}" for name, pid in processes.items()]


def fills_in(events: Listener) -> list[tuple[float, str]]:
    """Takes what was heard -> when each order was filled."""
    decoded = ((time, codec.decode(value)) for time, value in events.taken())
    return [
        (time, event.order_id)
        for time, event in decoded
        if isinstance(event, OrderEvent) and event.status is OrderStatus.FILLED
    ]


def joined(sent: dict[str, Sent], trades: Listener, fills: list[tuple[float, str]], busy: str) -> Latencies:
    """A trade, and what it fills, belong to the order that came in last; the other one lay in the book."""
    to_trade, from_due, last_of = [], [], {}
    for time, value in trades.heard:
        trade = codec.decode(value)
        assert isinstance(trade, TradeExecuted)
        last = sent[trade.order_id]
        last_of[trade.buy_order_id] = last_of[trade.sell_order_id] = last
        to_trade.append((time - last.acknowledged) * 1e3)
        from_due.append((time - last.due) * 1e3)
    to_fill = [(time - last_of[order_id].acknowledged) * 1e3 for time, order_id in fills]
    times = sorted(time for time, _ in trades.heard)
    return Latencies(sorted(to_trade), sorted(to_fill), sorted(from_due), times, busy)


@contextmanager
def two_hops(bootstrap: str, prefix: str) -> Iterator[None]:
    """Plain aiokafka, or stock Faust, in a process of its own."""
    stock = ("stock_hops.py", "worker", "-l", "error", "--without-web")
    script, *arguments = stock if prefix == STOCK else ("two_hops.py",)
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"BROKERS": bootstrap, "FOLDER": folder, "PREFIX": prefix}
        command = [sys.executable, str(WORKERS / script), *arguments]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.kill()


async def floor(bootstrap: str, prefix: str, orders: Iterator[Written]) -> list[float]:
    """The same load through two hops that decide nothing -> milliseconds, in order."""
    first, last = f"{prefix}-inbox", f"{prefix}-out"
    with two_hops(bootstrap, prefix):
        async with listening(bootstrap, last) as (out,):
            warm = await send_by_schedule(bootstrap, first, orders, RATE, FLOOR_WARM_UP_S)
            await until_heard(lambda: len(out.heard) >= len(warm))
            out.taken()
            sent = await send_by_schedule(bootstrap, first, orders, RATE, FLOOR_S)
            await until_heard(lambda: len(out.heard) >= len(sent))
    decoded = ((time, codec.decode(value)) for time, value in out.heard)
    return sorted((time - sent[order.order_id].acknowledged) * 1e3 for time, order in decoded)  # type: ignore[attr-defined]
