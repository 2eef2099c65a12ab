"""Windows and indicators of an instrument as they are now."""

from typing import Any

import msgspec
from aiohttp import web

from app.main import app
from domain.measures import NAME_OF
from web import answers
from web.answers import time_text
from web.market_data import analytics_of, shards
from web.problems import Problem


async def analytics(request: web.Request) -> web.Response:
    """GET /api/v1/analytics/{symbol}: by length of bars, as if the open ones closed now."""
    symbol = request.match_info["symbol"]
    told = analytics_of(shards().of(symbol).rows, symbol)
    if told is None:
        raise Problem(404, "UNKNOWN_SYMBOL", f"nobody told prices of {symbol}")
    found: list[dict[str, Any]] = []
    for interval in told.intervals:
        fields = msgspec.structs.asdict(interval)
        name = NAME_OF[fields.pop("interval_s")]
        found.append({"interval": name} | fields | {"start": time_text(interval.start)})
    return answers.answer({"symbol": symbol, "at": time_text(told.observed_at), "intervals": found})


app.http.router.add_get("/api/v1/analytics/{symbol}", analytics)
