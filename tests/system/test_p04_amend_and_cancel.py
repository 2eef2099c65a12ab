"""P4: a smaller quantity keeps its place, a larger one goes to the back; what is filled cannot be changed."""

from typing import Any

from system import System


async def test_amends_and_cancels_of_the_order_api(system: System) -> None:
    asks = {}
    for name in ("A1", "A2", "A4"):
        asks[name] = await system.post("/orders", {"quantity": 5, "price": 101, "side": "ask"})
        await system.status(asks[name]["order_id"], "OPEN")
    path = {name: f"/orders/{order['id']}" for name, order in asks.items()}

    async def put(name: str, body: dict[str, Any]) -> int:
        return (await system.ask("PUT", path[name], body))[0]

    assert await put("A1", {"quantity": 3, "price": 101}) == 200
    assert await put("A2", {"updated_quantity": 9, "updated_price": 101}) == 200
    bid = await system.post("/orders", {"quantity": 10, "price": 101, "side": 1})
    await system.status(bid["order_id"], "FILLED")
    await system.status(asks["A2"]["order_id"], "PARTIALLY_FILLED")
    trades = await system.records("trade-events", 3)
    assert [(trade["sell_order_id"], trade["quantity"]) for trade in trades] == [
        (asks["A1"]["order_id"], 3),
        (asks["A4"]["order_id"], 5),
        (asks["A2"]["order_id"], 2),
    ]
    second = await system.get(path["A2"])
    assert (second["traded_quantity"], second["leaves_quantity"]) == (2, 7)

    status, cancelled = await system.ask("DELETE", path["A2"])
    assert (status, cancelled["cancelled_quantity"], cancelled["order_alive"]) == (200, 7, False)
    assert (await system.ask("DELETE", path["A1"]))[0] == 409
    assert await put("A4", {"quantity": 6, "price": 101}) == 409
    assert (await system.ask("DELETE", "/orders/999999"))[0] == 404
    assert (await system.ask("PUT", "/orders/999999", {"quantity": 1}))[0] == 404
    assert await put("A4", {"quantity": 0, "price": 101}) == 400
    book = await system.get("/api/v1/orderbook/PUBLIC")
    assert (book["bids"], book["asks"]) == ([], [])
    await system.conserved()


async def test_an_amend_into_a_cross_trades_at_the_resting_price(system: System) -> None:
    ask = await system.post("/orders", {"quantity": 5, "price": 120, "side": "sell"})
    bid = await system.post("/orders", {"quantity": 5, "price": 110, "side": "buy"})
    for order in (ask, bid):
        await system.status(order["order_id"], "OPEN")
    assert (await system.ask("PUT", f"/orders/{bid['id']}", {"price": 121}))[0] == 200
    await system.status(bid["order_id"], "FILLED")
    (trade,) = await system.records("trade-events", 1)
    assert (trade["price"], trade["quantity"]) == (120, 5)
    await system.conserved()


async def test_a_refused_amend_changes_nothing(system: System) -> None:
    await system.deposit("7", "USDT", "100")
    order = await system.order("7", "ADAUSDT", "buy", "50", "1")
    await system.status(order["order_id"], "OPEN")
    status, problem = await system.ask("PUT", f"/api/v1/orders/{order['order_id']}", {"limit_price": "3"})
    assert (status, problem["code"]) == (422, "BUYING_POWER")
    same = await system.get(f"/api/v1/orders/{order['order_id']}")
    assert (same["limit_price"], same["qty"], same["held"], same["status"]) == ("1", "50", "50", "OPEN")
    await system.conserved()
