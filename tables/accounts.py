"""Tables of the accounts noun. `account|asset` and `account|client order id` are keys of two parts."""

from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from app.machine import Noun, Place
from domain import accounts as machine
from domain.account_records import RECORDS
from domain.account_rows import Account, Balance, GroupRow, Mark, Order, Outcome, ShardRow, State
from domain.cancel_marks import CancelMark
from domain.fee_rows import FeeSchedule, TradedValue
from domain.instruments import Instrument
from domain.risk_rows import AccountRisk, Bucket, Exposure, MarginRates, PositionLimit
from domain.trades import HOUSE


def state(tables: Mapping[str, Any], place: Place) -> State:
    """The machine's state over the rows of one shard."""
    return State(
        **{name: tables[name] for name in NOUN.tables},
        partition=place.partition,
        book_shards=place.partitions["order_books"] + place.partitions.get("inquiries", 0),  # both are reset
        keeps_house=place.owns(NOUN.name, HOUSE),
        owns=partial(place.owns, NOUN.name),
    )


NOUN = Noun(
    name="accounts",
    commands=get_args(machine.Command),
    tables={
        "accounts": Account,
        "balances": Balance,
        "orders": Order,
        "client_orders": str,
        "finished": str,
        "outcomes": Outcome,
        "outcome_log": str,
        "instruments": Instrument,
        "marks": Mark,
        "shard": ShardRow,
        "resets": int,
        "groups": GroupRow,
        "cancel_timers": int,
        "cancel_marks": CancelMark,
        "risks": AccountRisk,
        "exposures": Exposure,
        "position_limits": PositionLimit,
        "margin_rates": MarginRates,
        "reducing": tuple[str, ...],
        "fee_schedules": FeeSchedule,
        "traded_values": TradedValue,
        "buckets": Bucket,
        "watching": int,
        "counting": str,
        "net_paid": int,
        "unreported": int,
        "bookings": int,
    },
    state=state,
    decide=machine.decide,
    evolve=machine.evolve,
    deadline=machine.deadline,
    records=RECORDS,
)
