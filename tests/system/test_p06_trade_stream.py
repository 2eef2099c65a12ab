"""P6: every client hears of every trade, once, at once."""

import asyncio
import json
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

from system import PATIENCE_S, System


async def test_three_clients_hear_two_trades(system: System) -> None:
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(system.http.ws_connect(f"{system.base}/trade_updates")) for _ in range(3)
        ]
        first = await system.post("/orders", {"quantity": 30, "price": 10, "side": "sell"})
        second = await system.post("/orders", {"quantity": 10, "price": 14, "side": "sell"})
        for order in (first, second):
            await system.status(order["order_id"], "OPEN")
        buy = await system.post("/orders", {"quantity": 40, "price": 14, "side": "buy"})
        for socket in sockets:
            messages = [
                json.loads((await socket.receive(timeout=PATIENCE_S)).data, parse_float=Decimal) for _ in range(2)
            ]
            assert [(message["price"], message["quantity"]) for message in messages] == [(10, 30), (14, 10)]
            assert [message["ask_order_id"] for message in messages] == [first["order_id"], second["order_id"]]
            assert {message["bid_order_id"] for message in messages} == {buy["order_id"]}
            assert all("T" in message["execution_timestamp"] for message in messages)
        quiet = [asyncio.create_task(socket.receive()) for socket in sockets]
        filled = await system.status(buy["order_id"], "FILLED")
        assert filled["average_price"] == "11"
        found = await system.get(f"/orders/{buy['id']}")
        assert (found["traded_quantity"], found["average_traded_price"], found["status"]) == (40, 11, "filled")
        trades: Any = (await system.get("/trades"))["trades"]
        assert [(trade["price"], trade["quantity"]) for trade in trades] == [(10, 30), (14, 10)]
        assert not any(task.done() for task in quiet), "a third message came"
        for task in quiet:
            task.cancel()
