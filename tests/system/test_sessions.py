"""An instrument of the New York Stock Exchange takes orders from 9:30 to 16:00 there, in winter and in summer.

It may open and close with an auction.
"""

from typing import Any

from system import System

LISTING = {"symbol": "STOCK", "instrument_type": "equity", "base": "STK", "quote": "USD", "tick": "0.01", "lot": "1"}
ORDER = {"account_id": "ann", "symbol": "STOCK", "side": "buy", "qty": "1", "type": "limit", "limit_price": "1"}


async def at(system: System, now: str) -> None:
    await system.post("/api/v1/admin/clock", {"now": now}, 200)


async def outcome(system: System, **more: Any) -> str:
    """What becomes of an order that is placed now."""
    placed = await system.post("/api/v1/orders", ORDER | more, 201)

    async def has_one() -> Any:
        order = await system.get(f"/api/v1/orders/{placed['order_id']}")
        return order if order["status"] in ("OPEN", "REJECTED") else None

    order = await system.eventually(has_one)
    return str(order["reason_code"] or order["status"])


async def told(system: System, session: str) -> dict[str, Any]:
    """The book, once it knows of this session."""

    async def knows() -> Any:
        found = await system.get("/api/v1/orderbook/STOCK")
        return found if found["session"] and found["session"]["session"] == session else None

    found: dict[str, Any] = await system.eventually(knows)
    return found


async def test_orders_are_taken_while_the_exchange_is_open(fresh_system: System) -> None:
    system = fresh_system
    await system.deposit("ann", "USD", "1000")
    await at(system, "2027-01-04T11:00:00Z")
    status, problem = await system.ask("POST", "/api/v1/admin/instruments", LISTING | {"calendar": "NOWHERE"})
    assert (status, problem["code"]) == (422, "UNKNOWN_CALENDAR")
    await system.post("/api/v1/admin/instruments", LISTING | {"calendar": "XNYS"})
    for session, opens, closes in (
        ("2027-01-04", "2027-01-04T14:30:00", "2027-01-04T21:00:00"),
        ("2027-07-06", "2027-07-06T13:30:00", "2027-07-06T20:00:00"),
    ):
        await at(system, f"{session}T12:00:00Z")
        book = await told(system, session)
        assert (book["phase"], book["session"]["opens_at"]) == ("closed", f"{opens}.000000Z")
        before = opens.replace("30:00", "29:59")
        await at(system, f"{before}.999Z")
        assert await outcome(system) == "MARKET_CLOSED"
        await at(system, f"{opens}Z")
        assert await outcome(system, time_in_force="day") == "OPEN"
        await at(system, f"{closes}Z")
        assert await outcome(system) == "MARKET_CLOSED"
    orders = (await system.get("/api/v1/orders?account_id=ann"))["orders"]
    assert [order["status"] for order in orders] == ["REJECTED", "EXPIRED", "REJECTED"] * 2
    facts = {event["_message"] for event in await system.records("book-events")}
    assert facts >= {"SessionScheduled", "SessionOpened", "SessionClosed", "HolidayDeclared"}
    assert await outcome(system, symbol="PUBLIC") == "OPEN", "no calendar: at all times"
    await system.conserved()


async def indicated(system: System) -> tuple[str, str, str]:
    """What the auction would bring, once it says so."""

    async def is_indicated() -> Any:
        auction = (await system.get("/api/v1/orderbook/STOCK"))["auction"]
        return auction if auction and auction["indicative_price"] else None

    auction = await system.eventually(is_indicated)
    return auction["kind"], auction["indicative_price"], auction["matched_qty"]


async def ended(system: System) -> list[tuple[str, str, str]]:
    """What became of the orders that were taken, once none is open."""

    async def are_done() -> Any:
        orders = (await system.get("/api/v1/orders?symbol=STOCK"))["orders"]
        found = [(order["time_in_force"], order["status"], order["filled_qty"]) for order in orders]
        return None if {"OPEN", "RISK_APPROVED"} & {status for _, status, _ in found} else found

    return sorted(order for order in await system.eventually(are_done) if order[1] != "REJECTED")


async def test_a_session_opens_and_closes_with_an_auction_and_some_orders_are_for_one_of_them(
    fresh_system: System,
) -> None:
    system = fresh_system
    await system.deposit("ann", "USD", "1000")
    await system.deposit("bob", "STK", "100")
    await at(system, "2027-01-04T12:00:00Z")
    status, problem = await system.ask("POST", "/api/v1/orders", ORDER | {"symbol": "PUBLIC", "time_in_force": "cls"})
    assert (status, problem["code"]) == (422, "NO_AUCTION")
    auctions = {"calendar": "XNYS", "opening_auction_s": "1800", "closing_auction_s": "600"}
    listed = await system.post("/api/v1/admin/instruments", LISTING | auctions)
    assert listed["opening_auction_s"] == "1800"
    book = await told(system, "2027-01-04")
    assert book["session"]["pre_open_at"] == "2027-01-04T14:00:00.000000Z"
    await system.post("/api/v1/orders", ORDER | {"qty": "3", "limit_price": "1.02", "time_in_force": "opg"})
    sale = {"account_id": "bob", "side": "sell", "qty": "2", "limit_price": "1"}
    await system.post("/api/v1/orders", ORDER | sale | {"time_in_force": "cls"})
    await at(system, "2027-01-04T14:00:00Z")
    await system.post("/api/v1/orders", ORDER | sale)
    await at(system, "2027-01-04T14:00:01Z")
    assert await indicated(system) == ("opening", "1.02", "2")
    await at(system, "2027-01-04T14:30:00Z")
    at_the_close = {"account_id": "ann", "symbol": "STOCK", "side": "buy", "qty": "1", "type": "market"}

    async def has_last() -> Any:
        return (await system.ask("POST", "/api/v1/orders", at_the_close | {"time_in_force": "cls"}))[0] == 201

    await system.eventually(has_last)
    await at(system, "2027-01-04T20:50:00Z")
    await at(system, "2027-01-04T21:00:00Z")
    assert await ended(system) == [
        *(("cls", "EXPIRED", "1"), ("cls", "FILLED", "1")),
        *(("gtc", "FILLED", "2"), ("opg", "EXPIRED", "2")),
    ]
    trades = (await system.get("/api/v1/trades?symbol=STOCK"))["trades"]
    assert [(trade["price"], trade["quantity"]) for trade in trades] == [("1.02", "2"), ("1", "1")]
    await system.conserved()
