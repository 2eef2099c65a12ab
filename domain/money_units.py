"""How many units an order by money may trade at most, where that has to be known: on margin, and under a limit.

The price at which it will trade is not known when it comes in: the book may be better than the prices that its account
has heard. So it is checked, counted and bound for what its money is worth at prices so much better, or as far as its
limits go; the book stops at that, and says POSITION_LIMIT of what it leaves.
"""

import msgspec

from domain import risk
from domain.account_rows import Order, State
from domain.exposures import units_of_money
from domain.instruments import Instrument
from domain.orders import COLLAR_PERCENT
from schemas.enums import Side


def bounded(state: State, order: Order, instrument: Instrument) -> Order:
    """The order with the most units that it may trade: whole lots, and one at least, which its checks may refuse."""
    price = order.best_ask if order.side is Side.BUY else order.cap_price
    assert price is not None, "without a price nothing can be held"
    expected = units_of_money(order, price)
    most = units_of_money(order, max(1, price * (100 - COLLAR_PERCENT) // 100)) if order.side is Side.BUY else expected
    room = risk.room(state, order, instrument)
    if room is not None:
        most = min(most, max(room, expected))
    return msgspec.structs.replace(order, units_max=max(instrument.lot, most - most % instrument.lot))
