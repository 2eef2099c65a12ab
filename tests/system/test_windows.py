"""Windows of any length over REST, merged of the bars that are kept."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from outside import MARKET_DATA, send
from system import ROOT, System

from schemas.wire import NANOS

PRINT_SCHEMA = (ROOT / "schemas/feeds/TradePrint.avsc").read_text()
NOON_NS = 1_795_176_000 * NANOS
TICKS = ((0, "10"), (50, "12"), (70, "11"), (200, "9"), (290, "13"), (600, "8"))
"""Seconds after noon, and prices of one unit each."""


async def told(system: System, symbol: str) -> None:
    """The ticks, and one of long after."""
    one = {"symbol": symbol, "exchange": "X", "quantity": Decimal(1)}
    trades = [
        one | {"timestamp": NOON_NS + at * NANOS, "price": Decimal(price)} for at, price in (*TICKS, (4_000, "1"))
    ]
    await asyncio.to_thread(send, system, *trades, door=MARKET_DATA, schema=PRINT_SCHEMA, key=symbol)

    async def is_taken() -> bool:
        status, quote = await system.ask("GET", f"/api/v1/quotes/{symbol}")
        return bool(status == 200 and quote["last"] == "1")

    await system.eventually(is_taken)


async def asked(system: System, symbol: str, query: str) -> list[tuple[Any, ...]]:
    """Minutes and seconds of start and end, then open, close and volume, but for the last tick's."""
    found = await system.get(f"/api/v1/windows?symbol={symbol}&to=2026-11-20T13:00:00Z&{query}")
    return [
        (each["start"][14:19], each["end"][14:19], each["open"], each["close"], each["volume"])
        for each in found["windows"]
        if each["end"] < "2026-11-20T13:00"
    ]


async def test_windows_of_every_kind_are_merged_of_bars(system: System) -> None:
    await told(system, "WINDOWED")
    assert await asked(system, "WINDOWED", "size=2m") == [
        ("00:00", "02:00", "10", "11", "3"),
        ("02:00", "04:00", "9", "9", "1"),
        ("04:00", "06:00", "13", "13", "1"),
        ("10:00", "12:00", "8", "8", "1"),
    ]
    assert await asked(system, "WINDOWED", "kind=hopping&size=10m&step=5m&from=2026-11-20T11:50:00Z") == [
        ("55:00", "05:00", "10", "13", "5"),
        ("00:00", "10:00", "10", "13", "5"),
        ("05:00", "15:00", "8", "8", "1"),
        ("10:00", "20:00", "8", "8", "1"),
    ]
    assert await asked(system, "WINDOWED", "kind=sliding&size=3m&step=1m") == [
        ("58:00", "01:00", "10", "12", "2"),
        ("59:00", "02:00", "10", "11", "3"),
        ("01:00", "04:00", "11", "9", "2"),
        ("02:00", "05:00", "9", "13", "2"),
        ("08:00", "11:00", "8", "8", "1"),
    ]
    assert await asked(system, "WINDOWED", "kind=session&gap=2m") == [
        ("00:00", "03:10", "10", "11", "3"),
        ("03:20", "06:50", "9", "13", "2"),
        ("10:00", "12:00", "8", "8", "1"),
    ]
    hours = await system.get("/api/v1/windows?symbol=WINDOWED&size=1h")
    assert [(each["volume"], each["final"]) for each in hours["windows"]] == [("6", True), ("1", False)]
    last = await system.get("/api/v1/windows?symbol=WINDOWED&size=2m&limit=1")
    assert [each["open"] for each in last["windows"]] == ["1"]


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("size=1m", "MISSING_FIELD", "symbol"),
        ("symbol=A", "MISSING_FIELD", "size"),
        ("symbol=A&kind=hopping&size=1m", "MISSING_FIELD", "step"),
        ("symbol=A&kind=session", "MISSING_FIELD", "gap"),
        ("symbol=A&kind=weekly&size=1m", "BAD_VALUE", "kind"),
        ("symbol=A&size=1m&gap=1m", "UNKNOWN_FIELD", "gap"),
        ("symbol=A&size=1m&colour=red", "UNKNOWN_FIELD", "colour"),
        ("symbol=A&size=0m", "BAD_VALUE", "size"),
        ("symbol=A&size=-1m", "BAD_VALUE", "size"),
        ("symbol=A&size=1.5m", "BAD_VALUE", "size"),
        ("symbol=A&size=minute", "BAD_VALUE", "size"),
        ("symbol=A&size=9999999s", "BAD_VALUE", "size"),
        ("symbol=A&size=999999d", "BAD_VALUE", "size"),
        ("symbol=A&size=301s", "BAD_VALUE", "size"),
        ("symbol=A&kind=session&gap=301s", "BAD_VALUE", "gap"),
        ("symbol=A&kind=hopping&size=5m&step=2m", "BAD_VALUE", "step"),
        ("symbol=A&kind=hopping&size=5m&step=10m", "BAD_VALUE", "step"),
        ("symbol=A&kind=hopping&size=2h&step=1m", "BAD_VALUE", "step"),
        ("symbol=A&kind=sliding&size=14m&step=7m", "BAD_VALUE", "step"),
        ("symbol=A&size=1m&from=noon", "BAD_VALUE", "from"),
    ],
)
async def test_what_makes_no_sense_is_a_problem_with_a_code(system: System, query: str, code: str, field: str) -> None:
    status, problem = await system.ask("GET", f"/api/v1/windows?{query}")
    assert (status, problem["code"], problem["field"]) == (400, code, field)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [("symbol=NOBODY&size=1m", 404, "UNKNOWN_SYMBOL"), ("symbol=NOBODY&size=1m&limit=0", 400, "BAD_LIMIT")],
)
async def test_windows_of_nothing_are_a_problem_with_a_code(system: System, query: str, status: int, code: str) -> None:
    found, problem = await system.ask("GET", f"/api/v1/windows?{query}")
    assert (found, problem["code"]) == (status, code)
