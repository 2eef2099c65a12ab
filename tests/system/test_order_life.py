"""What becomes of an order by what its owner asks later: cancels that come too late, stops that move, money, exits."""

from decimal import Decimal
from typing import Any

import pytest
from system import System


async def placed(system: System, account_id: str, side: str, status: int = 201, **more: Any) -> dict[str, Any]:
    body = {"account_id": account_id, "symbol": "ADAUSDT", "side": side, "type": "limit"} | more
    answer: dict[str, Any] = await system.post("/api/v1/orders", body, status)
    return answer


@pytest.fixture
async def funded(system: System) -> System:
    """Accounts that can buy and sell."""
    for account_id in ("ann", "bob"):
        await system.deposit(account_id, "USDT", "1000")
        await system.deposit(account_id, "ADA", "100")
    return system


async def trade_at(system: System, price: str) -> None:
    """One unit changes hands."""
    ask = await placed(system, "bob", "sell", qty="1", limit_price=price)
    await system.status(ask["order_id"], "OPEN")
    bid = await placed(system, "bob", "buy", qty="1", limit_price=price)
    await system.status(bid["order_id"], "FILLED")


async def test_a_cancel_that_comes_too_late_is_told_how_the_order_is(funded: System) -> None:
    ask = await placed(funded, "ann", "sell", qty="1", limit_price="2.00")
    await funded.status(ask["order_id"], "OPEN")
    bid = await placed(funded, "bob", "buy", qty="1", limit_price="2.00")
    await funded.status(bid["order_id"], "FILLED")
    await funded.status(ask["order_id"], "FILLED")
    for method, body in (("DELETE", None), ("PATCH", {"qty": "3"})):
        status, problem = await funded.ask(method, f"/api/v1/orders/{ask['order_id']}", body)
        assert (status, problem["code"]) == (409, "TOO_LATE")
        told = (problem["order_status"], problem["ord_status"], problem["filled_qty"], problem["cxl_rej_reason"])
        assert told == ("FILLED", "2", "1", 0)
    events = [event for event in await funded.records("order-events") if event["orderId"] == ask["order_id"]]
    assert [(event["status"], event["exec_type"]) for event in events] == [
        ("PENDING", "PENDING_NEW"),
        ("VALIDATED", "PENDING_NEW"),
        ("RISK_APPROVED", "PENDING_NEW"),
        ("OPEN", "NEW"),
        ("FILLED", "TRADE"),
    ]


async def test_a_stop_moves_while_it_waits_and_not_when_it_is_triggered(funded: System) -> None:
    await trade_at(funded, "2.00")
    stop = await placed(funded, "ann", "buy", qty="10", type="stop_limit", stop_price="2.50", limit_price="2.50")
    path = f"/api/v1/orders/{stop['order_id']}"
    await funded.status(stop["order_id"], "TRIGGER_WAIT")
    status, moved = await funded.ask("PATCH", path, {"stop_price": "2.20", "limit_price": "2.60"})
    assert (status, moved["stop_price"], moved["limit_price"], moved["held"]) == (200, "2.2", "2.6", "26")
    await trade_at(funded, "2.30")
    await funded.status(stop["order_id"], "OPEN")
    status, problem = await funded.ask("PATCH", path, {"stop_price": "2.10"})
    assert (status, problem["code"], problem["order_status"]) == (422, "ALREADY_TRIGGERED", "OPEN")
    status, moved = await funded.ask("PUT", f"/orders/{stop['order_id']}", {"price": "2.10"})
    assert (status, moved["price"]) == (200, Decimal("2.10"))
    trailing = await placed(funded, "ann", "sell", qty="1", type="trailing_stop", trail="1")
    await funded.status(trailing["order_id"], "TRIGGER_WAIT")
    status, moved = await funded.ask("PUT", f"/orders/{trailing['order_id']}", {"trail": "0.5"})
    assert (status, (await funded.get(f"/api/v1/orders/{trailing['order_id']}"))["trail"]) == (200, "0.5")
    await funded.conserved()


