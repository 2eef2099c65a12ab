"""The socket of prices: a frame whenever an instrument's prices move, at most 20 a second of each."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from app.main import app
from domain.analytics_rows import open_levels
from domain.market_quotes import Market
from domain.names import is_name
from domain.telling import contents_of_all, price_updated
from schemas.wire import NANOS
from web.answers import number
from web.market_data import shards, view
from web.problems import Problem
from web.sockets import Waiting, serve

INTERVAL_S = 0.05
SYMBOLS_MAX = 200
"""Of one client that names them."""
MILLISECOND_NS = NANOS // 1000


class Updates:
    """Frames are made once, for all clients who want them."""

    def __init__(self) -> None:
        self.clients: dict[Waiting, frozenset[str] | None] = {}
        """What each wants to hear of; None is everything."""
        self._changed: dict[str, None] = {}
        self._is_due = False
        view.listeners.append(self._moved)

    def _moved(self, symbol: str) -> None:
        if self.clients:
            self._changed[symbol] = None
            if not self._is_due:
                self._is_due = True
                asyncio.get_running_loop().call_later(INTERVAL_S, self._send)

    def _send(self) -> None:
        self._is_due = False
        changed, self._changed = self._changed, {}
        for symbol in changed:
            wanting = [waiting for waiting, wanted in self.clients.items() if wanted is None or symbol in wanted]
            found = frame(symbol) if wanting else None
            if found is not None:
                for waiting in wanting:
                    waiting.put(found)


def frame(symbol: str) -> bytes | None:
    """PRICE_UPDATE of one instrument as it is now; None where nobody told its price."""
    rows = shards().of(symbol).rows
    market: Market | None = rows["markets"].get(symbol)
    if market is None:
        return None
    levels = open_levels(rows["series"], rows["windows"], symbol)
    told = price_updated(symbol, market.best, contents_of_all(levels))
    data: dict[str, Any] = {
        "symbol": symbol,
        "price": number(told.price),
        "bid": number(told.bid),
        "ask": number(told.ask),
        "change": number(told.change),
        "changePercent": number(told.change_percent),
        "high": number(told.high),
        "low": number(told.low),
        "volume": number(told.volume),
        "at": told.observed_at // MILLISECOND_NS,
    }
    return msgspec.json.encode({"type": "PRICE_UPDATE", "data": data})


updates = Updates()


async def price_updates(request: web.Request) -> web.WebSocketResponse:
    """/price_updates?symbols=A,B: what is known first, then every move; all instruments where none is named."""
    names = request.query.get("symbols", "")
    wanted = frozenset(names.split(",")) if names else None
    if wanted is not None and (len(wanted) > SYMBOLS_MAX or not all(map(is_name, wanted))):
        raise Problem(400, "BAD_NAME", f"symbols are at most {SYMBOLS_MAX} names, parted by commas", field="symbols")

    async def write(socket: web.WebSocketResponse) -> None:
        waiting = Waiting(socket)
        known = [symbol for replica in shards().replicas for symbol, _ in replica.rows["markets"].scan()]
        for symbol in sorted(known if wanted is None else wanted.intersection(known)):
            found = frame(symbol)
            if found is not None:
                waiting.put(found)
        updates.clients[waiting] = wanted
        try:
            await waiting.write()
        finally:
            del updates.clients[waiting]

    return await serve(request, write)


app.http.router.add_get("/price_updates", price_updates)
