"""Market data as users see it: quotes, candles, depth, alerts and the socket of prices, fed from outside."""

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from outside import MARKET_DATA, MARKET_DATA_SCHEMA, price, send
from system import PATIENCE_S, ROOT, System

from schemas.wire import NANOS

PRINT_SCHEMA = (ROOT / "schemas/feeds/TradePrint.avsc").read_text()
DEPTH_SCHEMA = (ROOT / "schemas/feeds/DepthUpdate.avsc").read_text()
NOON_NS = 1_795_176_000 * NANOS
MINUTE = 60 * NANOS


async def told(system: System, *events: dict[str, Any], schema: str = MARKET_DATA_SCHEMA) -> None:
    await asyncio.to_thread(send, system, *events, door=MARKET_DATA, schema=schema, key=events[0]["symbol"])


def trade(symbol: str, at: int, trade_price: str, quantity: str = "1") -> dict[str, Any]:
    amounts = {"price": Decimal(trade_price), "quantity": Decimal(quantity)}
    return {"symbol": symbol, "exchange": "X", "timestamp": at} | amounts


async def last_is(system: System, symbol: str, last: str) -> Any:
    status, quote = await system.ask("GET", f"/api/v1/quotes/{symbol}")
    return quote if status == 200 and quote["last"] == last else None


async def test_quotes_show_the_best_of_all_markets_and_each_of_them(system: System) -> None:
    at = {"timestamp": NOON_NS}
    await told(
        system,
        price("QUOTED", "94.9", "95.2", "95", exchange="X", **at),
        price("QUOTED", "94.8", "95.1", None, exchange="Y", **at),
        price("QUOTED", "99", "98", "98.5", exchange="Z", **at),
    )

    async def are_there() -> Any:
        status, found = await system.ask("GET", "/api/v1/quotes/QUOTED")
        return found if status == 200 and len(found["sources"]) == 3 else None

    quote = await system.eventually(are_there)
    assert (quote["bid"], quote["ask"], quote["stale"]) == ("94.9", "95.1", True)
    assert [(source["exchange"], source["crossed"]) for source in quote["sources"]] == [
        ("X", False),
        ("Y", False),
        ("Z", True),
    ]
    everything = await system.get("/api/v1/quotes")
    assert "QUOTED" in [each["symbol"] for each in everything["quotes"]]
    status, problem = await system.ask("GET", "/api/v1/quotes/NOBODY")
    assert (status, problem["code"]) == (404, "UNKNOWN_SYMBOL")


async def test_candles_are_the_trades_of_each_minute_and_the_open_one_is_not_final(system: System) -> None:
    trades = [
        trade("CANDLES", NOON_NS, "10", "2"),
        trade("CANDLES", NOON_NS + 30 * NANOS, "12", "1"),
        trade("CANDLES", NOON_NS + MINUTE, "11", "4"),
        trade("CANDLES", NOON_NS + 3 * MINUTE, "13", "1"),
    ]
    await told(system, *trades, schema=PRINT_SCHEMA)
    await system.eventually(lambda: last_is(system, "CANDLES", "13"))
    found = await system.get("/api/v1/candles?symbol=CANDLES&interval=1m")
    shown = [
        (each["start"], each["open"], each["high"], each["close"], each["volume"], each["final"])
        for each in found["candles"]
    ]
    assert shown == [
        ("2026-11-20T12:00:00.000000Z", "10", "12", "12", "3", True),
        ("2026-11-20T12:01:00.000000Z", "11", "11", "11", "4", True),
        ("2026-11-20T12:03:00.000000Z", "13", "13", "13", "1", False),
    ]
    assert found["candles"][0]["vwap"] == "10.666666667"
    within = "from=2026-11-20T12:01:00Z&to=2026-11-20T12:03:00Z"
    cut = await system.get(f"/api/v1/candles?symbol=CANDLES&interval=1m&{within}")
    assert [each["close"] for each in cut["candles"]] == ["11"]
    hour = await system.get("/api/v1/candles?symbol=CANDLES&interval=1h")
    assert [(each["volume"], each["ticks"]) for each in hour["candles"]] == [("8", 4)]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("interval=1m", 400, "MISSING_FIELD"),
        ("symbol=NOBODY", 404, "UNKNOWN_SYMBOL"),
        ("symbol=NOBODY&interval=7m", 400, "BAD_VALUE"),
    ],
)
async def test_candles_of_nothing_are_a_problem_with_a_code(system: System, query: str, status: int, code: str) -> None:
    found, problem = await system.ask("GET", f"/api/v1/candles?{query}")
    assert (found, problem["code"]) == (status, code)


