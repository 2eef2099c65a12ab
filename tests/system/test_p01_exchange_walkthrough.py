"""P1: the exchange's walkthrough, in every order of its three calls."""

from decimal import Decimal
from itertools import permutations
from typing import Any

from system import System

BUY = {"user_id": 1, "asset": "ADA", "quantity": 10, "price": 1.9, "order_type": "buy"}
SELL_AT_2 = {"user_id": 2, "asset": "ADA", "quantity": 10, "price": 2, "order_type": "sell"}
SELL_AT_1_9 = {"user_id": 2, "asset": "ADA", "quantity": 1, "price": 1.9, "order_type": "sell"}


async def seed(system: System) -> None:
    await system.deposit("1", "USDT", "1000")
    await system.deposit("2", "ADA", "500")


async def has_settled(system: System) -> bool:
    first = await system.get("/balance/1")
    second = await system.get("/balance/2")
    return bool(first.get("ADA") == 1 and second.get("USDT") == Decimal("1.9"))


async def check(system: System, buy: Any, sell_at_2: Any, sell_at_1_9: Any) -> None:
    await system.eventually(lambda: has_settled(system), within_s=2)
    first, second = await system.get("/balance/1"), await system.get("/balance/2")
    assert (first["USDT"], first["available"]["USDT"], first["reserved"]["USDT"]) == (
        Decimal("998.1"),
        Decimal(981),
        Decimal("17.1"),
    )
    assert (first["ADA"], second["USDT"]) == (Decimal(1), Decimal("1.9"))
    assert (second["ADA"], second["available"]["ADA"], second["reserved"]["ADA"]) == (499, 489, 10)
    await system.status(sell_at_2["order_id"], "OPEN")
    orders = [await system.get(f"/orders/{order['id']}") for order in (buy, sell_at_2, sell_at_1_9)]
    words = [(order["status"], order["filled_quantity"], order["quantity"]) for order in orders]
    assert words == [("partially filled", 1, 10), ("pending", 0, 10), ("filled", 1, 1)]
    assert orders[0]["average_traded_price"] == Decimal("1.9")
    await system.conserved()


async def test_the_calls_of_the_document_in_all_six_orders(system: System) -> None:
    bodies = {"buy": BUY, "sell_at_2": SELL_AT_2, "sell_at_1_9": SELL_AT_1_9}
    for trades, sequence in enumerate(permutations(bodies), start=1):
        await seed(system)
        placed = {name: await system.post("/orders", bodies[name]) for name in sequence}
        await check(system, **placed)
        records = await system.records("trade-events", trades)
        assert len(records) == trades
        trade = records[-1]
        assert (trade["quantity"], trade["price"]) == (Decimal(1), Decimal("1.9"))
        assert trade["buy_order_id"] == placed["buy"]["order_id"]
        assert trade["sell_order_id"] == placed["sell_at_1_9"]["order_id"]
        await system.post("/api/v1/admin/reset", {}, 200)
        assert (await system.ask("GET", "/balance/1"))[0] == 404


async def test_an_unknown_user_is_not_found(system: System) -> None:
    status, body = await system.ask("GET", "/balance/77")
    assert (status, body["code"]) == (404, "UNKNOWN_ACCOUNT")
