"""Fee schedules: what an operator sets and assigns, and what an account pays."""

from typing import Any

from aiohttp import web

from app.main import app
from app.settings import Profile
from domain import fees
from domain.fees import Charged
from schemas.accounts import AssignFeeSchedule, FeeTier, SetFeeSchedule
from web import answers, clock, orders
from web.admin import is_done
from web.commands import happens, send_to_all
from web.gateway import opened
from web.ids import new_id
from web.numbers import nanos, parse, text
from web.problems import Problem
from web.seeding import envelope

router = app.http.router


async def set_schedule(request: web.Request) -> web.Response:
    """POST /api/v1/admin/fee-schedules {schedule, asset, tiers}: of what an account traded in 30 days, and the rates.

    A tier is {traded_value_min, maker_fee_rate, taker_fee_rate}; rates are parts of the value, 0.001 a thousandth.
    """
    body = parse(await request.read())
    schedule, asset, tiers = orders.required(body, "schedule", "asset", "tiers")
    if not isinstance(tiers, list) or not all(isinstance(tier, dict) for tier in tiers):
        raise Problem(400, "BAD_TYPE", "tiers is a list of objects", field="tiers")
    command = SetFeeSchedule(
        orders.name("schedule", schedule), orders.name("asset", asset), tuple(map(_tier, tiers)), **envelope(new_id())
    )
    fault = fees.schedule_fault(command)
    if fault is not None:
        raise Problem(400, "BAD_VALUE", fault, field="tiers")
    sent = await send_to_all("accounts", command)
    for replica, place in zip(opened().accounts.replicas, sent, strict=True):
        if not await happens(replica, lambda replica=replica, place=place: replica.position > place.offset):  # type: ignore[misc]
            return answers.answer({"command_id": command.command_id}, 202)
    return answers.answer(
        {"schedule": schedule, "asset": asset, "tiers": [_shown(tier) for tier in command.tiers]}, 201
    )


def _tier(body: dict[str, Any]) -> FeeTier:
    maker, taker = orders.required(body, "maker_fee_rate", "taker_fee_rate")
    start = nanos("traded_value_min", body.get("traded_value_min", "0"))
    return FeeTier(start, nanos("maker_fee_rate", maker), nanos("taker_fee_rate", taker))


def _shown(tier: Any) -> dict[str, str]:
    return {name: text(getattr(tier, name)) for name in ("traded_value_min", "maker_fee_rate", "taker_fee_rate")}


async def assign(request: web.Request) -> web.Response:
    """POST /api/v1/admin/fee-assignments {account_id, schedule}; null: the rates of the instruments."""
    body = parse(await request.read())
    account_id = orders.name("account_id", orders.required(body, "account_id")[0])
    schedule = "" if body.get("schedule") is None else orders.name("schedule", body["schedule"])
    command = AssignFeeSchedule(account_id=account_id, schedule=schedule, **envelope(new_id()))
    if not await is_done(request, command):
        return answers.answer({"command_id": command.command_id}, 202)
    return answers.answer(_of_account(account_id))


async def of_account(request: web.Request) -> web.Response:
    """GET /api/v1/fees?account_id=: the schedule of an account, and its tier now."""
    account_id = request.query.get("account_id")
    if account_id is None:
        raise Problem(400, "MISSING_FIELD", "account_id is missing", field="account_id")
    return answers.answer(_of_account(account_id))


def _of_account(account_id: str) -> dict[str, Any]:
    rows = opened().accounts.of(account_id).rows
    account = rows["accounts"].get(account_id)
    if account is None:
        raise Problem(404, "UNKNOWN_ACCOUNT", f"no account {account_id}")
    found: Charged | None = fees.charged_by(
        rows["fee_schedules"], rows["traded_values"], account_id, account.fee_schedule, clock.now()
    )
    if found is None:
        return {"account_id": account_id, "schedule": None}
    shown = {"account_id": account_id, "schedule": account.fee_schedule, "asset": found.asset}
    return shown | {"traded_value": text(found.traded_value)} | _shown(found.tier)


router.add_get("/api/v1/fees", of_account)
if app.settings.profile is not Profile.PROD:
    router.add_post("/api/v1/admin/fee-schedules", set_schedule)
    router.add_post("/api/v1/admin/fee-assignments", assign)
