"""Rows of the accounts machine, and the state made of them."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.cancel_marks import CancelMark, CancelMarked
from domain.fee_rows import FeeEvent, FeeSchedule, TradedValue
from domain.instruments import Instrument
from domain.order_life import Step
from domain.order_rows import FINAL, Order, Terms
from domain.risk_rows import RiskEvent, RiskTables
from domain.state import Table
from domain.timers import TimerEvent, Timers
from domain.trades import Fill
from schemas.accounts import AccountOpened, BalanceEvent, OrderEvent, RiskChecked, SetKillSwitch, SetLimits
from schemas.enums import ReasonCode
from schemas.inquiries import ResetInquiries
from schemas.order_books import (
    CancelAllOrders,
    CancelRestingOrder,
    EnterLimitOrder,
    EnterOrder,
    InstrumentListed,
    MarkPrices,
    ReplaceOrder,
    ResetBooks,
)

__all__ = ["FINAL", "Order", "Terms"]

EXTERNAL, CLEARING, FEES = "@external", "@clearing", "@fees"
"""System accounts: the world outside, the other side of trades, and what was charged."""

BEGUN = "begun"
"""Under this, as if it were a reset, stand the resets that began here."""


class Account(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An account that was opened."""

    opened_at: int
    fee_schedule: str = ""


class Balance(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One asset of one account. What is available is total less reserved."""

    total: int = 0
    reserved: int = 0
    version: int = 0

    @property
    def available(self) -> int:
        """Units free to use."""
        return self.total - self.reserved


NO_BALANCE = Balance()


class GroupRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An OCO group."""

    legs: tuple[str, ...] = ()
    """Ids of its orders that are alive."""


class Outcome(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a command ended that is no order: kept for a while, so that asking again gets the same answer."""

    number: int
    is_pending: bool = False
    reason_code: ReasonCode | None = None
    order_id: str = ""
    quantity: int = 0
    """What a cancel took out."""
    body: str = ""
    """What was asked for in a movement of money or an amend: something else under the same id is another matter."""


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Prices of a symbol as its book told them."""

    bid: int | None
    ask: int | None
    last: int | None


class ShardRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Counters of a shard."""

    orders: int = 0
    finished: int = 0
    outcomes: int = 0
    reset_id: str = ""
    """The reset that is going on, the last one begun where there are more."""
    resets_open: int = 0
    """How many are going on."""


# Events that stay inside: what others must know is said by OrderEvent, BalanceEvent and the commands to the books.
# Those that most orders go through say all that happens in one step: `account_records` makes the records of it.


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A new order was accepted. It has the next number."""

    order: Order
    balance: Balance | None
    """Of the asset that is held for it, after that; None where nothing is."""
    verdict: RiskChecked | None = None
    """Where there was more to check than whether the account can pay."""


class Stepped(msgspec.Struct, frozen=True, gc=False):
    """An order has made a step that moves no money, and is like this now."""

    order: Order
    step: Step


class Filled(msgspec.Struct, frozen=True, gc=False):
    """A trade of an order: the order, and what its account has of both assets, after it."""

    order: Order
    fill: Fill
    spent: Balance
    """Of the asset that was held."""
    gained: Balance
    """Of the other one."""
    is_within: bool
    """Whether the other side of the trade is an order of this shard, too: what is cleared then cancels out."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An order is like this now."""

    order: Order


class Numbered(msgspec.Struct, frozen=True, gc=False):
    """Another order number was given."""


class Finished(msgspec.Struct, frozen=True, gc=False):
    """An order came to its end: one of those that are forgotten some day."""

    order: Order


class Contra(msgspec.Struct, frozen=True, gc=False):
    """The other side of an entry: a system account gains."""

    account_id: str
    asset: str
    amount: int


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A command got its outcome, or is known to wait for one."""

    command_id: str
    outcome: Outcome


class ResetBegun(msgspec.Struct, frozen=True, gc=False):
    """No new orders until the reset is done."""

    reset_id: str


class BookEmptied(msgspec.Struct, frozen=True, gc=False):
    """One book shard has nothing left."""

    reset_id: str
    source: str


class Cleared(msgspec.Struct, frozen=True, gc=False):
    """Accounts and orders are forgotten; numbers, and versions of balances, go on."""

    reset_id: str


Event = (
    AccountOpened
    | BalanceEvent
    | OrderEvent
    | EnterLimitOrder
    | EnterOrder
    | ReplaceOrder
    | CancelRestingOrder
    | ResetBooks
    | InstrumentListed
    | MarkPrices
    | Placed
    | Stepped
    | Filled
    | Stored
    | Numbered
    | Finished
    | Contra
    | Answered
    | FeeEvent
    | TimerEvent
    | CancelMarked
    | ResetBegun
    | BookEmptied
    | Cleared
    | RiskEvent
    | SetKillSwitch
    | SetLimits
    | CancelAllOrders
    | ResetInquiries
)


class State:
    """Rows of one shard."""

    def __init__(
        self,
        accounts: Table[Account],
        balances: Table[Balance],
        orders: Table[Order],
        client_orders: Table[str],
        finished: Table[str],
        outcomes: Table[Outcome],
        outcome_log: Table[str],
        instruments: Table[Instrument],
        marks: Table[Mark],
        shard: Table[ShardRow],
        resets: Table[int],
        groups: Table[GroupRow],
        fee_schedules: Table[FeeSchedule],
        traded_values: Table[TradedValue],
        cancel_timers: Table[int],
        cancel_marks: Table[CancelMark],
        partition: int,
        book_shards: int,
        keeps_house: bool = False,
        owns: Callable[[str], bool] = bool,
        **risk: Any,
    ) -> None:
        self.accounts, self.balances, self.orders = accounts, balances, orders
        self.client_orders, self.finished = client_orders, finished
        self.outcomes, self.outcome_log = outcomes, outcome_log
        self.instruments, self.marks, self.shard = instruments, marks, shard
        self.resets, self.groups = resets, groups
        self.risk = RiskTables(instruments, **risk)
        self.fee_schedules, self.traded_values = fee_schedules, traded_values
        self.partition, self.book_shards, self.keeps_house = partition, book_shards, keeps_house
        self.owns = owns
        """Whether an account is kept here."""
        self.timers, self.cancel_marks = Timers(cancel_timers), cancel_marks
        self.now = 0

    def rebuild(self) -> None:
        """Derives anew what is known without looking."""
        self.risk.rebuild()
        self.timers.rebuild()

    def shard_row(self) -> ShardRow:
        """The row of this shard."""
        return self.shard.get("") or ShardRow()

    def balance(self, account_id: str, asset: str) -> Balance:
        """A balance, zero at first."""
        return self.balances.get(f"{account_id}|{asset}") or NO_BALANCE
