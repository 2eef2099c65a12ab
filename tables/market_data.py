"""Tables of the market_data noun, the door for prices of other systems: it has none."""

from collections.abc import Mapping
from typing import Any, get_args

from app.machine import Noun, Place
from domain import market_data as machine


def state(_tables: Mapping[str, Any], _place: Place) -> machine.State:
    """The machine's state."""
    return machine.State()


NOUN = Noun(
    name="market_data",
    commands=get_args(machine.Command),
    tables={},
    state=state,
    decide=machine.decide,
    evolve=machine.evolve,
    deadline=machine.deadline,
    is_ingress=True,
)
