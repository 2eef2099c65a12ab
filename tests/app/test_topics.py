"""The catalogue is what was asked for, to the letter; and every message says where it is from."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.codecs import MESSAGES
from app.exactly_once.changelog import RECORD_BYTES_MAX, topic_of
from app.exactly_once.producer import Producer
from app.faust_settings import PRODUCER, faust_settings
from app.settings import Profile, Settings
from app.topics import (
    DEAD_LETTERS,
    DEMO_PARTITIONS,
    DEV_PARTITIONS,
    INBOXES,
    ROUTES,
    TOPICS,
    config_of,
    partition_of,
    partitions_of,
)
from app.topics import replication_of as copies_of
from schemas.field_code import attribute
from schemas.message_code import ENVELOPE

ROOT = Path(__file__).parents[2]
ASKED = {
    "market-data": (100, "86400000", "lz4"),
    "order-events": (50, "2592000000", "snappy"),
    "trade-events": (50, "31536000000", "snappy"),
    "position-events": (20, "31536000000", None),
    "risk-events": (10, "2592000000", None),
}
"""Partitions, retention in ms and compression; replication factor 3 for all."""


def schema(name: str) -> dict[str, Any]:
    noun, _, message = name.partition(".")
    found = json.loads((ROOT / "schemas" / noun / f"{message}.avsc").read_text())
    assert isinstance(found, dict)
    return found


def fields(name: str) -> dict[str, Any]:
    return {field["name"]: field["type"] for field in schema(name)["fields"]}


@pytest.mark.parametrize("name", ASKED)
def test_a_topic_has_the_numbers_that_were_asked_for_in_production(name: str) -> None:
    partitions, retention_ms, compression = ASKED[name]
    config = config_of(TOPICS[name], Profile.PROD)
    assert partitions_of(name, Profile.PROD) == partitions
    assert copies_of(Profile.PROD) == 3
    assert config["retention.ms"] == retention_ms
    assert compression in (None, config["compression.type"])


@pytest.mark.parametrize("name", TOPICS)
def test_nothing_is_acknowledged_by_one_copy_alone_in_production(name: str) -> None:
    config = config_of(TOPICS[name], Profile.PROD)
    assert (config["min.insync.replicas"], config["cleanup.policy"]) == ("2", "delete")


@pytest.mark.parametrize("profile", [Profile.DEMO, Profile.TEST, Profile.DEV])
def test_elsewhere_there_are_few_partitions_and_one_copy(profile: Profile) -> None:
    count = DEMO_PARTITIONS if profile is Profile.DEMO else DEV_PARTITIONS
    assert {partitions_of(name, profile) for name in set(TOPICS) - {DEAD_LETTERS}} == {count}
    assert partitions_of(DEAD_LETTERS, profile) == 1
    assert copies_of(profile) == 1
    assert all("min.insync.replicas" not in config_of(topic, profile) for topic in TOPICS.values())


def test_inboxes_and_changelogs_are_never_cut_by_time() -> None:
    recorded = {
        "order-commands",
        "inquiry-commands",
        "market-data",
        "market-data-inbox",
    }  # ticks of years would fill any disk
    truth = [*(set(INBOXES.values()) - recorded), *map(topic_of, INBOXES.values())]
    assert {config_of(TOPICS[name], Profile.PROD)["retention.ms"] for name in truth} == {"-1"}


def test_a_changelog_has_as_many_partitions_as_its_inbox_and_room_for_its_records() -> None:
    for inbox in INBOXES.values():
        changelog = TOPICS[topic_of(inbox)]
        assert changelog.partitions == TOPICS[inbox].partitions
        assert int(config_of(changelog, Profile.PROD)["max.message.bytes"]) > RECORD_BYTES_MAX


def test_the_broker_stamps_what_others_send() -> None:
    stamped = {name for name, topic in TOPICS.items() if "message.timestamp.type" in config_of(topic, Profile.PROD)}
    assert stamped == {"order-commands", "inquiry-commands", "market-data"}
    assert config_of(TOPICS["order-commands"], Profile.PROD)["message.timestamp.type"] == "LogAppendTime"


def test_orders_live_by_account_books_and_trades_by_symbol() -> None:
    keys = {name: topic.key for name, topic in TOPICS.items() if topic.messages}
    by_account = {"accounts-inbox", "positions-inbox", "order-commands", "order-events"}
    by_account |= {"balance-events", "position-events", "risk-events"}
    assert {name for name, key in keys.items() if key == "account_id"} == by_account
    assert {name for name, key in keys.items() if key == "symbol"} == {
        "order-books-inbox",
        "trade-events",
        "book-events",
        "market-data",
        "market-data-inbox",
        "market-data-late",
        "analytics-events",
    }
    for routes in ROUTES.values():
        for ways in routes.values():
            for way in ways:
                both = (way.key, way.other_key) == ("buy_account_id", "sell_account_id")
                assert TOPICS[way.topic].key == "account_id" if both else way.key in (None, TOPICS[way.topic].key)


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536), ("abc", 479470107)],
)
def test_keys_live_where_the_default_partitioner_of_java_puts_them(key: str, murmur2: int) -> None:
    """The hashes are those of Kafka's own test."""
    assert partition_of(key, 50) == (murmur2 & 0x7FFFFFFF) % 50


