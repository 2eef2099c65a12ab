"""P9: twenty inquiries of the older system, one after the other; then twenty more in one burst."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any, Self

import aiohttp
from confluent_kafka import SerializingProducer
from confluent_kafka.schema_registry import topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import StringSerializer
from desk_system import open_desk
from outside import registry
from system import ROOT, SCHEMAS, System, decoded

SCHEMA = (ROOT / "schemas/inquiry_commands/Inquiry.avsc").read_text()
ENRICHED = [0, -10, -10, -20, -20, -30, -30, -40, -40, -50, -50, -60, -60, -50, -50, -40, -40, -30, -30, -20]


def older(number: int, first: int) -> dict[str, Any]:
    """An inquiry as the older system has it: the side is the book's, the price in cents."""
    side = "SELL" if number - first <= 10 else "BUY"
    return {
        "inquiry_id": number,
        "book_id": "BOOK1",
        "instrument_id": "AAPL",
        "quantity": 10,
        "price": 10_000,
        "side": side,
        "event_time": 1_000,
        "counterparty": "cpt1",
    }


class Sender:
    """The older system: any Avro producer; its key is the instrument, so what it sends stays in order."""

    def __init__(self, system: System) -> None:
        strategy = {"subject.name.strategy": topic_record_subject_name_strategy}  # several messages on one topic
        self._registry = registry(system)
        self._encode = AvroSerializer(self._registry, SCHEMA, conf=strategy)
        settings = {"bootstrap.servers": system.bootstrap, "linger.ms": 0, "key.serializer": StringSerializer()}
        self._producer = SerializingProducer(settings | {"value.serializer": self._encode})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._registry.__exit__()

    def send(self, *inquiries: dict[str, Any]) -> None:
        for each in inquiries:
            self._producer.produce("inquiry-commands", key=each["instrument_id"], value=each)
        assert self._producer.flush(10) == 0


