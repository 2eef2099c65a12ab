"""Quotes and candles: what markets elsewhere told, from the replicas of `market_data`."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from aiohttp import web

from app.main import app
from domain.alerts import Alert
from domain.analytics_rows import bar_key, open_levels
from domain.depth import Depth
from domain.market_depth import ASK, DepthRow
from domain.market_quotes import STALE_NS, Market, SourceQuote
from domain.panes import Pane
from domain.series import BARS_KEPT, DAY_LEVEL, INTERVAL_NAMES, INTERVALS
from domain.telling import analytics_calculated, contents_of_all
from schemas.market_data import AnalyticsCalculated
from tables.market_data import NOUN as MARKET_DATA
from web import answers, clock
from web.answers import time_text
from web.gateway import gateway, opened
from web.numbers import text, text_or_none
from web.order_books import depth_wanted
from web.problems import Problem
from web.replicas import Shards, View

router = app.http.router

CANDLES_DEFAULT, CANDLES_MAX = 500, 1_500
SYMBOLS_MAX = 500
"""Of one request without a name."""


class MarketDataView(View):
    """Who watches what, and who wants to hear that an instrument's prices moved."""

    noun = MARKET_DATA

    def __init__(self) -> None:
        self.handlers = {
            "markets": self._moved,
            "series": self._moved,
            "alerts": self._alert,
            "levels": self._level,
        }
        self.depths: defaultdict[str, Depth] = defaultdict(Depth)
        """The levels of each book, under `symbol|exchange`."""
        self._depths_of: defaultdict[int, set[str]] = defaultdict(set)
        self.alerts_of: dict[str, dict[str, Alert]] = {}
        """Alerts of each user."""
        self._places: dict[str, tuple[int, str]] = {}
        """The shard and the user of each alert."""
        self.listeners: list[Callable[[str], None]] = []

    def forget(self, partition: int) -> None:
        """A shard's rows come anew."""
        for alert_id in [alert_id for alert_id, (place, _) in self._places.items() if place == partition]:
            self._alert(partition, alert_id, None)
        for key in self._depths_of.pop(partition, ()):
            self.depths.pop(key, None)

    def _level(self, partition: int, place: str, quantity: int | None) -> None:
        key, side, price = place.rsplit("|", 2)
        self._depths_of[partition].add(key)
        depth = self.depths[key]
        (depth.asks if side == ASK else depth.bids).change([(int(price), quantity or 0)])

    def _moved(self, _partition: int, symbol: str, row: Any) -> None:
        if row is not None:
            for hear in self.listeners:
                hear(symbol)

    def _alert(self, partition: int, alert_id: str, alert: Alert | None) -> None:
        known = self._places.pop(alert_id, None)
        if known is not None:
            of_user = self.alerts_of[known[1]]
            of_user.pop(alert_id, None)
            if not of_user:
                del self.alerts_of[known[1]]
        if alert is not None:
            self._places[alert_id] = (partition, alert.user_id)
            self.alerts_of.setdefault(alert.user_id, {})[alert_id] = alert


view = MarketDataView()


def shards() -> Shards:
    """The replicas of market data, or a problem where they cannot answer yet."""
    opened()
    return gateway.shards_of(view)


async def quotes(_request: web.Request) -> web.Response:
    """GET /api/v1/quotes: the best prices of every instrument, the first 500 by name."""
    found = [item for replica in shards().replicas for item in islice(replica.rows["markets"].scan(), SYMBOLS_MAX)]
    found.sort(key=lambda item: str(item[0]))
    return answers.answer({"quotes": [best(symbol, market) for symbol, market in found[:SYMBOLS_MAX]]})


async def quote(request: web.Request) -> web.Response:
    """GET /api/v1/quotes/{symbol}: the best prices, and those of each market."""
    symbol = request.match_info["symbol"]
    market: Market | None = shards().of(symbol).rows["markets"].get(symbol)
    if market is None:
        raise Problem(404, "UNKNOWN_SYMBOL", f"no market told prices of {symbol}")
    return answers.answer(best(symbol, market) | {"sources": sorted(map(source, market.sources), key=_name_of)})


def best(symbol: str, market: Market) -> dict[str, Any]:
    """The best of all markets; stale once nobody told anything for a minute."""
    found = market.best
    return {
        "symbol": symbol,
        "bid": text_or_none(found.bid),
        "ask": text_or_none(found.ask),
        "last": text_or_none(found.last),
        "at": time_text(found.at),
        "stale": is_stale(found.at),
    }


def _name_of(shown: dict[str, Any]) -> str:
    return shown["exchange"] or ""


def source(row: SourceQuote) -> dict[str, Any]:
    """The prices of one market."""
    return {
        "exchange": row.exchange or None,
        "bid": text_or_none(row.bid),
        "bid_size": text_or_none(row.bid_size),
        "ask": text_or_none(row.ask),
        "ask_size": text_or_none(row.ask_size),
        "last": text_or_none(row.last),
        "volume": text_or_none(row.volume),
        "quoted_at": time_text(row.quoted_at) if row.quoted_at else None,
        "traded_at": time_text(row.traded_at) if row.traded_at else None,
        "crossed": row.is_crossed,
        "stale": is_stale(max(row.quoted_at, row.traded_at)),
    }


