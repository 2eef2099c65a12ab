"""What a feed costs: frames of a recorded venue to bytes for the topic `market-data`."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.report import Measure
from bench.stage import measured

NAMES = ("feed_parsing",)
PROCESSES = 3
"""Of each kind, in turns; the median counts."""


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    del wanted, folder
    runs = [[measured("feeds.py", kind)["rate"] for kind in ("parsed", "plain")] for _ in range(PROCESSES)]
    ours, floor = (median(rates) for rates in zip(*runs, strict=True))
    yield "feed_parsing", Measure(ours, "frames/s", floor, ours / floor, f"{1e6 / ours:.1f} µs a frame")
