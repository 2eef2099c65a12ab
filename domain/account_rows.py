"""Rows of the accounts machine, and the state made of them."""

from typing import Any

import msgspec

from domain.fee_rows import FeeEvent, FeeSchedule, TradedValue
from domain.instruments import Instrument
from domain.risk_rows import RiskEvent, RiskTables
from domain.state import Table
from domain.timers import TimerEvent, Timers
from schemas.accounts import AccountOpened, BalanceEvent, OrderEvent, SetKillSwitch
from schemas.enums import OrderStatus, OrderType, ReasonCode, Side, TimeInForce, Venue
from schemas.order_books import (
    CancelAllOrders,
    CancelRestingOrder,
    EnterOrder,
    InstrumentListed,
    MarkPrices,
    ReplaceOrder,
    ResetBooks,
)

EXTERNAL, CLEARING, FEES = "@external", "@clearing", "@fees"
"""System accounts: the world outside, the other side of trades, and what was charged."""

BEGUN = "begun"
"""Under this, as if it were a reset, stand the resets that began here."""

FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})
"""States that no order ever leaves."""


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


class Terms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an amend asks for, or what an order has."""

    quantity: int
    """Total, what is filled included."""
    price: int
    """Up to which funds are held: the limit, or what a stop may cost once it is triggered."""
    stop_price: int | None = None
    trail: int | None = None


class Order(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order as its account sees it."""

    order_id: str
    account_id: str
    symbol: str
    order_number: int
    client_order_id: str | None
    side: Side
    order_type: OrderType
    quantity: int
    limit_price: int | None
    stop_price: int | None
    time_in_force: TimeInForce
    status: OrderStatus
    created_at: int
    command_id: str
    body: str
    """What the client asked for, to tell a repetition from another order under the same client id."""
    base: str = ""
    quote: str = ""
    multiplier: int = 0
    venue: Venue = Venue.INTERNAL
    fee_rate_max: int = 0
    cap_price: int = 0
    """Price up to which funds are held: the limit, or the collar of a market order."""
    filled: int = 0
    filled_value: int = 0
    fee: int = 0
    fee_accrued: int = 0
    held: int = 0
    version: int = 0
    amends: tuple[Terms, ...] = ()
    """Asked for and not answered by the book yet, in order."""
    best_bid: int | None = None
    best_ask: int | None = None
    reason_code: ReasonCode | None = None
    updated_at: int = 0
    oco_group: str = ""
    """Its group, within the account."""
    held_by: str = ""
    """The order of its group that holds funds for it, too."""
    trail: int | None = None
    """Distance of a trailing stop."""
    exchange: str = ""
    fee_schedule: str = ""
    notional: int | None = None
    """Quote nanos to spend, or to raise: then the quantity is what was traded so far. None where that counts."""
    is_margin: bool = False
    """It holds nothing: the equity of its account bears it."""
    is_reduce_only: bool = False
    is_leaving: bool = False
    """Reduce-only, and asked to leave its book: another order uses the position up."""

    @property
    def leaves(self) -> int:
        """Units still working: zero in every final state."""
        return 0 if self.status in FINAL else self.quantity - self.filled

    @property
    def is_refused_by_account(self) -> bool:
        """It never went to a book. What a book refuses was accepted before, which took versions."""
        return self.status is OrderStatus.REJECTED and self.version == 1

    @property
    def held_asset(self) -> str:
        """What is reserved for it."""
        return self.quote if self.side is Side.BUY else self.base


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
    | EnterOrder
    | ReplaceOrder
    | CancelRestingOrder
    | ResetBooks
    | InstrumentListed
    | MarkPrices
    | Stored
    | Numbered
    | Finished
    | Contra
    | Answered
    | FeeEvent
    | TimerEvent
    | ResetBegun
    | BookEmptied
    | Cleared
    | RiskEvent
    | SetKillSwitch
    | CancelAllOrders
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
        partition: int,
        book_shards: int,
        keeps_house: bool = False,
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
        self.timers = Timers(cancel_timers)
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
        return self.balances.get(f"{account_id}|{asset}") or Balance()
