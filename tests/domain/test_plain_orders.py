"""Plain orders are accepted without looking at everything, and nobody can tell."""

from random import Random
from typing import Any

import pytest
from days import Day
from effort import seeds
from venues import Venue

from domain import placing, plain_orders


def day(seed: int) -> Venue:
    rng = Random(seed)
    venue, people = Venue(rng), Day(rng)
    for command in people.opening():
        venue.send(command)
    venue.settle()
    for _ in range(600):
        venue.send(people.command())
        venue.steps(rng.choice((0, 1, 4, 12)))
    venue.settle()
    return venue


@pytest.mark.parametrize("seed", seeds(8))
def test_the_long_way_gives_the_same_records_and_rows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, place = 0, plain_orders.place

    def counted(state: Any, command: Any) -> Any:
        nonlocal plain
        found = place(state, command)
        plain += found is not None
        return found

    monkeypatch.setattr(placing.plain_orders, "place", counted)
    quick = day(seed)
    monkeypatch.setattr(placing.plain_orders, "place", lambda *_: None)
    long = day(seed)
    assert quick.public == long.public
    snapshots = [[machine.snapshot() for machine in venue.machines.values()] for venue in (quick, long)]
    assert snapshots[0] == snapshots[1]
    assert plain, "some orders were plain"
