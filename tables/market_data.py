"""Tables of the market_data noun: what is known of each instrument's prices, and where it trades."""

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from app.machine import Noun, Place
from domain import market_data as machine
from domain.market_quotes import Market


def state(tables: Mapping[str, Any], place: Place) -> machine.State:
    """The machine's state over the rows of one shard."""
    return machine.State(**{name: tables[name] for name in NOUN.tables}, owns=partial(place.owns, NOUN.name))


NOUN = Noun(
    name="market_data",
    commands=get_args(machine.Command),
    tables={"markets": Market, "listings": machine.Listing},
    state=state,
    decide=machine.decide,
    evolve=machine.evolve,
    deadline=machine.deadline,
)
