"""Sends one price as another system does: market_data_producer.py BROKERS REGISTRY SYMBOL BID ASK LAST."""

import sys
import time
from decimal import Decimal
from pathlib import Path

from confluent_kafka import SerializingProducer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import StringSerializer

SCHEMA = (Path(__file__).parents[2] / "schemas/feeds/MarketDataEvent.avsc").read_text()


def send(brokers: str, registry: str, symbol: str, bid: str, ask: str, last: str) -> None:
    """Registers the schema where it is not yet, and waits for the brokers' acknowledgement."""
    with SchemaRegistryClient({"url": registry}) as client:
        settings = {
            "bootstrap.servers": brokers,
            "key.serializer": StringSerializer(),
            "value.serializer": AvroSerializer(client, SCHEMA),
        }
        prices = {"bidPrice": Decimal(bid), "askPrice": Decimal(ask), "lastPrice": Decimal(last)}
        event = {"symbol": symbol, "exchange": "PYTHON", "timestamp": time.time_ns()} | prices
        producer = SerializingProducer(settings)
        producer.produce("market-data", key=symbol, value=event)
        if producer.flush(10):
            sys.exit("no broker took it within ten seconds")


if __name__ == "__main__":
    send(*sys.argv[1:])