def test_the_producer_is_idempotent_waits_for_every_replica_and_never_lingers() -> None:
    ours = Producer._settings_extra(object.__new__(Producer))
    assert (ours["enable_idempotence"], ours["acks"]) == (True, "all")
    assert (PRODUCER["producer_acks"], PRODUCER["producer_linger"]) == (-1, 0.0)
    assert (PRODUCER["producer_max_batch_size"], PRODUCER["producer_compression_type"]) == (16_384, "lz4")
    assert faust_settings(Settings()).items() >= PRODUCER.items()


def test_an_order_event_has_every_field_that_was_asked_for_and_those_that_were_forgotten() -> None:
    found = fields("accounts.OrderEvent")
    asked = {"orderId", "accountId", "symbol", "orderType", "side", "quantity", "price", "stopPrice", "status"}
    assert found.keys() >= asked | {"timestamp", "eventId"} | {"rejectionReason"}
    assert {"MARKET", "LIMIT", "STOP", "STOP_LIMIT"} <= set(found["orderType"]["symbols"])
    assert {"BUY", "SELL"} <= set(found["side"]["symbols"])
    words = {"PENDING", "VALIDATED", "RISK_APPROVED", "REJECTED", "CANCELLED"}
    assert words <= set(found["status"]["symbols"])
    assert found["quantity"]["logicalType"] == "decimal", "a whole number could not hold 0.01 BTC"
    assert found.keys() >= {"best_bid", "best_ask", "venue"}, "the market and the route at receipt"


def test_a_trade_has_every_field_that_was_asked_for_and_both_sides() -> None:
    found = fields("order_books.TradeExecuted")
    asked = {"tradeId", "orderId", "symbol", "side", "quantity", "executionPrice", "commission", "executionTime"}
    assert found.keys() >= asked | {"venue", "eventId"} | {"accountId"}
    assert found.keys() >= {"buy_order_id", "sell_order_id", "quantity", "price", "base", "quote"}
    for name in ("quantity", "executionPrice", "price", "commission"):
        assert found[name] == {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}


def test_a_market_data_event_has_every_field_that_was_asked_for() -> None:
    found = fields("feeds.MarketDataEvent")
    decimals = {"bidPrice", "askPrice", "bidSize", "askSize", "lastPrice", "volume"}
    assert found.keys() >= decimals | {"symbol", "exchange", "timestamp", "eventId"}
    for name in decimals:
        assert found[name] == ["null", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}]
    assert found["timestamp"] == {"type": "long", "logicalType": "timestamp-nanos"}


def test_a_position_event_has_every_field_that_was_asked_for() -> None:
    asked = {"account_id", "symbol", "quantity", "average_price", "market_value", "unrealized_pnl", "realized_pnl"}
    assert fields("positions.PositionEvent").keys() >= asked | {"timestamp"}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_message_of_the_system_says_who_caused_it(name: str) -> None:
    last = [attribute(field["name"]) for field in schema(name)["fields"]][-len(ENVELOPE) :]
    assert tuple(last) == ENVELOPE
