"""Prometheus metrics. Labels are topics, partitions and outcomes: never ids."""

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from app.logs import FrequentLines
from app.machine import Origin
from schemas.accounts import OrderEvent, PlaceOrder, RiskChecked
from schemas.enums import OrderStatus
from schemas.inquiries import InquiryEvent
from schemas.market_data import RecordObservations, TickDropped
from schemas.order_books import TradeExecuted

logger = logging.getLogger("trades")
trade_lines = FrequentLines(logger, "trade_published")

SECOND_NS = 1_000_000_000
BUCKETS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REGISTRY = CollectorRegistry()


class Durations(Collector):
    """A histogram that one thread writes: without locks, for it is written several times an order."""

    def __init__(self, name: str, documentation: str, bounds: Sequence[float]) -> None:
        self._name, self._documentation, self._bounds = name, documentation, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        REGISTRY.register(self)

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self._counts)

    def observe(self, seconds: float) -> None:
        """One more; clocks of two machines may differ, and nothing takes less than no time."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Any:
        """The histogram as it is now."""
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=self._sum)


class Throughput(Collector):
    """Counts what a histogram counts, under the name by which people look for it."""

    def collect(self) -> Any:
        """The counter as it is now."""
        yield CounterMetricFamily(
            "order_throughput", "Orders that accounts decided on.", value=order_processing_latency.count
        )


order_processing_latency = Durations(
    "order_processing_latency_seconds", "From the receipt of an order to the decision of its account.", BUCKETS_S
)
REGISTRY.register(Throughput())
trade_execution_latency = Durations(
    "trade_execution_latency_seconds",
    "From the decision of the account to the trade, for the order that came in.",
    BUCKETS_S,
)
market_data_lag = Durations(
    "market_data_lag_seconds", "From the arrival of prices to what is made of them, of the oldest in a pack.", BUCKETS_S
)
risk_check_duration = Durations(
    "risk_check_duration_seconds",
    "Decision on an order that was checked for risk: validation, funds, limits, hold, and what is told of it.",
    (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
)
ticks_dropped = Counter(
    "ticks_dropped_total",
    "Ticks that are missing in windows: `market-data-late` has them.",
    ["reason"],
    registry=REGISTRY,
)
last_look_duration = Histogram(
    "inquiry_last_look_seconds",
    "From the acceptance of a client to the end of the dealer's last look.",
    ["outcome"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
    registry=REGISTRY,
)
orders_rejected = Counter("orders_rejected_total", "Orders that were refused.", ["reason"], registry=REGISTRY)
ledger_imbalance = Gauge(
    "ledger_imbalance", "Units by which a ledger does not sum to zero; anything else is an alarm.", registry=REGISTRY
)
commands_refused = Counter("commands_refused_total", "Commands refused at the door.", ["code"], registry=REGISTRY)
sockets_open = Gauge("sockets_open", "WebSockets that are connected.", ["path"], registry=REGISTRY)


_checks_told = [0]
"""Of the order that is being decided on: 1 where it came as far as the risk check."""


def _order_heard(command: PlaceOrder, seconds: float) -> None:
    if _checks_told[0]:
        _checks_told[0] = 0
        risk_check_duration.observe(seconds)
    order_processing_latency.observe((time.time_ns() - command.timestamp) / SECOND_NS)


def _observations_heard(command: RecordObservations, _seconds: float) -> None:
    market_data_lag.observe((time.time_ns() - command.received_at) / SECOND_NS)


def _trade_told(event: TradeExecuted, origin: Origin) -> None:
    trade_execution_latency.observe((time.time_ns() - origin.timestamp) / SECOND_NS)
    trade_lines.add(
        {
            "trade_id": event.trade_id,
            "symbol": event.symbol,
            "buy_order_id": event.buy_order_id,
            "sell_order_id": event.sell_order_id,
            "correlation_id": origin.correlation_id,
        }
    )


def _risk_told(_event: RiskChecked, _origin: Origin) -> None:
    _checks_told[0] = 1


def _tick_dropped_told(event: TickDropped, _origin: Origin) -> None:
    ticks_dropped.labels(event.reason).inc()


def _inquiry_told(event: InquiryEvent, _origin: Origin) -> None:
    if event.look_until and event.outcome is not None:
        seconds = (event.ended_at - event.accepted_at) / SECOND_NS
        last_look_duration.labels(event.outcome.value).observe(seconds)


def _order_told(event: OrderEvent, _origin: Origin) -> None:
    if event.status is OrderStatus.REJECTED:
        orders_rejected.labels(event.reason_code).inc()
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("order_event", extra={"order_id": event.order_id, "status": event.status.value})


HEARD: dict[type, Callable[[Any, float], None]] = {PlaceOrder: _order_heard, RecordObservations: _observations_heard}
TOLD: dict[type, Callable[[Any, Origin], None]] = {
    TradeExecuted: _trade_told,
    OrderEvent: _order_told,
    RiskChecked: _risk_told,
    TickDropped: _tick_dropped_told,
    InquiryEvent: _inquiry_told,
}
"""What is counted of commands and events. Reads the wall clock, which machines never do."""


class ShardCollector(Collector):
    """Reads the state of the shards when somebody asks."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def collect(self) -> Any:
        """Gauges by shard, and counters of the exactly-once layer."""
        lag = GaugeMetricFamily("kafka_consumer_lag", "Records not yet taken.", labels=["topic", "partition"])
        durable = GaugeMetricFamily(
            "shard_undurable", "Positions taken and not yet durable.", labels=["topic", "partition"]
        )
        rows = GaugeMetricFamily("shard_rows", "Rows that exist.", labels=["topic", "partition"])
        owner = self._app.owner
        for partition, owned in owner.shards.items():
            labels = [partition.topic, str(partition.number)]
            lag.add_metric(labels, max(0, self._app.log_ends.get(partition, 0) - owned.shard.next))
            durable.add_metric(labels, owned.shard.next - owned.journal.durable)
            rows.add_metric(labels, owned.shard.rows.live)
        counts = GaugeMetricFamily("exactly_once_events", "What happened in this process, by kind.", labels=["kind"])
        for kind, count in owner.counts.items():
            counts.add_metric([kind.replace(" ", "_")], count)
        quarantined = GaugeMetricFamily("shards_quarantined", "Shards that wait for an operator: an alarm.")
        quarantined.add_metric([], len(owner.quarantined))
        yield from (lag, durable, rows, counts, quarantined)
