"""How the desk does, over a window of time."""

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from app.main import app
from domain.inquiry_rows import Inquiry
from domain.inquiry_statistics import GROUPS, Figures, figures
from schemas.wire import NANOS
from web import answers, clock, orders
from web.gateway import opened
from web.numbers import nanos, text, text_or_none
from web.problems import Problem

INQUIRIES_MAX = 10_000
"""Of each shard, the newest: what is older does not count."""
WINDOW_S_MAX = 31 * 86_400


async def statistics(request: web.Request) -> web.Response:
    """GET /api/v1/inquiries/statistics?by=client&window_s=3600: of what ended in the last seconds."""
    by = orders.word("by", request.query.get("by", "client"), dict(GROUPS))
    window = nanos("window_s", request.query.get("window_s", "3600"))
    if not 0 < window <= WINDOW_S_MAX * NANOS:
        raise Problem(400, "BAD_VALUE", f"window_s lies between 0 and {WINDOW_S_MAX}", field="window_s")
    until = clock.now() + 1
    prices = opened().inquiries.replicas[0].rows["prices"]
    mids = {name: price.mid for name, price in prices.scan()}
    found = figures(_newest(), by, until - window, until, mids)
    return answers.answer({"groups": {name: _shown(each) for name, each in found.items()}})


def _newest() -> Iterator[Inquiry]:
    view = opened().inquiries_view
    for replica in opened().inquiries.replicas:
        for inquiry_id in view.newest(replica.inbox.number, INQUIRIES_MAX):
            row = replica.rows["inquiries"].get(inquiry_id)
            if row is not None:
                yield row


def _shown(found: Figures) -> dict[str, Any]:
    return {
        "inquiries": found.inquiries,
        "quoted": found.quoted,
        "done": found.done,
        "lost": found.lost,
        "hit_ratio": text_or_none(found.hit_ratio),
        "cover_distance": text_or_none(found.cover_distance),
        "response_ms": None if found.response_ns is None else found.response_ns // 1_000_000,
        "response_ms_max": found.response_ns_max // 1_000_000,
        "last_looks": found.looks,
        "last_look_reject_ratio": text_or_none(found.look_reject_ratio),
        "last_look_ms": None if found.look_ns is None else found.look_ns // 1_000_000,
        "last_look_ms_max": found.look_ns_max // 1_000_000,
        "volume": text(found.volume),
        "value": text(found.value),
        "pnl": text(found.pnl),
    }


app.http.router.add_get("/api/v1/inquiries/statistics", statistics)
