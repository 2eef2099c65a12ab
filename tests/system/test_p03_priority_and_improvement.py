"""P3: best price first, then the oldest; a taker gets the resting price, and what was held too much comes back."""

from decimal import Decimal

from system import System


async def test_price_then_time(system: System) -> None:
    await system.deposit("11", "USDT", "10000")
    for account_id in ("12", "13", "14"):
        await system.deposit(account_id, "ADA", "100")
    first = await system.order("12", "ADAUSDT", "sell", "10", "2.00")
    second = await system.order("13", "ADAUSDT", "sell", "10", "1.95")
    third = await system.order("14", "ADAUSDT", "sell", "10", "2.00")
    for order in (first, second, third):
        await system.status(order["order_id"], "OPEN")
    buy = await system.order("11", "ADAUSDT", "buy", "25", "2.10")
    filled = await system.status(buy["order_id"], "FILLED")
    assert filled["average_price"] == "1.98"
    await system.status(third["order_id"], "PARTIALLY_FILLED")

    trades = await system.records("trade-events", 3)
    found = [(trade["sell_order_id"], trade["quantity"], trade["price"]) for trade in trades]
    assert found == [
        (second["order_id"], 10, Decimal("1.95")),
        (first["order_id"], 10, Decimal(2)),
        (third["order_id"], 5, Decimal(2)),
    ]
    balances = {account_id: await system.get(f"/balance/{account_id}") for account_id in ("11", "12", "13", "14")}
    assert (balances["11"]["USDT"], balances["11"]["reserved"]["USDT"], balances["11"]["ADA"]) == (
        Decimal("9950.5"),
        0,
        25,
    )
    assert [balances[account_id]["USDT"] for account_id in ("12", "13", "14")] == [20, Decimal("19.5"), 10]
    assert (balances["14"]["ADA"], balances["14"]["available"]["ADA"], balances["14"]["reserved"]["ADA"]) == (95, 90, 5)
    book = await system.get("/api/v1/orderbook/ADAUSDT")
    assert (book["bids"], book["asks"]) == ([], [["2", "5"]])
    await system.conserved()
