"""Tables of the market_data noun: prices of each instrument, where it trades, its bars, indicators and alerts."""

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from app.machine import Noun, Place
from domain import market_data as machine
from domain.alerts import Alert
from domain.analytics_rows import Analytics, SeriesRow, Telling, Windows
from domain.indicators import Indicators
from domain.market_depth import DepthRow, Depths
from domain.market_quotes import Market
from domain.market_rows import Listing, State
from domain.series import Bar
from domain.ticks import Memory, Page

ANALYTICS: dict[str, type] = {
    "series": SeriesRow,
    "windows": Windows,
    "bars": Bar,
    "indicators": Indicators,
    "memories": Memory,
    "pages": Page,
    "tellings": Telling,
    "stream": int,
}
"""Bars lie under `symbol|length|place`, where the place goes round; indicators under `symbol|length`;
numbers that came under `symbol|market|kind`, pages of lower ones under `symbol|market|kind|place`."""


def state(tables: Mapping[str, Any], place: Place) -> State:
    """The machine's state over the rows of one shard."""
    analytics = Analytics(**{name: tables[name] for name in ANALYTICS})
    depths = Depths(tables["depths"], tables["levels"])
    rows = (tables["markets"], tables["listings"], analytics, depths, tables["alerts"])
    return State(*rows, owns=partial(place.owns, NOUN.name))


NOUN = Noun(
    name="market_data",
    commands=get_args(machine.Command),
    tables={
        "markets": Market,
        "listings": Listing,
        "alerts": Alert,
        "depths": DepthRow,
        "levels": int,
        **ANALYTICS,
    },
    state=state,
    decide=machine.decide,
    evolve=machine.evolve,
    deadline=machine.deadline,
)
