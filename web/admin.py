"""What an operator may do, and tests: deposits, instruments; in the test profile the clock and a clean sheet."""

import asyncio
from typing import Any

from aiohttp import web

from app.main import app
from app.settings import Profile
from domain.account_rows import Outcome
from domain.ledger import body_of
from schemas.accounts import DepositFunds, ResetAccounts, WithdrawFunds
from schemas.enums import Allocation, InstrumentType, OptionRight, Venue
from schemas.order_books import ListInstrument
from schemas.shared import Tick
from web import answers, calendars, clock, orders, seeding
from web.commands import happens, is_taken, place_in_line, send, send_to_all
from web.gateway import opened
from web.ids import id_of_key, new_id
from web.numbers import nanos, nanos_or_none, parse
from web.operations import seconds
from web.order_books import instrument, listing
from web.problems import Problem, refused
from web.seeding import envelope, listed

router = app.http.router

ALLOCATIONS = {"price_time": Allocation.PRICE_TIME, "pro_rata": Allocation.PRO_RATA}

RIGHTS = {right.value.lower(): right for right in OptionRight if right is not OptionRight.UNKNOWN}


async def deposit(request: web.Request) -> web.Response:
    """POST /api/v1/admin/deposits {account_id, asset, amount}; opens the account. `withdrawals` the other way round."""
    body = parse(await request.read())
    account, asset, amount = orders.required(body, "account_id", "asset", "amount")
    account_id, asset = orders.name("account_id", account), orders.name("asset", asset)
    kind = WithdrawFunds if request.path.endswith("withdrawals") else DepositFunds
    key = request.headers.get("Idempotency-Key")
    command_id = new_id() if key is None else id_of_key(kind.__name__, account_id, key)
    command = kind(account_id=account_id, asset=asset, amount=nanos("amount", amount), **envelope(command_id))
    if not await is_done(request, command):
        return answers.answer({"command_id": command_id}, 202)
    row = opened().accounts_view.assets_of(opened().accounts.number_of(account_id), account_id)[asset]
    return answers.answer({"account_id": account_id} | answers.balance(asset, row), 201)


async def is_done(request: web.Request, command: Any) -> bool:
    """Waits for the account's answer; false where it takes too long. Raises Problem where the account refuses."""
    replica = opened().accounts.of(command.account_id)
    with place_in_line():
        sent = await send("accounts", command.account_id, command, request)
        if not await is_taken(replica, sent):
            return False
    outcome: Outcome | None = replica.rows["outcomes"].get(command.command_id)
    if outcome is not None and outcome.body and outcome.body != body_of(command):
        raise orders.key_reused()
    if outcome is not None and outcome.reason_code is not None:
        raise refused(outcome.reason_code, f"{type(command).__name__} of {command.account_id}: {outcome.reason_code}")
    return True


async def list_instrument(request: web.Request) -> web.Response:
    """POST /api/v1/admin/instruments {symbol, base, quote, tick, lot, …}: may be traded once the answer is there.

    `venue` is internal, sim, or else the name of the exchange to which orders go.
    """
    body = parse(await request.read())
    symbol, base, quote, tick, lot = orders.required(body, "symbol", "base", "quote", "tick", "lot")
    venue, exchange = _venue_of(body)
    kinds = {kind.value.lower(): kind for kind in InstrumentType if kind is not InstrumentType.UNKNOWN}
    command = ListInstrument(
        symbol=orders.name("symbol", symbol),
        instrument_type=orders.word("instrument_type", body.get("instrument_type", "spot"), kinds),
        base=orders.name("base", base),
        quote=orders.name("quote", quote),
        tick=nanos("tick", tick),
        lot=nanos("lot", lot),
        multiplier=nanos("multiplier", body.get("multiplier", "1")),
        maker_fee_rate=nanos("maker_fee_rate", body.get("maker_fee_rate", "0")),
        taker_fee_rate=nanos("taker_fee_rate", body.get("taker_fee_rate", "0")),
        venue=venue,
        quantity_max=nanos_or_none(body, "quantity_max"),
        notional_max=nanos_or_none(body, "notional_max"),
        exchange=exchange,
        underlying=orders.name("underlying", body["underlying"]) if body.get("underlying") else "",
        expires_at=clock.moment("expires_at", body["expires_at"]) if body.get("expires_at") else 0,
        strike=nanos_or_none(body, "strike"),
        option_right=orders.word("right", body.get("right", "none"), RIGHTS),
        calendar=await calendar_of(body),
        allocation=orders.word("allocation", body.get("allocation", "price_time"), ALLOCATIONS),
        opening_auction_ns=_seconds_of(body, "opening_auction_s"),
        closing_auction_ns=_seconds_of(body, "closing_auction_s"),
        tick_from_one=nanos_or_none(body, "tick_from_one"),
        **envelope(new_id()),
    )
    fault = await listed(command)
    if fault is not None:
        raise fault
    found = instrument(command.symbol)
    assert found is not None
    return answers.answer(listing(found), 201)


