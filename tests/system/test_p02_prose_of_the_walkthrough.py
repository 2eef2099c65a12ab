"""P2: the walkthrough as its prose tells it, on fresh users and after the calls."""

from decimal import Decimal
from typing import Any

from system import System


def exchange_order(user_id: int, quantity: int, price: str, side: str) -> dict[str, Any]:
    return {"user_id": user_id, "asset": "ADA", "quantity": quantity, "price": price, "order_type": side}


async def totals(system: System, user_id: int) -> tuple[Decimal, Decimal]:
    found = await system.get(f"/balance/{user_id}")
    return found.get("USDT", 0), found.get("ADA", 0)


async def test_a_hundred_at_two_on_fresh_users(system: System) -> None:
    await system.deposit("1", "USDT", "1000")
    await system.deposit("2", "ADA", "500")
    buy = await system.post("/orders", exchange_order(1, 100, "2", "buy"))
    sell = await system.post("/orders", exchange_order(2, 100, "2", "sell"))
    await system.status(buy["order_id"], "FILLED")
    await system.status(sell["order_id"], "FILLED")
    assert await totals(system, 1) == (800, 100)
    assert await totals(system, 2) == (200, 400)
    assert [(await system.get(f"/orders/{order['id']}"))["status"] for order in (buy, sell)] == ["filled", "filled"]
    (trade,) = await system.records("trade-events", 1)
    assert (trade["quantity"], trade["price"]) == (100, 2)
    changes = [record for record in await system.records("balance-events") if record.get("reason") == "TRADE"]
    assert len(changes) == 4
    assert {record["caused_by"] for record in changes} == {trade["tradeId"]}
    await system.conserved()


async def test_the_prose_after_the_calls(system: System) -> None:
    await system.deposit("1", "USDT", "1000")
    await system.deposit("2", "ADA", "500")
    for order in (
        exchange_order(1, 10, "1.9", "buy"),
        exchange_order(2, 10, "2", "sell"),
        exchange_order(2, 1, "1.9", "sell"),
    ):
        await system.post("/orders", order)
    buy = await system.post("/orders", exchange_order(1, 100, "2", "buy"))
    sell = await system.post("/orders", exchange_order(2, 100, "2", "sell"))
    await system.status(buy["order_id"], "FILLED")
    half = await system.status(sell["order_id"], "PARTIALLY_FILLED")
    await system.eventually(lambda: _is(system, half["order_id"], "90"))
    first, second = await system.get("/balance/1"), await system.get("/balance/2")
    assert (first["USDT"], first["reserved"]["USDT"], first["ADA"]) == (Decimal("798.1"), Decimal("17.1"), 101)
    assert (second["USDT"], second["ADA"], second["reserved"]["ADA"]) == (Decimal("201.9"), 399, 10)
    fills = [(trade["quantity"], trade["price"]) for trade in await system.records("trade-events", 3)]
    assert fills == [(1, Decimal("1.9")), (10, 2), (90, 2)]
    await system.conserved()


async def _is(system: System, order_id: str, filled: str) -> bool:
    return bool((await system.get(f"/api/v1/orders/{order_id}"))["filled_qty"] == filled)
