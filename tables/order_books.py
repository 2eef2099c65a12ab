"""Tables of the order_books noun. Orders and stops lie under `symbol|order id`, trades in a ring."""

from collections.abc import Mapping
from typing import Any, get_args

from app.machine import Noun, Place
from domain import order_books as machine
from domain.auction_books import AuctionOrder
from domain.auction_rows import AuctionRow, GroupHit
from domain.book_records import RECORDS
from domain.book_rows import BookRow, ShardRow, State
from domain.breaker_rows import BreakerRow
from domain.instruments import Instrument
from domain.parking import ParkedCommand
from domain.quotes import Quote
from domain.resting import RestingOrder, StopOrder
from domain.session_rows import SessionRow
from domain.trades import TradeRow
from domain.waiting_rows import Waiting


def state(tables: Mapping[str, Any], place: Place) -> State:
    """The machine's state over the rows of one shard."""
    return State(
        **{name: tables[name] for name in NOUN.tables},
        partition=place.partition,
        account_shards=place.partitions["accounts"],
    )


NOUN = Noun(
    name="order_books",
    commands=get_args(machine.Command),
    tables={
        "instruments": Instrument,
        "orders": RestingOrder,
        "stops": StopOrder,
        "books": BookRow,
        "trades": TradeRow,
        "shard": ShardRow,
        "resets": int,
        "waiting": Waiting,
        "auctions": AuctionRow,
        "breakers": BreakerRow,
        "quotes": Quote,
        "sessions": SessionRow,
        "group_hits": GroupHit,
        "auction_orders": AuctionOrder,
        "parked": ParkedCommand,
    },
    state=state,
    decide=machine.decide,
    evolve=machine.evolve,
    deadline=machine.deadline,
    records=RECORDS,
)
