"""What operators see: the six metrics, log lines with ids, and messages that say who caused them."""

import asyncio
import json
import re
from typing import Any

from outside import MARKET_DATA, MARKET_DATA_SCHEMA, price, send
from system import PUBLIC, System

HISTOGRAMS = (
    "order_processing_latency_seconds",
    "trade_execution_latency_seconds",
    "market_data_lag_seconds",
    "risk_check_duration_seconds",
)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def trade(system: System, **headers: str) -> tuple[Any, Any]:
    await system.deposit("1", "USDT", "1000")
    await system.deposit("2", "ADA", "500")
    body = {"account_id": "1", "symbol": "ADAUSDT", "type": "limit", "qty": "10", "limit_price": "1.9", "side": "buy"}
    _, buy = await system.ask("POST", "/api/v1/orders", body, **headers)
    await system.status(buy["order_id"], "OPEN")
    sell = await system.order("2", "ADAUSDT", "sell", "10", "1.9")
    for order in (buy, sell):
        await system.status(order["order_id"], "FILLED")
    return buy, sell


async def metrics(system: System) -> dict[str, float]:
    """The sum of each metric over its labels, buckets left out."""
    found: dict[str, float] = {}
    for line in (await system.get("/metrics")).splitlines():
        if not line.startswith("#") and "_bucket" not in line:
            name, value = re.fullmatch(r"(\w+)(?:\{.*\})? (\S+)(?: \d+)?", line).groups()  # type: ignore[union-attr]
            found[name] = found.get(name, 0.0) + float(value)
    return found


async def test_the_six_metrics_count_what_happened(system: System) -> None:
    before = await metrics(system)
    await trade(system)
    tick = price("ADAUSDT", "1.8", "1.9", None)
    await asyncio.to_thread(send, system, tick, door=MARKET_DATA, schema=MARKET_DATA_SCHEMA)

    async def are_counted() -> bool:
        after = await metrics(system)
        return all(after[f"{name}_count"] > before[f"{name}_count"] for name in HISTOGRAMS)

    await system.eventually(are_counted)
    after = await metrics(system)
    assert after["order_throughput_total"] - before["order_throughput_total"] == 2
    assert after["order_processing_latency_seconds_count"] == after["order_throughput_total"]
    checked = "risk_check_duration_seconds_count"
    assert after[checked] - before[checked] == 2
    assert after["trade_execution_latency_seconds_count"] - before["trade_execution_latency_seconds_count"] == 1
    assert "kafka_consumer_lag" in after
    assert after["ledger_imbalance"] == 0
    assert after["shards_quarantined"] == 0


async def test_an_order_that_is_not_valid_is_counted_and_not_checked_for_risk(system: System) -> None:
    before = await metrics(system)
    body = {"account_id": "nobody", "symbol": "ADAUSDT", "side": "buy", "type": "limit", "qty": "1", "limit_price": "1"}
    await system.post("/api/v1/orders", body, 422)
    await system.deposit("1", "USDT", "1")
    await system.post("/api/v1/orders", body | {"account_id": "1", "qty": "2"}, 422)  # checked, and refused

    async def are_counted() -> bool:
        after = await metrics(system)
        counts = ("order_throughput_total", "risk_check_duration_seconds_count")
        return [after[name] - before[name] for name in counts] == [2, 1]

    await system.eventually(are_counted)


async def test_every_trade_is_one_log_line_with_its_ids_and_every_line_is_json(system: System) -> None:
    buy, sell = await trade(system)
    (record,) = await system.records("trade-events", 1)

    def lines() -> list[dict[str, Any]]:
        said = [json.loads(line) for line in system.log.splitlines() if line.startswith("{")]
        return [line for line in said if line["event"] == "trade_published" and line["buy_order_id"] == buy["order_id"]]

    (line,) = await system.eventually(lines)
    assert (line["trade_id"], line["sell_order_id"]) == (record["tradeId"], sell["order_id"])
    assert line["symbol"] == "ADAUSDT"


async def test_every_public_record_says_who_caused_it_and_carries_the_senders_trace(system: System) -> None:
    buy, sell = await trade(system, traceparent=TRACE)
    (found,) = await system.records("trade-events", 1)
    assert {found["buy_order_id"], found["sell_order_id"]} == {buy["order_id"], sell["order_id"]}
    of_nobody = {"dead-letters", "book-events", "analytics-events", "alert-events", "market-data-late"}
    for topic in set(PUBLIC) - of_nobody:  # a trade of ours brings nothing there
        records = await system.records(topic, 1)
        for record in records:
            event_id = record.get("eventId") or record.get("event_id")
            assert event_id, topic
            assert record["_headers"]["event_id"] == event_id.encode()
            for field in ("command_id", "correlation_id", "caused_by", "actor_id", "timestamp"):
                assert record[field], (topic, field)
        ids = [record["_headers"]["event_id"] for record in records]
        assert len(set(ids)) == len(ids)
    events = [event for event in await system.records("order-events") if event["orderId"] == buy["order_id"]]
    assert {event["venue"] for event in events} == {"INTERNAL"}
    traced = [event for event in events if event["_headers"].get("traceparent") == TRACE.encode()]
    assert [event["status"] for event in traced][:1] == ["PENDING"]


async def test_a_seller_sees_the_market_as_it_was_at_receipt_on_the_order(system: System) -> None:
    await trade(system)
    bid = await system.order("1", "ADAUSDT", "buy", "5", "1.5")
    await system.status(bid["order_id"], "OPEN")

    async def is_marked() -> bool:
        probe = await system.order("2", "ADAUSDT", "sell", "1", "9")
        events = await system.records("order-events")
        mine = [event for event in events if event["orderId"] == probe["order_id"]]
        return bool(mine) and str(mine[0]["best_bid"]).startswith("1.5")

    await system.eventually(is_marked)
