"""Tables of the inquiry_commands noun, the door for inquiries of other systems: next to nothing."""

from collections.abc import Mapping
from typing import Any, get_args

from app.machine import Noun, Place
from domain import inquiry_commands as machine


def state(tables: Mapping[str, Any], place: Place) -> machine.State:
    """The machine's state over the rows of one shard."""
    return machine.State(tables["counts"], place.partition)


NOUN = Noun(
    name="inquiry_commands",
    commands=get_args(machine.Command),
    tables={"counts": int},
    state=state,
    decide=machine.decide,
    evolve=machine.evolve,
    deadline=machine.deadline,
    is_ingress=True,
)
