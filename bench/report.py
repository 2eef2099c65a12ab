"""What is measured, what it should be, and the file and the table that say so."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

LATEST = Path(__file__).with_name("results") / "latest.json"
AT_LEAST, AT_MOST = ">=", "<="


class Measure(NamedTuple):
    """One figure, beside what the same run gave for a floor or a peer."""

    value: float | None
    """None where it could not be measured; the note says why."""
    unit: str
    reference: float | None = None
    ratio: float | None = None
    note: str = ""


class Bar(NamedTuple):
    sense: str
    figure: float

    def is_met(self, value: float) -> bool:
        return value >= self.figure if self.sense == AT_LEAST else value <= self.figure


BARS = {
    "exactly_once_throughput": Bar(AT_LEAST, 80_000),
    "exactly_once_throughput_vs_stock_faust": Bar(AT_LEAST, 12),
    "exactly_once_throughput_vs_quix": Bar(AT_LEAST, 1.5),
    "book_core": Bar(AT_LEAST, 1_000_000),
    "book_machine": Bar(AT_LEAST, 400_000),
    "book_core_deep_level": Bar(AT_MOST, 1.2),
    "book_core_vs_best_python": Bar(AT_LEAST, 3),
    "in_process_path": Bar(AT_LEAST, 60_000),
    "feed_parsing": Bar(AT_LEAST, 50_000),
    "market_data_throughput": Bar(AT_LEAST, 50_000),
    "market_data_lag_p99_ms": Bar(AT_MOST, 50),
    "order_path_throughput": Bar(AT_LEAST, 5_000),
    "order_latency_p50_ms": Bar(AT_MOST, 4),
    "order_latency_p99_ms": Bar(AT_MOST, 8),
    "order_filled_p50_ms": Bar(AT_MOST, 8),
    "order_filled_p99_ms": Bar(AT_MOST, 15),
    "order_latency_p50_vs_floor": Bar(AT_MOST, 2.5),
    "inquiry_throughput": Bar(AT_LEAST, 8_000),
    "inquiry_throughput_all_done": Bar(AT_LEAST, 3_000),
    "inquiry_latency_p99_ms": Bar(AT_MOST, 15),
    "inquiry_socket_p99_ms": Bar(AT_MOST, 150),
    "order_latency_p999_ms_idle_partitions": Bar(AT_MOST, 60),
    "order_latency_while_analytics_paused": Bar(AT_MOST, 1.2),
    "mark_to_exposure_p50_ms": Bar(AT_MOST, 125),
    "mark_to_exposure_p99_ms": Bar(AT_MOST, 200),
    "restore_rows": Bar(AT_MOST, 10),
    "restore_rows_from_store": Bar(AT_MOST, 2),
    "resume_after_kill_s": Bar(AT_MOST, 5),
    "resume_elsewhere_s": Bar(AT_MOST, 15),
    "worker_rss_mb": Bar(AT_MOST, 200),
    "broker_rss_mb": Bar(AT_MOST, 600),
    "start_warm_s": Bar(AT_MOST, 15),
}
"""Every benchmark, in the order in which the table has them."""


def save(found: dict[str, Measure], path: Path = LATEST) -> dict[str, dict[str, Any]]:
    """Writes what was found over what earlier runs found -> all of it."""
    path.parent.mkdir(exist_ok=True)
    earlier = json.loads(path.read_text()) if path.exists() else {}
    rows = earlier | {name: as_row(measure) for name, measure in found.items()}
    rows = {name: rows[name] for name in BARS if name in rows}
    path.write_text(json.dumps(rows, indent=2) + "\n")
    return rows


def as_row(measure: Measure) -> dict[str, Any]:
    row = {name: rounded(value) for name, value in measure._asdict().items()}
    return row if row["note"] else {name: value for name, value in row.items() if name != "note"}


def rounded(value: Any) -> Any:
    """Four digits: no figure here is better than that."""
    return float(f"{value:.4g}") if isinstance(value, int | float) else value


def print_table(found: dict[str, Measure]) -> None:
    """With the load average: figures of a machine that others use say little."""
    print(f"\n{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    print(f"{'benchmark':<40} {'value':>10} {'unit':<9} {'bar':>10}      {'reference':>10} {'ratio':>7}")
    for name, measure in found.items():
        bar = BARS[name]
        verdict = "-" if measure.value is None else "ok" if bar.is_met(measure.value) else "MISS"
        print(
            f"{name:<40} {figure(measure.value):>10} {measure.unit:<9} {bar.sense}{figure(bar.figure):>8} {verdict:<4} "
            f"{figure(measure.reference):>10} {figure(measure.ratio):>7}"
        )
        if measure.note:
            print(f"    {measure.note}")


def figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
