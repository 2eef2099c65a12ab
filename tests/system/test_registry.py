"""Producers of other systems, in Python and in Java, with a real schema registry between them and us."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import java_producer
import pytest
from confluent_kafka import DeserializingConsumer, SerializingProducer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from outside import MARKET_DATA, MARKET_DATA_SCHEMA
from registry_server import RegistryServer
from system import ROOT, System

EXAMPLE = ROOT / "docs/examples/market_data_producer.py"
SCHEMA_FILE = ROOT / "schemas/feeds/MarketDataEvent.avsc"


def produce(system: System, registry: RegistryServer, schema: str, *events: dict[str, Any]) -> None:
    with SchemaRegistryClient({"url": registry.url}) as client:
        settings = {"bootstrap.servers": system.bootstrap, "value.serializer": AvroSerializer(client, schema)}
        producer = SerializingProducer(settings)
        for event in events:
            producer.produce(MARKET_DATA, value=event)
        assert producer.flush(10) == 0


async def last_of(system: System, symbol: str, exchange: str, last: str) -> bool:
    status, quote = await system.ask("GET", f"/api/v1/quotes/{symbol}")
    return status == 200 and (exchange, last) in [(each["exchange"], each["last"]) for each in quote["sources"]]


def tomorrows_schema() -> str:
    """A sender's own version: one field more than we know, and one of ours left out."""
    schema = json.loads(MARKET_DATA_SCHEMA)
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "volume"]
    schema["fields"].append({"name": "venueFlags", "type": "string", "default": "", "doc": "Theirs."})
    return json.dumps(schema)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[System, RegistryServer]]:
    """A worker that was started before its registry was there: it says so, waits, and goes on."""
    registry, system = RegistryServer(tmp_path), System(tmp_path)
    async with aiohttp.ClientSession() as system.session:
        try:
            system.start_worker(SCHEMA_REGISTRY_URL=registry.url)
            await system.eventually(lambda: f"schema registry at {registry.url}" in system.log, within_s=60)
            await asyncio.to_thread(registry.start)
            await system.until_ready()
            yield system, registry
        finally:
            await system.stop()
            registry.stop()


async def test_producers_in_two_languages_and_two_versions_are_understood_and_a_registry_that_goes_is_not_missed(
    pair: tuple[System, RegistryServer],
) -> None:
    system, registry = pair
    example = [sys.executable, str(EXAMPLE), system.bootstrap, registry.url, "AAPL", "94.9", "95.1", "95"]
    done = await asyncio.to_thread(subprocess.run, example, check=False)
    assert done.returncode == 0
    await system.eventually(lambda: last_of(system, "AAPL", "PYTHON", "95"))
    apicurio, prices = f"{registry.base}/apis/registry/v3", ("94.8", "95.2", "95.01")
    await asyncio.to_thread(java_producer.send, system.bootstrap, apicurio, SCHEMA_FILE, "AAPL", *prices)
    await system.eventually(lambda: last_of(system, "AAPL", "JAVA", "95.01"))
    newer = {"symbol": "AAPL", "exchange": "NEWER", "lastPrice": Decimal("95.02"), "venueFlags": "x"}
    await asyncio.to_thread(produce, system, registry, tomorrows_schema(), newer)
    await system.eventually(lambda: last_of(system, "AAPL", "NEWER", "95.02"))
    await system.deposit("ann", "USD", "12.5")
    assert await asyncio.to_thread(heard, system, registry, "ann") == Decimal("12.5")
    with SchemaRegistryClient({"url": registry.url}) as client:
        encode = AvroSerializer(client, MARKET_DATA_SCHEMA)
        producer = SerializingProducer({"bootstrap.servers": system.bootstrap, "value.serializer": encode})
        event = {"symbol": "AAPL", "exchange": "PYTHON", "lastPrice": Decimal(96)}
        producer.produce(MARKET_DATA, value=event)
        registry.stop()
        producer.produce(MARKET_DATA, value=event | {"lastPrice": Decimal(97)})
        assert producer.flush(10) == 0
    await system.eventually(lambda: last_of(system, "AAPL", "PYTHON", "97"))


def heard(system: System, registry: RegistryServer, account_id: str) -> Decimal:
    """What somebody who knows nothing but the registry reads of an account's first balance."""
    with SchemaRegistryClient({"url": registry.url}) as client:
        settings = {
            "bootstrap.servers": system.bootstrap,
            "group.id": "outside",
            "value.deserializer": AvroDeserializer(client),
        }
        consumer = DeserializingConsumer(settings)
        consumer.assign([TopicPartition("balance-events", number, 0) for number in range(4)])
        try:
            while True:
                message = consumer.poll(10)
                assert message is not None, "no balance was told"
                value = message.value()
                if value.get("account_id") == account_id and "total" in value:
                    return Decimal(value["total"])
        finally:
            consumer.close()
