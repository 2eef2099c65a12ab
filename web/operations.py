"""What an operator does with a book: halts, auctions, price bands, the end of a session, cancelling all orders."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from app.main import app
from schemas.accounts import CancelOpenOrders
from schemas.enums import AuctionKind, Side, TradingPhase, Venue
from schemas.order_books import (
    CancelAllOrders,
    ChangePhase,
    EndSession,
    RearmBreaker,
    SetBreaker,
    SetPriceBand,
    SetReferencePrices,
)
from schemas.wire import NANOS
from web import answers, cancelling, orders
from web.commands import is_taken, place_in_line, send
from web.gateway import opened
from web.ids import new_id
from web.numbers import nanos, nanos_or_none, parse
from web.order_books import instrument, state
from web.problems import Problem
from web.seeding import envelope

router = app.http.router

PHASES = {
    phase.value.lower(): phase for phase in TradingPhase if phase not in (TradingPhase.UNKNOWN, TradingPhase.CLOSED)
}
KINDS = {kind.value.lower(): kind for kind in AuctionKind if kind is not AuctionKind.UNKNOWN}
REOPENING_AUCTION_NS = 5 * NANOS
"""How long orders gather before a halted book trades on."""
PAUSE_NS = 300 * NANOS
"""How long orders gather after a breaker tripped."""
LENGTH_NS_MAX = 86_400 * NANOS
SIDES = {"buy": Side.BUY, "sell": Side.SELL}


async def change_phase(request: web.Request) -> web.Response:
    """POST /api/v1/admin/phases {symbol, phase, auction_s, kind}: continuous, auction or halted; of all without symbol.

    An auction ends with an uncross: after `auction_s` seconds, or where it has none when continuous is asked for. What
    is halted goes on through an auction, of a few seconds where not said otherwise.
    """
    body = parse(await request.read())
    phase = orders.word("phase", orders.required(body, "phase")[0], PHASES)
    kind = orders.word("kind", body.get("kind", "intraday"), KINDS)
    usual = REOPENING_AUCTION_NS if phase is TradingPhase.CONTINUOUS else 0
    length = usual if body.get("auction_s") is None else seconds("auction_s", body["auction_s"])
    if body.get("symbol") is None:
        return await _all_told(request, lambda symbol: ChangePhase(symbol, phase, kind, length, **envelope(new_id())))
    symbol = _listed(body["symbol"])
    breaker = opened().books.of(symbol).rows["breakers"].get(symbol)
    if breaker is not None and breaker.is_tripped:
        raise Problem(409, "BREAKER_TRIPPED", f"the breaker of {symbol} tripped: arm it again by breaker-rearms")
    return await _told(request, ChangePhase(symbol, phase, kind, length, **envelope(new_id())))


def seconds(field: str, value: Any) -> int:
    """Nanoseconds of so many seconds, which are not many."""
    found = nanos(field, value)
    if not 0 < found <= LENGTH_NS_MAX:
        raise Problem(400, "BAD_VALUE", f"{field} lies between 0 and {LENGTH_NS_MAX // NANOS} seconds", field=field)
    return found


async def set_price_band(request: web.Request) -> web.Response:
    """POST /api/v1/admin/price-bands {symbol, low, high}: where one is missing, limits may go as far as they like."""
    symbol, body = await _asked(request)
    low, high = nanos_or_none(body, "low"), nanos_or_none(body, "high")
    if low is not None and high is not None and low > high:
        raise Problem(400, "BAD_VALUE", "low is above high", field="low")
    return await _told(request, SetPriceBand(symbol=symbol, low=low, high=high, **envelope(new_id())))


async def set_breaker(request: web.Request) -> web.Response:
    """POST /api/v1/admin/breakers {symbol, limit, pause_s, rearm}: a trade so far from another one pauses trading.

    `limit` is a rate, 0.05 for 5 %; 0 takes the breaker away. Orders gather for `pause_s` seconds, 300 where not said
    otherwise, then the book reopens with them; where `rearm` is manual it is halted until it is armed again.
    """
    symbol, body = await _asked(request, "limit")
    limit, listed = nanos("limit", body["limit"]), instrument(symbol)
    if listed is not None and listed.venue is not Venue.INTERNAL:
        raise Problem(422, "UNSUPPORTED_VENUE", f"{symbol} has its prices from elsewhere, and no breaker here")
    if not 0 <= limit <= NANOS:
        raise Problem(400, "BAD_VALUE", "limit lies between 0 and 1", field="limit")
    command = SetBreaker(
        symbol=symbol,
        limit_rate=limit,
        pause_ns=PAUSE_NS if body.get("pause_s") is None else seconds("pause_s", body["pause_s"]),
        is_manual=orders.word("rearm", body.get("rearm", "auto"), {"auto": False, "manual": True}),
        **envelope(new_id()),
    )
    return await _told(request, command)


async def rearm_breaker(request: web.Request) -> web.Response:
    """POST /api/v1/admin/breaker-rearms {symbol, auction_s}: the book reopens, through an auction."""
    symbol, body = await _asked(request)
    length = REOPENING_AUCTION_NS if body.get("auction_s") is None else seconds("auction_s", body["auction_s"])
    return await _told(request, RearmBreaker(symbol=symbol, auction_ns=length, **envelope(new_id())))


async def end_session(request: web.Request) -> web.Response:
    """POST /api/v1/admin/session-ends {symbol}: orders for the day end."""
    symbol, _ = await _asked(request)
    return await _told(request, EndSession(symbol=symbol, **envelope(new_id())))


async def cancel_all(request: web.Request) -> web.Response:
    """POST /api/v1/admin/mass-cancels {symbol, account_id, side}: of everybody and both sides where not given."""
    symbol, body = await _asked(request)
    account_id = "" if body.get("account_id") is None else orders.name("account_id", body["account_id"])
    side = Side.UNKNOWN if body.get("side") is None else orders.word("side", body["side"], SIDES)
    with place_in_line():  # accounts have exits, perhaps, that are in no book yet
        asked = CancelOpenOrders(account_id, symbol, side, **envelope(new_id()))
        if account_id:
            await cancelling.asked(request, asked)
        elif not await cancelling.is_asked_of_everybody(asked):
            return answers.answer({"command_id": asked.command_id}, 202)
    return await _told(request, CancelAllOrders(symbol, account_id, side, **envelope(new_id())))


async def set_reference_prices(request: web.Request) -> web.Response:
    """POST /api/v1/admin/reference-prices {symbol, bid, bid_size, ask, ask_size, last}: as of a market elsewhere."""
    symbol, body = await _asked(request)
    prices = {name: nanos_or_none(body, name) for name in ("bid", "ask", "last", "bid_size", "ask_size")}
    for name, price in prices.items():
        if price is not None and price < 0:
            raise Problem(400, "BAD_PRICE", f"{name} is zero or more", field=name)
    if prices["bid"] and prices["ask"] and prices["bid"] > prices["ask"]:
        raise Problem(400, "CROSSED_QUOTE", "bid is above ask", field="bid")
    known = envelope(new_id())
    bid, ask, last, bid_size, ask_size = prices.values()
    command = SetReferencePrices(symbol, known["timestamp"], bid, ask, last, bid_size, ask_size, **known)
    return await _told(request, command)


async def _asked(request: web.Request, *fields: str) -> tuple[str, dict[str, Any]]:
    """The symbol of a listed instrument, and the body in which it came."""
    body = parse(await request.read())
    return _listed(orders.required(body, "symbol", *fields)[0]), body


def _listed(given: Any) -> str:
    """The symbol of a listed instrument."""
    symbol = orders.name("symbol", given)
    if instrument(symbol) is None:
        raise Problem(404, "UNKNOWN_SYMBOL", f"no instrument {symbol}")
    return symbol


async def _told(request: web.Request, command: Any) -> web.Response:
    """How the book is once it has taken the command; 202 where it has not yet."""
    replica = opened().books.of(command.symbol)
    with place_in_line():
        sent = await send("order_books", command.symbol, command, request)
        if not await is_taken(replica, sent):
            return answers.answer({"command_id": command.command_id}, 202)
    return answers.answer(state(command.symbol))


async def _all_told(request: web.Request, command_of: Callable[[str], Any]) -> web.Response:
    """The same of all books: how each is; 202 where some have not taken the command yet."""
    books = opened().books
    symbols = sorted(symbol for replica in books.replicas for symbol, _ in replica.rows["instruments"].scan())
    with place_in_line():
        sent = await asyncio.gather(*(send("order_books", symbol, command_of(symbol), request) for symbol in symbols))
        taken = [await is_taken(books.of(symbol), each) for symbol, each in zip(symbols, sent, strict=True)]
    return answers.answer({"books": [state(symbol) for symbol in symbols]}, 200 if all(taken) else 202)


router.add_post("/api/v1/admin/phases", change_phase)
router.add_post("/api/v1/admin/price-bands", set_price_band)
router.add_post("/api/v1/admin/breakers", set_breaker)
router.add_post("/api/v1/admin/breaker-rearms", rearm_breaker)
router.add_post("/api/v1/admin/session-ends", end_session)
router.add_post("/api/v1/admin/reference-prices", set_reference_prices)
router.add_post("/api/v1/admin/mass-cancels", cancel_all)
