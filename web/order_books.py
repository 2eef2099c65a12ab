"""Books, trades and instruments."""

from typing import Any

from aiohttp import web

from app.main import app
from domain.instruments import Instrument
from domain.trades import TradeRow
from web import answers
from web.answers import time_text
from web.gateway import cut, opened, page_of
from web.numbers import text, text_or_none
from web.problems import Problem
from web.views import in_order

router = app.http.router

DEPTH_DEFAULT, DEPTH_MAX = 20, 1000


async def order_book(request: web.Request) -> web.Response:
    """GET /api/v1/orderbook/{symbol}?depth=: levels of price, best first."""
    gateway, symbol = opened(), request.match_info["symbol"]
    if instrument(symbol) is None:
        raise Problem(404, "UNKNOWN_SYMBOL", f"no instrument {symbol}")
    bids, asks = gateway.books_view.depths[symbol].top(depth_wanted(request))
    return answers.answer(
        state(symbol)
        | {
            "bids": [[text(price), text(units)] for price, units in bids],
            "asks": [[text(price), text(units)] for price, units in asks],
        }
    )


def depth_wanted(request: web.Request) -> int:
    """How many levels a side."""
    try:
        depth = int(request.query.get("depth", DEPTH_DEFAULT))
    except ValueError as error:
        raise Problem(400, "BAD_LIMIT", "depth is a number") from error
    if not 1 <= depth <= DEPTH_MAX:
        raise Problem(400, "BAD_LIMIT", f"depth lies between 1 and {DEPTH_MAX}")
    return depth


def state(symbol: str) -> dict[str, Any]:
    """How a book trades now."""
    gateway = opened()
    return answers.book_state(symbol, gateway.books.of(symbol).rows, gateway.books_view.depths[symbol].sequence)


def instrument(symbol: str) -> Instrument | None:
    """A listed instrument."""
    found: Instrument | None = opened().books.of(symbol).rows["instruments"].get(symbol)
    return found


async def trades(request: web.Request) -> web.Response:
    """GET /api/v1/trades?symbol=&limit=&cursor=: in the order in which they happened."""
    rows, following = trades_page(request)
    return answers.answer({"trades": [answers.trade(row) for row in rows], "next": following})


def trades_page(request: web.Request) -> tuple[list[TradeRow], str | None]:
    """One page of trades, and the cursor of the next one."""
    gateway = opened()
    limit, positions = page_of(request)
    symbol = request.query.get("symbol")

    def row(partition: int, key: str) -> TradeRow | None:
        found: TradeRow | None = gateway.books.replicas[partition].rows["trades"].get(key)
        return found if found is not None and symbol in (None, found.symbol) else None

    sequences = dict(gateway.books_view.trades)
    return cut(in_order(sequences, positions, row, lambda trade: trade.executed_at), limit, positions)


async def instruments(_request: web.Request) -> web.Response:
    """GET /api/v1/instruments."""
    found: list[dict[str, Any]] = []
    for replica in opened().books.replicas:
        found += [listing(row) for _, row in replica.rows["instruments"].scan()]
    return answers.answer({"instruments": sorted(found, key=lambda entry: str(entry["symbol"]))})


def listing(row: Instrument) -> dict[str, Any]:
    """An instrument, decimals as strings."""
    return {
        "symbol": row.symbol,
        "instrument_type": row.instrument_type.value,
        "base": row.base,
        "quote": row.quote,
        "tick": text(row.tick),
        "tick_from_one": text_or_none(row.tick_from_one),
        "lot": text(row.lot),
        "multiplier": text(row.multiplier),
        "maker_fee_rate": text(row.maker_fee_rate),
        "taker_fee_rate": text(row.taker_fee_rate),
        "venue": row.venue.value,
        "quantity_max": text_or_none(row.quantity_max),
        "notional_max": text_or_none(row.notional_max),
        "exchange": row.exchange,
        "underlying": row.underlying,
        "expires_at": time_text(row.expires_at) if row.expires_at else None,
        "strike": text_or_none(row.strike),
        "right": row.option_right.value,
        "calendar": row.calendar or None,
        "allocation": row.allocation.value.lower(),
        "opening_auction_s": text_or_none(row.opening_auction_ns or None),
        "closing_auction_s": text_or_none(row.closing_auction_ns or None),
    }


router.add_get("/api/v1/orderbook/{symbol}", order_book)
router.add_get("/api/v1/trades", trades)
router.add_get("/api/v1/instruments", instruments)
