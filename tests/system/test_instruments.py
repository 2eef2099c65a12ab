"""Instruments of every kind: options by the hundred that end, halts, venues of others; and prices from outside."""

import asyncio
from decimal import Decimal
from typing import Any

from confluent_kafka import Producer
from outside import MARKET_DATA, MARKET_DATA_SCHEMA, price, send
from system import System

CALL = {
    "symbol": "AAPL-C-100",
    "base": "AAPL-C-100",
    "quote": "USD",
    "tick": "0.01",
    "lot": "1",
    "multiplier": "100",
    "instrument_type": "option",
    "underlying": "AAPL",
    "strike": "100",
    "right": "call",
    "expires_at": "2027-01-15T21:00:00Z",
    "venue": "sim",
    "exchange": "CBOE",
}
OPTION = {"symbol": "AAPL-C-100", "account_id": "trader", "type": "limit"}


async def test_an_option_costs_a_hundred_times_its_price_and_takes_no_orders_after_its_end(
    fresh_system: System,
) -> None:
    system = fresh_system
    listed = await system.post("/api/v1/admin/instruments", CALL)
    assert {name: listed[name] for name in ("instrument_type", "multiplier", "strike", "right", "venue")} == {
        "instrument_type": "OPTION",
        "multiplier": "100",
        "strike": "100",
        "right": "CALL",
        "venue": "SIM",
    }
    await system.deposit("trader", "USD", "1000")
    await system.post("/api/v1/admin/clock", {"now": "2027-01-15T20:59:00Z"}, 200)
    prices = {"symbol": CALL["symbol"], "bid": "1.40", "ask": "1.50", "last": "1.45"}
    state = await system.post("/api/v1/admin/reference-prices", prices, 200)
    assert {name: state["reference"][name] for name in ("bid", "ask", "last")} == {
        "bid": "1.4",
        "ask": "1.5",
        "last": "1.45",
    }
    bought = await system.post("/api/v1/orders", OPTION | {"side": "buy", "qty": "2", "limit_price": "1.50"})
    assert (await system.status(bought["order_id"], "FILLED"))["filled_value"] == "300"
    rests = await system.post("/api/v1/orders", OPTION | {"side": "sell", "qty": "2", "limit_price": "9"})
    await system.status(rests["order_id"], "OPEN")
    await system.post("/api/v1/admin/clock", {"now": "2027-01-15T21:00:00Z"}, 200)
    await system.status(rests["order_id"], "EXPIRED")
    status, problem = await system.ask(
        "POST", "/api/v1/orders", OPTION | {"side": "sell", "qty": "1", "limit_price": "1"}
    )
    assert (status, problem["code"]) == (422, "INSTRUMENT_EXPIRED")
    balances = (await system.get("/api/v1/balances?account_id=trader"))["balances"]
    assert {row["asset"]: (row["total"], row["reserved"]) for row in balances} == {
        "USD": ("700", "0"),
        "AAPL-C-100": ("2", "0"),
    }
    await system.conserved()


async def test_an_instrument_of_a_venue_to_which_nobody_speaks_refuses_orders(system: System) -> None:
    body = {"symbol": "BTCTEST", "base": "BTC", "quote": "USDT", "tick": "0.01", "lot": "0.001"}
    listed = await system.post("/api/v1/admin/instruments", body | {"venue": "BINANCE_TESTNET"})
    assert (listed["venue"], listed["exchange"]) == ("EXTERNAL", "BINANCE_TESTNET")
    await system.deposit("trader", "USDT", "1000")
    order = {
        "account_id": "trader",
        "symbol": "BTCTEST",
        "side": "buy",
        "qty": "1",
        "type": "limit",
        "limit_price": "9",
    }
    status, problem = await system.ask("POST", "/api/v1/orders", order)
    assert (status, problem["code"]) == (422, "VENUE_UNAVAILABLE")
    status, problem = await system.ask("POST", "/api/v1/admin/instruments", body | {"venue": "sim"})
    assert (status, problem["code"]) == (409, "NO_CHANGE")
    status, problem = await system.ask("POST", "/api/v1/admin/instruments", CALL | {"symbol": "X", "strike": None})
    assert (status, problem["code"]) == (422, "BAD_INSTRUMENT")


