"""Inquiries by REST: asking, quoting, answering."""

from typing import Any

from aiohttp import web

from app.exactly_once.replica import Replica
from app.main import app
from domain.inquiry_rows import Answer, Inquiry
from domain.names import NAME_LENGTH_MAX
from schemas.enums import (
    DealerDecision,
    InquiryReason,
    InquiryResponse,
    InquirySide,
    InquiryStatus,
    PriceType,
    SecurityType,
    Side,
)
from schemas.inquiries import DecideInquiry, OpenInquiry, QuoteInquiry, RespondToInquiry
from web import answers, clock, inquiry_answers, orders
from web.commands import is_taken, place_in_line, send, wants_no_answer
from web.gateway import opened
from web.ids import id_of_key, new_id
from web.inquiry_reads import BASE, find
from web.numbers import nanos, nanos_or_none, parse, whole_number
from web.problems import Problem

router = app.http.router

SIDES = {side.value.lower(): side for side in InquirySide if side is not InquirySide.UNKNOWN}
TRADE_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
PRICE_TYPES = {kind.value.lower(): kind for kind in PriceType if kind is not PriceType.UNKNOWN}
SECURITY_TYPES = {kind.value.lower(): kind for kind in SecurityType if kind is not SecurityType.UNKNOWN}
TEXTS = ("client_tier", "trader", "isin", "currency", "settle_date", "source")
CLOCKS = {"due_time": "due_at", "firm_until": "firm_until", "expire_time": "expires_at"}
ASKED = ("inquiry_id", "client_id", "book_id", "instrument_id", "side", "qty", "price", "price_type", "security_type")
PARTIES = ("client", "dealer")
AWAY = {name.lower(): InquiryResponse(name) for name in ("TIED", "COVERED", "TRADED_AWAY")}
UNKNOWN = frozenset({InquiryReason.UNKNOWN_INQUIRY})
CONFLICTS = frozenset(
    {
        InquiryReason.VERSION_CONFLICT,
        InquiryReason.FINISHED,
        InquiryReason.NOT_NOW,
        InquiryReason.NOT_YOUR_TURN,
        InquiryReason.DUPLICATE_INQUIRY_ID,
    }
)


async def ask(request: web.Request) -> web.Response:
    """POST /api/v1/inquiries {client_id, book_id, instrument_id, side, qty, price, …}: the answer is the desk's."""
    body = parse(await request.read())
    orders.only(body, *ASKED, *TEXTS, *CLOCKS.values(), "competition")
    client_id, book_id, instrument_id, side, qty = orders.required(
        body, "client_id", "book_id", "instrument_id", "side", "qty"
    )
    client_id = orders.name("client_id", client_id)
    key = request.headers.get("Idempotency-Key")
    given = body.get("inquiry_id")
    if given is not None:
        inquiry_id = orders.name("inquiry_id", given)
    else:
        inquiry_id = new_id() if key is None else id_of_key("inquiry", client_id, key)
    command = OpenInquiry(
        inquiry_id=inquiry_id,
        client_id=client_id,
        book_id=orders.name("book_id", book_id),
        instrument_id=orders.name("instrument_id", instrument_id),
        client_side=orders.word("side", side, SIDES),
        quantity=nanos("qty", qty),
        requested_price=nanos_or_none(body, "price"),
        price_type=orders.word("price_type", body.get("price_type", "price"), PRICE_TYPES),
        security_type=orders.word("security_type", body.get("security_type", "equity"), SECURITY_TYPES),
        competition=_competition(body),
        **_details(body),
        **_envelope(f"open-{inquiry_id}"),
    )
    replica = await _sent(request, command)
    row = None if replica is None else replica.rows["inquiries"].get(inquiry_id)
    if replica is None or row is None:
        return answers.answer({"inquiry_id": inquiry_id}, 202)
    answer: Answer | None = replica.rows["answers"].get(command.command_id)
    if answer is not None and answer.reason_code is not None:
        raise _refused(answer.reason_code, row)
    if row.status is InquiryStatus.REJECTED and row.position_qty is None:
        raise _refused(row.reason_code, row)
    return answers.answer(inquiry_answers.inquiry(row), 201)


def _competition(body: dict[str, Any]) -> int | None:
    found = body.get("competition")
    number = None if found is None else whole_number(str(found))
    if found is not None and number is None:
        raise Problem(400, "BAD_TYPE", "competition is a whole number", field="competition")
    return number


def _details(body: dict[str, Any]) -> dict[str, Any]:
    """Texts and clocks, where they are given."""
    found: dict[str, Any] = {name: body[name] for name in TEXTS if body.get(name) is not None}
    for name, value in found.items():
        if not isinstance(value, str) or len(value) > NAME_LENGTH_MAX:
            raise Problem(400, "TOO_LONG", f"{name} is a text of at most {NAME_LENGTH_MAX} characters", field=name)
    clocks = {name: clock.moment(field, body[field]) for name, field in CLOCKS.items() if body.get(field)}
    return {"source": "rest"} | found | clocks


def _envelope(command_id: str) -> dict[str, Any]:
    return {
        "event_id": command_id,
        "command_id": command_id,
        "correlation_id": command_id,
        "actor_id": orders.ACTOR,
        "timestamp": clock.now(),
    }


async def _sent(request: web.Request, command: Any) -> Replica | None:
    """Sends a command to the shard of its book and instrument -> the shard's replica; None where there is no answer."""
    key = f"{command.book_id}|{command.instrument_id}"
    with place_in_line():
        sent = await send("inquiries", key, command, request)
        replica = opened().inquiries.of(key)
        return None if wants_no_answer(request) or not await is_taken(replica, sent) else replica


