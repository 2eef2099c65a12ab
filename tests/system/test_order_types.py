"""Orders of every type through the front door: they wait, follow, hide, exclude each other, and gather in auctions."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from system import System


async def placed(system: System, account_id: str, side: str, qty: str, **more: Any) -> dict[str, Any]:
    body = {"account_id": account_id, "symbol": "ADAUSDT", "side": side, "qty": qty, "type": "limit"} | more
    answer: dict[str, Any] = await system.post("/api/v1/orders", body, 201)
    return answer


async def book(system: System) -> tuple[list[list[str]], list[list[str]]]:
    found = await system.get("/api/v1/orderbook/ADAUSDT")
    return found["bids"], found["asks"]


@pytest.fixture
async def funded(system: System) -> System:
    """Three accounts that can buy and sell."""
    for account_id in ("ann", "bob", "cid"):
        await system.deposit(account_id, "USDT", "1000")
        await system.deposit(account_id, "ADA", "100")
    return system


async def trade_at(system: System, price: str) -> None:
    """One unit changes hands."""
    ask = await placed(system, "bob", "sell", "1", limit_price=price)
    await system.status(ask["order_id"], "OPEN")
    bid = await placed(system, "cid", "buy", "1", limit_price=price)
    await system.status(bid["order_id"], "FILLED")


async def test_a_stop_waits_for_its_price_and_a_trailing_stop_follows_the_market(funded: System) -> None:
    await trade_at(funded, "2.00")
    stop = await placed(funded, "ann", "sell", "5", type="stop", stop_price="1.90")
    trailing = await placed(funded, "ann", "sell", "5", type="trailing_stop", trail="0.20")
    for order in (stop, trailing):
        await funded.status(order["order_id"], "TRIGGER_WAIT")
    await trade_at(funded, "2.20")  # the trailing one is at 2.00 now
    bids = await placed(funded, "cid", "buy", "20", limit_price="1.95")
    await funded.status(bids["order_id"], "OPEN")
    sold = await placed(funded, "bob", "sell", "1", limit_price="1.95")
    await funded.status(sold["order_id"], "FILLED")
    assert (await funded.status(trailing["order_id"], "FILLED"))["average_price"] == "1.95"
    await funded.status(stop["order_id"], "TRIGGER_WAIT")
    assert await book(funded) == ([["1.95", "14"]], [])
    await funded.conserved()


async def test_an_iceberg_shows_a_slice_and_one_order_of_a_group_excludes_the_other(funded: System) -> None:
    iceberg = await placed(funded, "ann", "sell", "10", limit_price="3.00", display_qty="2")
    await funded.status(iceberg["order_id"], "OPEN")
    assert await book(funded) == ([], [["3", "2"]])
    low = await placed(funded, "bob", "buy", "3", limit_price="2.50", oco_group="either")
    high = await placed(funded, "bob", "buy", "3", limit_price="2.60", oco_group="either")
    for order in (low, high):
        await funded.status(order["order_id"], "OPEN")
    taker = await placed(funded, "cid", "sell", "1", limit_price="2.60")
    await funded.status(taker["order_id"], "FILLED")
    cancelled = await funded.status(low["order_id"], "CANCELLED")
    assert cancelled["reason_code"] == "OCO"
    await funded.status(high["order_id"], "PARTIALLY_FILLED")
    await funded.conserved()


async def test_nobody_trades_with_himself_who_does_not_want_to(funded: System) -> None:
    ask = await placed(funded, "ann", "sell", "5", limit_price="2.00")
    await funded.status(ask["order_id"], "OPEN")
    bid = await placed(funded, "ann", "buy", "5", limit_price="2.00", stp="cancel_newest")
    cancelled = await funded.status(bid["order_id"], "CANCELLED")
    assert (cancelled["reason_code"], cancelled["held"]) == ("SELF_TRADE_PREVENTION", "0")
    await funded.status(ask["order_id"], "OPEN")
    maker = await placed(funded, "bob", "buy", "5", limit_price="2.00", post_only=True)
    refused = await funded.status(maker["order_id"], "REJECTED")
    assert refused["reason_code"] == "POST_ONLY_WOULD_CROSS"
    await funded.conserved()


async def test_what_the_book_refuses_is_answered_alike_before_and_after_it_is_known(funded: System) -> None:
    await funded.post("/api/v1/admin/phases", {"symbol": "ADAUSDT", "phase": "halted"}, 200)
    order = {"account_id": "bob", "symbol": "ADAUSDT", "side": "sell", "qty": "1", "type": "limit", "limit_price": "1"}
    status, first = await funded.ask("POST", "/api/v1/orders", order, Idempotency_Key="once")
    assert status == 201
    assert (await funded.status(first["order_id"], "REJECTED"))["reason_code"] == "HALTED"
    status, second = await funded.ask("POST", "/api/v1/orders", order, Idempotency_Key="once")
    assert (status, second["order_id"], second["status"]) == (201, first["order_id"], "REJECTED")


def is_indicated(system: System) -> Callable[[], Awaitable[Any]]:
    """The book, once all four orders are in what it says."""

    async def look() -> Any:
        found = await system.get("/api/v1/orderbook/ADAUSDT")
        return found if found["auction"]["surplus_qty"] == "4" else None

    return look


async def test_an_auction_gathers_orders_and_trades_them_at_one_price(funded: System) -> None:
    state = await funded.post("/api/v1/admin/phases", {"symbol": "ADAUSDT", "phase": "auction"}, 200)
    assert state["phase"] == "auction"
    orders = [
        await placed(funded, "ann", "buy", "10", limit_price="1.02"),
        await placed(funded, "ann", "buy", "5", limit_price="1.00"),
        await placed(funded, "bob", "sell", "8", limit_price="0.99"),
        await placed(funded, "cid", "sell", "6", limit_price="1.01"),
    ]
    for order in orders:
        await funded.status(order["order_id"], "OPEN")
    refused = await placed(funded, "cid", "sell", "1", limit_price="1.00", time_in_force="ioc")
    assert (await funded.status(refused["order_id"], "REJECTED"))["reason_code"] == "NOT_IN_AUCTION"
    indicated = (await funded.eventually(is_indicated(funded)))["auction"]
    assert indicated == {
        "kind": "intraday",
        "ends_at": None,
        "indicative_price": "1.01",
        "matched_qty": "10",
        "surplus_qty": "4",
        "surplus_side": "sell",
    }
    await funded.post("/api/v1/admin/phases", {"symbol": "ADAUSDT", "phase": "continuous"}, 200)
    assert (await funded.status(orders[0]["order_id"], "FILLED"))["average_price"] == "1.01"
    trades = await funded.records("trade-events", 2)
    assert [(trade["quantity"], trade["price"], trade["is_auction"]) for trade in trades[-2:]] == [
        (8, Decimal("1.01"), True),
        (2, Decimal("1.01"), True),
    ]
    assert await book(funded) == ([["1", "5"]], [["1.01", "4"]])
    await funded.conserved()


async def test_an_auction_says_what_it_would_bring_and_a_halt_ends_with_one(funded: System) -> None:
    await funded.post("/api/v1/admin/phases", {"symbol": "ADAUSDT", "phase": "halted"}, 200)
    state = await funded.post(
        "/api/v1/admin/phases", {"symbol": "ADAUSDT", "phase": "continuous", "auction_s": "1.5"}, 200
    )
    assert (state["phase"], state["auction"]["kind"]) == ("auction", "reopening")
    bid = await placed(funded, "ann", "buy", "10", limit_price="1.02")
    ask = await placed(funded, "bob", "sell", "4", limit_price="0.99")
    await funded.status(ask["order_id"], "FILLED")
    await funded.status(bid["order_id"], "PARTIALLY_FILLED")
    assert (await funded.get("/api/v1/orderbook/ADAUSDT"))["auction"] is None
    told = await funded.records("book-events", 4)
    indicated = [event for event in told if event["_message"] == "AuctionIndicated"]
    assert (
        indicated[-1]
        | {
            "price": Decimal("1.02"),
            "matched_quantity": Decimal(4),
            "surplus_quantity": Decimal(6),
            "surplus_side": "BUY",
            "auction_kind": "REOPENING",
        }
        == indicated[-1]
    )
    phases = [event["phase"] for event in told if event["_message"] == "PhaseChanged"]
    assert phases == ["HALTED", "AUCTION", "CONTINUOUS"]
    assert {event["actor_id"] for event in told if event["_message"] == "PhaseChanged"} >= {"operator"}
    await funded.conserved()


async def test_a_trade_too_far_away_pauses_trading_until_an_auction_reopens_the_book(funded: System) -> None:
    state = await funded.post("/api/v1/admin/breakers", {"symbol": "ADAUSDT", "limit": "0.05", "pause_s": "1"}, 200)
    assert state["breaker"] == {"limit": "0.05", "pause_s": "1", "rearm": "auto", "is_tripped": False}
    await trade_at(funded, "2.00")
    await trade_at(funded, "2.10")
    gathered = [
        await placed(funded, "ann", "buy", "3", limit_price="2.50"),
        await placed(funded, "bob", "sell", "3", limit_price="2.50"),
    ]
    for order in gathered:
        await funded.status(order["order_id"], "FILLED")
    (tripped,) = [event for event in await funded.records("book-events", 5) if event["_message"] == "BreakerTripped"]
    assert (tripped["price"], tripped["reference_price"]) == (Decimal("2.1"), Decimal(2))
    told = [event["_message"] for event in await funded.records("risk-events", 1)]
    assert told.count("BreakerTripped") == 1
    await funded.conserved()


async def test_a_breaker_that_is_armed_by_hand_halts_the_book_until_then(funded: System) -> None:
    elsewhere = {"symbol": "ADAELSEWHERE", "base": "ADA", "quote": "USDT", "tick": "0.01", "lot": "1", "venue": "sim"}
    await funded.post("/api/v1/admin/instruments", elsewhere)
    status, problem = await funded.ask("POST", "/api/v1/admin/breakers", {"symbol": "ADAELSEWHERE", "limit": "0.05"})
    assert (status, problem["code"]) == (422, "UNSUPPORTED_VENUE")
    body = {"symbol": "ADAUSDT", "limit": "0.05", "rearm": "manual"}
    await funded.post("/api/v1/admin/breakers", body, 200)
    stays = await placed(funded, "ann", "buy", "1", limit_price="1.00")
    await trade_at(funded, "2.00")
    await trade_at(funded, "2.10")
    refused = await placed(funded, "ann", "buy", "1", limit_price="1.00")
    assert (await funded.status(refused["order_id"], "REJECTED"))["reason_code"] == "HALTED"
    assert (await funded.ask("DELETE", f"/api/v1/orders/{stays['order_id']}"))[0] == 200
    status, problem = await funded.ask("POST", "/api/v1/admin/phases", {"symbol": "ADAUSDT", "phase": "continuous"})
    assert (status, problem["code"]) == (409, "BREAKER_TRIPPED")
    state = await funded.post("/api/v1/admin/breaker-rearms", {"symbol": "ADAUSDT", "auction_s": "0.5"}, 200)
    assert (state["auction"]["kind"], state["breaker"]["is_tripped"]) == ("reopening", False)

    async def is_open() -> bool:
        return bool((await funded.get("/api/v1/orderbook/ADAUSDT"))["phase"] == "continuous")

    await funded.eventually(is_open)
    await funded.conserved()


async def test_one_call_halts_the_whole_market_and_one_reopens_it_through_auctions(funded: System) -> None:
    terms = {"symbol": "ADAHALT", "base": "ADA", "quote": "USDT", "tick": "0.01", "lot": "0.1"}
    await funded.post("/api/v1/admin/instruments", terms)
    stays = await placed(funded, "ann", "buy", "1", limit_price="1.00", symbol="ADAHALT")
    halted = await funded.post("/api/v1/admin/phases", {"phase": "halted"}, 200)
    assert {"ADAHALT", "ADAUSDT"} <= {book["symbol"] for book in halted["books"]}
    assert {book["phase"] for book in halted["books"]} == {"halted"}
    refused = await placed(funded, "bob", "sell", "1", limit_price="1.00", symbol="ADAHALT")
    assert (await funded.status(refused["order_id"], "REJECTED"))["reason_code"] == "HALTED"
    reopening = await funded.post("/api/v1/admin/phases", {"phase": "continuous", "auction_s": "1"}, 200)
    assert {(book["phase"], book["auction"]["kind"]) for book in reopening["books"]} == {("auction", "reopening")}
    await placed(funded, "bob", "sell", "1", limit_price="1.00", symbol="ADAHALT")
    await funded.status(stays["order_id"], "FILLED")
    status, problem = await funded.ask("POST", "/api/v1/admin/phases", {"symbol": "NOBODY", "phase": "halted"})
    assert (status, problem["code"]) == (404, "UNKNOWN_SYMBOL")


async def test_an_order_larger_than_one_may_be_is_refused_before_anything_is_held(funded: System) -> None:
    terms = {"symbol": "ADALIMITED", "base": "ADA", "quote": "USDT", "tick": "0.01", "lot": "0.1"}
    listed = await funded.post("/api/v1/admin/instruments", terms | {"quantity_max": "50", "notional_max": "80"})
    assert (listed["quantity_max"], listed["notional_max"]) == ("50", "80")
    body = {"account_id": "ann", "symbol": "ADALIMITED", "side": "buy", "type": "limit", "limit_price": "2"}
    for quantity, code in (("50.1", "QUANTITY_LIMIT"), ("40.1", "NOTIONAL_LIMIT")):
        status, problem = await funded.ask("POST", "/api/v1/orders", body | {"qty": quantity})
        assert (status, problem["code"]) == (422, code)
    assert (await funded.get("/balance/ann"))["reserved"]["USDT"] == 0
    taken = await funded.post("/api/v1/orders", body | {"qty": "40"}, 201)
    await funded.status(taken["order_id"], "OPEN")
    await funded.conserved()


async def test_orders_at_one_price_trade_in_parts_where_an_instrument_is_listed_so(funded: System) -> None:
    terms = {"symbol": "ADAPRORATA", "base": "ADA", "quote": "USDT", "tick": "0.01", "lot": "1"}
    listed = await funded.post("/api/v1/admin/instruments", terms | {"allocation": "pro_rata"})
    assert listed["allocation"] == "pro_rata"
    offers = [
        await placed(funded, account_id, "sell", qty, limit_price="2", symbol="ADAPRORATA")
        for account_id, qty in (("ann", "10"), ("bob", "30"))
    ]
    for offer in offers:
        await funded.status(offer["order_id"], "OPEN")
    bid = await placed(funded, "cid", "buy", "9", limit_price="2", symbol="ADAPRORATA")
    await funded.status(bid["order_id"], "FILLED")
    left = [(await funded.status(offer["order_id"], "PARTIALLY_FILLED"))["leaves_qty"] for offer in offers]
    assert left == ["7", "24"], "2 and 6 of 9, and the one that is left to the oldest"
    await funded.conserved()


async def test_orders_for_the_day_end_with_the_session_and_a_halt_takes_no_orders(funded: System) -> None:
    day = await placed(funded, "ann", "buy", "5", limit_price="1.00", time_in_force="day")
    stays = await placed(funded, "ann", "buy", "5", limit_price="0.90")
    for order in (day, stays):
        await funded.status(order["order_id"], "OPEN")
    await funded.post("/api/v1/admin/session-ends", {"symbol": "ADAUSDT"}, 200)
    assert (await funded.status(day["order_id"], "EXPIRED"))["held"] == "0"
    await funded.post("/api/v1/admin/phases", {"symbol": "ADAUSDT", "phase": "halted"}, 200)
    refused = await placed(funded, "bob", "sell", "1", limit_price="0.90")
    assert (await funded.status(refused["order_id"], "REJECTED"))["reason_code"] == "HALTED"
    await funded.post("/api/v1/admin/mass-cancels", {"symbol": "ADAUSDT", "account_id": "ann"}, 200)
    assert (await funded.status(stays["order_id"], "CANCELLED"))["reason_code"] == "MASS_CANCEL"
    await funded.post("/api/v1/admin/phases", {"symbol": "ADAUSDT", "phase": "continuous"}, 200)
    await funded.post("/api/v1/admin/price-bands", {"symbol": "ADAUSDT", "low": "0.80", "high": "1.20"}, 200)
    beyond = await placed(funded, "bob", "sell", "1", limit_price="1.21")
    assert (await funded.status(beyond["order_id"], "REJECTED"))["reason_code"] == "PRICE_BAND"
    everybodys = [await placed(funded, account, "buy", "1", limit_price="0.90") for account in ("ann", "cid")]
    await funded.post("/api/v1/admin/mass-cancels", {"symbol": "ADAUSDT"}, 200)
    for order in everybodys:
        assert (await funded.status(order["order_id"], "CANCELLED"))["reason_code"] == "MASS_CANCEL"
    await funded.conserved()


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"type": "stop"}, 422, "BAD_PRICE"),
        ({"type": "stop", "stop_price": "2.00", "limit_price": "2.00"}, 422, "BAD_PRICE"),
        ({"limit_price": "2.00", "time_in_force": "gtd"}, 422, "EXPIRE_IN_PAST"),
        ({"limit_price": "2.00", "expire_at": "tomorrow", "time_in_force": "gtd"}, 400, "BAD_VALUE"),
        ({"limit_price": "2.00", "stp": "sometimes"}, 400, "BAD_VALUE"),
        ({"limit_price": "2.00", "post_only": "yes"}, 400, "BAD_TYPE"),
        ({"limit_price": "2.00", "post_only": True, "time_in_force": "ioc"}, 422, "UNSUPPORTED_ORDER_TYPE"),
        ({"limit_price": "2.00", "display_qty": "0.0001"}, 422, "OFF_LOT"),
        ({"limit_price": "2.00", "oco_group": "a|b"}, 400, "BAD_NAME"),
        ({"limit_price": "2.00", "slippage": "0.01"}, 422, "UNSUPPORTED_ORDER_TYPE"),
    ],
)
async def test_what_does_not_go_together_is_refused_with_a_code(
    system: System, more: dict[str, Any], status: int, code: str
) -> None:
    await system.deposit("ann", "USDT", "1000")
    body = {"account_id": "ann", "symbol": "ADAUSDT", "side": "buy", "qty": "1", "type": "limit"} | more
    found, problem = await system.ask("POST", "/api/v1/orders", body)
    assert (found, problem["code"]) == (status, code)
