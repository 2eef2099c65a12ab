"""What an operator lays down for accounts: what they may do, how they pay, the kill switch, limits, margin rates."""

from typing import Any

from aiohttp import web

from app.main import app
from domain.account_rows import Outcome
from domain.risk_rows import EVERYBODY
from schemas.accounts import ChangeAccountKind, ChangeAccountState, SetKillSwitch, SetLimits, SetMarginRates
from schemas.enums import AccountKind, AccountState, InstrumentType
from schemas.wire import NANOS
from web import answers, orders
from web.commands import is_taken, place_in_line, send, send_to_all
from web.gateway import opened
from web.ids import new_id
from web.numbers import nanos, nanos_or_none, parse, text_or_none
from web.problems import Problem, refused
from web.risk_words import account_risk
from web.seeding import envelope

router = app.http.router

STATES = {state.value.lower(): state for state in AccountState if state is not AccountState.UNKNOWN}
KINDS = {kind.value.lower(): kind for kind in AccountKind if kind is not AccountKind.UNKNOWN}
ACCOUNT_LIMITS = ("concentration", "loss", "loss_asset", "loss_state", "orders_per_second", "burst")
TYPES = {kind.value.lower(): kind for kind in InstrumentType if kind is not InstrumentType.UNKNOWN}


async def change_account_state(request: web.Request) -> web.Response:
    """POST /api/v1/admin/account-states {account_id, state}: active, reduce_only, halted or inactive."""
    body = parse(await request.read())
    orders.only(body, "account_id", "state")
    account, state = orders.required(body, "account_id", "state")
    account_id, wanted = orders.name("account_id", account), orders.word("state", state, STATES)
    return await _told(request, account_id, ChangeAccountState(account_id, wanted, **envelope(new_id())))


async def change_account_kind(request: web.Request) -> web.Response:
    """POST /api/v1/admin/account-kinds {account_id, kind, margin_asset}: cash, or margin in one asset."""
    body = parse(await request.read())
    orders.only(body, "account_id", "kind", "margin_asset")
    account_id, kind = orders.required(body, "account_id", "kind")
    wanted = orders.word("kind", kind, KINDS)
    asset = ""
    if wanted is AccountKind.MARGIN:
        (asset,) = orders.required(body, "margin_asset")
        asset = orders.name("margin_asset", asset)
    elif body.get("margin_asset") is not None:
        raise Problem(400, "BAD_VALUE", "a cash account has no margin asset", field="margin_asset")
    command = ChangeAccountKind(orders.name("account_id", account_id), wanted, asset, **envelope(new_id()))
    return await _told(request, command.account_id, command)


async def set_margin_rates(request: web.Request) -> web.Response:
    """POST /api/v1/admin/margin-rates {symbol, initial, maintenance}, or instrument_type in place of the symbol."""
    body = parse(await request.read())
    orders.only(body, "symbol", "instrument_type", "initial", "maintenance")
    initial, maintenance = orders.required(body, "initial", "maintenance")
    symbol, kind = body.get("symbol"), body.get("instrument_type")
    if (symbol is None) is (kind is None):
        raise Problem(400, "MISSING_FIELD", "either symbol or instrument_type is there", field="symbol")
    command = SetMarginRates(
        initial=nanos("initial", initial),
        maintenance=nanos("maintenance", maintenance),
        symbol="" if symbol is None else orders.name("symbol", symbol),
        instrument_type=InstrumentType.UNKNOWN if kind is None else orders.word("instrument_type", kind, TYPES),
        **envelope(new_id()),
    )
    await _told(request, EVERYBODY, command)
    return answers.answer(
        {"symbol": symbol, "instrument_type": kind}
        | {"initial": text_or_none(command.initial), "maintenance": text_or_none(command.maintenance)}
    )


async def set_kill_switch(request: web.Request) -> web.Response:
    """POST /api/v1/admin/kill-switch {is_on, account_id}: of everybody where no account is given."""
    body = parse(await request.read())
    orders.only(body, "account_id", "is_on")
    (is_on,) = orders.required(body, "is_on")
    if not isinstance(is_on, bool):
        raise Problem(400, "BAD_TYPE", "is_on is true or false", field="is_on")
    account_id = EVERYBODY if body.get("account_id") is None else orders.name("account_id", body["account_id"])
    command = SetKillSwitch(account_id=account_id, is_on=is_on, **envelope(new_id()))
    return await _told(request, account_id, command)


async def set_limits(request: web.Request) -> web.Response:
    """POST /api/v1/admin/limits: what is not given has no limit from now on.

    {symbol, position}: of everybody; {account_id, symbol, position}: of one account; {account_id, concentration, loss,
    loss_asset, loss_state, orders_per_second, burst}: of the account itself.
    """
    body = parse(await request.read())
    account_id, symbol = body.get("account_id"), body.get("symbol")
    if account_id is None and symbol is None:
        raise Problem(400, "MISSING_FIELD", "account_id or symbol is missing", field="account_id")
    orders.only(body, "account_id", "symbol", *(("position",) if symbol is not None else ACCOUNT_LIMITS))
    command = SetLimits(
        account_id="" if account_id is None else orders.name("account_id", account_id),
        symbol="" if symbol is None else orders.name("symbol", symbol),
        position_limit=nanos_or_none(body, "position"),
        concentration_limit=nanos_or_none(body, "concentration"),
        loss_limit=nanos_or_none(body, "loss"),
        loss_asset="" if body.get("loss") is None else orders.name("loss_asset", body.get("loss_asset")),
        loss_state=orders.word("loss_state", body.get("loss_state") or "halted", STATES),
        orders_per_second=_whole_or_none(body, "orders_per_second"),
        burst=_whole_or_none(body, "burst"),
        **envelope(new_id()),
    )
    return await _told(request, command.account_id, command)


def _whole_or_none(body: dict[str, Any], field: str) -> int | None:
    """A whole number that may be missing."""
    found = nanos_or_none(body, field)
    if found is None:
        return None
    if found % NANOS:
        raise Problem(400, "BAD_TYPE", f"{field} is a whole number", field=field)
    return found // NANOS


async def _told(request: web.Request, account_id: str, command: Any) -> web.Response:
    """How the account is once it, or every shard, has taken the command; 202 where that takes too long."""
    accounts = opened().accounts
    with place_in_line():
        if account_id == EVERYBODY:
            taken = await send_to_all("accounts", command)
        else:
            taken = [await send("accounts", account_id, command, request)]
        for sent in taken:
            if not await is_taken(accounts.replicas[sent.partition], sent):
                return answers.answer({"command_id": command.command_id}, 202)
    rows = accounts.replicas[taken[0].partition].rows
    outcome: Outcome | None = rows["outcomes"].get(command.command_id)
    if outcome is not None and outcome.reason_code is not None:
        raise refused(outcome.reason_code, f"{account_id or command.symbol}: {outcome.reason_code}")
    return answers.answer(account_risk(rows, account_id))


router.add_post("/api/v1/admin/account-states", change_account_state)
router.add_post("/api/v1/admin/kill-switch", set_kill_switch)
router.add_post("/api/v1/admin/limits", set_limits)
router.add_post("/api/v1/admin/account-kinds", change_account_kind)
router.add_post("/api/v1/admin/margin-rates", set_margin_rates)
