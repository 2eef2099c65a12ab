"""P10: five decisions of the auto-trader, worked out by hand; and what people may do in its place."""

from typing import Any

from desk_system import open_desk
from system import System

KEY = {"client_id": "cpt1", "book_id": "BOOK1", "instrument_id": "AAPL", "qty": "100"}
WORKED = {
    "policy": "inventory",
    "risk_aversion": "0.1",
    "volatility": "2",
    "arrival_decay": "1.5",
    "horizon": "1",
    "inventory_lot": "100",
    "counter_band": "0.50",
}


async def clock(system: System, second: float) -> None:
    await system.post("/api/v1/admin/clock", {"now": f"2030-01-01T00:00:{second:09.6f}Z"}, 200)


async def ask(system: System, side: str, price: str) -> dict[str, Any]:
    found = await system.post("/api/v1/inquiries", KEY | {"side": side, "price": price})
    assert isinstance(found, dict)
    return found


def about(inquiry: dict[str, Any], *fields: str) -> tuple[Any, ...]:
    return tuple(inquiry[field] for field in fields)


async def test_five_decisions_are_exact_and_their_records_show_every_number(fresh_system: System) -> None:
    system = fresh_system
    await clock(system, 0)
    await open_desk(system, "BOOK1", "cpt1", **WORKED)
    await system.post("/api/v1/admin/desk-prices", {"instrument_id": "AAPL", "mid": "100.00"})
    first = await ask(system, "buy", "101.00")
    assert about(first, "status", "outcome", "trade_price", "position_qty") == ("BOOKED", "DONE", "101", "0")
    second = await ask(system, "buy", "101.00")
    assert about(second, "status", "counter_price", "countered_by", "position_qty") == (
        *("COUNTERED", "101.25", "dealer", "-100"),
    )
    second = await system.post(f"/api/v1/inquiries/{second['inquiry_id']}/reject", {"expected_version": 3}, 200)
    assert about(second, "status", "outcome") == ("REJECTED", "REJECTED")
    third = await ask(system, "sell", "99.50")
    assert about(third, "outcome", "trade_price", "position_qty") == ("DONE", "99.5", "-100")
    fourth = await ask(system, "buy", "100.00")
    assert about(fourth, "status", "outcome", "reason_code") == ("REJECTED", "REJECTED", "PRICE_TOO_FAR")
    assert fourth["position_qty"] == "0"
    await clock(system, 2.000001)
    fifth = await ask(system, "buy", "101.00")
    assert about(fifth, "status", "outcome", "reason_code", "is_stale") == ("REJECTED", "PASSED", "STALE", True)
    await _check_records(system, [each["inquiry_id"] for each in (first, second, third, fourth, fifth)])
    await system.conserved()


async def _check_records(system: System, ids: list[str]) -> None:
    events = await system.records("inquiry-events")
    by_id = {each["inquiry_id"]: each for each in events if each["_message"] == "QuoteDecided"}
    records = [by_id[inquiry_id] for inquiry_id in ids]
    assert [each["action"] for each in records] == ["ACCEPT", "COUNTER", "ACCEPT", "REJECT", "PASS"]
    assert [each["half_spread"] and f"{each['half_spread']:.6f}" for each in records] == ["0.845385"] * 4 + [None]
    assert [each["inventory"] and int(each["inventory"]) for each in records] == [0, -1, -1, 0, None]
    assert [str(each["reservation_price"])[:5] for each in records[:4]] == ["100.0", "100.4", "100.4", "100.0"]
    assert [each["gap"] and f"{each['gap']:.2f}" for each in records] == ["-0.15", "0.25", "-0.05", "0.85", None]
    (terms,) = [each for each in events if each["_message"] == "DeskTermsChanged"]
    assert {each["config_hash"] for each in records} == {terms["config_hash"]}


async def test_with_the_auto_trader_off_people_quote_and_every_fault_has_its_code(fresh_system: System) -> None:
    system = fresh_system
    await open_desk(system, "BOOK1", "cpt1", is_on=False)
    asked = await system.post("/api/v1/inquiries", KEY | {"side": "two_way"}, 201)
    assert about(asked, "status", "is_auto", "book_side") == ("ENRICHED", False, "two_way")
    path = f"/api/v1/inquiries/{asked['inquiry_id']}"
    quoted = await system.post(f"{path}/quote", {"bid": "99.90", "ask": "100.10", "expected_version": 2}, 200)
    assert about(quoted, "status", "policy_id", "version") == ("QUOTED", "MANUAL", 3)
    for body, status, code in (
        ({"bid": "99.90", "ask": "100.10", "expected_version": 2}, 409, "VERSION_CONFLICT"),
        ({"bid": "99.905", "ask": "100.10"}, 422, "OFF_TICK"),
        ({"bid": "99.90", "ask": "100.1000000001"}, 400, "TOO_MANY_DECIMALS"),
        ({"bid": "99.90", "ask": "100.10", "qty": "101"}, 422, "BAD_QUANTITY"),
    ):
        answer = await system.ask("POST", f"{path}/requote", body)
        assert (answer[0], answer[1]["code"]) == (status, code), body
    countered = await system.post(f"{path}/counter", {"price": "100.05", "side": "buy"}, 200)
    assert about(countered, "status", "countered_by", "counter_side") == ("COUNTERED", "client", "buy")
    booked = await system.post(f"{path}/accept", {"by": "dealer"}, 200)
    assert about(booked, "outcome", "trade_price") == ("DONE", "100.05")
    late = await system.ask("POST", f"{path}/accept", {})
    assert (late[0], late[1]["code"], late[1]["inquiry"]["outcome"]) == (409, "FINISHED", "DONE")
    await _check_faults(system)
    figures = (await system.get("/api/v1/inquiries/statistics?by=client&window_s=600"))["groups"]["cpt1"]
    assert about(figures, "done", "hit_ratio", "volume", "value") == (1, "1", "100", "10005")
    listed = await system.get("/api/v1/inquiries?limit=1&book_id=BOOK1")
    assert [each["inquiry_id"] for each in listed["inquiries"]] == [asked["inquiry_id"]]
    following = await system.get(f"/api/v1/inquiries?book_id=BOOK1&limit=500&cursor={listed['next']}")
    assert asked["inquiry_id"] not in [each["inquiry_id"] for each in following["inquiries"]]
    assert (await system.get(f"/api/v1/inquiries/{asked['inquiry_number']}"))["inquiry_id"] == asked["inquiry_id"]


