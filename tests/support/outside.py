"""A sender of another system: confluent-kafka with its own serializer and its own partitioner."""

from decimal import Decimal
from typing import Any

from confluent_kafka import SerializingProducer
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from system import ROOT, System

DOOR, MARKET_DATA = "order-commands", "market-data"


def order(side: str, **changes: Any) -> dict[str, Any]:
    """An order for 2 PUB at 10 USD, as a plain record."""
    return {
        "account_id": "public",
        "symbol": "PUBLIC",
        "side": side,
        "order_type": "LIMIT",
        "quantity": Decimal(2),
        "limit_price": Decimal(10),
        **changes,
    }


SCHEMA = (ROOT / "schemas/order_commands/NewOrder.avsc").read_text()
MARKET_DATA_SCHEMA = (ROOT / "schemas/feeds/MarketDataEvent.avsc").read_text()
VALUE = SerializationContext(DOOR, MessageField.VALUE)


def registry(system: System) -> SchemaRegistryClient:
    """A client of the schemas that the worker itself serves."""
    return SchemaRegistryClient({"url": f"{system.base}/registry"})


def price(symbol: str, bid: str | None, ask: str | None, last: str | None, **changes: Any) -> dict[str, Any]:
    """A price of a market elsewhere, as a plain record."""
    prices = {"bidPrice": bid, "askPrice": ask, "lastPrice": last}
    return {"symbol": symbol} | {name: Decimal(value) for name, value in prices.items() if value is not None} | changes


def send(
    system: System,
    *orders: dict[str, Any],
    door: str = DOOR,
    schema: str = SCHEMA,
    key: str | None = None,
    by_record: bool = False,
) -> None:
    """Sends as others do: mostly no key, librdkafka's own partitioner, its own serializer.

    `by_record` is the strategy of subjects for a topic with messages of several types.
    """
    with registry(system) as client:
        strategy = {"subject.name.strategy": topic_record_subject_name_strategy} if by_record else {}
        encode = AvroSerializer(client, schema, conf=strategy)
        producer = SerializingProducer(
            {"bootstrap.servers": system.bootstrap, "value.serializer": encode, "linger.ms": 0}
        )
        for found in orders:
            producer.produce(door, key=key, value=found)
        assert producer.flush(10) == 0
