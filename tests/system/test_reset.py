"""A reset takes everything back by events like any other: the log keeps what was (S1.20)."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from system import System


async def trade(system: System) -> dict[str, Any]:
    """The exchange's walkthrough -> balances and book."""
    await system.deposit("1", "USDT", "1000")
    await system.deposit("2", "ADA", "500")
    buy = await system.order("1", "ADAUSDT", "buy", "10", "1.9")
    await system.status(buy["order_id"], "OPEN")
    ask = await system.order("2", "ADAUSDT", "sell", "10", "2")
    await system.status(ask["order_id"], "OPEN")
    sell = await system.order("2", "ADAUSDT", "sell", "1", "1.9")
    await system.status(sell["order_id"], "FILLED")
    await system.status(buy["order_id"], "PARTIALLY_FILLED")
    found = {path: await system.get(path) for path in ("/balance/1", "/balance/2")}
    book = await system.get("/api/v1/orderbook/ADAUSDT")
    return found | {"bids": book["bids"], "asks": book["asks"]}


async def test_a_reset_is_made_of_compensating_events_and_the_same_day_can_be_traded_again(system: System) -> None:
    first = await trade(system)
    before = await system.records("order-events")
    await system.post("/api/v1/admin/reset", {}, 200)

    assert (await system.records("order-events"))[: len(before)] == before, "nothing that was said is taken back"
    events = (await system.records("order-events"))[len(before) :]
    cancelled = [event for event in events if event["status"] == "CANCELLED"]
    assert {event["reason_code"] for event in cancelled} == {"RESET"}
    assert len(cancelled) == 2, "the bid and the ask that waited"
    changes: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for event in await system.records("balance-events"):
        if event["_message"] == "BalanceEvent" and event["account_id"] in ("1", "2"):
            changes[event["account_id"], event["asset"]] += event["change"]
    assert set(changes.values()) == {Decimal(0)}, "what came in went out again, by events"
    assert (await system.ask("GET", "/balance/1"))[0] == 404
    book = await system.get("/api/v1/orderbook/ADAUSDT")
    assert (book["bids"], book["asks"]) == ([], [])
    await system.conserved()

    assert await trade(system) == first
    await system.conserved()
