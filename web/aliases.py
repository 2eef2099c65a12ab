"""The routes of the older APIs, over the same handlers: the exchange's (S1) and the order API's (S2).

Both own POST /orders; the body tells them apart: `order_type` and `asset`, or `side`. Answers carry what both expect.
"""

from typing import Any

from aiohttp import web

from app.main import app
from schemas.enums import OrderType, Side
from web import answers, orders
from web.accounts import balances_of, new_terms, orders_page
from web.numbers import nanos, parse
from web.order_books import trades_page

router = app.http.router

QUOTE = "USDT"
"""What the exchange API pays in without saying so."""
PUBLIC_ACCOUNT, PUBLIC_SYMBOL = "public", "PUBLIC"
"""Whose orders those of the order API are, and in what (T6)."""
EXCHANGE_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
ORDER_API_SIDES = EXCHANGE_SIDES | {"1": Side.BUY, "-1": Side.SELL, "bid": Side.BUY, "ask": Side.SELL}


async def place(request: web.Request) -> web.Response:
    """POST /orders of either API."""
    body = parse(await request.read())
    is_exchange = "order_type" in body or "asset" in body
    wanted = exchange_order(body) if is_exchange else public_order(body)
    placed = await orders.place(request, wanted, legacy=True)
    if placed.order is None:
        return answers.answer({"order_id": placed.order_id, "status": "pending"}, 202)
    return answers.answer(answers.legacy_order(placed.order), 201 if placed.is_new else 200)


def exchange_order(body: dict[str, Any]) -> orders.Wanted:
    """user_id, asset, quantity, price, order_type."""
    user, asset, quantity, price, side = orders.required(body, "user_id", "asset", "quantity", "price", "order_type")
    return orders.Wanted(
        orders.name("user_id", user),
        orders.name("asset", asset) + QUOTE,
        orders.word("order_type", side, EXCHANGE_SIDES),
        OrderType.LIMIT,
        nanos("quantity", quantity),
        nanos("price", price),
    )


def public_order(body: dict[str, Any]) -> orders.Wanted:
    """quantity, price, side; account and instrument are the public ones unless they are given."""
    quantity, price, side = orders.required(body, "quantity", "price", "side")
    return orders.Wanted(
        orders.name("account_id", body.get("account_id", PUBLIC_ACCOUNT)),
        orders.name("symbol", body.get("symbol", PUBLIC_SYMBOL)),
        orders.word("side", side, ORDER_API_SIDES),
        OrderType.LIMIT,
        nanos("quantity", quantity),
        nanos("price", price),
    )


async def get_order(request: web.Request) -> web.Response:
    """GET /orders/{id}."""
    return answers.answer(answers.legacy_order(orders.asked(request)))


async def list_orders(request: web.Request) -> web.Response:
    """GET /orders?status=&cursor=&limit=."""
    rows, following = orders_page(request)
    return answers.answer({"orders": [answers.legacy_order(row) for row in rows], "next": following})


async def amend(request: web.Request) -> web.Response:
    """PUT /orders/{id}: quantity is the new total; a stop may get another stop_price or trail."""
    body = parse(await request.read())
    order = orders.asked(request)
    quantities, prices = ("quantity", "updated_quantity"), ("price", "updated_price")
    amended = await orders.amend(request, order, new_terms(body, quantities, prices))
    return answers.answer(answers.legacy_order(amended or order), 202 if amended is None else 200)


async def cancel(request: web.Request) -> web.Response:
    """DELETE /orders/{id}: what was not yet traded."""
    order = orders.asked(request)
    cancelled = await orders.cancel(request, order)
    if cancelled is None:
        return answers.answer(answers.legacy_order(order), 202)
    row, quantity = cancelled
    return answers.answer(answers.legacy_order(row) | {"cancelled_quantity": answers.number(quantity)})


async def trades(request: web.Request) -> web.Response:
    """GET /trades."""
    rows, following = trades_page(request)
    return answers.answer({"trades": [answers.legacy_trade(row) for row in rows], "next": following})


async def balance(request: web.Request) -> web.Response:
    """GET /balance/{user_id}: totals by asset, and what of them is available and reserved."""
    found = balances_of(request.match_info["user_id"])
    return answers.answer(
        {asset: answers.number(row.total) for asset, row in found.items()}
        | {
            "available": {asset: answers.number(row.available) for asset, row in found.items()},
            "reserved": {asset: answers.number(row.reserved) for asset, row in found.items()},
        }
    )


async def balance_of_asset(request: web.Request) -> web.Response:
    """GET /balance/{user_id}/{asset}."""
    asset = request.match_info["asset"]
    row = balances_of(request.match_info["user_id"]).get(asset)
    total, available, reserved = (0, 0, 0) if row is None else (row.total, row.available, row.reserved)
    found = {"total": total, "balance": total, "available": available, "reserved": reserved}
    return answers.answer({"asset": asset} | {name: answers.number(amount) for name, amount in found.items()})


async def health(_request: web.Request) -> web.Response:
    """GET /health."""
    reasons = app.reasons_not_ready()
    return answers.answer({"status": "starting" if reasons else "ok"}, 503 if reasons else 200)


router.add_post("/orders", place)
router.add_get("/orders", list_orders)
router.add_get("/orders/{id}", get_order)
router.add_put("/orders/{id}", amend)
router.add_delete("/orders/{id}", cancel)
router.add_get("/trades", trades)
router.add_get("/balance/{user_id}", balance)
router.add_get("/balance/{user_id}/{asset}", balance_of_asset)
router.add_get("/health", health)
