"""What an operator does with the desk: terms of the auto-trader, kill switches, reference prices by hand."""

from typing import Any

from aiohttp import web

from app.main import app
from domain import desk_terms
from domain.desk_terms import DEFAULT, DeskTerms
from schemas.enums import DeskPolicy
from schemas.inquiries import ReferencePrice, SetDeskSwitch, SetDeskTerms, TierMarkup, UpdateReferencePrices
from web import answers, clock, inquiry_answers, orders
from web.commands import is_taken, place_in_line, send_to_all
from web.gateway import opened
from web.ids import new_id
from web.inquiry_answers import CLOCKS, TERMS
from web.numbers import nanos, nanos_or_none, parse, whole_number
from web.problems import Problem
from web.seeding import envelope

router = app.http.router

POLICIES = {policy.value.lower(): policy for policy in DeskPolicy if policy is not DeskPolicy.UNKNOWN}


async def set_terms(request: web.Request) -> web.Response:
    """POST /api/v1/admin/auto-trader {book_id, instrument_id, is_on, policy, …}: a call lays down all terms.

    What is not given is as usual; without a book it holds for all that have no terms of their own. The horizon counts
    in the time that the volatility is for. With `volatility_window_s` of 300, 900 or 3600 that is the window: the
    volatility is the price times what it realised there, and the one given here holds where that is not known.
    """
    body = parse(await request.read())
    names = ("book_id", "instrument_id", "is_on", "policy", "tiers", "volatility_window_s")
    orders.only(body, *names, *TERMS, *CLOCKS.values())
    values = {name: getattr(DEFAULT, name) for name in TERMS}
    values |= {name: nanos(name, body[name]) for name in TERMS if body.get(name) is not None}
    values |= {
        of: getattr(DEFAULT, of) if body.get(name) is None else nanos(name, body[name]) for of, name in CLOCKS.items()
    }
    command = SetDeskTerms(
        book_id=_name_or_all(body, "book_id"),
        instrument_id=_name_or_all(body, "instrument_id"),
        is_auto=switch_of(body, default=True),
        policy=orders.word("policy", body.get("policy", "inventory"), POLICIES),
        tiers=_tiers(body),
        volatility_window_s=_window_of(body),
        **values,
        **envelope(new_id()),
    )
    fault = desk_terms.fault(command)
    if fault is not None:
        raise Problem(422, "BAD_VALUE", fault)
    await _told_to_all(command)
    row = desk_terms.terms_of(command)
    return answers.answer(inquiry_answers.terms(command.book_id, command.instrument_id, row), 201)


def _name_or_all(body: dict[str, Any], field: str) -> str:
    return orders.name(field, body[field]) if body.get(field) else ""


def switch_of(body: dict[str, Any], *, default: bool | None = None) -> bool:
    """Whether it is to be on."""
    found = body.get("is_on", default)
    if not isinstance(found, bool):
        raise Problem(400, "BAD_TYPE", "is_on is true or false", field="is_on")
    return found


def _window_of(body: dict[str, Any]) -> int:
    found = body.get("volatility_window_s")
    seconds = 0 if found is None else whole_number(str(found))
    if seconds is None:
        raise Problem(400, "BAD_TYPE", "volatility_window_s is a number of seconds", field="volatility_window_s")
    return seconds


def _tiers(body: dict[str, Any]) -> tuple[TierMarkup, ...]:
    found = body.get("tiers", {})
    if not isinstance(found, dict):
        raise Problem(400, "BAD_TYPE", "tiers are markups by the name of the class", field="tiers")
    return tuple(TierMarkup(orders.name("tiers", tier), nanos("tiers", markup)) for tier, markup in found.items())


async def _told_to_all(command: Any) -> None:
    """Waits until every shard of the desk has taken it."""
    with place_in_line():
        for sent in await send_to_all("inquiries", command):
            if not await is_taken(opened().inquiries.replicas[sent.partition], sent):
                raise Problem(503, "ANSWER_UNKNOWN", "not every shard of the desk answered in time")


async def show_terms(_request: web.Request) -> web.Response:
    """GET /api/v1/admin/auto-trader: all terms that were laid down, and kill switches that are on."""
    rows = opened().inquiries.replicas[0].rows
    laid_down: dict[str, DeskTerms] = dict(rows["terms"].scan())
    found = [_terms(key, row) for key, row in sorted(laid_down.items())]
    return answers.answer({"terms": found, "killed": [key or None for key, _ in rows["switches"].scan()]})


def _terms(key: str, row: DeskTerms) -> dict[str, Any]:
    book_id, _, instrument_id = key.partition("|")
    return inquiry_answers.terms(book_id, instrument_id, row)


async def set_switch(request: web.Request) -> web.Response:
    """POST /api/v1/admin/desk-switch {is_on, book_id}: on, it withdraws every quote and refuses what comes."""
    body = parse(await request.read())
    orders.only(body, "is_on", "book_id")
    command = SetDeskSwitch(is_on=switch_of(body), book_id=_name_or_all(body, "book_id"), **envelope(new_id()))
    await _told_to_all(command)
    return answers.answer({"book_id": command.book_id or None, "is_on": command.is_on})


async def set_price(request: web.Request) -> web.Response:
    """POST /api/v1/admin/desk-prices {instrument_id, mid, quoted_at, signal, volatility}: the market, by hand."""
    body = parse(await request.read())
    orders.only(body, "instrument_id", "mid", "quoted_at", "signal", "volatility")
    instrument_id, mid = orders.required(body, "instrument_id", "mid")
    price = ReferencePrice(
        orders.name("instrument_id", instrument_id),
        nanos("mid", mid),
        clock.moment("quoted_at", body["quoted_at"]) if body.get("quoted_at") else clock.now(),
        nanos_or_none(body, "signal"),
        nanos_or_none(body, "volatility"),
    )
    if price.mid <= 0 or (price.volatility is not None and price.volatility < 0):
        raise Problem(422, "BAD_PRICE", "mid is above zero, and volatility not below", field="mid")
    await _told_to_all(UpdateReferencePrices(prices=(price,), **envelope(new_id())))
    return answers.answer({"instrument_id": price.instrument_id, "mid": body["mid"]}, 201)


async def show_price(request: web.Request) -> web.Response:
    """GET /api/v1/admin/desk-prices/{instrument_id}: the market as the desk knows it."""
    instrument_id, rows = request.match_info["instrument_id"], opened().inquiries.replicas[0].rows
    price = rows["prices"].get(instrument_id)
    if price is None:
        raise Problem(404, "UNKNOWN_SYMBOL", f"the desk heard no price of {instrument_id}")
    return answers.answer(inquiry_answers.reference(price, rows["measures"].get(instrument_id)))


router.add_post("/api/v1/admin/auto-trader", set_terms)
router.add_get("/api/v1/admin/auto-trader", show_terms)
router.add_post("/api/v1/admin/desk-switch", set_switch)
router.add_post("/api/v1/admin/desk-prices", set_price)
router.add_get("/api/v1/admin/desk-prices/{instrument_id}", show_price)
