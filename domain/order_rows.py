"""The row of an order, as its account sees it."""

import msgspec

from schemas.enums import OrderStatus, OrderType, ReasonCode, Side, TimeInForce, Venue

FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})
"""States that no order ever leaves."""


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
    side: Side
    order_type: OrderType
    quantity: int
    limit_price: int | None
    time_in_force: TimeInForce
    status: OrderStatus
    created_at: int
    command_id: str
    base: str = ""
    quote: str = ""
    multiplier: int = 0
    venue: Venue = Venue.INTERNAL
    fee_rate_max: int = 0
    cap_price: int = 0
    """Price up to which funds are held: the limit, or the collar of a market order."""
    held: int = 0
    version: int = 0
    best_bid: int | None = None
    best_ask: int | None = None
    updated_at: int = 0
    exchange: str = ""
    # A plain order that was accepted is built of what stands above: calls of more than 30 arguments are slow.
    client_order_id: str | None = None
    stop_price: int | None = None
    body: str = ""
    """What the client asked for, to tell a repetition from another order under the same client id. Empty where that is
    what the order says: nothing special was asked for, and nothing of it has changed."""
    filled: int = 0
    filled_value: int = 0
    fee: int = 0
    fee_accrued: int = 0
    amends: tuple[Terms, ...] = ()
    """Asked for and not answered by the book yet, in order."""
    reason_code: ReasonCode | None = None
    oco_group: str = ""
    """Its group, within the account."""
    held_by: str = ""
    """The order of its group that holds funds for it, too."""
    trail: int | None = None
    """Distance of a trailing stop."""
    fee_schedule: str = ""
    notional: int | None = None
    """Quote nanos to spend, or to raise: then the quantity is what was traded so far. None where that counts."""
    parent_id: str = ""
    """Of an exit: the order with which it was placed."""
    legs: tuple[str, ...] = ()
    """Ids of its exits."""
    is_margin: bool = False
    """It holds nothing: the equity of its account bears it."""
    is_reduce_only: bool = False
    is_leaving: bool = False
    """Reduce-only, and asked to leave its book: another order uses the position up."""
    units_max: int = 0
    """Of an order by money: the most units that it may trade; zero where nobody had to know."""

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
