"""Orders, balances and the ledger."""

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from app.main import app
from domain.account_rows import FINAL, Order
from domain.order_terms import NOTHING_SPECIAL, Special
from schemas.enums import OrderType, SelfTradePrevention, Side, TimeInForce
from web import answers, clock, orders
from web.gateway import cut, opened, page_of
from web.numbers import nanos, nanos_or_none, parse, text
from web.problems import Problem
from web.views import Sequence, in_order

router = app.http.router

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
QUANTITIES, LIMITS, STOPS, TRAILS = ("qty", "quantity"), ("limit_price", "price"), ("stop_price",), ("trail",)
"""What an amend may name, each by any of these names."""
REQUIRED = ("account_id", "symbol", "side", "type")
SPECIAL = (
    "notional",
    "take_profit",
    "stop_loss",
    "trail",
    "display_qty",
    "slippage",
    "expire_at",
    "stp",
    "oco_group",
    "post_only",
    "reduce_only",
)
FIELDS = (*REQUIRED, "qty", "limit_price", "stop_price", "time_in_force", "client_order_id", *SPECIAL)
PREVENTIONS = {mode.value.lower(): mode for mode in SelfTradePrevention if mode is not SelfTradePrevention.UNKNOWN}
TYPES = {kind.value.lower(): kind for kind in OrderType if kind is not OrderType.UNKNOWN}
TIMES_IN_FORCE = {kind.value.lower(): kind for kind in TimeInForce if kind is not TimeInForce.UNKNOWN}


async def place_order(request: web.Request) -> web.Response:
    """POST /api/v1/orders."""
    body = parse(await request.read())
    orders.only(body, *FIELDS)
    account_id, symbol, side, order_type = orders.required(body, *REQUIRED)
    client_order_id = body.get("client_order_id")
    wanted = orders.Wanted(
        orders.name("account_id", account_id),
        orders.name("symbol", symbol),
        orders.word("side", side, SIDES),
        orders.word("type", order_type, TYPES),
        _quantity(body),
        nanos_or_none(body, "limit_price"),
        nanos_or_none(body, "stop_price"),
        orders.word("time_in_force", body.get("time_in_force") or "gtc", TIMES_IN_FORCE),
        None if client_order_id is None else orders.name("client_order_id", client_order_id),
        _special(body) if any(field in body for field in SPECIAL) else NOTHING_SPECIAL,
    )
    placed = await orders.place(request, wanted)
    location = {"Location": f"/api/v1/orders/{placed.order_id}"}
    if placed.order is None:
        return answers.answer({"order_id": placed.order_id, "status": "PENDING"}, 202, location)
    return answers.answer(answers.order(placed.order), 201 if placed.is_new else 200, location)


def _quantity(body: dict[str, Any]) -> int:
    """qty, or none of it where notional is there in its place."""
    if body.get("notional") is None:
        return nanos("qty", *orders.required(body, "qty"))
    if body.get("qty") is not None:
        raise Problem(400, "BAD_VALUE", "qty or notional, not both", field="notional")
    return 0


def _special(body: dict[str, Any]) -> Special:
    """What most orders do not ask for."""
    group, expire_at = body.get("oco_group"), body.get("expire_at")
    for field in ("post_only", "reduce_only"):
        if not isinstance(body.get(field, False), bool):
            raise Problem(400, "BAD_TYPE", f"{field} is true or false", field=field)
    return Special(
        nanos_or_none(body, "trail"),
        nanos_or_none(body, "display_qty"),
        nanos_or_none(body, "slippage"),
        0 if expire_at is None else clock.moment("expire_at", expire_at),
        orders.word("stp", body.get("stp") or "none", PREVENTIONS),
        "" if group is None else orders.name("oco_group", group),
        body.get("post_only", False),
        body.get("reduce_only", False),
        nanos_or_none(body, "notional"),
        *_exits(body),
    )


def _exits(body: dict[str, Any]) -> tuple[int | None, int | None, int | None]:
    """-> limit of the take-profit; stop price and limit of the stop-loss."""
    profit, loss = _exit(body, "take_profit", "limit_price"), _exit(body, "stop_loss", "stop_price", "limit_price")
    return (
        nanos_or_none(profit, "limit_price"),
        nanos_or_none(loss, "stop_price"),
        nanos_or_none(loss, "limit_price"),
    )


def _exit(body: dict[str, Any], field: str, needed: str, *others: str) -> dict[str, Any]:
    found = body.get(field)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Problem(400, "BAD_TYPE", f"{field} is an object with {needed}", field=field)
    orders.only(found, needed, *others)
    orders.required(found, needed)
    return found


async def list_orders(request: web.Request) -> web.Response:
    """GET /api/v1/orders?account_id=&symbol=&status=&limit=&cursor=, or ?account_id=&client_order_id=: that one."""
    client_order_id = request.query.get("client_order_id")
    if client_order_id is not None:
        (account_id,) = orders.required(dict(request.query), "account_id")
        found = [answers.order(row) for row in _called(account_id, client_order_id)]
        return answers.answer({"orders": found, "next": None})
    rows, following = orders_page(request)
    return answers.answer({"orders": [answers.order(row) for row in rows], "next": following})