def _refused(reason: InquiryReason | None, row: Inquiry | None) -> Problem:
    """A refusal says how the inquiry is now."""
    assert reason is not None
    status = 404 if reason in UNKNOWN else 409 if reason in CONFLICTS else 422
    extra = {} if row is None else {"inquiry_id": row.inquiry_id, "inquiry": inquiry_answers.inquiry(row)}
    words = reason.value.lower().replace("_", " ")
    return Problem(status, reason.value, f"inquiry {'' if row is None else row.inquiry_id}: {words}", **extra)


async def quote(request: web.Request) -> web.Response:
    """POST /api/v1/inquiries/{id}/quote {bid, ask, qty, firm_until, expected_version}: firm; again, it is a requote."""
    row, body = await _about(request, "bid", "ask", "qty", "firm_until")
    command = QuoteInquiry(
        row.inquiry_id,
        row.book_id,
        row.instrument_id,
        nanos_or_none(body, "bid"),
        nanos_or_none(body, "ask"),
        nanos_or_none(body, "qty"),
        clock.moment("firm_until", body["firm_until"]) if body.get("firm_until") else 0,
        **_asked_at(request, body),
    )
    return await _done(request, command)


async def _about(request: web.Request, *fields: str) -> tuple[Inquiry, dict[str, Any]]:
    data = await request.read()
    body = parse(data) if data else {}
    orders.only(body, *fields, "expected_version")
    return find(request.match_info["inquiry_id"]), body


def _asked_at(request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
    """The version that the sender saw, and the envelope."""
    version = whole_number(str(body.get("expected_version", 0)))
    if version is None:
        raise Problem(400, "BAD_TYPE", "expected_version is a whole number", field="expected_version")
    key = request.headers.get("Idempotency-Key")
    command_id = new_id() if key is None else id_of_key("inquiry", request.path, key)
    return {"expected_version": version} | _envelope(command_id)


async def _done(request: web.Request, command: Any) -> web.Response:
    """Waits for the desk's answer. Raises Problem where it refuses."""
    replica = await _sent(request, command)
    answer: Answer | None = None if replica is None else replica.rows["answers"].get(command.command_id)
    if replica is None or answer is None:
        return answers.answer({"inquiry_id": command.inquiry_id, "command_id": command.command_id}, 202)
    row = replica.rows["inquiries"].get(command.inquiry_id)
    if answer.reason_code is not None:
        raise _refused(answer.reason_code, row)
    assert row is not None
    return answers.answer(inquiry_answers.inquiry(row))


def _response(row: Inquiry, response: InquiryResponse, request: web.Request, body: dict[str, Any]) -> RespondToInquiry:
    side = orders.word("side", body["side"], TRADE_SIDES) if body.get("side") else Side.UNKNOWN
    return RespondToInquiry(
        row.inquiry_id,
        row.book_id,
        row.instrument_id,
        response,
        side,
        nanos_or_none(body, "price"),
        nanos_or_none(body, "cover_price"),
        **_asked_at(request, body),
    )


def _decision(row: Inquiry, decision: DealerDecision, request: web.Request, body: dict[str, Any]) -> DecideInquiry:
    price = nanos_or_none(body, "price")
    key = (row.inquiry_id, row.book_id, row.instrument_id)
    return DecideInquiry(*key, decision, price, **_asked_at(request, body))


async def accept(request: web.Request) -> web.Response:
    """POST /api/v1/inquiries/{id}/accept {by, side}: the client takes the quote, or the dealer the client's price."""
    return await _by_either(request, InquiryResponse.ACCEPT, DealerDecision.ACCEPT)


async def counter(request: web.Request) -> web.Response:
    """POST /api/v1/inquiries/{id}/counter {by, price, side}: the one or the other names another price."""
    return await _by_either(request, InquiryResponse.COUNTER, DealerDecision.COUNTER)


async def _by_either(request: web.Request, response: InquiryResponse, decision: DealerDecision) -> web.Response:
    row, body = await _about(request, "by", "side", "price")
    party = orders.word("by", body.get("by", "client"), dict(zip(PARTIES, PARTIES, strict=True)))
    if party == "client":
        return await _done(request, _response(row, response, request, body))
    return await _done(request, _decision(row, decision, request, body))


async def traded_away(request: web.Request) -> web.Response:
    """POST /api/v1/inquiries/{id}/traded-away {outcome, cover_price}: the client dealt with somebody else."""
    row, body = await _about(request, "outcome", "cover_price")
    response = orders.word("outcome", body.get("outcome", "traded_away"), AWAY)
    return await _done(request, _response(row, response, request, body))


def _says(response: InquiryResponse) -> Any:
    async def handle(request: web.Request) -> web.Response:
        row, body = await _about(request)
        return await _done(request, _response(row, response, request, body))

    return handle


def _decides(decision: DealerDecision) -> Any:
    async def handle(request: web.Request) -> web.Response:
        row, body = await _about(request)
        return await _done(request, _decision(row, decision, request, body))

    return handle


ACTIONS = {
    "quote": quote,
    "requote": quote,
    "accept": accept,
    "counter": counter,
    "traded-away": traded_away,
    "reject": _says(InquiryResponse.REJECT),
    "cancel": _says(InquiryResponse.CANCEL),
    "pass": _decides(DealerDecision.PASS),
    "withdraw": _decides(DealerDecision.WITHDRAW),
    "take-over": _decides(DealerDecision.TAKE_OVER),
}
router.add_post(BASE, ask)
for action, handler in ACTIONS.items():
    router.add_post(f"{BASE}/{{inquiry_id}}/{action}", handler)