def _seconds_of(body: dict[str, Any], field: str) -> int:
    """Nanoseconds of so many seconds; zero where the body does not say."""
    return seconds(field, body[field]) if body.get(field) else 0


def _venue_of(body: dict[str, Any]) -> tuple[Venue, str]:
    """-> venue, and the exchange that the body names as such, or as the venue."""
    name = orders.name("venue", body.get("venue", "internal"))
    exchange = orders.name("exchange", body["exchange"]) if body.get("exchange") else ""
    ours = {venue.value: venue for venue in (Venue.INTERNAL, Venue.SIM)}
    venue = ours.get(name.upper(), Venue.EXTERNAL)
    return venue, exchange or (name if venue is Venue.EXTERNAL else "")


async def calendar_of(body: dict[str, Any]) -> str:
    """The session calendar; empty where none is asked for."""
    found = body.get("calendar")
    if found is None:
        return ""
    name = orders.name("calendar", found)
    if not await asyncio.to_thread(calendars.is_known, name):
        raise Problem(422, "UNKNOWN_CALENDAR", f"no session calendar {name}", field="calendar")
    return name


async def set_clock(request: web.Request) -> web.Response:
    """POST /api/v1/admin/clock {now}: time stands still there, until it is moved on."""
    (text,) = orders.required(parse(await request.read()), "now")
    now = clock.moment("now", text)
    if clock.is_by_hand() and now < clock.now():
        raise Problem(422, "CLOCK_GOES_BACK", "time never goes back")
    clock.set_by_hand(now)
    for noun in ("accounts", "order_books", "positions", "inquiries"):
        await send_to_all(noun, Tick(is_manual=True, **envelope(new_id())))
    return answers.answer({"now": answers.time_text(now)})


async def reset(_request: web.Request) -> web.Response:
    """POST /api/v1/admin/reset {}: cancels every order and takes every balance back, by events like any other."""
    gateway = opened()
    reset_id = new_id()
    clock.set_by_hand(None)
    sources = gateway.books.count + gateway.inquiries.count  # whoever trades
    await send_to_all("accounts", ResetAccounts(reset_id=reset_id, source="", **envelope(reset_id)))
    for replica in gateway.accounts.replicas:

        def is_done(replica: Any = replica) -> bool:
            asked = sum(1 for _ in replica.rows["resets"].scan(f"{reset_id}|"))
            row = replica.rows["shard"].get("")
            return asked == sources and (row is None or row.reset_id != reset_id)

        if not await happens(replica, is_done):
            raise Problem(503, "ANSWER_UNKNOWN", "the reset did not end in time")
    for replica in gateway.positions.replicas:
        await happens(
            replica,
            lambda replica=replica: sum(1 for _ in replica.rows["resets"].scan(f"{reset_id}|")) == sources,  # type: ignore[misc]
        )
    await seeding.begin(reset_id)
    return answers.answer({"reset_id": reset_id})


router.add_post("/api/v1/admin/deposits", deposit)
router.add_post("/api/v1/admin/withdrawals", deposit)
router.add_post("/api/v1/admin/instruments", list_instrument)
if app.settings.profile is Profile.TEST:
    router.add_post("/api/v1/admin/clock", set_clock)
    router.add_post("/api/v1/admin/reset", reset)
