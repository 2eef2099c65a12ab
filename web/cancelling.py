"""All open orders of an account at once: now, or when its timer runs out."""

from typing import Any

from aiohttp import web

from app.main import app
from domain.account_rows import Order, Outcome
from domain.cancelling import TIMEOUT_NS_MAX
from schemas.accounts import CancelOpenOrders, SetCancelTimer
from schemas.enums import OrderStatus, ReasonCode, Side
from schemas.wire import NANOS
from web import answers, orders
from web.commands import happens, is_taken, place_in_line, send, send_to_all, wants_no_answer
from web.gateway import opened
from web.numbers import nanos, parse
from web.problems import Problem, refused

router = app.http.router

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
ASKED = ("account_id", "symbol", "side")


async def cancel_open_orders(request: web.Request) -> web.Response:
    """DELETE /api/v1/orders?account_id=&symbol=&side=: what is open now; an order that is placed meanwhile stays."""
    query: dict[str, Any] = dict(request.query)
    orders.only(query, *ASKED)
    account_id = orders.name("account_id", orders.required(query, "account_id")[0])
    symbol, side = query.get("symbol"), query.get("side")
    command = CancelOpenOrders(
        account_id,
        "" if symbol is None else orders.name("symbol", symbol),
        Side.UNKNOWN if side is None else orders.word("side", side, SIDES),
        **orders.envelope(),
    )
    replica, view = opened().accounts.of(account_id), opened().accounts_view
    rows = replica.rows["orders"]
    meant = [order_id for order_id in view.alive.get(account_id, {}) if is_meant(rows, order_id, command)]
    unanswered = {"account_id": account_id, "command_id": command.command_id}
    with place_in_line():
        outcome = await asked(request, command)
        alive = view.alive[account_id]
        if outcome is None or not await happens(replica, lambda: not any(each in alive for each in meant)):
            return answers.answer(unanswered, 202)
    ended = [rows.get(order_id) for order_id in meant]
    count = sum(order is not None and order.reason_code is ReasonCode.MASS_CANCEL for order in ended)
    return answers.answer({"account_id": account_id, "symbol": symbol, "side": side, "cancelled": count})


def is_meant(rows: Any, order_id: str, command: CancelOpenOrders) -> bool:
    """Whether the order goes: an exit that is in no book yet goes with its entry, whatever its own side is."""
    order: Order | None = rows.get(order_id)
    if order is not None and order.status is OrderStatus.HELD:
        order = rows.get(order.parent_id)
    return order is not None and command.symbol in ("", order.symbol) and command.side in (Side.UNKNOWN, order.side)


async def set_cancel_timer(request: web.Request) -> web.Response:
    """POST /api/v1/accounts/{account_id}/cancel-timer {timeout_s}: all open orders go then; 0 turns it off."""
    body = parse(await request.read())
    orders.only(body, "timeout_s")
    account_id = orders.name("account_id", request.match_info["account_id"])
    timeout_ns = nanos("timeout_s", orders.required(body, "timeout_s")[0])
    if not 0 <= timeout_ns <= TIMEOUT_NS_MAX:
        problem = f"timeout_s lies between 0, which turns the timer off, and {TIMEOUT_NS_MAX // NANOS}"
        raise Problem(400, "BAD_VALUE", problem, field="timeout_s")
    command = SetCancelTimer(account_id, timeout_ns, **orders.envelope())
    with place_in_line():
        if await asked(request, command) is None:
            return answers.answer({"account_id": account_id, "command_id": command.command_id}, 202)
    at: int | None = opened().accounts.of(account_id).rows["cancel_timers"].get(account_id)
    return answers.answer({"account_id": account_id, "cancel_at": None if at is None else answers.time_text(at)})


async def is_asked_of_everybody(command: CancelOpenOrders) -> bool:
    """Whether every shard of accounts has taken the command; false where that takes too long."""
    replicas = opened().accounts.replicas
    return all([await is_taken(replicas[sent.partition], sent) for sent in await send_to_all("accounts", command)])


async def asked(request: web.Request, command: CancelOpenOrders | SetCancelTimer) -> Outcome | None:
    """How the account decided; None where it takes too long, or is not waited for. Raises Problem where it refuses."""
    replica = opened().accounts.of(command.account_id)
    sent = await send("accounts", command.account_id, command, request)
    if wants_no_answer(request) or not await is_taken(replica, sent):
        return None
    outcome: Outcome | None = replica.rows["outcomes"].get(command.command_id)
    assert outcome is not None
    if outcome.reason_code is not None:
        raise refused(outcome.reason_code, f"account {command.account_id}: {outcome.reason_code}")
    return outcome


router.add_delete("/api/v1/orders", cancel_open_orders)
router.add_post("/api/v1/accounts/{account_id}/cancel-timer", set_cancel_timer)
