"""Market data: how fast one worker takes a backlog of ticks of many symbols, and how late it is with those of one."""

import asyncio
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from system import System

from app import broker
from app.settings import Profile
from app.topics import FEEDS, MARKET_DATA, partition_of, partitions_of
from bench.load import Listener, listening, producing, send_by_schedule, until_heard
from bench.order_path import knobs
from bench.orders import Written, codec
from bench.report import Measure
from bench.stage import PARTITIONS, fill, make_topics, measured, quantile
from schemas.enums import Comparison, Side
from schemas.feeds import TradePrint
from schemas.market_data import AlertTriggered, PriceUpdated, SetAlert
from schemas.wire import NANOS

NAMES = ("market_data_throughput", "market_data_lag_p99_ms")
TICKS = int(os.environ.get("TICKS") or 300_000)
TICK_RATE = int(os.environ.get("TICK_RATE") or 1_200)
TICK_SECONDS = int(os.environ.get("TICK_SECONDS") or 60)
SYMBOLS = [f"T{number:03}" for number in range(100)]
ALERTS = 10
"""Of each symbol: far away, as most are."""
NEAR = range(9_500, 10_500, 10)
"""Prices, in cents, at which the instrument that walks from 10,000 has an alert each: it meets several a second."""
STEP_NS = NANOS // 10
"""Between two ticks of a symbol, in event time."""
CENT = NANOS // 100
WARM_UP_S = 20
ROLES = "feeds,market_data"
BUCKET = re.compile(r'market_data_lag_seconds_bucket\{le="([^"]+)"\} (\S+)')


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    system = System(folder)
    with broker.use(folder / "data", system.kafka_port, lambda _: None) as lease:
        try:
            if NAMES[0] in wanted:
                asyncio.run(prepare(system))
                yield NAMES[0], throughput(system, lease.bootstrap)
            if NAMES[1] in wanted:
                yield NAMES[1], asyncio.run(lag(system))
        finally:
            lease.release()
            asyncio.run(system.stop())


async def prepare(system: System) -> None:
    """Topics, and alerts on every symbol."""
    async with aiohttp.ClientSession() as system.session:
        worker = system.start_worker()
        await system.until_ready()
        far = 10_000 * NANOS
        await watch(system.bootstrap, [(symbol, far + number) for symbol in SYMBOLS for number in range(ALERTS)])
        worker.terminate()
        await asyncio.to_thread(worker.wait, 30)


async def watch(bootstrap: str, wanted: list[tuple[str, int]]) -> None:
    """Lays alerts down: each for a price of an instrument above a threshold in nanos."""
    async with producing(bootstrap, MARKET_DATA) as producer:
        for symbol, threshold in wanted:
            alert = SetAlert(f"{symbol}-{threshold}", "bench", symbol, "price", Comparison.ABOVE, threshold)
            place = partition_of(symbol, partitions_of(MARKET_DATA, Profile.TEST))
            await producer.send(MARKET_DATA, codec.encode(alert), symbol.encode(), place)
        await producer.flush()


def ticks(symbols: list[str], begin: int, step: int, seed: int = 1) -> Iterator[Written]:
    """Without end: trades that walk, one symbol after the other, `step` ns of event time apart."""
    rng, number = Random(seed), 0
    prices = dict.fromkeys(symbols, 10_000)
    while True:
        for symbol in symbols:
            prices[symbol] = max(1_000, prices[symbol] + rng.choice((-2, -1, 0, 1, 2)))
            side, at = rng.choice((Side.BUY, Side.SELL)), begin + number * step
            name = f"{symbol}-{number}"
            tick = TradePrint(
                symbol,
                prices[symbol] * CENT,
                NANOS,
                "BENCH",
                side,
                name,
                sequence=number + 1,
                event_id=name,
                timestamp=at,
            )
            yield Written(name, partition_of(symbol, PARTITIONS), symbol.encode(), codec.encode(tick))
        number += 1


