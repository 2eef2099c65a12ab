"""What other systems see: orders in through `order-commands` with an Avro library of theirs, events out for anybody."""

import asyncio
import json
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka import DeserializingConsumer, Producer, TopicPartition
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import StringDeserializer
from outside import DOOR, SCHEMA, VALUE, order, registry, send
from system import SCHEMAS, System

from app.topics import partition_of


def read_with_confluent(system: System, topic: str, count: int) -> list[dict[str, Any]]:
    """The first records of the test on a topic, with a consumer that knows nothing but the registry."""
    with registry(system) as client:
        consumer = DeserializingConsumer(
            {
                "bootstrap.servers": system.bootstrap,
                "group.id": "outside",
                "enable.auto.commit": False,
                "key.deserializer": StringDeserializer(),
                "value.deserializer": AvroDeserializer(client),
            }
        )
        places = [TopicPartition(topic, mark.partition, at) for mark, at in system.marks.items() if mark.topic == topic]
        consumer.assign(places)
        found: list[dict[str, Any]] = []
        try:
            while len(found) < count:
                message = consumer.poll(10)
                assert message is not None, f"{len(found)} records on {topic}, {count} wanted"
                assert message.error() is None, message.error()
                found.append(message.value())
        finally:
            consumer.close()
        return found


def same(records: list[dict[str, Any]]) -> list[str]:
    """The fields of each record, in no order: partitions have none."""
    return sorted(str({name: record[name] for name in sorted(record) if name[0] != "_"}) for record in records)


async def orders_of(system: System, **wanted: str) -> list[dict[str, Any]]:
    """Orders that the gateway shows, with these values."""
    found = (await system.get("/api/v1/orders?account_id=public"))["orders"]
    return [row for row in found if all(row[name] == value for name, value in wanted.items())]


async def test_an_outside_producer_trades_without_a_key_and_an_outside_consumer_reads_every_event(
    system: System,
) -> None:
    pair = [order("BUY", client_order_id="theirs-1"), order("SELL", client_order_id="theirs-2")]
    await asyncio.to_thread(send, system, *pair)
    (trade,) = await system.records("trade-events", 1)
    assert (trade["quantity"], trade["executionPrice"]) == (Decimal(2), Decimal(10))
    for topic in ("order-events", "trade-events", "balance-events", "position-events"):
        ours = await system.records(topic, 1)
        theirs = await asyncio.to_thread(read_with_confluent, system, topic, len(ours))
        assert same(theirs) == same(ours)
    events = await system.records("order-events")
    assert {event["client_order_id"] for event in events} == {"theirs-1", "theirs-2"}
    assert {event["orderId"][0] for event in events} == {"k"}, "the door names orders that come without a name"


async def test_orders_of_aborted_transactions_never_trade_and_markers_are_no_holes(system: System) -> None:
    def play() -> None:
        with registry(system) as client:
            play_with(AvroSerializer(client, SCHEMA))

    def play_with(encode: AvroSerializer) -> None:
        producer = Producer({"bootstrap.servers": system.bootstrap, "transactional.id": "outside", "linger.ms": 0})
        producer.init_transactions(10)
        for turn in range(6):
            is_kept = turn % 2 == 1
            producer.begin_transaction()
            for side in ("BUY", "SELL"):
                value = order(side, client_order_id=f"{'kept' if is_kept else 'aborted'}-{turn}-{side}")
                producer.produce(DOOR, encode(value, VALUE), partition=turn % 4)
            assert producer.flush(10) == 0
            (producer.commit_transaction if is_kept else producer.abort_transaction)(10)

    await asyncio.to_thread(play)
    trades = await system.records("trade-events", 3)
    assert len(trades) == 3
    await asyncio.to_thread(send, system, *[order("BUY", client_order_id=f"after-{n}") for n in range(8)])
    await system.eventually(lambda: is_there(system, "after-", 8))
    names = [row["client_order_id"] for row in await orders_of(system)]
    assert not [name for name in names if name and name.startswith("aborted")]
    assert len(await system.records("trade-events")) == 3


async def is_there(system: System, prefix: str, count: int) -> bool:
    return sum((row["client_order_id"] or "").startswith(prefix) for row in await orders_of(system)) == count


