"""Orders as a book knows them: those that rest, and those that wait for their trigger."""

import msgspec

from schemas.enums import OrderType, SelfTradePrevention, Side, TimeInForce


class Instructions(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an order asks for beyond side, price and quantity; most ask for nothing."""

    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: int = 0
    """Nanoseconds since the epoch; zero where it does not end at a time."""
    display_quantity: int = 0
    """Units that are shown at a time; zero where all are."""
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.NONE
    oco_group: str = ""
    is_post_only: bool = False
    ends_group_at_trigger: bool = False
    """Its group ends when it is triggered: so never two of them rest."""


class RestingOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order that waits in the book, or trades with it."""

    order_id: str
    account_id: str
    symbol: str
    order_number: int
    side: Side
    limit_price: int
    quantity: int
    """Total units, what is filled included."""
    leaves: int
    priority: int
    """Place in time among the orders of one price."""
    maker_fee_rate: int
    taker_fee_rate: int
    fee_accrued: int
    shown: int = 0
    """What is left of the slice that an iceberg shows; zero where all is shown."""
    money: int | None = None
    """What is left to spend, or to raise; None where the quantity counts."""
    instructions: Instructions | None = None

    @property
    def group(self) -> str:
        """Its OCO group; empty where it has none."""
        return "" if self.instructions is None else self.instructions.oco_group

    @property
    def tradable(self) -> int:
        """Units that trade at its place in the queue: of an iceberg, what it shows."""
        return self.shown or self.leaves


class StopOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order that waits for a price of the last trade."""

    order: RestingOrder
    order_type: OrderType
    time_in_force: TimeInForce
    """Of the order that it becomes."""
    stop_price: int | None
    """None where a trailing stop has no price to follow yet."""
    trail: int | None
    number: int
    """Of its coming into the book: the oldest first."""
    elected: int = 0
    """Its place among those whose price has come; zero while it waits."""

    @property
    def waits_for_rise(self) -> bool:
        """Whether it becomes active at its stop price or above, not at or below."""
        return (self.order.side is Side.BUY) is not (self.order_type is OrderType.TAKE_PROFIT)


def with_slice(order: RestingOrder, priority: int) -> RestingOrder:
    """The order at the back of its queue, an iceberg with a fresh slice."""
    display = 0 if order.instructions is None else order.instructions.display_quantity
    return changed(order, order.leaves, priority, order.fee_accrued, min(display, order.leaves), order.money)


def changed(
    order: RestingOrder, leaves: int, priority: int, fee_accrued: int, shown: int, money: int | None
) -> RestingOrder:
    """The order with other numbers. By position: it is built at every partial fill."""
    return RestingOrder(
        order.order_id,
        order.account_id,
        order.symbol,
        order.order_number,
        order.side,
        order.limit_price,
        order.quantity,
        leaves,
        priority,
        order.maker_fee_rate,
        order.taker_fee_rate,
        fee_accrued,
        shown,
        money,
        order.instructions,
    )
