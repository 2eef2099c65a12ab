"""Nonsense is refused with a code, nothing happens beyond the refusal, and the doors stay open."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer
from outside import DOOR, order, send
from system import System

GOOD = {"user_id": 1, "asset": "ADA", "quantity": 10, "price": 1.9, "order_type": "buy"}
GOOD_V1 = {"account_id": "1", "symbol": "ADAUSDT", "side": "buy", "type": "limit", "qty": "10", "limit_price": "1.9"}
MISSING = object()
HUGE = "9" * 5_000


def without(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    changed = body | changes
    return {name: value for name, value in changed.items() if value is not MISSING}


async def seed(system: System) -> None:
    await system.deposit("1", "USDT", "1000")
    await system.deposit("2", "ADA", "500")


async def events_up_to(system: System, client_order_id: str) -> list[dict[str, Any]]:
    """All order events of the test, up to those of one more order of account 1, which is good."""
    await system.order("1", "ADAUSDT", "buy", "1", "0.5", client_order_id=client_order_id)
    is_last: list[dict[str, Any]] = []

    async def are_there() -> bool:
        is_last[:] = await system.records("order-events")
        return any(event["client_order_id"] == client_order_id and event["status"] == "OPEN" for event in is_last)

    await system.eventually(are_there)
    return [event for event in is_last if event["client_order_id"] != client_order_id]


async def balances(system: System) -> Any:
    return await system.get("/balance/1"), await system.get("/balance/2")


MALFORMED = [
    *[(f"no {field}", without(GOOD, **{field: MISSING}), "MISSING_FIELD") for field in GOOD if field != "order_type"],
    ("null quantity", GOOD | {"quantity": None}, "MISSING_FIELD"),
    ("a type that is none", GOOD | {"order_type": "swap"}, "BAD_VALUE"),
    ("a type that is a number", GOOD | {"order_type": ["buy"]}, "BAD_VALUE"),
    ("an account that is no name", GOOD | {"user_id": "a|b"}, "BAD_NAME"),
    ("an account that is an object", GOOD | {"user_id": {"id": 1}}, "BAD_NAME"),
    ("a name that is too long", GOOD | {"asset": "A" * 65}, "BAD_NAME"),
    ("letters for a number", GOOD | {"quantity": "ten"}, "BAD_TYPE"),
    ("true for a number", GOOD | {"quantity": True}, "BAD_TYPE"),
    ("a list for a number", GOOD | {"price": [1]}, "BAD_TYPE"),
    ("not a number", GOOD | {"price": "NaN"}, "BAD_TYPE"),
    ("a signalling NaN", GOOD | {"price": "sNaN"}, "BAD_TYPE"),
    ("endless", GOOD | {"price": "Infinity"}, "BAD_TYPE"),
    ("an exponent too large", GOOD | {"price": "1e400"}, "BAD_TYPE"),
    ("an exponent beyond all", GOOD | {"price": "1e999999999999"}, "BAD_TYPE"),
    ("five thousand digits", GOOD | {"quantity": HUGE}, "BAD_TYPE"),
    ("0.1 + 0.2 as a float", GOOD | {"price": 0.1 + 0.2}, "TOO_MANY_DECIMALS"),
    ("ten decimals", GOOD | {"quantity": "1.0000000001"}, "TOO_MANY_DECIMALS"),
    ("far too small", GOOD | {"quantity": "1e-400"}, "TOO_MANY_DECIMALS"),
]
RAW = [
    ("nothing", b"", "MALFORMED_JSON"),
    ("garbage", b"\x00\xff not json", "MALFORMED_JSON"),
    ("half an object", b'{"user_id": 1', "MALFORMED_JSON"),
    ("a list", b"[]", "MALFORMED_JSON"),
    ("NaN as JSON never has it", b'{"user_id": 1, "asset": "ADA", "quantity": NaN}', "MALFORMED_JSON"),
    ("Infinity as JSON never has it", b'{"quantity": -Infinity}', "MALFORMED_JSON"),
    ("100,000 brackets", b"[" * 100_000, "MALFORMED_JSON"),
    ("a number of 1e400", b'{"user_id":1,"asset":"ADA","quantity":1e400,"price":1,"order_type":"buy"}', "BAD_TYPE"),
    (
        "a number with too many digits",
        b'{"user_id":1,"asset":"ADA","quantity":1.00000000000000000001,"price":1,"order_type":"buy"}',
        "TOO_MANY_DECIMALS",
    ),
]


async def test_what_cannot_be_understood_is_400_with_a_code_and_no_event(system: System) -> None:
    await seed(system)
    before = await balances(system)
    for name, body, code in [*MALFORMED, *RAW]:
        status, problem = await system.ask("POST", "/orders", body)
        assert (status, problem["code"], problem["status"]) == (400, code, 400), (name, problem)
        assert len(problem["detail"]) < 300, name
    for name, body, code in [
        ("a misspelt field", GOOD_V1 | {"time_in_forc": "ioc"}, "UNKNOWN_FIELD"),
        ("a side that is none", GOOD_V1 | {"side": "HOLD"}, "BAD_VALUE"),
        ("a type that is none", GOOD_V1 | {"type": "FOO"}, "BAD_VALUE"),
        ("a time in force that is none", GOOD_V1 | {"time_in_force": "soon"}, "BAD_VALUE"),
        ("a client order id that is no name", GOOD_V1 | {"client_order_id": "two words"}, "BAD_NAME"),
        ("a float with an error in it", GOOD_V1 | {"limit_price": 0.1 + 0.2}, "TOO_MANY_DECIMALS"),
        ("no side", without(GOOD_V1, side=MISSING), "MISSING_FIELD"),
    ]:
        status, problem = await system.ask("POST", "/api/v1/orders", body)
        assert (status, problem["code"]) == (400, code), (name, problem)
    assert await balances(system) == before
    assert await events_up_to(system, "the-good-one-1") == []


REFUSED = [
    ("no quantity", {"quantity": 0}, "BAD_QUANTITY"),
    ("a quantity below zero", {"quantity": -1}, "BAD_QUANTITY"),
    ("no price", {"price": 0}, "BAD_PRICE"),
    ("a price below zero", {"price": "-1.9"}, "BAD_PRICE"),
    ("an asset that is not traded", {"asset": "XYZ"}, "UNKNOWN_SYMBOL"),
    ("an account that is not there", {"user_id": 77}, "UNKNOWN_ACCOUNT"),
    ("a price between ticks", {"price": "1.90005"}, "OFF_TICK"),
    ("a quantity between lots", {"quantity": "1.0005"}, "OFF_LOT"),
    ("more than there is", {"quantity": 1000, "price": 2}, "INSUFFICIENT_FUNDS"),
    ("a cent more than there is", {"quantity": "500.001", "price": 2}, "INSUFFICIENT_FUNDS"),
    ("a value beyond all bounds", {"quantity": "1e17", "price": "1e17"}, "AMOUNT_OUT_OF_RANGE"),
]


async def test_what_is_refused_is_422_with_its_reason_and_one_rejected_event(system: System) -> None:
    await seed(system)
    before = await balances(system)
    for name, changes, code in REFUSED:
        status, problem = await system.ask("POST", "/orders", GOOD | changes)
        assert (status, problem["code"]) == (422, code), (name, problem)
        assert problem["rejectionReason"] in ("Invalid order parameters", "Insufficient funds")
    status, problem = await system.ask("POST", "/api/v1/orders", GOOD_V1 | {"qty": "1000"})
    assert (status, problem["code"]) == (422, "BUYING_POWER"), "the newer API has the newer word"
    assert await balances(system) == before
    events = await events_up_to(system, "the-good-one-2")
    assert {event["status"] for event in events} == {"REJECTED"}
    words = [code.replace("INSUFFICIENT_FUNDS", "BUYING_POWER") for *_, code in REFUSED] + ["BUYING_POWER"]
    assert sorted(event["reason_code"] for event in events) == sorted(words)
    assert len({event["orderId"] for event in events}) == len(words)
    assert (await system.records("trade-events")) == []
    await system.conserved()


async def test_a_client_order_id_comes_again(system: System) -> None:
    await seed(system)
    body = GOOD_V1 | {"client_order_id": "mine-1"}
    first = await system.post("/api/v1/orders", body)
    status, again = await system.ask("POST", "/api/v1/orders", body)
    assert (status, again["order_id"]) == (200, first["order_id"])
    found = await system.get("/api/v1/orders?account_id=1&client_order_id=mine-1")
    assert [order["order_id"] for order in found["orders"]] == [first["order_id"]]
    assert (await system.get("/api/v1/orders?account_id=2&client_order_id=mine-1"))["orders"] == []
    status, problem = await system.ask("GET", "/api/v1/orders?client_order_id=mine-1")
    assert (status, problem["code"]) == (400, "MISSING_FIELD")
    status, other = await system.ask("POST", "/api/v1/orders", body | {"qty": "11"})
    assert (status, other["code"], other["order_id"]) == (409, "DUPLICATE_CLIENT_ORDER_ID", first["order_id"])
    status, _ = await system.ask(
        "POST", "/api/v1/orders", body | {"account_id": "2", "side": "sell", "limit_price": "3"}
    )
    assert status == 201, "another account has ids of its own"
    key = {"Idempotency_Key": "key-1"}
    status, keyed = await system.ask("POST", "/api/v1/orders", GOOD_V1, **key)
    assert status == 201
    assert (await system.ask("POST", "/api/v1/orders", GOOD_V1, **key))[1]["order_id"] == keyed["order_id"]
    status, other = await system.ask("POST", "/api/v1/orders", GOOD_V1 | {"qty": "11"}, **key)
    assert (status, other["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    status, other = await system.ask("POST", "/api/v1/orders", GOOD_V1 | {"client_order_id": "mine-2"}, **key)
    assert (status, other["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (await system.get("/balance/1"))["reserved"]["USDT"] == Decimal(38), "two orders of 19, not four"
    for qty in ("1000000", "1000000"):
        status, refused = await system.ask("POST", "/api/v1/orders", body | {"client_order_id": "dear", "qty": qty})
        assert (status, refused["code"]) == (422, "BUYING_POWER"), "who asks again hears the same"
    await system.conserved()


async def test_an_amend_and_a_cancel_under_a_key_are_answered_alike_however_often_they_come(system: System) -> None:
    await seed(system)
    placed = await system.post("/api/v1/orders", GOOD_V1)
    path, key = f"/api/v1/orders/{placed['order_id']}", {"Idempotency_Key": "again"}
    versions = set()
    for _ in range(2):
        status, amended = await system.ask("PATCH", path, {"qty": "4"}, **key)
        assert (status, amended["qty"]) == (200, "4")
        versions.add(amended["version"])
    assert len(versions) == 1, "it was amended once"
    status, problem = await system.ask("PATCH", path, {"qty": "5"}, **key)
    assert (status, problem["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    for _ in range(2):
        status, cancelled = await system.ask("DELETE", path, **key)
        assert (status, cancelled["status"]) == (200, "CANCELLED")
    status, problem = await system.ask("DELETE", path)
    assert (status, problem["code"]) == (409, "TOO_LATE")
    await system.conserved()


@pytest.mark.parametrize("what", ["deposits", "withdrawals"])
async def test_money_moves_once_under_a_key_and_not_at_all_under_one_that_was_used_for_something_else(
    system: System, what: str
) -> None:
    await system.deposit("ann", "USDT", "100")
    body, key = {"account_id": "ann", "asset": "USDT", "amount": "5"}, {"Idempotency_Key": "payment 7"}
    for _ in range(2):
        status, balance = await system.ask("POST", f"/api/v1/admin/{what}", body, **key)
        assert (status, balance["total"]) == (201, "105" if what == "deposits" else "95")
    for other in ({"amount": "6"}, {"asset": "ADA"}):
        status, problem = await system.ask("POST", f"/api/v1/admin/{what}", body | other, **key)
        assert (status, problem["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    await system.conserved()


@pytest.mark.parametrize("path", ["/orders", "/api/v1/orders"])
async def test_a_body_must_be_of_a_size_and_of_a_kind(system: System, path: str) -> None:
    status, problem = await system.ask("POST", path, b'{"symbol": "' + b"x" * (2 << 20) + b'"}')
    assert (status, problem["code"]) == (413, "TOO_LARGE")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        status, problem = await system.ask("POST", path, GOOD, Content_Type=kind)
        assert (status, problem["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    status, problem = await system.ask("PATCH", "/orders", GOOD)
    assert (status, problem["code"]) == (405, "METHOD_NOT_ALLOWED")
    status, problem = await system.ask("GET", "/nowhere")
    assert (status, problem["code"]) == (404, "NOT_FOUND")


async def test_questions_with_bad_parameters_are_400(system: System) -> None:
    for path, code in (
        ("/orders?limit=0", "BAD_LIMIT"),
        ("/orders?limit=many", "BAD_CURSOR"),
        ("/trades?cursor=%FF", "BAD_CURSOR"),
        ("/api/v1/orderbook/PUBLIC?depth=-1", "BAD_LIMIT"),
        ("/api/v1/balances", "MISSING_FIELD"),
    ):
        status, problem = await system.ask("GET", path)
        assert (status, problem["code"]) == (400, code), path


async def test_oversize_messages_at_the_kafka_door_are_refused_or_put_aside(system: System) -> None:
    def play() -> list[KafkaError | None]:
        errors: list[KafkaError | None] = []
        producer = Producer({"bootstrap.servers": system.bootstrap, "linger.ms": 0, "message.max.bytes": 8 << 20})
        for size in (4 << 20, 900_000):
            producer.produce(DOOR, b"\0" * size, on_delivery=lambda error, _: errors.append(error))
            producer.flush(10)
        return errors

    refused, taken = await asyncio.to_thread(play)
    assert refused is not None
    assert refused.code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert taken is None
    (letter,) = await system.records("dead-letters", 1)
    assert (letter["payload_bytes"], len(letter["payload"]), letter["schema_id"]) == (900_000, 4_000, 0)
    await asyncio.to_thread(send, system, order("BUY", client_order_id="after-the-large-ones"))

    async def is_there() -> bool:
        found = (await system.get("/api/v1/orders?account_id=public"))["orders"]
        return any(row["client_order_id"] == "after-the-large-ones" for row in found)

    await system.eventually(is_there)


async def test_orders_at_the_kafka_door_are_refused_by_the_same_rules(system: System) -> None:
    bad = {
        "BAD_QUANTITY": {"quantity": Decimal(0)},
        "BAD_PRICE": {"limit_price": Decimal(-1)},
        "UNKNOWN_SYMBOL": {"symbol": "no such thing"},
        "UNKNOWN_ACCOUNT": {"account_id": "77"},
        "OFF_TICK": {"limit_price": Decimal("1.001")},
        "BUYING_POWER": {"quantity": Decimal(10**9), "limit_price": Decimal(10)},
    }
    await asyncio.to_thread(send, system, *[order("BUY", **changes) for changes in bad.values()])
    events = await system.records("order-events", len(bad))
    assert sorted((event["status"], event["reason_code"]) for event in events) == sorted(
        ("REJECTED", code) for code in bad
    )
