"""How large one order may be: what is larger is a slip of a finger, most likely."""

from domain.account_rows import Mark, Order
from domain.instruments import Instrument
from domain.money import value_of
from domain.orders import cap_price
from schemas.accounts import PlaceOrder
from schemas.enums import ReasonCode, Side


def size_fault(instrument: Instrument, order: PlaceOrder | Order, mark: Mark | None) -> ReasonCode | None:
    """Whether it is larger than one order of the instrument may be.

    It is worth what it may cost at worst; a sale, what it brings at its limit or at the best bid, whichever is more.
    Of an order by money only the money is looked at.
    """
    if order.notional is not None:
        is_too_much = instrument.notional_max is not None and order.notional > instrument.notional_max
        return ReasonCode.NOTIONAL_LIMIT if is_too_much else None
    if instrument.quantity_max is not None and order.quantity > instrument.quantity_max:
        return ReasonCode.QUANTITY_LIMIT
    if instrument.notional_max is None:
        return None
    price = cap_price(instrument, order, mark) or 0
    if order.side is Side.SELL and mark is not None and mark.bid is not None:
        price = max(price, mark.bid)
    is_too_much = value_of(order.quantity, price, instrument.multiplier) > instrument.notional_max
    return ReasonCode.NOTIONAL_LIMIT if is_too_much else None