class Blotter:
    """A client of the socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, is_avro: bool) -> None:
        self.socket, self.is_avro = socket, is_avro
        self.frames: list[tuple[str, dict[str, Any]]] = []
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            if self.is_avro:
                nowhere = {"headers": (), "partition": 0, "offset": 0, "timestamp": 0}
                value = decoded(SimpleNamespace(value=message.data, **nowhere))
                self.frames.append((value["_message"], value))
            else:
                frame = json.loads(message.data)
                self.frames.append((frame["type"], frame.get("inquiry") or frame.get("position") or frame))

    def outcomes(self) -> list[dict[str, Any]]:
        return [body for kind, body in self.frames if kind in ("INQUIRY", "InquiryEvent") and body["outcome"]]

    def positions(self) -> list[dict[str, Any]]:
        return [body for kind, body in self.frames if kind in ("POSITION", "DeskPositionChanged")]


@asynccontextmanager
async def blotter(system: System, *, is_avro: bool = False) -> AsyncIterator[Blotter]:
    protocols = ("avro.v1",) if is_avro else ()
    async with system.http.ws_connect(f"{system.base}/ws/inquiries", protocols=protocols) as socket:
        found = Blotter(socket, is_avro=is_avro)
        try:
            yield found
        finally:
            found.task.cancel()


async def test_every_position_is_exact_one_by_one_and_in_a_burst(fresh_system: System) -> None:
    system = fresh_system
    await open_desk(system, "BOOK1", "cpt1", policy="parity")
    async with AsyncExitStack() as stack:
        sender = stack.enter_context(Sender(system))
        people = await stack.enter_async_context(blotter(system))
        machines = await stack.enter_async_context(blotter(system, is_avro=True))
        await system.eventually(lambda: people.frames)
        for number in range(20):
            sender.send(older(number, 0))
            await system.eventually(lambda number=number: len(people.outcomes()) > number)
        assert [int(each["inquiry_id"]) for each in people.outcomes()] == list(range(20))
        await _check_first_half(system, people)
        sender.send(*[older(number, 20) for number in range(20, 40)])
        await system.eventually(lambda: len(people.outcomes()) == len(machines.outcomes()) == 40)
        await system.eventually(lambda: len(people.positions()) == len(machines.positions()) == 20)
        _check_burst(people)
        _check_that_both_forms_say_the_same(people, machines)
    await _until_position(system, "-40", "-4000")
    await _check_late_joiner(system)
    await _check_ledger(system)


async def _check_first_half(system: System, people: Blotter) -> None:
    ends = [each["status"] for each in people.outcomes()]
    assert (ends.count("BOOKED"), ends.count("REJECTED")) == (10, 10)
    events = [each for each in await system.records("inquiry-events") if each["_message"] == "InquiryEvent"]
    enriched = [each for each in events if each["version"] == 2]
    assert [int(each["position_qty"]) for each in enriched] == ENRICHED
    for number in range(20):
        versions = [each["version"] for each in events if each["inquiry_id"] == str(number)]
        assert versions == ([1, 2, 3, 4] if number % 2 == 0 else [1, 2, 3])
    await _until_position(system, "-20", "-2000")
    await system.eventually(lambda: len(people.positions()) >= 10)
    assert len(people.positions()) == 10, "each booking is one frame of the position"


async def _until_position(system: System, units: str, notional: str) -> None:
    """The topic is faster than what the gateway has read of the tables."""

    async def is_there() -> bool:
        (position,) = (await system.get("/api/v1/inquiries/positions?book_id=BOOK1"))["positions"]
        return (position["position_qty"], position["position_notional"]) == (units, notional)

    await system.eventually(is_there)


def _check_burst(people: Blotter) -> None:
    assert [int(each["inquiry_id"]) for each in people.outcomes()] == list(range(40))
    enriched = [body for kind, body in people.frames if kind == "INQUIRY" and body["version"] == 2]
    shifted = [each - 20 for each in ENRICHED]
    assert [int(each["position_qty"]) for each in enriched] == [*ENRICHED, *shifted]


def _check_that_both_forms_say_the_same(people: Blotter, machines: Blotter) -> None:
    fields = ("inquiry_id", "version", "status", "outcome", "trade_id", "book_id", "inquiry_number")
    kinds = {"InquiryEvent": "INQUIRY", "DeskPositionChanged": "POSITION"}
    named = [(kinds[kind], {name: body.get(name) for name in fields}) for kind, body in machines.frames]
    shown = [(kind, {name: body.get(name) for name in fields}) for kind, body in people.frames if kind != "SNAPSHOT"]
    assert named == shown


async def _check_late_joiner(system: System) -> None:
    async with blotter(system) as late, blotter(system, is_avro=True) as machine:
        await system.eventually(lambda: late.frames and len(machine.frames) == 41)
        (kind, snapshot), *_ = late.frames
        assert kind == "SNAPSHOT"
        assert [each["inquiry_id"] for each in snapshot["inquiries"]] == [str(number) for number in range(40)]
        assert [each["position_qty"] for each in snapshot["positions"]] == ["-40"]


async def _check_ledger(system: System) -> None:
    """What was booked on inquiries is in the ledger, the positions and the trades of orders."""
    trades = await system.records("trade-events", 20)
    assert {trade["venue"] for trade in trades} == {"RFQ"}
    assert len({trade["tradeId"] for trade in trades}) == 20

    async def is_booked() -> bool:
        found = await system.get("/api/v1/positions?account_id=BOOK1")
        return [(each["symbol"], each["position_qty"]) for each in found["positions"]] == [("AAPL", "-40")]

    await system.eventually(is_booked)
    balances = (await system.get("/api/v1/balances?account_id=cpt1"))["balances"]
    assert {each["asset"]: each["total"] for each in balances} == {"AAPL": "40", "USD": "-3999"}
    await system.conserved()


def test_the_older_form_is_one_that_any_avro_library_reads() -> None:
    assert any(schema["name"] == "Inquiry" for schema in SCHEMAS.values())