async def test_a_book_of_a_market_is_shown_and_a_gap_in_it_is_told(system: System) -> None:
    def update(first: int, last: int, *levels: tuple[str, str, str], snapshot: bool = False) -> dict[str, Any]:
        named = [{"side": side, "price": Decimal(at), "quantity": Decimal(units)} for side, at, units in levels]
        numbers = {"first_sequence": first, "sequence": last, "timestamp": NOON_NS + last}
        return {"symbol": "DEEP", "exchange": "X", "is_snapshot": snapshot, "levels": named} | numbers

    await told(
        system,
        update(1, 10, ("BUY", "94", "5"), ("BUY", "93", "7"), ("SELL", "95", "2"), snapshot=True),
        update(11, 11, ("BUY", "94", "0"), ("SELL", "94.5", "1")),
        update(13, 13, ("BUY", "90", "1")),
        schema=DEPTH_SCHEMA,
    )

    async def is_lost() -> Any:
        status, found = await system.ask("GET", "/api/v1/depth/DEEP?exchange=X")
        return found if status == 200 and not found["synchronised"] else None

    depth = await system.eventually(is_lost)
    assert (depth["bids"], depth["asks"]) == ([["93", "7"]], [["94.5", "1"], ["95", "2"]])
    status, problem = await system.ask("GET", "/api/v1/depth/DEEP?exchange=Y")
    assert (status, problem["code"]) == (404, "UNKNOWN_SYMBOL")


async def test_alerts_are_laid_down_changed_triggered_and_removed(system: System) -> None:
    terms = {"measure": "price", "comparison": "above", "threshold": "105"}
    alert = await system.post("/api/v1/alerts", {"user_id": "ann", "symbol": "ALERTS"} | terms)
    path = f"/api/v1/alerts/{alert['alert_id']}"
    assert (alert["armed"], alert["count"]) == (True, 0)
    for at, last in enumerate(("100", "106", "108", "104", "106")):
        await told(system, trade("ALERTS", NOON_NS + at, last), schema=PRINT_SCHEMA)
        await system.eventually(lambda last=last: last_is(system, "ALERTS", last))
    triggered = [event for event in await system.records("alert-events", 3) if event["_message"] == "AlertTriggered"]
    assert [(event["value"], event["count"]) for event in triggered] == [(Decimal(106), 1), (Decimal(106), 2)]
    changed = await system.ask("PUT", path, terms | {"threshold": "200"})
    assert (changed[0], changed[1]["armed"], changed[1]["threshold"]) == (200, True, "200")
    assert [each["alert_id"] for each in (await system.get("/api/v1/alerts?user_id=ann"))["alerts"]] == [
        alert["alert_id"]
    ]
    assert (await system.ask("DELETE", path))[0] == 200
    assert (await system.ask("GET", path))[0] == 404
    assert (await system.get("/api/v1/alerts?user_id=ann"))["alerts"] == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"measure": "weather"}, "BAD_VALUE"),
        ({"measure": "rsi:7m"}, "BAD_VALUE"),
        ({"comparison": "at"}, "BAD_VALUE"),
        ({"threshold": "much"}, "BAD_TYPE"),
        ({"threshold": None}, "MISSING_FIELD"),
        ({"symbol": "a|b"}, "BAD_NAME"),
        ({"colour": "red"}, "UNKNOWN_FIELD"),
    ],
)
async def test_an_alert_that_makes_no_sense_is_a_problem_with_a_code(
    system: System, wrong: dict[str, Any], code: str
) -> None:
    good = {"user_id": "ann", "symbol": "ALERTS", "measure": "rsi:1m", "comparison": "below", "threshold": "30"}
    status, problem = await system.ask("POST", "/api/v1/alerts", good | wrong)
    assert (status, problem["code"]) == (400, code)


async def test_the_socket_of_prices_tells_what_is_known_and_every_move(system: System) -> None:
    await told(system, trade("SOCKET", NOON_NS, "10"), trade("OTHER", NOON_NS, "1"), schema=PRINT_SCHEMA)
    await system.eventually(lambda: last_is(system, "SOCKET", "10"))
    async with system.http.ws_connect(system.base + "/price_updates?symbols=SOCKET", heartbeat=None) as socket:
        first = await frame(socket)
        assert (first["symbol"], first["price"], first["change"]) == ("SOCKET", 10, 0)
        await told(system, trade("OTHER", NOON_NS + 1, "2"), trade("SOCKET", NOON_NS + 1, "12"), schema=PRINT_SCHEMA)
        moved = await frame(socket)
        assert (moved["symbol"], moved["price"], moved["change"], moved["changePercent"]) == ("SOCKET", 12, 2, 20)
        assert (moved["high"], moved["low"], moved["volume"]) == (12, 10, 2)
    status, problem = await system.ask("GET", "/price_updates?symbols=a|b")
    assert (status, problem["code"]) == (400, "BAD_NAME")


async def frame(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    found = await socket.receive_json(timeout=PATIENCE_S)
    assert found["type"] == "PRICE_UPDATE"
    data: dict[str, Any] = found["data"]
    return data
