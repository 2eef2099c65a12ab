"""Books without Kafka: what matching costs by itself, as a machine with events and rows, and on the whole path."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench import peers
from bench.report import Measure
from bench.stage import Impossible, measured

NAMES = ("book_core", "book_machine", "book_core_deep_level", "book_core_vs_best_python", "in_process_path")
PROCESSES = 3
"""Of each kind, one after the other in turns; the median counts."""
PEERS = ("akhil4n-orderbook", "lightmatchingengine", "pyorderbook")


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    del folder
    kinds = {
        "plain": set(NAMES) - {"book_core_deep_level"},
        "core": {"book_core", "book_core_vs_best_python"},
        "machine": {"book_machine"},
        "told": {"book_machine"},
    }
    runs = in_turns({kind: ("mixed", kind) for kind, names in kinds.items() if names & wanted})
    floor = None if "plain" not in runs else middle(runs["plain"])
    for name, kind in (("book_core", "core"), ("book_machine", "machine")):
        if name in wanted and floor is not None:
            told = f"; {middle(runs['told'])['rate']:,.0f} with its records" if kind == "machine" else ""
            yield name, compared(middle(runs[kind]), floor, told)
    if "book_core_deep_level" in wanted:
        yield "book_core_deep_level", deep_level()
    if "book_core_vs_best_python" in wanted:
        yield "book_core_vs_best_python", against_peers(middle(runs["core"]))
    if "in_process_path" in wanted:
        (found,) = in_turns({"path": ("path",)}).values()
        best = middle(found)
        note = f"{1e6 / best['rate']:.1f} µs and {best['events']:.1f} events an order; "
        note += f"{1e6 / best['told_rate']:.1f} µs with its records"
        reference = None if floor is None else floor["rate"]
        yield (
            "in_process_path",
            Measure(best["rate"], "orders/s", reference, None if reference is None else best["rate"] / reference, note),
        )


def in_turns(kinds: dict[str, tuple[str, ...]]) -> dict[str, list[dict[str, Any]]]:
    """What the processes of each kind found: A, B, C, A, B, C, for the machine's speed changes."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for _ in range(PROCESSES):
        for kind, arguments in kinds.items():
            found[kind].append(measured("books.py", *arguments))
    trades = {run["trades"] for runs in found.values() for run in runs if "trades" in run}
    assert len(trades) <= 1, f"they differ in what they trade: {found}"
    return found


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure."""
    return {name: median(run[name] for run in runs) for name in runs[0]}


def compared(ours: dict[str, Any], floor: dict[str, Any], more: str) -> Measure:
    note = f"p50 {ours['p50_us']:.1f}, p99 {ours['p99_us']:.1f} µs; floor {floor['p50_us']:.1f}, {floor['p99_us']:.1f}"
    note += more
    return Measure(ours["rate"], "ops/s", floor["rate"], ours["rate"] / floor["rate"], note)


def deep_level() -> Measure:
    """How many times as much a taker costs at a level of 50,000 makers as at one of 5,000."""
    runs = in_turns({kind: ("deep", kind) for kind in ("core", "plain")})
    value, reference = (median(run["deep"] / run["shallow"] for run in runs[kind]) for kind in ("core", "plain"))
    told = ", ".join(f"{run['deep']:.2f}/{run['shallow']:.2f}" for run in runs["core"])
    note = f"µs a taker at the deep and at the shallow level: {told}"
    return Measure(value, "times", reference, value / reference, note)


def against_peers(ours: dict[str, Any]) -> Measure:
    """How many times as fast as the fastest of them, in the same run."""
    python = peers.python()
    found: dict[str, dict[str, Any]] = {}
    for name in PEERS:
        try:
            found[name] = measured("book_peers.py", name, python=python)
        except Impossible as error:
            found[name] = {"rate": 0.0, "trades": str(error)[:100]}
    best = max(each["rate"] for each in found.values())
    if not best:
        raise Impossible(str(found))
    others = ", ".join(
        f"{name} {each['rate']:,.0f}" + ("" if each["trades"] == ours["trades"] else f" ({each['trades']} trades)")
        for name, each in found.items()
    )
    return Measure(ours["rate"] / best, "times", best, ours["rate"] / best, f"{others}; {ours['trades']:.0f} trades")