async def _check_faults(system: System) -> None:
    """What is wrong with an inquiry is said with a code, and nothing is done."""
    for change, status, code in (
        ({"book_id": "NOBOOK"}, 422, "UNKNOWN_BOOK"),
        ({"client_id": "nobody"}, 422, "UNKNOWN_CLIENT"),
        ({"instrument_id": "NONE"}, 422, "UNKNOWN_INSTRUMENT"),
        ({"qty": "0"}, 422, "BAD_QUANTITY"),
        ({"qty": "-1"}, 422, "BAD_QUANTITY"),
        ({"qty": "0.5"}, 422, "OFF_LOT"),
        ({"price": "1.0000000001"}, 400, "TOO_MANY_DECIMALS"),
        ({"side": "hold"}, 400, "BAD_VALUE"),
        ({"trader": "x" * 65}, 400, "TOO_LONG"),
        ({"client_id": "a|b"}, 400, "BAD_NAME"),
        ({"pric": "1"}, 400, "UNKNOWN_FIELD"),
        ({"expires_at": "2031-01-01T00:00:00Z", "due_at": "2031-01-01T00:00:01Z"}, 422, "BAD_CLOCKS"),
    ):
        answer = await system.ask("POST", "/api/v1/inquiries", KEY | {"side": "buy"} | change)
        assert (answer[0], answer[1]["code"]) == (status, code), change
    assert (await system.ask("POST", "/api/v1/inquiries/none/quote", {"ask": "1"}))[0] == 404
    over = await system.post("/api/v1/inquiries", KEY | {"side": "buy", "expires_at": "2020-01-01T00:00:00Z"})
    assert over["outcome"] == "EXPIRED"
    switch = await system.post("/api/v1/admin/desk-switch", {"is_on": True, "book_id": "BOOK1"}, 200)
    assert switch == {"book_id": "BOOK1", "is_on": True}
    shown = await system.get("/api/v1/admin/auto-trader")
    assert shown["killed"] == ["BOOK1"]
    assert shown["terms"][0]["is_on"] is False


async def test_a_book_with_a_last_look_confirms_refuses_or_lets_the_time_pass(fresh_system: System) -> None:
    system = fresh_system
    await clock(system, 0)
    await open_desk(system, "BOOK1", "cpt1", is_on=False, last_look_s="2", last_look_tolerance="0.10")
    await system.post("/api/v1/admin/desk-prices", {"instrument_id": "AAPL", "mid": "100.00"})
    held = []
    for _ in range(3):
        asked = await system.post("/api/v1/inquiries", KEY | {"side": "buy"}, 201)
        path = f"/api/v1/inquiries/{asked['inquiry_id']}"
        await system.post(f"{path}/quote", {"ask": "100.10"}, 200)
        accepted = await system.post(f"{path}/accept", {}, 200)
        assert about(accepted, "status", "outcome", "quote_mid") == ("ACCEPTED", None, "100")
        held.append(path)
    confirmed = await system.post(f"{held[0]}/accept", {"by": "dealer"}, 200)
    assert about(confirmed, "outcome", "trade_price") == ("DONE", "100.1")
    refused = await system.post(f"{held[1]}/pass", {}, 200)
    assert about(refused, "outcome", "reason_code") == ("REJECTED", "LAST_LOOK")
    await clock(system, 2)

    async def is_over() -> bool:
        return (await system.get(held[2]))["outcome"] == "DONE"

    await system.eventually(is_over)
    figures = (await system.get("/api/v1/inquiries/statistics?by=book&window_s=600"))["groups"]["BOOK1"]
    expected = (3, "0.333333333", 2000)
    assert about(figures, "last_looks", "last_look_reject_ratio", "last_look_ms_max") == expected
    async with system.http.get(f"{system.base}/metrics") as answer:
        assert 'inquiry_last_look_seconds_count{outcome="REJECTED"} 1.0' in await answer.text()
    await system.conserved()
