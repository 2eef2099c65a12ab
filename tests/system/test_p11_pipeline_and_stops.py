"""P11: an order passes step by step; stops fire at the market's last price and trade at its bid."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from outside import MARKET_DATA, MARKET_DATA_SCHEMA, price, send
from system import System

AAPL = {"symbol": "AAPL", "base": "AAPL", "quote": "USD", "tick": "0.01", "lot": "1", "instrument_type": "equity"}
Market = Callable[..., Awaitable[None]]


async def place(system: System, side: str, qty: str, account_id: str = "trader", **more: Any) -> dict[str, Any]:
    body = {"account_id": account_id, "symbol": "AAPL", "side": side, "qty": qty} | more
    answer: dict[str, Any] = await system.post("/api/v1/orders", body)
    return answer


@pytest.fixture
async def market(system: System) -> Market:
    """100000 USD, and AAPL at 94.90 to 95.10, last 97, told by a system of others."""

    async def moves(bid: str, ask: str, last: str) -> None:
        tell = {"door": MARKET_DATA, "schema": MARKET_DATA_SCHEMA}
        await asyncio.to_thread(send, system, price("AAPL", bid, ask, last, exchange="NASDAQ"), **tell)

        async def is_there() -> bool:
            found = (await system.get("/api/v1/orderbook/AAPL")).get("reference", {})
            return [found.get(name) for name in ("bid", "ask", "last")] == [bid, ask, last]

        await system.eventually(is_there)

    await system.post("/api/v1/admin/instruments", AAPL | {"venue": "sim", "exchange": "NASDAQ"})
    await system.deposit("trader", "USD", "100000")
    await moves("94.9", "95.1", "97")
    return moves


async def words(system: System, order: dict[str, Any]) -> list[str]:
    """What was told of the order, in order."""
    events = await system.records("order-events")
    return [event["status"] for event in events if event["orderId"] == order["order_id"]]


async def test_a_limit_order_passes_every_step_and_executes_at_the_ask(system: System, market: Market) -> None:
    order = await place(system, "buy", "20", type="limit", limit_price="95.10")
    await system.status(order["order_id"], "FILLED")
    assert await words(system, order) == ["PENDING", "VALIDATED", "RISK_APPROVED", "FILLED"]
    (trade,) = await system.records("trade-events", 1)
    assert (trade["executionPrice"], trade["quantity"], trade["venue"]) == (Decimal("95.10"), 20, "SIM")
    last = [event for event in await system.records("order-events") if event["orderId"] == order["order_id"]][-1]
    assert (last["venue"], last["exchange"], last["last_price"]) == ("SIM", "NASDAQ", Decimal("95.10"))
    await system.conserved()


async def test_stops_wait_for_the_last_price_and_a_stop_limit_that_is_not_met_rests(
    system: System, market: Market
) -> None:
    await system.status((await place(system, "buy", "20", type="limit", limit_price="95.10"))["order_id"], "FILLED")
    stop = await place(system, "sell", "10", type="stop", stop_price="95")
    await system.status(stop["order_id"], "TRIGGER_WAIT")
    await market("94.9", "95.1", "96")
    await system.status(stop["order_id"], "TRIGGER_WAIT")
    await market("94.9", "95.1", "95")
    assert (await system.status(stop["order_id"], "FILLED"))["average_price"] == "94.9"
    limit = await place(system, "sell", "5", type="stop_limit", stop_price="94", limit_price="93.9")
    await system.status(limit["order_id"], "TRIGGER_WAIT")
    await market("93.4", "93.6", "93.5")
    assert (await system.status(limit["order_id"], "OPEN"))["filled_qty"] == "0"
    book = await system.get("/api/v1/orderbook/AAPL")
    assert (book["bids"], book["asks"]) == ([], [["93.9", "5"]])
    assert [trade["executionPrice"] for trade in await system.records("trade-events", 2)] == [
        Decimal("95.10"),
        Decimal("94.90"),
    ]
    assert await words(system, limit) == ["PENDING", "VALIDATED", "RISK_APPROVED", "TRIGGER_WAIT", "OPEN"]
    await system.conserved()


async def test_what_rests_trades_when_the_market_comes_to_it_and_every_ledger_is_exact(
    system: System, market: Market
) -> None:
    bid = await place(system, "buy", "10", type="limit", limit_price="94")
    await system.status(bid["order_id"], "OPEN")
    await market("93.8", "93.9", "93.9")
    assert (await system.status(bid["order_id"], "FILLED"))["average_price"] == "94"
    sale = await place(system, "sell", "4", type="market")
    assert (await system.status(sale["order_id"], "FILLED"))["average_price"] == "93.8"
    await system.conserved()
    ledger = (await system.get("/api/v1/ledger"))["assets"]
    assert (ledger["AAPL"]["accounts"], ledger["AAPL"]["house"]) == ("6", "-6")
    assert ledger["USD"]["house"] == "564.8"
    positions = (await system.get("/api/v1/positions?account_id=trader"))["positions"]
    (position,) = (each for each in positions if each["symbol"] == "AAPL")  # others are flat since the reset
    assert (position["position_qty"], position["average_price"]) == ("6", "94")


@pytest.mark.parametrize("wrong", ["account", "symbol"])
async def test_an_inactive_account_and_an_unknown_symbol_are_refused(
    system: System, market: Market, wrong: str
) -> None:
    order = {"account_id": "trader", "symbol": "AAPL", "side": "buy", "qty": "1", "type": "limit", "limit_price": "90"}
    if wrong == "account":
        state = {"account_id": "trader", "state": "inactive"}
        assert (await system.post("/api/v1/admin/account-states", state, 200))["state"] == "inactive"
    else:
        order |= {"symbol": "NONE"}
    status, problem = await system.ask("POST", "/api/v1/orders", order)
    code = "ACCOUNT_INACTIVE" if wrong == "account" else "UNKNOWN_SYMBOL"
    assert (status, problem["code"], problem["rejectionReason"]) == (422, code, "Invalid order parameters")
    refused = [event for event in await system.records("order-events", 1) if event["status"] == "REJECTED"][-1]
    assert (refused["rejectionReason"], refused["reason_code"]) == ("Invalid order parameters", code)
