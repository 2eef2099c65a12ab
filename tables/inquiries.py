"""Tables of the inquiries noun. Positions lie under `book|instrument`, terms under that with either part left out."""

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from app.machine import Noun, Place
from domain import inquiries as machine
from domain.desk_credit import Credit
from domain.desk_measures import Measures
from domain.desk_terms import DeskTerms
from domain.inquiry_rows import Answer, Inquiry, ShardRow, Sides, State
from domain.instruments import Instrument
from domain.positions import Position
from schemas.enums import TradingPhase
from schemas.inquiries import ReferencePrice


def state(tables: Mapping[str, Any], place: Place) -> State:
    """The machine's state over the rows of one shard."""
    return State(
        **{name: tables[name] for name in NOUN.tables},
        partition=place.partition,
        account_shards=place.partitions["accounts"],
        owns=partial(place.owns, NOUN.name),
    )


NOUN = Noun(
    name="inquiries",
    commands=get_args(machine.Command),
    tables={
        "inquiries": Inquiry,
        "finished": str,
        "answers": Answer,
        "answer_log": str,
        "positions": Position,
        "credits": Credit,
        "instruments": Instrument,
        "phases": TradingPhase,
        "accounts": str,
        "prices": ReferencePrice,
        "terms": DeskTerms,
        "switches": bool,
        "sides": Sides,
        "measures": Measures,
        "resets": int,
        "shard": ShardRow,
    },
    state=state,
    decide=machine.decide,
    evolve=machine.evolve,
    deadline=machine.deadline,
)
