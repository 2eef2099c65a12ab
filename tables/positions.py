"""Tables of the positions noun. Positions lie under `account|symbol`."""

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from app.machine import Noun, Place
from domain import positions as machine
from domain.positions import Position, State


def state(tables: Mapping[str, Any], place: Place) -> State:
    """The machine's state over the rows of one shard."""
    return State(
        **{name: tables[name] for name in NOUN.tables},
        book_shards=place.partitions["order_books"],
        owns=partial(place.owns, NOUN.name),
    )


NOUN = Noun(
    name="positions",
    commands=get_args(machine.Command),
    tables={"positions": Position, "marks": int, "resets": int},
    state=state,
    decide=machine.decide,
    evolve=machine.evolve,
    deadline=machine.deadline,
    records=machine.RECORDS,
    read_pause_s=0.02,
)
