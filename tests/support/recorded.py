"""Recordings of other people, as our ticks and bars. `tests/recordings/README.md` says whose they are."""

import csv
import gzip
from functools import cache
from pathlib import Path
from typing import NamedTuple

from examples import units

from domain.panes import Ticked
from schemas.wire import NANOS

FOLDER = Path(__file__).parents[1] / "recordings"
ODD_LOT = 0x20000000
MILLISECOND, PRICE_STEP = 1_000_000, NANOS // 10_000


class RecordedBar(NamedTuple):
    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    is_regular: bool = True
    agrees_with_ticks: bool = True


def rows_of(name: str) -> list[dict[str, str]]:
    data = (FOLDER / name).read_bytes()
    return list(csv.DictReader((gzip.decompress(data) if name.endswith(".gz") else data).decode().splitlines()))


@cache
def ibm_trades() -> tuple[Ticked, ...]:
    return tuple(
        Ticked(
            int(row["time_ms"]) * MILLISECOND,
            number,
            int(row["price_e4"]) * PRICE_STEP,
            int(row["size"]) * NANOS,
            sets_price=not int(row["condition_hex"], 16) & ODD_LOT,
        )
        for number, row in enumerate(rows_of("ibm_20131007_trade.csv.gz"), 1)
    )


@cache
def ibm_minutes() -> tuple[RecordedBar, ...]:
    return tuple(
        RecordedBar(
            int(row["time_ms"]) * MILLISECOND,
            *[int(row[f"{name}_e4"]) * PRICE_STEP for name in ("open", "high", "low", "close")],
            int(row["volume"]) * NANOS,
            row["regular_session"] == "1",
            row["agrees_with_ticks"] == "1",
        )
        for row in rows_of("ibm_20131007_minute.csv.gz")
    )


@cache
def coinbase_minutes() -> tuple[RecordedBar, ...]:
    return tuple(
        RecordedBar(
            int(row["time_ms"]) * MILLISECOND,
            *[units(row[name]) for name in ("open", "high", "low", "close", "volume")],
        )
        for row in rows_of("coinbase_ethusd_minute_2018-04-04.csv.gz")
    )


@cache
def rsi_example() -> tuple[tuple[float, float | None], ...]:
    """Closes, each with the published RSI."""
    return tuple(
        (float(row["close"]), float(row["rsi14_published"]) if row["rsi14_published"] else None)
        for row in rows_of("stockcharts_rsi14.csv")
    )