def _called(account_id: str, client_order_id: str) -> Iterator[Order]:
    """The order that the account calls so, if there is one: what to ask for where an answer never came."""
    rows = opened().accounts.of(account_id).rows
    order_id: str | None = rows["client_orders"].get(f"{account_id}|{client_order_id}")
    found: Order | None = None if order_id is None else rows["orders"].get(order_id)
    if found is not None and found.account_id == account_id:
        yield found


def orders_page(request: web.Request) -> tuple[list[Order], str | None]:
    """One page of orders, and the cursor of the next one."""
    gateway = opened()
    limit, positions = page_of(request)
    sequences: dict[int, Sequence] = dict(gateway.accounts_view.orders)
    account_id = request.query.get("account_id")
    if account_id is not None:
        sequences = {
            gateway.accounts.number_of(account_id): gateway.accounts_view.of_account.get(account_id, Sequence())
        }
    status, symbol = request.query.get("status", "").upper(), request.query.get("symbol")

    def row(partition: int, order_id: str) -> Order | None:
        found: Order | None = gateway.accounts.replicas[partition].rows["orders"].get(order_id)
        if found is None or (symbol is not None and found.symbol != symbol):
            return None
        is_wanted = status in ("", found.status.value) or (status == "ALIVE" and found.status not in FINAL)
        return found if is_wanted else None

    return cut(in_order(sequences, positions, row, lambda order: order.created_at), limit, positions)


async def get_order(request: web.Request) -> web.Response:
    """GET /api/v1/orders/{id}."""
    return answers.answer(answers.order(orders.asked(request)))


async def amend_order(request: web.Request) -> web.Response:
    """PUT or PATCH /api/v1/orders/{id}: qty is the new total; what is not there stays."""
    body = parse(await request.read())
    orders.only(body, *QUANTITIES, *LIMITS, *STOPS, *TRAILS)
    order = orders.asked(request)
    amended = await orders.amend(request, order, new_terms(body, QUANTITIES, LIMITS))
    if amended is None:
        return answers.answer({"order_id": order.order_id, "status": order.status.value}, 202)
    return answers.answer(answers.order(amended))


def new_terms(body: dict[str, Any], quantities: tuple[str, ...], limits: tuple[str, ...]) -> orders.NewTerms:
    """What a body asks for; one thing at least."""
    found: list[int | None] = []
    for fields in (quantities, limits, STOPS, TRAILS):
        field = next((field for field in fields if body.get(field) is not None), None)
        value = None if field is None else nanos(field, body[field])
        if value is not None and value <= 0:
            raise Problem(400, "BAD_QUANTITY" if fields is quantities else "BAD_PRICE", f"{field} is above zero")
        found.append(value)
    if not any(found):
        raise Problem(400, "MISSING_FIELD", f"{quantities[0]}, {limits[0]}, {STOPS[0]} or {TRAILS[0]} is missing")
    return orders.NewTerms(*found)


async def cancel_order(request: web.Request) -> web.Response:
    """DELETE /api/v1/orders/{id}."""
    order = orders.asked(request)
    cancelled = await orders.cancel(request, order)
    if cancelled is None:
        return answers.answer({"order_id": order.order_id, "status": order.status.value}, 202)
    row, quantity = cancelled
    return answers.answer(answers.order(row) | {"cancelled_qty": text(quantity)})


async def balances(request: web.Request) -> web.Response:
    """GET /api/v1/balances?account_id=."""
    account_id = request.query.get("account_id")
    if account_id is None:
        raise Problem(400, "MISSING_FIELD", "account_id is missing", field="account_id")
    found = [answers.balance(asset, row) for asset, row in balances_of(account_id).items()]
    return answers.answer({"account_id": account_id, "balances": found})


def balances_of(account_id: str) -> dict[str, Any]:
    """The balances of one account by asset. Raises Problem where there is no such account."""
    gateway = opened()
    partition = gateway.accounts.number_of(account_id)
    if gateway.accounts.replicas[partition].rows["accounts"].get(account_id) is None:
        raise Problem(404, "UNKNOWN_ACCOUNT", f"no account {account_id}")
    return gateway.accounts_view.assets_of(partition, account_id)


async def ledger(_request: web.Request) -> web.Response:
    """GET /api/v1/ledger: sums of all shards; `imbalance` is zero, or money was made or lost."""
    gateway = opened()
    assets = {
        asset: {
            "accounts": text(sums.users),
            "clearing": text(sums.clearing),
            "fees": text(sums.fees),
            "house": text(sums.house),
            "deposits_less_withdrawals": text(-sums.external),
            "imbalance": text(sums.imbalance),
            "reserved": text(sums.reserved),
            "held_for_orders": text(sums.held),
        }
        for asset, sums in gateway.accounts_view.ledger().items()
    }
    return answers.answer({"imbalance": text(gateway.accounts_view.imbalance()), "assets": assets})


router.add_post("/api/v1/orders", place_order)
router.add_get("/api/v1/orders", list_orders)
router.add_get("/api/v1/orders/{id}", get_order)
router.add_put("/api/v1/orders/{id}", amend_order)
router.add_patch("/api/v1/orders/{id}", amend_order)
router.add_delete("/api/v1/orders/{id}", cancel_order)
router.add_get("/api/v1/balances", balances)
router.add_get("/api/v1/ledger", ledger)
