"""Lists come page by page, without a gap and without a double, while more is added (S2.5)."""

import asyncio
from typing import Any

from system import System


async def place(system: System, count: int) -> list[str]:
    """Orders that wait -> their ids."""
    body = {"account_id": "reader", "symbol": "PUBLIC", "quantity": 1, "price": 5, "side": "bid"}
    return [(await system.post("/orders", body))["order_id"] for _ in range(count)]


async def pages(system: System, path: str) -> list[list[Any]]:
    """All pages, and one more order placed before each."""
    found, cursor = [], ""
    while True:
        page = await system.get(f"{path}&limit=100{cursor}")
        found.append(page["orders"])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"
        await place(system, 1)


async def test_250_orders_are_three_pages_while_orders_arrive(system: System) -> None:
    await system.deposit("reader", "USD", "100000")
    parts = await asyncio.gather(*[place(system, 25) for _ in range(10)])
    placed = {order_id for part in parts for order_id in part}
    found = await pages(system, "/orders?account_id=reader")
    assert [len(page) for page in found][:2] == [100, 100]
    assert len(found) == 3
    ids = [order["order_id"] for page in found for order in page]
    assert len(ids) == len(set(ids)), "no order twice"
    assert placed <= set(ids), "no order left out"
    numbers = [order["id"] for page in found for order in page]
    assert numbers == sorted(numbers), "in the order in which they came"

    alive = await system.get("/api/v1/orders?account_id=reader&status=open&limit=500")
    assert {order["order_id"] for order in alive["orders"]} >= placed
    filled = await system.get("/api/v1/orders?account_id=reader&status=filled")
    assert filled["orders"] == []
    await system.conserved()
