"""Alerts of users: laid down, changed, looked at and removed."""

from typing import Any

from aiohttp import web

from app.main import app
from domain.alerts import ALERTS_MAX, ALERTS_OF_USER_MAX, Alert
from domain.measures import BAR_NAMES, MEASURES, OF_BARS, OF_DAYS, OF_QUOTES
from schemas.enums import Comparison
from schemas.market_data import RemoveAlert, SetAlert
from web import answers, orders
from web.answers import time_text
from web.commands import is_taken, place_in_line, send
from web.ids import id_of_key, new_id
from web.market_data import shards, view
from web.numbers import nanos, parse, text
from web.problems import Problem
from web.seeding import envelope

router = app.http.router

COMPARISONS = {each.value.lower(): each for each in Comparison if each is not Comparison.UNKNOWN}
FIELDS = ("user_id", "symbol", "measure", "comparison", "threshold")


async def create(request: web.Request) -> web.Response:
    """POST /api/v1/alerts {user_id, symbol, measure, comparison, threshold}: armed once the answer is there.

    `measure` is price, bid, ask, spread; change, change_percent, volume or vwap since midnight UTC; or a number of bars
    with their length, like rsi:1m. `comparison` is above or below; the threshold itself is neither.
    """
    body = parse(await request.read())
    orders.only(body, *FIELDS)
    key = request.headers.get("Idempotency-Key")
    user_id, *_ = terms = _terms(body)
    alert_id = new_id() if key is None else id_of_key("alert", user_id, key)
    return await _set(request, SetAlert(alert_id, *terms, **envelope(new_id())), 201)


async def change(request: web.Request) -> web.Response:
    """PUT /api/v1/alerts/{id} {measure, comparison, threshold}: armed again."""
    alert_id = request.match_info["id"]
    known = _known(alert_id)
    body = parse(await request.read())
    orders.only(body, "measure", "comparison", "threshold")
    terms = _terms({"user_id": known.user_id, "symbol": known.symbol} | body)
    return await _set(request, SetAlert(alert_id, *terms, **envelope(new_id())), 200)


async def remove(request: web.Request) -> web.Response:
    """DELETE /api/v1/alerts/{id}."""
    alert_id = request.match_info["id"]
    known = _known(alert_id)
    command = RemoveAlert(alert_id, known.symbol, **envelope(new_id()))
    with place_in_line():
        sent = await send("market_data", known.symbol, command, request)
        if not await is_taken(shards().of(known.symbol), sent):
            return answers.answer({"alert_id": alert_id}, 202)
    return answers.answer(shown(alert_id, known) | {"removed": True})


async def one(request: web.Request) -> web.Response:
    """GET /api/v1/alerts/{id}."""
    alert_id = request.match_info["id"]
    return answers.answer(shown(alert_id, _known(alert_id)))


async def of_user(request: web.Request) -> web.Response:
    """GET /api/v1/alerts?user_id=."""
    user_id = request.query.get("user_id")
    if user_id is None:
        raise Problem(400, "MISSING_FIELD", "user_id is missing", field="user_id")
    shards()
    found = sorted(view.alerts_of.get(user_id, {}).items())
    return answers.answer({"user_id": user_id, "alerts": [shown(*each) for each in found]})


async def _set(request: web.Request, command: SetAlert, status: int) -> web.Response:
    replica = shards().of(command.symbol)
    with place_in_line():
        sent = await send("market_data", command.symbol, command, request)
        if not await is_taken(replica, sent):
            return answers.answer({"alert_id": command.alert_id}, 202)
    row: Alert | None = replica.rows["alerts"].get(command.alert_id)
    if row is None:
        most = f"at most {ALERTS_OF_USER_MAX} of a user watch one instrument, and {ALERTS_MAX} those of its shard"
        raise Problem(422, "TOO_MANY_ALERTS", most)
    return answers.answer(shown(command.alert_id, row), status)


def _terms(body: dict[str, Any]) -> tuple[str, str, str, Comparison, int]:
    user_id, symbol, measure, comparison, threshold = orders.required(body, *FIELDS)
    if measure not in MEASURES:
        names = f"{', '.join((*OF_QUOTES, *OF_DAYS))}, or {', '.join(OF_BARS)} with :{' or :'.join(BAR_NAMES)}"
        raise Problem(400, "BAD_VALUE", f"measure is one of {names}", field="measure")
    return (
        orders.name("user_id", user_id),
        orders.name("symbol", symbol),
        measure,
        orders.word("comparison", comparison, COMPARISONS),
        nanos("threshold", threshold),
    )


def _known(alert_id: str) -> Alert:
    row: Alert | None = next(shards().rows("alerts", alert_id), None)
    if row is None:
        raise Problem(404, "UNKNOWN_ALERT", f"no alert {alert_id[:64]}")
    return row


def shown(alert_id: str, row: Alert) -> dict[str, Any]:
    """An alert, decimals as strings."""
    return {
        "alert_id": alert_id,
        "user_id": row.user_id,
        "symbol": row.symbol,
        "measure": row.measure,
        "comparison": row.comparison.value.lower(),
        "threshold": text(row.threshold),
        "armed": row.is_armed,
        "count": row.count,
        "triggered_at": time_text(row.triggered_at) if row.count else None,
    }


router.add_post("/api/v1/alerts", create)
router.add_get("/api/v1/alerts", of_user)
router.add_get("/api/v1/alerts/{id}", one)
router.add_put("/api/v1/alerts/{id}", change)
router.add_delete("/api/v1/alerts/{id}", remove)
