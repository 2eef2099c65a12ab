"""P12: ticks of five minutes, their windows, what is told of them, an alert, and ticks that come too late."""

from typing import Any

from outside import MARKET_DATA, MARKET_DATA_SCHEMA, price, send
from system import System

from schemas.wire import NANOS
from web.clock import moment

HALF_PAST_TWO = moment("at", "2026-11-20T14:30:00Z")
MINUTE = 60 * NANOS
CHAIN = ["MarketDataReceived", "PriceUpdated", "AnalyticsCalculated"]


async def test_five_ticks_have_their_means_their_events_one_alert_and_a_latest_price(fresh_system: System) -> None:
    system = fresh_system
    alert = {"user_id": "ann", "symbol": "AAPL", "measure": "price", "comparison": "above", "threshold": "105"}
    await system.post("/api/v1/alerts", alert)
    for minute, last in enumerate((100, 102, 104, 106, 108)):
        await tick(system, HALF_PAST_TWO + minute * MINUTE, last, calculated=minute + 1)

    told = await analytics(system)
    means = {interval["interval_s"]: interval["tick_sma"] for interval in told[-1]["intervals"]}
    assert (means[300], means[900]) == (104, 104)
    (triggered,) = await alerts(system)
    assert (triggered["value"], triggered["observed_at"]) == (106, HALF_PAST_TWO + 3 * MINUTE)
    assert await chains(system) == [CHAIN, CHAIN, CHAIN, [*CHAIN, "AlertTriggered"], CHAIN]

    await clock(system, "14:34:59")
    assert await latest(system) == ("108", False)
    await clock(system, "14:35:00")
    assert await latest(system) == ("108", True)

    await tick(system, HALF_PAST_TWO + 3 * MINUTE + 1, 50, calculated=6)
    assert await latest(system) == ("108", True)
    corrected = [bar for bar in await records(system, "BarClosed") if bar["start"] == HALF_PAST_TWO + 3 * MINUTE]
    minutes = [(bar["revision"], str(bar["close"].normalize())) for bar in corrected if bar["interval_s"] == 60]
    assert minutes == [(1, "106"), (2, "5E+1")]
    (dropped,) = await system.records("market-data-late", 1)
    assert (dropped["reason"], dropped["interval_s"]) == ("WINDOW_FINAL", 1), "only its second was final"

    await tick(system, HALF_PAST_TWO - 20 * MINUTE, 70, calculated=7)
    (_, dropped) = await system.records("market-data-late", 2)
    assert (dropped["reason"], dropped["interval_s"], dropped["price"]) == ("WINDOW_FINAL", 900, 70)
    assert await latest(system) == ("108", True)

    await tick(system, HALF_PAST_TWO + 6 * MINUTE, 104, calculated=8)
    await tick(system, HALF_PAST_TWO + 7 * MINUTE, 106, calculated=9)
    assert [(each["value"], each["count"]) for each in await alerts(system)] == [(106, 1), (106, 2)]


async def tick(system: System, at: int, last: int, calculated: int) -> None:
    """One price of another market; waits until so many were calculated."""
    message = price("AAPL", None, None, str(last), timestamp=at, exchange="XNAS")
    send(system, message, door=MARKET_DATA, schema=MARKET_DATA_SCHEMA)

    async def is_calculated() -> bool:
        return len(await analytics(system)) == calculated

    await system.eventually(is_calculated)


async def analytics(system: System) -> list[dict[str, Any]]:
    return await records(system, "AnalyticsCalculated")


async def records(system: System, name: str) -> list[dict[str, Any]]:
    return [record for record in await system.records("analytics-events") if record["_message"] == name]


async def alerts(system: System) -> list[dict[str, Any]]:
    return [record for record in await system.records("alert-events") if record["_message"] == "AlertTriggered"]


async def chains(system: System) -> list[list[str]]:
    """What is told of each tick, bars apart, under one correlation id each."""
    found: dict[str, list[str]] = {}
    for record in [*await system.records("analytics-events"), *await alerts(system)]:
        if record["_message"] != "BarClosed":
            found.setdefault(record["correlation_id"], []).append(record["_message"])
    return list(found.values())


async def clock(system: System, time: str) -> None:
    await system.post("/api/v1/admin/clock", {"now": f"2026-11-20T{time}Z"}, 200)


async def latest(system: System) -> tuple[str, bool]:
    found = await system.get("/api/v1/quotes/AAPL")
    return found["last"], found["stale"]
