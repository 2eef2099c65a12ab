"""The tables of the history: which messages become rows of which, and the columns of each."""

from collections.abc import Callable
from typing import Any, NamedTuple

from schemas.feeds import MarketDataEvent, TradePrint
from schemas.market_data import BarClosed
from schemas.wire import NANOS, Message

DECIMAL, LONG, TEXT, TIME, FLAG = "DECIMAL(38, 9)", "BIGINT", "VARCHAR", "TIMESTAMP_NS", "BOOLEAN"
HOUR_NS = 3_600 * NANOS


class Table(NamedTuple):
    """A kind of rows: the columns with their types, the topic, and when a message was so."""

    topic: str
    columns: dict[str, str]
    at: Callable[[Any], int]
    names: tuple[str, ...]
    """The attributes of the message that the columns hold, in their order."""


def table(topic: str, at: str, **columns: str) -> Table:
    """A table whose columns bear the names of the message's attributes."""
    return Table(topic, columns, lambda message: int(getattr(message, at)), tuple(columns))


QUOTES = table(
    "market-data",
    "timestamp",
    timestamp=TIME,
    symbol=TEXT,
    exchange=TEXT,
    bid_price=DECIMAL,
    ask_price=DECIMAL,
    bid_size=DECIMAL,
    ask_size=DECIMAL,
    last_price=DECIMAL,
    volume=DECIMAL,
    sequence=LONG,
    event_id=TEXT,
)
PRINTS = table(
    "market-data",
    "timestamp",
    timestamp=TIME,
    symbol=TEXT,
    exchange=TEXT,
    price=DECIMAL,
    quantity=DECIMAL,
    aggressor=TEXT,
    trade_id=TEXT,
    conditions=TEXT,
    sets_price=FLAG,
    adds_volume=FLAG,
    sequence=LONG,
    event_id=TEXT,
)
BARS = table(
    "analytics-events",
    "start",
    start=TIME,
    symbol=TEXT,
    interval_s=LONG,
    open=DECIMAL,
    high=DECIMAL,
    low=DECIMAL,
    close=DECIMAL,
    volume=DECIMAL,
    vwap=DECIMAL,
    ticks=LONG,
    signed_volume=DECIMAL,
    revision=LONG,
    event_id=TEXT,
)
TABLES: dict[str, Table] = {"quotes": QUOTES, "prints": PRINTS, "bars": BARS}
KIND_OF: dict[type[Message], str] = {MarketDataEvent: "quotes", TradePrint: "prints", BarClosed: "bars"}
OF_SHARDS = frozenset({"analytics-events"})
"""Topics whose records our shards number, and send again after a crash."""
TOPICS = tuple(sorted({found.topic for found in TABLES.values()}))


def text_of(nanos: int) -> str:
    """Nanos as a decimal, for a column."""
    units, rest = divmod(abs(nanos), NANOS)
    return f"{'-' if nanos < 0 else ''}{units}.{rest:09d}"
