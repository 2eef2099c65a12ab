"""Recordings of venues that stand beside the project: tests on them are skipped where they are not there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.feeds import recording, symbols
from app.feeds.frames import Observation
from app.feeds.venue import Venue
from app.feeds.venues import opened

FOLDER = Path(__file__).parents[3] / "shared/data"


def path(name: str) -> Path:
    """The file of this name."""
    found = FOLDER / name
    if not found.exists():
        pytest.skip(f"{found} is not there")
    return found


def venue(name: str, **knobs: object) -> Venue:
    """A connection to the venue, with its own names and units, or others."""
    return opened(name, {name: symbols.Source(**knobs)} if knobs else symbols.read())  # type: ignore[arg-type]


def played(connection: Venue, *names: str) -> Iterator[Observation]:
    """What the recordings say, message by message; the connection stands where the frame has left it."""
    for frame in recording.read(*map(path, names)):
        yield from connection.take(frame)
