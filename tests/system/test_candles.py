"""Bars of a day by the minute, over REST: what a recount of the topic gives, and quickly."""

import time
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from outside import MARKET_DATA, send
from system import ROOT, System

from schemas.wire import NANOS
from web.clock import moment

TRADE_PRINT_SCHEMA = (ROOT / "schemas/feeds/TradePrint.avsc").read_text()
MIDNIGHT = moment("at", "2026-11-20T00:00:00Z")
MINUTE, MINUTES = 60 * NANOS, 1_440
READ_S_MAX = 0.2


def trades() -> list[dict[str, Any]]:
    """Two a minute, of a whole day and a bit."""
    rng = Random(1)
    found = []
    for number in range(2 * MINUTES + 1):
        at = MIDNIGHT + number * MINUTE // 2 + rng.randrange(MINUTE // 2)
        price, quantity = Decimal(rng.randint(9_000, 11_000)) / 100, Decimal(rng.randint(1, 99))
        trade = {"symbol": "AAPL", "exchange": "XNAS", "price": price, "quantity": quantity}
        found.append(trade | {"sequence": number + 1, "timestamp": at})
    return found


async def test_the_minutes_of_a_day_are_a_recount_of_the_trades(fresh_system: System) -> None:
    system, sent = fresh_system, trades()
    send(system, *sent, door=MARKET_DATA, schema=TRADE_PRINT_SCHEMA, key="AAPL", by_record=True)
    minutes: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for trade in sent[: 2 * MINUTES]:
        minutes[trade["timestamp"] // MINUTE * MINUTE].append(trade)
    path = f"/api/v1/candles?symbol=AAPL&interval=1m&from=2026-11-20T00:00:00Z&limit={MINUTES}"

    async def is_there() -> Any:
        status, answer = await system.ask("GET", path)
        return status == 200 and len(answer["candles"]) == MINUTES and answer["candles"][-1]["revision"]

    await system.eventually(is_there, within_s=60)
    names = ("open", "high", "low", "close", "volume")
    candles = (await system.get(path))["candles"]
    assert [(each["start"], *[Decimal(each[name]) for name in names]) for each in candles] == [
        (
            f"{datetime.fromtimestamp(start // NANOS, UTC):%Y-%m-%dT%H:%M:%S}.000000Z",
            inside[0]["price"],
            max(trade["price"] for trade in inside),
            min(trade["price"] for trade in inside),
            inside[-1]["price"],
            sum(trade["quantity"] for trade in inside),
        )
        for start, inside in sorted(minutes.items())
    ]
    assert min([await seconds_of(system, path) for _ in range(10)]) <= READ_S_MAX


async def seconds_of(system: System, path: str) -> float:
    began = time.perf_counter()
    await system.get(path)
    return time.perf_counter() - began
