"""Positions."""

from aiohttp import web

from app.main import app
from web import answers
from web.gateway import opened
from web.problems import Problem

router = app.http.router


async def positions(request: web.Request) -> web.Response:
    """GET /api/v1/positions?account_id=."""
    gateway, account_id = opened(), request.query.get("account_id")
    if account_id is None:
        raise Problem(400, "MISSING_FIELD", "account_id is missing", field="account_id")
    found = []
    partition = gateway.positions.number_of(account_id)
    for symbol, row in gateway.positions_view.of_account(partition, account_id).items():
        book = gateway.books.of(symbol).rows["books"].get(symbol)
        found.append(answers.position(symbol, row, book.last if book else None))
    return answers.answer({"account_id": account_id, "positions": found})


router.add_get("/api/v1/positions", positions)
