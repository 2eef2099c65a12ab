"""What an operator lays down for accounts: what they may do, the kill switch, limits."""

from typing import Any

from aiohttp import web

from app.main import app
from domain.account_rows import Outcome
from domain.risk_rows import EVERYBODY, AccountRisk
from schemas.accounts import ChangeAccountState, SetKillSwitch, SetLimits
from schemas.enums import AccountState
from web import answers, orders
from web.commands import is_taken, place_in_line, send, send_to_all
from web.gateway import opened
from web.ids import new_id
from web.numbers import nanos_or_none, parse, text_or_none
from web.problems import Problem, refused
from web.seeding import envelope

router = app.http.router

STATES = {state.value.lower(): state for state in AccountState if state is not AccountState.UNKNOWN}


async def change_account_state(request: web.Request) -> web.Response:
    """POST /api/v1/admin/account-states {account_id, state}: active, reduce_only or halted."""
    body = parse(await request.read())
    orders.only(body, "account_id", "state")
    account, state = orders.required(body, "account_id", "state")
    account_id, wanted = orders.name("account_id", account), orders.word("state", state, STATES)
    return await _told(request, ChangeAccountState(account_id, wanted, **envelope(new_id())))


async def set_kill_switch(request: web.Request) -> web.Response:
    """POST /api/v1/admin/kill-switch {is_on, account_id}: of everybody where no account is given."""
    body = parse(await request.read())
    orders.only(body, "account_id", "is_on")
    (is_on,) = orders.required(body, "is_on")
    if not isinstance(is_on, bool):
        raise Problem(400, "BAD_TYPE", "is_on is true or false", field="is_on")
    if body.get("account_id") is not None:
        account_id = orders.name("account_id", body["account_id"])
        return await _told(request, SetKillSwitch(account_id=account_id, is_on=is_on, **envelope(new_id())))
    return await _told(request, SetKillSwitch(is_on=is_on, **envelope(new_id())))


async def set_limits(request: web.Request) -> web.Response:
    """POST /api/v1/admin/limits: what is not given has no limit from now on.

    {symbol, position}: of everybody; {account_id, symbol, position}: of one account; {account_id, concentration}.
    """
    body = parse(await request.read())
    account_id, symbol = body.get("account_id"), body.get("symbol")
    if account_id is None and symbol is None:
        raise Problem(400, "MISSING_FIELD", "account_id or symbol is missing", field="account_id")
    orders.only(body, "account_id", "symbol", *(("position",) if symbol is not None else ("concentration",)))
    command = SetLimits(
        account_id="" if account_id is None else orders.name("account_id", account_id),
        symbol="" if symbol is None else orders.name("symbol", symbol),
        position_limit=nanos_or_none(body, "position"),
        concentration_limit=nanos_or_none(body, "concentration"),
        **envelope(new_id()),
    )
    return await _told(request, command)


async def _told(request: web.Request, command: Any) -> web.Response:
    """How the account is once it, or every shard, has taken the command; 202 where that takes too long."""
    account_id, accounts = command.account_id, opened().accounts
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


def account_risk(rows: Any, account_id: str) -> dict[str, Any]:
    """What holds for an account now, or for everybody."""
    row: AccountRisk = rows["risks"].get(account_id) or AccountRisk()
    everybody: AccountRisk = rows["risks"].get(EVERYBODY) or AccountRisk()
    positions = {
        key.partition("|")[2]: text_or_none(limit.units)
        for key, limit in rows["position_limits"].scan(f"{account_id}|")
        if limit.units is not None
    }
    return {
        "account_id": account_id or None,
        "state": row.state.value.lower(),
        "is_killed": row.is_killed or everybody.is_killed,
        "limits": {"positions": positions, "concentration": text_or_none(row.concentration_limit)},
    }


router.add_post("/api/v1/admin/account-states", change_account_state)
router.add_post("/api/v1/admin/kill-switch", set_kill_switch)
router.add_post("/api/v1/admin/limits", set_limits)