async def is_known(system: System, symbol: str, *prices: str) -> bool:
    """Whether its book has heard this bid, ask and last price."""
    found: dict[str, Any] = await system.get(f"/api/v1/orderbook/{symbol}")
    reference = found.get("reference", {})
    return tuple(reference.get(name) for name in ("bid", "ask", "last")) == prices


async def test_prices_of_others_reach_the_account_that_buys_at_the_market_and_bad_ones_are_put_aside(
    system: System,
) -> None:
    body = {"symbol": "MSFT", "base": "MSFT", "quote": "USD", "tick": "0.01", "lot": "1", "venue": "sim"}
    await system.post("/api/v1/admin/instruments", body)
    await system.deposit("trader", "USD", "2000")
    order = {"account_id": "trader", "symbol": "MSFT", "side": "buy", "qty": "1", "type": "market"}
    status, problem = await system.ask("POST", "/api/v1/orders", order)
    assert (status, problem["code"]) == (422, "NO_REFERENCE_PRICE")
    # Under one key, and so in this order: two partitions of the door may hand on what is crossed behind what is good.
    tell = {"door": MARKET_DATA, "schema": MARKET_DATA_SCHEMA, "key": "MSFT"}
    crossed, good = price("MSFT", "401", "400", None), price("MSFT", "399.99", "400.01", "400")
    await asyncio.to_thread(send, system, crossed, price("not | a name", "1", "2", "1"), good, **tell)
    await system.eventually(lambda: is_known(system, "MSFT", "399.99", "400.01", "400"))
    await asyncio.to_thread(produce, system, b"not avro at all")
    letters = await system.records("dead-letters", 2)
    assert sorted(letter["reason"] for letter in letters) == ["BAD_NAME", "UNDECODABLE"]
    assert {letter["topic"] for letter in letters} == {MARKET_DATA}

    async def is_bought() -> bool:
        status, answer = await system.ask("POST", "/api/v1/orders", order)
        return status == 201 and bool(await system.status(answer["order_id"], "FILLED"))

    await system.eventually(is_bought)  # as soon as the account has heard of the price
    late = price("MSFT", "1", "2", "1", timestamp=7)
    newer = price("MSFT", "409.99", "410.01", "410", bidSize=Decimal(9), askSize=Decimal(1))
    await asyncio.to_thread(send, system, late, newer, **tell)
    await system.eventually(lambda: is_known(system, "MSFT", "409.99", "410.01", "410"))
    two = await system.post("/api/v1/orders", order | {"type": "limit", "limit_price": "410.02", "qty": "2"})
    filled = await system.status(two["order_id"], "PARTIALLY_FILLED")
    assert (filled["filled_qty"], filled["held"]) == ("1", "410.02"), "no more than was shown"
    reference = (await system.get("/api/v1/orderbook/MSFT"))["reference"]
    assert (reference["bid_size"], reference["ask_size"]) == ("9", "0")
    await system.conserved()


def produce(system: System, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": system.bootstrap, "linger.ms": 0})
    producer.produce(MARKET_DATA, value)
    assert producer.flush(10) == 0


async def test_what_a_venue_elsewhere_says_must_make_sense(system: System) -> None:
    for prices, code in (
        ({"bid": "2", "ask": "1"}, "CROSSED_QUOTE"),
        ({"bid": "-1"}, "BAD_PRICE"),
        ({"last": "much"}, "BAD_TYPE"),
    ):
        status, problem = await system.ask("POST", "/api/v1/admin/reference-prices", {"symbol": "PUBLIC"} | prices)
        assert (status, problem["code"]) == (400, code)
    status, problem = await system.ask("POST", "/api/v1/admin/reference-prices", {"symbol": "NONE"})
    assert (status, problem["code"]) == (404, "UNKNOWN_SYMBOL")
