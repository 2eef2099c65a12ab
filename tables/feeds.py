"""Tables of the feeds noun, the door for market data of other systems: what waits to leave, by where it goes."""

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from app.machine import Noun, Place
from app.topics import partition_of
from domain import feeds as machine


def state(tables: Mapping[str, Any], place: Place) -> machine.State:
    """The machine's state over the rows of one shard."""
    return machine.State(tables["packs"], partial(partition_of, partitions=place.partitions["market_data"]))


NOUN = Noun(
    name="feeds",
    commands=get_args(machine.Command),
    tables={"packs": machine.Pack},
    state=state,
    decide=machine.decide,
    evolve=machine.evolve,
    deadline=machine.deadline,
    is_ingress=True,
    read_pause_s=0.005,
)