def throughput(system: System, bootstrap: str) -> Measure:
    """A backlog with bars, indicators and alerts, until all is durable; the floor is one hop of the same bytes."""
    prepared = asyncio.run(backlog(bootstrap))
    floor = measured("floor.py", BROKERS=bootstrap, LIMIT=str(TICKS))
    environment = knobs(system, prepared) | {"ROLES": ROLES, "FIRST": "feeds", "RECORDS": str(TICKS)}
    ours = measured("order_path.py", "worker", "-l", "warning", **environment)
    records = sum(ours["sent"].values()) / TICKS
    note = f"CPU {ours['cpu_us']:.1f} µs and {records:.2f} records a tick, {len(SYMBOLS)} symbols; {ours['rss_mb']} MB"
    for stage, seconds in ours["stages"].items():
        print(f"{stage:<34} {seconds / TICKS * 1e6:>10.2f} µs a tick")
    return Measure(ours["rate"], "ticks/s", floor["rate"], ours["rate"] / floor["rate"], note)


async def backlog(bootstrap: str) -> int:
    """Writes the ticks, and the same bytes for the floor -> how many records the door had before."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    ends = await consumer.end_offsets([TopicPartition(FEEDS, number) for number in range(PARTITIONS)])
    await consumer.stop()
    begin = time.time_ns() - TICKS // len(SYMBOLS) * STEP_NS
    made = ticks(SYMBOLS, begin, STEP_NS)
    written = [next(made)[1:] for _ in range(TICKS)]
    await make_topics(bootstrap, {"bench-a": PARTITIONS, "bench-floor": PARTITIONS})
    await fill(bootstrap, "bench-a", written)
    await fill(bootstrap, FEEDS, written)
    return sum(ends.values())


async def lag(system: System) -> Measure:
    """Ticks of one symbol, by a schedule; the worker's own histogram, and what a client hears of prices."""
    async with aiohttp.ClientSession() as system.session:
        system.start_worker(ROLES="feeds,market_data,order_books,accounts,positions,order_commands,gateway")
        await system.until_ready()
        await watch(system.bootstrap, [("NOW", cents * CENT) for cents in NEAR])
        made = now_ticks()
        await send_by_schedule(system.bootstrap, FEEDS, made, TICK_RATE, WARM_UP_S)
        before = await buckets(system)
        async with listening(system.bootstrap, "analytics-events", "alert-events") as (told, alerted):
            await send_by_schedule(system.bootstrap, FEEDS, made, TICK_RATE, TICK_SECONDS)
            await until_heard(lambda: len(told.heard) > TICK_SECONDS)
        after = await buckets(system)
    counts = {bound: after[bound] - before[bound] for bound in after}
    total = counts[float("inf")]
    p99 = next(bound for bound in sorted(counts) if counts[bound] >= total * 0.99)
    heard, alerts = client_lags(told, PriceUpdated), client_lags(alerted, AlertTriggered)
    note = (
        f"upper bound of the bucket, of {total:.0f} packs; {TICK_RATE} ticks/s for {TICK_SECONDS} s; a client hears "
        f"a price after {quantile(heard, 0.5):.1f} (p50), {quantile(heard, 0.99):.1f} ms (p99), conflation included; "
        f"{len(alerts)} alerts after {quantile(alerts, 0.5):.1f} and {quantile(alerts, 0.99):.1f} ms"
    )
    return Measure(p99 * 1e3, "ms", None, None, note)


def now_ticks() -> Iterator[Written]:
    """Ticks whose event time is when they are made."""
    number, rng, price = 0, Random(2), 10_000
    while True:
        number += 1
        price = max(1_000, price + rng.choice((-2, -1, 0, 1, 2)))
        name = f"now-{number}"
        tick = TradePrint(
            "NOW",
            price * CENT,
            NANOS,
            "BENCH",
            Side.BUY,
            name,
            sequence=number,
            event_id=name,
            timestamp=time.time_ns(),
        )
        yield Written(name, partition_of("NOW", PARTITIONS), b"NOW", codec.encode(tick))


async def buckets(system: System) -> dict[float, float]:
    """The cumulative histogram of the worker."""
    found = BUCKET.findall(await system.get("/metrics"))
    assert found, "no histogram of the lag"
    return {float(bound): float(count) for bound, count in found}


def client_lags(told: Listener, kind: type[PriceUpdated | AlertTriggered]) -> list[float]:
    """From the event time of the newest tick in an event of this kind to its arrival at a client, in ms."""
    offset = time.time() - perf_counter()
    found = []
    for heard_at, value in told.heard:
        event = codec.decode(value)
        if isinstance(event, kind) and event.symbol == "NOW":
            found.append((heard_at + offset) * 1e3 - event.observed_at / 1e6)
    return sorted(found)
