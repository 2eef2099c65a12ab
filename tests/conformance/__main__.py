"""Plays scenarios on a venue: `python -m tests.conformance FILE.jsonl [FILE...] [--oracle]`, from the project's root.

A line a failing scenario, with its first difference; the last line counts. Exits with 0 only when none failed.
"""

# ruff: noqa: T201 - a command speaks to who called it

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.scenarios import Run, verdicts

PRODUCTION, ORACLE = "tests.conformance.production", "tests.support.naive_venue"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--oracle", action="store_true", help="play on the naive venue, not on the project's engine")
    options = parser.parse_args(arguments)
    run = venue(ORACLE if options.oracle else PRODUCTION)
    if run is None:
        print(f"{PRODUCTION} is not there yet: nothing was played (--oracle plays on the naive venue)", file=sys.stderr)
        return 2
    found = [verdict for path in options.files for verdict in verdicts(path, run)]
    failed = [verdict for verdict in found if verdict.difference is not None]
    for verdict in failed:
        print(f"{verdict.name}: {verdict.difference}")
    print(f"{len(found) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def venue(module: str) -> Run | None:
    """None where there is no such module; one that is broken is an error."""
    try:
        run: Run = importlib.import_module(module).run
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    return run


if __name__ == "__main__":
    sys.exit(main())
