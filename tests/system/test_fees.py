"""Fee schedules through the front door: who traded enough pays less, and the fees are on their own account, exactly."""

from typing import Any

import pytest
from system import System

TIERS = [
    {"maker_fee_rate": "0.01", "taker_fee_rate": "0.02"},
    {"traded_value_min": "100", "maker_fee_rate": "0", "taker_fee_rate": "0.005"},
]
SCHEDULE = {"schedule": "gold", "asset": "USDT", "tiers": TIERS}


async def bought(system: System, qty: str) -> dict[str, Any]:
    """Ann takes what bob offers at 2."""
    offer = await system.order("bob", "ADAUSDT", "sell", qty, "2")
    await system.status(offer["order_id"], "OPEN")
    order = await system.order("ann", "ADAUSDT", "buy", qty, "2")
    found: dict[str, Any] = await system.status(order["order_id"], "FILLED")
    return found


async def test_who_traded_enough_pays_less_and_every_fee_is_booked(system: System) -> None:
    await system.deposit("ann", "USDT", "1000")
    await system.deposit("bob", "ADA", "1000")
    answer = await system.post("/api/v1/admin/fee-schedules", SCHEDULE)
    assert [tier["traded_value_min"] for tier in answer["tiers"]] == ["0", "100"]
    assert await system.get("/api/v1/fees?account_id=ann") == {"account_id": "ann", "schedule": None}
    assigned = await system.post("/api/v1/admin/fee-assignments", {"account_id": "ann", "schedule": "gold"}, 200)
    assert (assigned["schedule"], assigned["traded_value"], assigned["taker_fee_rate"]) == ("gold", "0", "0.02")
    assert (await bought(system, "50"))["fee"] == "2"
    fees = await system.get("/api/v1/fees?account_id=ann")
    assert (fees["traded_value"], fees["taker_fee_rate"]) == ("100", "0.005")
    assert (await bought(system, "10"))["fee"] == "0.1"
    ledger = (await system.get("/api/v1/ledger"))["assets"]["USDT"]
    assert ledger["fees"] == "2.1"
    back = await system.post("/api/v1/admin/fee-assignments", {"account_id": "ann", "schedule": None}, 200)
    assert back["schedule"] is None
    assert (await bought(system, "10"))["fee"] == "0"
    await system.conserved()


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("fee-schedules", SCHEDULE | {"tiers": []}, 400, "BAD_VALUE"),
        ("fee-schedules", SCHEDULE | {"tiers": "many"}, 400, "BAD_TYPE"),
        ("fee-schedules", SCHEDULE | {"tiers": [{"maker_fee_rate": "0.6", "taker_fee_rate": "0"}]}, 400, "BAD_VALUE"),
        ("fee-schedules", SCHEDULE | {"tiers": [{"maker_fee_rate": "0.1"}]}, 400, "MISSING_FIELD"),
        ("fee-assignments", {"account_id": "public", "schedule": "none"}, 422, "UNKNOWN_FEE_SCHEDULE"),
        ("fee-assignments", {"account_id": "nobody", "schedule": None}, 422, "UNKNOWN_ACCOUNT"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    system: System, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    found, problem = await system.ask("POST", f"/api/v1/admin/{path}", body)
    assert (found, problem["code"]) == (status, code)
