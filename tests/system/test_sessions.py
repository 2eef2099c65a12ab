"""An instrument of the New York Stock Exchange takes orders from 9:30 to 16:00 there, in winter and in summer."""

from typing import Any

from system import System

LISTING = {"symbol": "STOCK", "instrument_type": "equity", "base": "STK", "quote": "USD", "tick": "0.01", "lot": "1"}


async def at(system: System, now: str) -> None:
    await system.post("/api/v1/admin/clock", {"now": now}, 200)


async def outcome(system: System, **more: Any) -> str:
    """What becomes of an order that is placed now."""
    body = {"account_id": "ann", "symbol": "STOCK", "side": "buy", "qty": "1", "type": "limit", "limit_price": "1"}
    placed = await system.post("/api/v1/orders", body | more, 201)

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

    found: dict[str, Any] = await system.eventually(knows, within_s=20)
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
