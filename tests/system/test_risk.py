"""Who watches over accounts: what they may do, the kill switch, limits; and what is told of it."""

from typing import Any

import pytest
from system import System

ORDER = {"account_id": "ann", "symbol": "ADAUSDT", "side": "buy", "type": "limit", "qty": "1", "limit_price": "1"}


async def placed(system: System, account_id: str, side: str, qty: str, price: str, **more: Any) -> dict[str, Any]:
    order: dict[str, Any] = await system.order(account_id, "ADAUSDT", side, qty, price, **more)
    return order


async def refused(system: System, account_id: str, side: str, qty: str, price: str, **more: Any) -> str:
    """The code with which an order is refused."""
    body = {"account_id": account_id, "symbol": "ADAUSDT", "side": side, "type": "limit", "qty": qty}
    problem = await system.post("/api/v1/orders", body | {"limit_price": price} | more, 422)
    return str(problem["code"])


async def admin(system: System, path: str, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await system.post(f"/api/v1/admin/{path}", body, 200)
    return answer


@pytest.fixture
async def funded(system: System) -> System:
    for account_id in ("ann", "bob"):
        await system.deposit(account_id, "USDT", "1000")
        await system.deposit(account_id, "ADA", "100")
    return system


async def test_a_halted_account_places_nothing_and_cancels_what_it_has(funded: System) -> None:
    order = await placed(funded, "ann", "buy", "5", "1")
    await funded.status(order["order_id"], "OPEN")
    state = await admin(funded, "account-states", account_id="ann", state="halted")
    assert (state["state"], state["is_killed"]) == ("halted", False)
    assert await refused(funded, "ann", "buy", "1", "1") == "ACCOUNT_HALTED"
    status, problem = await funded.ask("PATCH", f"/api/v1/orders/{order['order_id']}", {"qty": "6"})
    assert (status, problem["code"]) == (422, "ACCOUNT_HALTED")
    assert (await funded.ask("DELETE", f"/api/v1/orders/{order['order_id']}"))[0] == 200
    await placed(funded, "bob", "buy", "1", "1")
    await admin(funded, "account-states", account_id="ann", state="active")
    await placed(funded, "ann", "buy", "1", "1")
    await funded.conserved()


async def test_a_kill_switch_cancels_what_is_open_until_it_is_set_off_by_hand(funded: System) -> None:
    orders = [await placed(funded, who, "buy", "1", price) for who in ("ann", "bob") for price in ("1", "1.1")]
    for order in orders:
        await funded.status(order["order_id"], "OPEN")
    assert (await admin(funded, "kill-switch", account_id="ann", is_on=True))["is_killed"] is True
    for order in orders[:2]:
        cancelled = await funded.status(order["order_id"], "CANCELLED")
        assert (cancelled["reason_code"], cancelled["held"]) == ("KILL_SWITCH", "0")
    assert await refused(funded, "ann", "buy", "1", "1") == "KILL_SWITCH"
    await placed(funded, "bob", "buy", "1", "1")
    await admin(funded, "kill-switch", is_on=True)
    for order in orders[2:]:
        await funded.status(order["order_id"], "CANCELLED")
    assert await refused(funded, "bob", "buy", "1", "1") == "KILL_SWITCH"
    await admin(funded, "kill-switch", is_on=False)
    await placed(funded, "bob", "buy", "1", "1")
    assert await refused(funded, "ann", "buy", "1", "1") == "KILL_SWITCH"
    await admin(funded, "kill-switch", account_id="ann", is_on=False)
    await placed(funded, "ann", "buy", "1", "1")
    changes = [each for each in await funded.records("risk-events") if each["_message"] == "AccountStateChanged"]
    about_ann = [(each["is_killed"], each["reason_code"], each["actor_id"]) for each in changes if each["account_id"]]
    assert about_ann == [(True, "KILL_SWITCH", "operator"), (False, "KILL_SWITCH", "operator")]
    await funded.conserved()


async def test_of_the_checks_that_fail_the_first_is_the_reason_and_every_check_is_told(funded: System) -> None:
    limits = await admin(funded, "limits", account_id="ann", symbol="ADAUSDT", position="300")
    assert limits["limits"]["positions"] == {"ADAUSDT": "300"}
    await admin(funded, "limits", account_id="ann", concentration="0.5")
    maker = await placed(funded, "bob", "sell", "1", "2")
    await funded.status(maker["order_id"], "OPEN")
    taker = await placed(funded, "ann", "buy", "1", "2")  # the last price is 2, and the equity 1200
    await funded.status(taker["order_id"], "FILLED")

    async def is_marked() -> bool:
        """Until the account has heard the last price, there is less that has one."""
        body = {"account_id": "ann", "symbol": "ADAUSDT", "side": "buy", "type": "limit"}
        status, answer = await funded.ask("POST", "/api/v1/orders", body | {"qty": "199", "limit_price": "1"})
        if status == 201:
            await funded.ask("DELETE", f"/api/v1/orders/{answer['order_id']}")
        return status == 422 and bool(answer["code"] == "CONCENTRATION")

    await funded.eventually(is_marked)
    assert await refused(funded, "ann", "buy", "600", "2") == "BUYING_POWER"
    assert await refused(funded, "ann", "buy", "200", "2") == "POSITION_LIMIT"
    order = await placed(funded, "ann", "buy", "198", "1")
    checks = {
        each["order_id"]: each for each in await funded.records("risk-events") if each["_message"] == "RiskChecked"
    }
    assert {taker["order_id"], maker["order_id"], order["order_id"]} <= checks.keys()
    passed = checks[order["order_id"]]
    assert (passed["is_approved"], passed["reason_code"]) == (True, None)
    assert (passed["projected_position"], passed["projected_value"], passed["equity"]) == (299, 598, 1200)
    reasons = [each["reason_code"] for each in checks.values()]
    assert reasons[-3:] == ["BUYING_POWER", "POSITION_LIMIT", None]


async def test_a_margin_account_sells_what_it_has_not_as_far_as_its_equity_bears_it(funded: System) -> None:
    assert await refused(funded, "cid", "sell", "1", "2") == "UNKNOWN_ACCOUNT"
    await funded.deposit("cid", "USDT", "100")
    assert await refused(funded, "cid", "sell", "1", "2") == "BUYING_POWER"
    account = await admin(funded, "account-kinds", account_id="cid", kind="margin", margin_asset="USDT")
    assert (account["kind"], account["margin_asset"]) == ("margin", "USDT")
    assert await refused(funded, "cid", "sell", "101", "2") == "BUYING_POWER"
    short = await placed(funded, "cid", "sell", "100", "2")
    assert short["held"] == "0"
    await placed(funded, "bob", "buy", "100", "2")
    await funded.status(short["order_id"], "FILLED")
    balances = (await funded.get("/api/v1/balances?account_id=cid"))["balances"]
    assert [(each["asset"], each["total"]) for each in balances] == [("ADA", "-100"), ("USDT", "300")]
    rates = await admin(funded, "margin-rates", symbol="ADAUSDT", initial="0.25", maintenance="0.2")
    assert rates["initial"] == "0.25"
    await placed(funded, "cid", "sell", "50", "2")
    await funded.conserved()


async def test_an_account_that_may_only_reduce_sells_what_it_has(funded: System) -> None:
    await admin(funded, "account-states", account_id="ann", state="reduce_only")
    assert await refused(funded, "ann", "sell", "100", "2") == "ACCOUNT_REDUCE_ONLY"
    assert await refused(funded, "ann", "buy", "1", "2", reduce_only=True) == "REDUCE_ONLY_WOULD_INCREASE"
    exit_ = await placed(funded, "ann", "sell", "100", "2", reduce_only=True)
    assert await refused(funded, "ann", "sell", "1", "2", reduce_only=True) == "BUYING_POWER"
    await placed(funded, "bob", "buy", "100", "2")
    await funded.status(exit_["order_id"], "FILLED")
    await funded.conserved()


async def test_a_breaker_trips_at_the_limit_and_is_armed_again_by_hand(funded: System) -> None:
    async def trade_at(price: str) -> None:
        sale = await placed(funded, "bob", "sell", "1", price)
        await placed(funded, "cid", "buy", "1", price)
        await funded.status(sale["order_id"], "FILLED")

    await funded.deposit("cid", "USDT", "1000")
    await trade_at("2")
    limits = await admin(funded, "limits", account_id="ann", loss="50", loss_asset="USDT", orders_per_second="2")
    assert (limits["limits"]["loss"], limits["limits"]["orders_per_second"]) == ("50", 2)

    async def has_heard_the_price() -> bool:
        return bool((await funded.get("/api/v1/risk?account_id=ann"))["loss"]["equity"] == "1200")

    await funded.eventually(has_heard_the_price)
    await trade_at("1.5")  # 100 ADA are worth 50 less

    async def is_halted() -> Any:
        found = [each for each in await funded.records("risk-events") if each.get("reason_code") == "LOSS_LIMIT"]
        return found[-1] if found else None

    event = await funded.eventually(is_halted)
    assert (event["account_id"], event["state"], event["loss"], event["threshold"]) == ("ann", "HALTED", 50, 50)
    assert await refused(funded, "ann", "buy", "1", "1") == "ACCOUNT_HALTED"
    await admin(funded, "account-states", account_id="ann", state="active")
    await placed(funded, "ann", "buy", "1", "1")
    codes = [(await funded.ask("POST", "/api/v1/orders", ORDER))[1].get("code") for _ in range(4)]
    assert "RATE_LIMITED" in codes


def of_ada(symbols: list[dict[str, Any]]) -> dict[str, Any]:
    """Instruments of other tests may price the same asset."""
    return next(each for each in symbols if each["symbol"] == "ADAUSDT")


def in_dollars(totals: list[dict[str, Any]]) -> dict[str, Any]:
    return next(each for each in totals if each["asset"] == "USDT")


async def test_what_is_at_risk_follows_trades_and_prices(funded: System) -> None:
    await funded.deposit("cid", "USDT", "1000")
    await admin(funded, "account-kinds", account_id="cid", kind="margin", margin_asset="USDT")
    short = await placed(funded, "cid", "sell", "10", "2")
    await placed(funded, "bob", "buy", "10", "2")
    await funded.status(short["order_id"], "FILLED")
    await placed(funded, "cid", "sell", "5", "3")
    await placed(funded, "cid", "buy", "4", "1")

    async def at_risk(price: str, pnl: str) -> Any:
        found = await funded.get("/api/v1/risk?account_id=cid")
        symbol = of_ada(found["symbols"])
        is_there = (symbol["last_price"], symbol["unrealized_pnl"], symbol["open_buy_qty"]) == (price, pnl, "4")
        return found if is_there else None

    found = await funded.eventually(lambda: at_risk("2", "0"))
    symbol = of_ada(found["symbols"])
    assert (symbol["position_qty"], symbol["exposure"]) == ("-10", "-20")
    assert (symbol["open_sell_exposure"], symbol["open_buy_exposure"]) == ("15", "4")
    total = in_dollars(found["totals"])
    assert (total["gross_exposure"], total["net_exposure"], total["equity"]) == ("20", "-20", "1000")
    await placed(funded, "bob", "sell", "1", "2.5")
    await placed(funded, "ann", "buy", "1", "2.5")
    found = await funded.eventually(lambda: at_risk("2.5", "-5"))
    assert in_dollars(found["totals"])["equity"] == "995"

    async def is_bound() -> bool:
        margin = (await funded.get("/api/v1/risk?account_id=cid"))["margin"]
        return (margin["bound"], margin["maintenance"], margin["buying_power"]) == ("18.75", "6.25", "976.25")

    await funded.eventually(is_bound)  # 15 units, were all sales filled
    assert (await funded.ask("GET", "/api/v1/risk"))[0] == 400
    assert (await funded.ask("GET", "/api/v1/risk?account_id=nobody"))[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("account-states", {"account_id": "ann"}, 400, "MISSING_FIELD"),
        ("account-states", {"account_id": "ann", "state": "asleep"}, 400, "BAD_VALUE"),
        ("account-states", {"account_id": "nobody", "state": "halted"}, 422, "UNKNOWN_ACCOUNT"),
        ("kill-switch", {"account_id": "ann"}, 400, "MISSING_FIELD"),
        ("kill-switch", {"is_on": "yes"}, 400, "BAD_TYPE"),
        ("kill-switch", {"is_on": True, "account": "ann"}, 400, "UNKNOWN_FIELD"),
        ("limits", {"position": "1"}, 400, "MISSING_FIELD"),
        ("limits", {"symbol": "ADAUSDT", "concentration": "1"}, 400, "UNKNOWN_FIELD"),
        ("limits", {"account_id": "ann", "burst": "1.5"}, 400, "BAD_TYPE"),
        ("limits", {"account_id": "ann", "loss": "1"}, 400, "BAD_NAME"),
        ("limits", {"symbol": "NONE", "position": "1"}, 422, "UNKNOWN_SYMBOL"),
        ("account-kinds", {"account_id": "ann", "kind": "margin"}, 400, "MISSING_FIELD"),
        ("account-kinds", {"account_id": "ann", "kind": "cash", "margin_asset": "USDT"}, 400, "BAD_VALUE"),
        ("account-kinds", {"account_id": "nobody", "kind": "cash"}, 422, "UNKNOWN_ACCOUNT"),
        ("margin-rates", {"initial": "1", "maintenance": "1"}, 400, "MISSING_FIELD"),
        ("margin-rates", {"symbol": "ADAUSDT", "initial": "0.1", "maintenance": "1"}, 422, "AMOUNT_OUT_OF_RANGE"),
        ("limits", {"symbol": "ADAUSDT", "position": "-1"}, 422, "AMOUNT_OUT_OF_RANGE"),
    ],
)
async def test_nonsense_is_refused_with_a_code(
    system: System, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    found, problem = await system.ask("POST", f"/api/v1/admin/{path}", body)
    assert (found, problem["code"]) == (status, code)
