"""Runs benchmarks: all, or those that ONLY names."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import (
    books,
    feeds,
    footprint,
    idle_partitions,
    inquiries,
    inquiry_sockets,
    latency,
    market_data,
    marks,
    order_path,
    paused_analytics,
    restore,
    resume,
    throughput,
)
from bench.report import BARS, Measure, print_table, save
from bench.stage import Impossible

Run = Callable[[set[str], Path], Iterator[tuple[str, Measure]]]
GROUPS: tuple[tuple[tuple[str, ...], Run], ...] = (
    (throughput.NAMES, throughput.run),
    (books.NAMES, books.run),
    (feeds.NAMES, feeds.run),
    (market_data.NAMES, market_data.run),
    (order_path.NAMES, order_path.run),
    (latency.NAMES, latency.run),
    (inquiries.NAMES, inquiries.run),
    (inquiry_sockets.NAMES, inquiry_sockets.run),
    (marks.NAMES, marks.run),
    (idle_partitions.NAMES, idle_partitions.run),
    (paused_analytics.NAMES, paused_analytics.run),
    (restore.NAMES, restore.run),
    (resume.NAMES, resume.run),
    (footprint.NAMES, footprint.run),
)
"""What is measured in one go, on one broker."""


def measure(names: tuple[str, ...], run: Run, wanted: set[str]) -> dict[str, Measure]:
    """What came of one group; what failed is in it without a value, with the reason."""
    found: dict[str, Measure] = {}
    why = "it was not measured"
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            found.update((name, figure) for name, figure in run(wanted, Path(folder)) if name in wanted)
        except Impossible as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - the other benchmarks go on
            traceback.print_exc()
            why = repr(error)
    missing = {name: Measure(None, "", note=why) for name in names if name in wanted and name not in found}
    return found | missing


def main() -> int:
    only = [name.strip() for name in os.environ.get("ONLY", "").split(",") if name.strip()]
    unknown = [name for name in only if name not in BARS]
    if unknown:
        sys.stderr.write(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BARS)}\n")
        return 64
    wanted = set(only or BARS)
    found: dict[str, Measure] = {}
    for names, run in GROUPS:
        if wanted.intersection(names):
            found |= measure(names, run, wanted)
            save(found)
    print_table({name: found[name] for name in BARS if name in found})
    return 0 if all(figure.value is not None for figure in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
