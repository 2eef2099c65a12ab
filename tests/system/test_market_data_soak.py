"""An hour of a recorded market at twenty times its speed: rows stay within their bound, and memory where it is."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from statistics import linear_regression, median
from time import monotonic
from typing import NamedTuple

import pytest
from system import FAUST, ROOT, System, child_of, running

from domain.repetitions import PAGES_MAX
from domain.series import BARS_KEPT

RECORDING = ROOT / "app/recordings/binance_ethusdt_20240808.gz"
"""Six minutes, played again and again as if it went on: 87 messages a second, so 1,700 at this speed."""
SPEED = 20
MINUTES = float(os.environ.get("SOAK_MINUTES") or 60)
SAMPLE_S, SAMPLES_A_LINE = 2.0, 30
ROWS_MAX = sum(BARS_KEPT) + 2 * (PAGES_MAX + 1) + 100
"""Of one instrument at one market: bars, pages of numbers of trades and of quotes; indicators, and what is open."""
GROWTH_MB_MAX = 8.0
"""In the second half of an hour, by the line through all samples. What is kept grows by 77 bars an hour of the market,
0.3 MB in all. One small object a message that is not let go would be 170 MB, a row a bar of a second 9. The two shards
in one process, with RocksDB and without Kafka, grow by 6 MB in the first minutes, and by nothing in the next hours of
the market; what clients and Faust take is not known so well."""
ROWS = re.compile(r'shard_rows\{[^}]*topic="market-data-inbox"[^}]*\} (\S+)')


class Sample(NamedTuple):
    seconds: float
    rss_mb: float
    rows: float


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def feed(system: System) -> asyncio.subprocess.Process:
    arguments = ("feed", str(RECORDING), "--venue", "binance", "--speed", str(SPEED), "--count", "0")
    environment = system.environment(KAFKA_BROKERS=system.bootstrap)
    return await asyncio.create_subprocess_exec(FAUST[0], "-A", "app", *arguments, cwd=ROOT, env=environment)


async def sampled(system: System, worker: int, seconds: float) -> list[Sample]:
    began, found = monotonic(), list[Sample]()
    while monotonic() < began + seconds:
        rows = max(map(float, ROWS.findall(await system.get("/metrics"))))
        found.append(Sample(monotonic() - began, rss_mb(worker), rows))
        if len(found) % SAMPLES_A_LINE == 1:
            sys.stdout.write(f"{found[-1].seconds:>6.0f} s {found[-1].rss_mb:>6.1f} MB {rows:>5.0f} rows\n")
        await asyncio.sleep(SAMPLE_S)
    return found


async def is_caught_up(system: System) -> bool:
    lags = re.findall(r'kafka_consumer_lag\{[^}]*topic="market-data[^}]*\} (\S+)', await system.get("/metrics"))
    return bool(lags) and not any(map(float, lags))


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + 600)
async def test_an_hour_at_twenty_times_the_speed_leaves_rows_and_memory_where_they_are(tmp_path: Path) -> None:
    async with running(tmp_path, ROLES="feeds,market_data") as system:
        worker = child_of(system.workers[0].pid)
        feeding = await feed(system)
        samples = await sampled(system, worker, MINUTES * 60)
        assert feeding.returncode is None, "the feed ended"
        feeding.send_signal(signal.SIGKILL)
        await feeding.wait()
        await system.eventually(lambda: is_caught_up(system), 60)
        assert child_of(system.workers[0].pid) == worker, "the worker ended"
    later = samples[len(samples) // 2 :]
    line = linear_regression([each.seconds for each in later], [each.rss_mb for each in later])
    growth = line.slope * (later[-1].seconds - later[0].seconds)
    rows = max(each.rows for each in samples)
    middle = median(each.rss_mb for each in later)
    sys.stdout.write(
        f"\n{MINUTES:g} min at {SPEED} x: {samples[0].rss_mb:.0f} MB at first, then {middle:.1f} MB, and {growth:+.1f} "
        f"MB in the second half, {line.slope * 3_600:+.1f} MB an hour; {rows:.0f} rows of at most {ROWS_MAX}\n"
    )
    assert rows <= ROWS_MAX
    assert growth <= GROWTH_MB_MAX