async def test_a_market_order_by_money_spends_or_raises_it(funded: System) -> None:
    ask = await placed(funded, "bob", "sell", qty="100", limit_price="3.00")
    bid = await placed(funded, "bob", "buy", qty="50", limit_price="2.00")
    for resting in (ask, bid):
        await funded.status(resting["order_id"], "OPEN")
    both = await funded.post(
        "/api/v1/orders",
        {"account_id": "ann", "symbol": "ADAUSDT", "side": "buy", "type": "market", "qty": "1", "notional": "1"},
        400,
    )
    assert both["code"] == "BAD_VALUE"
    found = {}
    for side in ("buy", "sell"):
        order = await funded.eventually(lambda side=side: market(funded, side))
        assert (order["notional"], order["leaves_qty"]) == ("100", "0")
        found[side] = await funded.status(order["order_id"], "FILLED")
    assert found["buy"]["filled_qty"] == "33.333"
    assert found["sell"]["filled_value"] == "100"
    assert [(order["held"], order["reason_code"]) for order in found.values()] == [("0", "MONEY_SPENT")] * 2
    await funded.conserved()


async def market(system: System, side: str) -> dict[str, Any] | None:
    """A market order for 100; None while its account has not heard of a price."""
    body = {"account_id": "ann", "symbol": "ADAUSDT", "side": side, "type": "market", "notional": "100"}
    status, order = await system.ask("POST", "/api/v1/orders", body)
    assert status == 201 or order["code"] == "NO_REFERENCE_PRICE"
    return order if status == 201 else None


EXITS = {"take_profit": {"limit_price": "3.00"}, "stop_loss": {"stop_price": "1.50"}}
ENTRY = {"account_id": "ann", "symbol": "ADAUSDT", "side": "buy", "type": "limit", "qty": "10", "limit_price": "2"}


async def test_exits_work_when_their_order_has_filled_and_one_ends_the_other(funded: System) -> None:
    bracket = ENTRY | EXITS | {"client_order_id": "once"}
    entry = await funded.post("/api/v1/orders", bracket)
    loss, profit = entry["legs"]
    for leg in (loss, profit):
        found = await funded.get(f"/api/v1/orders/{leg}")
        assert (found["status"], found["parent_id"], found["held"]) == ("HELD", entry["order_id"], "0")
    assert (await funded.post("/api/v1/orders", bracket, 200))["order_id"] == entry["order_id"]
    await placed(funded, "bob", "sell", qty="4", limit_price="2.00")
    await funded.status(entry["order_id"], "PARTIALLY_FILLED")
    await funded.ask("DELETE", f"/api/v1/orders/{entry['order_id']}")
    stop, limit = await funded.status(loss, "TRIGGER_WAIT"), await funded.status(profit, "OPEN")
    assert [(leg["qty"], leg["held"]) for leg in (stop, limit)] == [("4", "4"), ("4", "0")]
    await placed(funded, "bob", "buy", qty="4", limit_price="3.00")
    await funded.status(profit, "FILLED")
    ended = await funded.status(loss, "CANCELLED")
    assert (ended["reason_code"], ended["held"]) == ("OCO", "0")
    await funded.conserved()


async def test_exits_end_with_an_order_that_filled_nothing(funded: System) -> None:
    entry = await funded.post("/api/v1/orders", ENTRY | EXITS)
    await funded.status(entry["order_id"], "OPEN")
    status, _ = await funded.ask("DELETE", f"/api/v1/orders/{entry['order_id']}")
    assert status == 200
    for leg in entry["legs"]:
        assert (await funded.status(leg, "CANCELLED"))["reason_code"] == "PARENT_ENDED"
    wrong = await funded.post("/api/v1/orders", ENTRY | {"stop_loss": {"price": "1"}}, 400)
    assert (wrong["code"], wrong["field"]) == ("UNKNOWN_FIELD", "price")
    await funded.conserved()
