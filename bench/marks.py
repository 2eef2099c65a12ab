"""How long a price takes from the broker's acknowledgement on `market-data` to what a client reads of it.

Of an account that owns something of a symbol priced elsewhere, and has nothing to do with the orders beside it.
"""

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from confluent_kafka import Producer
from system import System

from app.settings import Profile
from app.topics import ACCOUNTS, FEEDS
from bench.latency import FLOORS, floor, market, topics_of
from bench.load import Listener, listening, send_by_schedule, until_heard
from bench.orders import CENT, INBOX, codec, crossing_orders
from bench.report import Measure
from bench.stage import PARTITIONS, make_topics, quantile
from schemas.feeds import MarketDataEvent
from schemas.order_books import MarkPrices
from schemas.wire import NANOS

NAMES = ("mark_to_exposure_p50_ms", "mark_to_exposure_p99_ms")
MARKS, EVERY_S, ORDERS_PER_S, BEFORE_S = 300, 0.17, 100.0, 5.0
"""Not a multiple of the time between two marks of a shard: prices come at any time of it."""
SYMBOL, EXCHANGE, OWNER, UNITS = "ELSEWHERE", "XOTC", "owner", 10
FIRST = 100 * NANOS
FLOOR = FLOORS[0]
LOOK_EVERY_S, LATE_S_MAX = 0.002, 20.0


class Seen(NamedTuple):
    """When each price was there; prices only rise, so a later one stands for those that it replaced."""

    sent: dict[int, float]
    at_accounts: list[tuple[float, int]]
    at_client: list[tuple[float, int]]


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    del wanted
    floors, seen = asyncio.run(_measure(folder))
    client, accounts = (_latencies(seen.sent, found) for found in (seen.at_client, seen.at_accounts))
    note = f"{len(client)} prices beside {ORDERS_PER_S:g} orders/s, largest {client[-1]:.0f}; "
    note += f"in accounts-inbox p50 / p99 {quantile(accounts, 0.5):.0f} / {quantile(accounts, 0.99):.0f}"
    for name, share in zip(NAMES, (0.5, 0.99), strict=True):
        value, reference = quantile(client, share), quantile(floors, share)
        yield name, Measure(value, "ms", reference, value / reference, note)


def _latencies(sent: dict[int, float], found: list[tuple[float, int]]) -> list[float]:
    """Milliseconds, in order."""
    times = [(next(time for time, price in found if price >= wanted) - began) * 1e3 for wanted, began in sent.items()]
    return sorted(times)


async def _measure(folder: Path) -> tuple[list[float], Seen]:
    async with market(folder, Profile.TEST) as system:
        await make_topics(system.bootstrap, dict.fromkeys(topics_of(FLOOR), PARTITIONS))
        await _open(system)
        orders = crossing_orders("marks", Profile.TEST)
        seconds = BEFORE_S + MARKS * EVERY_S
        async with listening(system.bootstrap, ACCOUNTS) as (inbox,):
            loading = asyncio.create_task(send_by_schedule(system.bootstrap, INBOX, orders, ORDERS_PER_S, seconds))
            await asyncio.sleep(BEFORE_S)
            sent, at_client = await _prices(system)
            await loading
            await until_heard(lambda: any(price >= max(sent) for _, price in _marks(inbox)))
            at_accounts = _marks(inbox)
        floors = await floor(system.bootstrap, FLOOR, orders)
    return floors, Seen(sent, at_accounts, at_client)


async def _open(system: System) -> None:
    listing = {
        "symbol": SYMBOL,
        "base": "ELSE",
        "quote": "USDT",
        "tick": "0.01",
        "lot": "1",
        "venue": "sim",
        "exchange": EXCHANGE,
    }
    await system.post("/api/v1/admin/instruments", listing)
    await system.deposit(OWNER, "ELSE", str(UNITS))
    await system.eventually(partial(_is_known, system))


async def _is_known(system: System) -> bool:
    status, found = await system.ask("GET", f"/api/v1/risk?account_id={OWNER}")
    return status == 200 and bool(found["symbols"])


async def _prices(system: System) -> tuple[dict[int, float], list[tuple[float, int]]]:
    """Tells prices, and looks at what a client is told -> when the broker had each, when each was seen."""
    producer = Producer({"bootstrap.servers": system.bootstrap, "acks": "all", "linger.ms": 0})
    sent: dict[int, float] = {}
    async with asyncio.TaskGroup() as both:
        looking = both.create_task(_look(system, FIRST + (MARKS - 1) * CENT))
        both.create_task(_tell(producer, sent))
    return sent, looking.result()


async def _tell(producer: Producer, sent: dict[int, float]) -> None:
    for price in range(FIRST, FIRST + MARKS * CENT, CENT):
        due = perf_counter() + EVERY_S
        told = partial(_acknowledged, sent, price)
        producer.produce(FEEDS, codec.encode(_price(price)), SYMBOL.encode(), on_delivery=told)
        await asyncio.to_thread(producer.flush)
        await asyncio.sleep(due - perf_counter())


def _price(last: int) -> MarketDataEvent:
    quote = {"bid_price": last - CENT, "ask_price": last + CENT, "last_price": last}
    return MarketDataEvent(SYMBOL, EXCHANGE, **quote, timestamp=time.time_ns())


def _acknowledged(sent: dict[int, float], price: int, error: object, _: object) -> None:
    assert error is None, error
    sent[price] = perf_counter()


async def _look(system: System, last: int) -> list[tuple[float, int]]:
    """Asks again and again what is at risk, until the last price is in it."""
    seen: list[tuple[float, int]] = []
    ends = perf_counter() + MARKS * EVERY_S + LATE_S_MAX
    while not seen or seen[-1][1] < last:
        (symbol,) = (await system.get(f"/api/v1/risk?account_id={OWNER}"))["symbols"]
        price = int(Decimal(symbol["exposure"]) / UNITS * NANOS)
        if not seen or price != seen[-1][1]:
            seen.append((perf_counter(), price))
        assert perf_counter() < ends, f"the last price that was seen is {price}, not {last}: {symbol}"
        await asyncio.sleep(LOOK_EVERY_S)
    return seen


def _marks(inbox: Listener) -> list[tuple[float, int]]:
    """When accounts were told which price of the symbol; each of their shards is."""
    told = ((time, codec.decode(value)) for time, value in inbox.heard)
    return [
        (time, mark.last)
        for time, message in told
        if isinstance(message, MarkPrices)
        for mark in message.marks
        if mark.symbol == SYMBOL and mark.last is not None
    ]