def analytics_of(rows: Any, symbol: str) -> AnalyticsCalculated | None:
    """Windows and indicators as if open bars closed now; None where no tick came."""
    windows = contents_of_all(open_levels(rows["series"], rows["windows"], symbol))
    return analytics_calculated(symbol, windows, rows["indicators"]) if windows and windows[DAY_LEVEL] else None


def is_stale(at: int) -> bool:
    """Whether what was so then may be so no longer (S4.39)."""
    return clock.now() - at >= STALE_NS


async def depth(request: web.Request) -> web.Response:
    """GET /api/v1/depth/{symbol}?exchange=&depth=: a market's order book, best level first.

    `synchronised` says that nothing is missing in it: otherwise the levels are old ones.
    """
    symbol, exchange = request.match_info["symbol"], request.query.get("exchange", "")
    key = f"{symbol}|{exchange}"
    row: DepthRow | None = shards().of(symbol).rows["depths"].get(key)
    if row is None:
        raise Problem(404, "UNKNOWN_SYMBOL", f"no market {exchange!r} told its book of {symbol}")
    found, count = view.depths[key], depth_wanted(request)
    return answers.answer(
        {
            "symbol": symbol,
            "exchange": exchange or None,
            "sequence": row.sequence,
            "synchronised": row.is_synchronised,
            "crossed": found.is_crossed,
            "at": time_text(row.changed_at),
            "bids": [[text(price), text(units)] for price, units in found.bids.top(count)],
            "asks": [[text(price), text(units)] for price, units in found.asks.top(count)],
        }
    )


async def candles(request: web.Request) -> web.Response:
    """GET /api/v1/candles?symbol=&interval=1m&from=&to=&limit=: bars in order of time, the open one included.

    Without `from` the last ones. `final` says that no tick can change the bar any more.
    """
    symbol = request.query.get("symbol")
    if symbol is None:
        raise Problem(400, "MISSING_FIELD", "symbol is missing", field="symbol")
    name = request.query.get("interval", "1m")
    if name not in INTERVAL_NAMES:
        raise Problem(400, "BAD_VALUE", f"interval is one of {', '.join(INTERVAL_NAMES)}", field="interval")
    rows = shards().of(symbol).rows
    if rows["series"].get(symbol) is None:
        raise Problem(404, "UNKNOWN_SYMBOL", f"nobody told prices of {symbol}")
    begin, end = period_wanted(request)
    found = list(bars(rows, symbol, INTERVAL_NAMES.index(name), begin, end))
    limit = limit_wanted(request)
    found = found[-limit:] if begin is None else found[:limit]
    return answers.answer({"symbol": symbol, "interval": name, "candles": [candle(*each) for each in found]})


def period_wanted(request: web.Request) -> tuple[int | None, int | None]:
    """`from` and `to`, where they are given."""
    query = request.query
    begin, end = (clock.moment(field, query[field]) if field in query else None for field in ("from", "to"))
    return begin, end


def limit_wanted(request: web.Request) -> int:
    """How many are wanted at most."""
    try:
        limit = int(request.query.get("limit", CANDLES_DEFAULT))
    except ValueError as error:
        raise Problem(400, "BAD_LIMIT", "limit is a number") from error
    if not 1 <= limit <= CANDLES_MAX:
        raise Problem(400, "BAD_LIMIT", f"limit lies between 1 and {CANDLES_MAX}")
    return limit


def bars(
    rows: Any, symbol: str, level: int, begin: int | None, end: int | None
) -> Iterator[tuple[int, Pane, int, bool]]:
    """Start, contents, revision, and whether the bar is final: of those that lie within."""
    levels = open_levels(rows["series"], rows["windows"], symbol)
    open_panes = dict(contents_of_all(levels)[level])
    revisions = {window.start: window.revision for window in levels[level]}
    size = INTERVALS[level]
    newest = max(open_panes, default=clock.now() // size * size)
    first = newest - (BARS_KEPT[level] - 1) * size
    first = max(first, 0 if begin is None else begin + -begin % size)
    last = newest if end is None else min(newest, (end - 1) // size * size)
    for start in range(first, last + 1, size):
        if start in open_panes:
            if open_panes[start].ticks:
                yield start, open_panes[start], revisions[start], False
            continue
        bar = rows["bars"].get(bar_key(symbol, level, start))
        if bar is not None and bar.start == start:
            yield start, bar.pane, bar.revision, True


def candle(start: int, pane: Pane, revision: int, is_final: bool) -> dict[str, Any]:
    """One bar."""
    return {"start": time_text(start)} | shown(pane) | {"revision": revision, "final": is_final}


def shown(pane: Pane) -> dict[str, Any]:
    """What a stretch of time saw."""
    return {
        "open": text(pane.open),
        "high": text(pane.high),
        "low": text(pane.low),
        "close": text(pane.close),
        "volume": text(pane.volume),
        "vwap": text_or_none(pane.vwap),
        "ticks": pane.ticks,
    }


gateway.follow(view)
router.add_get("/api/v1/quotes", quotes)
router.add_get("/api/v1/quotes/{symbol}", quote)
router.add_get("/api/v1/candles", candles)
router.add_get("/api/v1/depth/{symbol}", depth)