async def test_two_accounts_may_choose_one_id_and_a_path_says_whose_it_is(system: System) -> None:
    names = ["ann", "bob", "cid", "dot", "eve"]
    other = next(name for name in names if partition_of(name, 4) != partition_of(names[0], 4))
    accounts = (names[0], other)
    for account in accounts:
        await system.deposit(account, "USD", "100")
    terms = {"symbol": "PUBLIC2", "base": "PUB", "quote": "USD", "tick": "0.01", "lot": "1"}
    await system.post("/api/v1/admin/instruments", terms)
    mine = {"order_id": "theirs", "limit_price": Decimal(1)}
    pair = [
        order("BUY", account_id=account, symbol=symbol, **mine)
        for account, symbol in zip(accounts, ("PUBLIC", "PUBLIC2"), strict=True)
    ]
    await asyncio.to_thread(send, system, *pair)

    async def are_there() -> bool:
        asked = [await system.ask("GET", f"/api/v1/orders/theirs?account_id={account}") for account in accounts]
        return [status for status, _ in asked] == [200, 200]

    await system.eventually(are_there)
    status, problem = await system.ask("GET", "/api/v1/orders/theirs")
    assert (status, problem["code"]) == (409, "AMBIGUOUS_ORDER_ID")
    assert (await system.ask("DELETE", "/api/v1/orders/theirs"))[0] == 409
    assert (await system.ask("DELETE", f"/api/v1/orders/theirs?account_id={other}"))[0] == 200
    found = [await system.get(f"/api/v1/orders/theirs?account_id={account}") for account in accounts]
    assert [(each["account_id"], each["status"]) for each in found] == [(names[0], "OPEN"), (other, "CANCELLED")]


def framed(number: int, data: bytes) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + data


def unreadable() -> dict[str, bytes]:
    """Values that nobody can take, by what is wrong with them."""
    number = next(number for number, schema in SCHEMAS.items() if schema["name"] == "NewOrder")
    other = next(number for number, schema in SCHEMAS.items() if schema["name"] == "ResetAccounts")
    return {
        "UNDECODABLE": b"not avro at all",
        "UNKNOWN_SCHEMA": framed(999_999, b"\0"),
        "UNDECODABLE_BODY": framed(number, b"\x02"),
        "UNKNOWN_MESSAGE": framed(other, _avro(other, {"reset_id": "", "source": ""})),
        "BAD_NAME": framed(number, _avro(number, order("BUY", account_id="no good name"))),
    }


async def test_what_cannot_be_read_is_put_aside_with_reason_and_place_and_the_door_stays_open(system: System) -> None:
    bad = unreadable()

    def play() -> list[tuple[int, int]]:
        places: list[tuple[int, int]] = []
        producer = Producer({"bootstrap.servers": system.bootstrap, "linger.ms": 0})
        for value in [*bad.values(), None]:
            producer.produce(
                DOOR,
                value,
                key="theirs",
                partition=2,
                on_delivery=lambda error, message: places.append((message.partition(), message.offset())),
            )
        assert producer.flush(10) == 0
        return places

    places = await asyncio.to_thread(play)
    letters = await system.records("dead-letters", len(places))
    assert [(letter["partition"], letter["offset"]) for letter in letters] == places
    assert [letter["reason"] for letter in letters] == [
        "UNDECODABLE",
        "UNKNOWN_SCHEMA",
        "UNDECODABLE",
        "UNKNOWN_MESSAGE",
        "BAD_NAME",
        "UNDECODABLE",
    ]
    assert {letter["topic"] for letter in letters} == {DOOR}
    assert letters[0]["payload"] == b"not avro at all"
    assert letters[0]["key"] == b"theirs"
    assert letters[1]["schema_id"] == 999_999
    assert "Traceback" in letters[2]["stack"]
    await asyncio.to_thread(send, system, order("BUY", client_order_id="after-the-bad-ones"))
    await system.eventually(lambda: is_there(system, "after-the-bad-ones", 1))


def _avro(number: int, value: dict[str, Any]) -> bytes:
    data = BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(json.loads(json.dumps(SCHEMAS[number]))), value)
    return data.getvalue()
