"""All open orders of an account leave the market: on request, and when nobody sets its timer again."""

from typing import Any

import pytest
from system import System


@pytest.fixture
async def funded(system: System) -> System:
    for account_id in ("ann", "bob"):
        await system.deposit(account_id, "USDT", "1000")
        await system.deposit(account_id, "ETH", "100")
    return system


async def rests(system: System, account_id: str, symbol: str, side: str, price: str) -> str:
    """-> the id of an order that is open."""
    order_id: str = (await system.order(account_id, symbol, side, "1", price))["order_id"]
    await system.status(order_id, "OPEN")
    return order_id


async def test_all_orders_of_an_account_are_cancelled_by_one_request(funded: System) -> None:
    ada = await rests(funded, "ann", "ADAUSDT", "buy", "1.5")
    buy = await rests(funded, "ann", "ETHUSDT", "buy", "2")
    sell = await rests(funded, "ann", "ETHUSDT", "sell", "3")
    other = await rests(funded, "bob", "ETHUSDT", "sell", "3")
    code, said = await funded.ask("DELETE", "/api/v1/orders?account_id=ann&symbol=ETHUSDT&side=sell")
    assert (code, said) == (200, {"account_id": "ann", "symbol": "ETHUSDT", "side": "sell", "cancelled": 1})
    assert (await funded.status(sell, "CANCELLED"))["reason_code"] == "MASS_CANCEL"
    code, said = await funded.ask("DELETE", "/api/v1/orders?account_id=ann")
    assert (code, said["cancelled"]) == (200, 2)
    for order_id in (ada, buy):
        assert (await funded.status(order_id, "CANCELLED"))["held"] == "0"
    await funded.status(other, "OPEN")
    await funded.conserved()


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "MISSING_FIELD"),
        ("account_id=a|b", 400, "BAD_NAME"),
        ("account_id=ann&side=up", 400, "BAD_VALUE"),
        ("account_id=ann&status=open", 400, "UNKNOWN_FIELD"),
        ("account_id=nobody", 422, "UNKNOWN_ACCOUNT"),
        ("account_id=ann&symbol=NONE", 422, "UNKNOWN_SYMBOL"),
    ],
)
async def test_what_cannot_be_cancelled_is_refused(funded: System, query: str, status: int, code: str) -> None:
    found = await funded.ask("DELETE", f"/api/v1/orders?{query}")
    assert (found[0], found[1]["code"]) == (status, code)


async def test_orders_go_when_the_timer_is_not_set_again(funded: System) -> None:
    order_id = await rests(funded, "ann", "ADAUSDT", "buy", "1.5")
    other = await rests(funded, "bob", "ADAUSDT", "buy", "1.5")
    timer = "/api/v1/accounts/ann/cancel-timer"
    armed: dict[str, Any] = await funded.post(timer, {"timeout_s": 3600}, 200)
    assert armed["cancel_at"] is not None
    assert (await funded.post(timer, {"timeout_s": 0}, 200)) == {"account_id": "ann", "cancel_at": None}
    await funded.post(timer, {"timeout_s": "0.2"}, 200)
    ended = await funded.status(order_id, "CANCELLED")
    assert (ended["reason_code"], ended["held"]) == ("CANCEL_TIMER", "0")
    await funded.status(other, "OPEN")
    events = [event for event in await funded.records("order-events") if event["orderId"] == order_id]
    assert events[-1]["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("account_id", "body", "status", "code"),
    [
        ("nobody", {"timeout_s": 5}, 422, "UNKNOWN_ACCOUNT"),
        ("ann", {}, 400, "MISSING_FIELD"),
        ("ann", {"timeout_s": -1}, 400, "BAD_VALUE"),
        ("ann", {"timeout_s": 86401}, 400, "BAD_VALUE"),
        ("ann", {"timeout_s": "soon"}, 400, "BAD_TYPE"),
        ("ann", {"timeout": 5}, 400, "UNKNOWN_FIELD"),
    ],
)
async def test_a_timer_that_cannot_be_set_is_refused(
    funded: System, account_id: str, body: dict[str, Any], status: int, code: str
) -> None:
    found = await funded.ask("POST", f"/api/v1/accounts/{account_id}/cancel-timer", body)
    assert (found[0], found[1]["code"]) == (status, code)
