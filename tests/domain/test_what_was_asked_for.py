"""Whether an order is the same once more is said by what was asked for, not by what it has become."""

from typing import Any

import pytest
from examples import accounts_with, amend, deposit, fill, place, replaced, rested, units

from schemas.enums import ReasonCode
from schemas.order_books import OrderReduced


@pytest.mark.parametrize(
    "since",
    [
        (rested("1"), amend("1", quantity=12, price=3), replaced("1", 12, 3, 12)),
        (fill("1", 4, 2, 6), amend("1", quantity=4), replaced("1", 4, 2, 0)),
        (OrderReduced("1", "ann", "ADAUSDT", units(7), units(7), ReasonCode.SELF_TRADE_PREVENTION),),
        (fill("1", 10, 2, 0),),
    ],
)
def test_what_an_order_has_become_does_not_change_what_was_asked_for(since: Any) -> None:
    machine = accounts_with(deposit(1000), place("1"), *since)
    machine.run_all([place("1", command="again"), place("1", quantity=12, price=3, command="another")])
    outcomes = machine.state.outcomes
    assert outcomes.get("again").reason_code is None
    assert outcomes.get("another").reason_code is ReasonCode.DUPLICATE_ORDER_ID
