"""Orders of a group hold funds once, where only one of them can trade."""

from typing import Any

import pytest
from examples import (
    SECOND,
    SELL,
    accounts_with,
    amend,
    balance,
    cancelled,
    deposit,
    enter,
    fill,
    listed,
    listing,
    place,
    rested,
    units,
)
from machines import Machine, of_type

from domain import oco_groups
from schemas.enums import OrderStatus, OrderType, ReasonCode, Side, TimeInForce
from schemas.order_books import (
    CancelRestingOrder,
    EnterLimitOrder,
    EnterOrder,
    OrderArmed,
    OrderCancelled,
    OrderTriggered,
)

STOP = OrderType.STOP


def exit_at(order: str, price: float, quantity: float = 10, **more: Any) -> Any:
    """A limit to sell at a profit."""
    return place(order, SELL, quantity, price, oco_group="exit", **more)


def stop_at(order: str, price: float, quantity: float = 10, **more: Any) -> Any:
    """A stop to sell at a loss."""
    return place(order, SELL, quantity, None, kind=STOP, stop_price=units(price), oco_group="exit", **more)


def with_ada(*commands: Any) -> Machine:
    return accounts_with(deposit(10, "ADA"), *commands)


def held(machine: Machine, order: str) -> int:
    found: int = machine.state.orders.get(order).held
    return found


def test_a_stop_beside_a_limit_needs_no_funds_of_its_own() -> None:
    machine = with_ada(exit_at("1", 3))
    (sent,) = of_type(machine.run(stop_at("2", 1)), EnterLimitOrder, EnterOrder)
    assert balance(machine, asset="ADA") == (10, 10)
    assert (held(machine, "1"), held(machine, "2")) == (units(10), 0)
    assert (sent.held_by, sent.held_by_filled, sent.oco_group) == ("1", 0, "ann|exit")


def test_whichever_comes_first_holds() -> None:
    machine = with_ada(stop_at("1", 1), exit_at("2", 3))
    assert (held(machine, "1"), held(machine, "2")) == (units(10), 0)
    assert balance(machine, asset="ADA") == (10, 10)


def test_the_one_that_holds_trades_and_nothing_is_left() -> None:
    machine = with_ada(exit_at("1", 3), stop_at("2", 1), rested("1"), OrderArmed("2", "ann", "ADAUSDT", 2))
    machine.run_all([fill("1", 10, 3, 0, side=SELL), cancelled("2", 10, ReasonCode.OCO, command="")])
    assert machine.state.orders.get("2").status is OrderStatus.CANCELLED
    assert (balance(machine, asset="ADA"), balance(machine)) == ((0, 0), (30, 0))
    assert machine.state.groups.get("ann|exit") is None


def test_the_one_for_which_it_is_held_trades_and_nothing_is_left() -> None:
    machine = with_ada(exit_at("1", 3), stop_at("2", 1), rested("1"))
    machine.run(fill("2", 4, 1, 6, side=SELL))
    assert (held(machine, "1"), held(machine, "2")) == (0, units(6))
    machine.run_all([cancelled("1", 10, ReasonCode.OCO, command=""), fill("2", 6, 1, 0, side=SELL)])
    assert (balance(machine, asset="ADA"), balance(machine)) == ((0, 0), (10, 0))


def test_when_the_one_that_holds_is_cancelled_another_one_holds_what_it_needs() -> None:
    machine = with_ada(exit_at("1", 3), stop_at("2", 1, 4), stop_at("3", 1, 6), rested("1"))
    assert balance(machine, asset="ADA") == (10, 10)
    machine.run(cancelled("1", 10, ReasonCode.REQUESTED))
    assert (held(machine, "2"), held(machine, "3")) == (0, units(6))
    assert balance(machine, asset="ADA") == (10, 6)
    assert machine.state.orders.get("2").held_by == "3"


def test_one_that_has_traded_leaves_nothing_to_another_that_its_book_will_not_take() -> None:
    """The other one was on its way while the first traded and was cancelled."""
    machine = with_ada(exit_at("1", 3), rested("1"), stop_at("2", 1), fill("1", 4, 3, 6, side=SELL))
    machine.run(cancelled("1", 6, ReasonCode.REQUESTED))
    assert (held(machine, "2"), balance(machine, asset="ADA")) == (0, (6, 0))
    machine.run(cancelled("2", 10, ReasonCode.OCO, command=""))
    assert (held(machine, "2"), balance(machine, asset="ADA")) == (0, (6, 0))
    assert machine.state.groups.get("ann|exit") is None


def test_two_that_may_both_trade_in_an_auction_hold_both() -> None:
    machine = accounts_with(deposit(20, "ADA"), exit_at("1", 3), exit_at("2", 4))
    assert (held(machine, "1"), held(machine, "2")) == (units(10), units(10))
    alone = with_ada(exit_at("1", 3), exit_at("2", 4))
    assert alone.state.orders.get("2").reason_code is ReasonCode.BUYING_POWER


def test_one_that_needs_more_than_is_held_holds_its_own() -> None:
    machine = accounts_with(deposit(15, "ADA"), exit_at("1", 3, 5), stop_at("2", 1, 10))
    assert (held(machine, "1"), held(machine, "2")) == (units(5), units(10))


@pytest.mark.parametrize(
    "other",
    [{"account": "bob"}, {"oco_group": "another"}, {"side": Side.BUY}, {"symbol": "ADAUSD"}],
    ids=["account", "group", "side", "symbol"],
)
def test_only_orders_of_one_account_group_symbol_and_side_share(other: dict[str, Any]) -> None:
    """Though the first one holds more than the second one needs."""
    terms = {"order": "2", "side": SELL, "quantity": 4, "price": None, "oco_group": "exit"} | other
    machine = accounts_with(
        listed(symbol="ADAUSD"),
        deposit(14, "ADA"),
        deposit(10, "ADA", "bob"),
        deposit(1_000),
        exit_at("1", 3),
        place(**terms, kind=STOP, stop_price=units(1)),
    )
    assert (machine.state.orders.get("2").held_by, held(machine, "2") > 0) == ("", True)


@pytest.mark.parametrize("order", ["1", "2"])
def test_an_order_that_shares_is_not_amended(order: str) -> None:
    machine = with_ada(exit_at("1", 3), stop_at("2", 1), rested("1"))
    machine.run(amend(order, 12))
    assert machine.state.outcomes.get("amend").reason_code is ReasonCode.UNSUPPORTED_ORDER_TYPE


def entered(order: str, holder: str, filled: int) -> EnterOrder:
    return EnterOrder(
        *(order, "ann", "ADAUSDT", 7, SELL, STOP, units(10), TimeInForce.GTC, 0, 0),
        stop_price=units(1),
        oco_group="ann|exit",
        held_by=holder,
        held_by_filled=filled,
    )


def test_a_book_refuses_an_order_whose_holder_is_gone_or_has_traded_meanwhile() -> None:
    book = Machine("order_books")
    book.run_all([listing(), enter("1", SELL, 10, 3), enter("0", Side.BUY, 4, 3)])
    for number, (holder, filled, is_taken) in enumerate((("1", 0, False), ("1", units(4), True), ("9", 0, False))):
        events = book.run(entered(f"s{number}", holder, filled), at=SECOND)
        assert [event.reason_code for event in of_type(events, OrderCancelled)] == [ReasonCode.OCO] * (not is_taken)
    book.run(CancelRestingOrder("1", "ann", "ADAUSDT"))
    (refused,) = of_type(book.run(entered("late", "1", units(4)), at=SECOND), OrderCancelled)
    assert refused.reason_code is ReasonCode.OCO


def test_an_order_that_has_traded_leaves_nothing_to_one_that_the_book_will_refuse() -> None:
    armed, fired = OrderArmed("1", "ann", "ADAUSDT", 1), OrderTriggered("1", "ann", "ADAUSDT", 2)
    machine = with_ada(stop_at("1", 1), stop_at("2", 1), armed, fired)
    machine.run_all([fill("1", 4, 1, 6, side=SELL), cancelled("1", 6, ReasonCode.MARKET_REMAINDER, "place 1")])
    assert (held(machine, "2"), balance(machine, asset="ADA")) == (0, (6, 0))
    machine.run(cancelled("2", 10, ReasonCode.OCO, "place 2"))
    assert balance(machine, asset="ADA") == (6, 0)


def test_a_group_has_so_many_orders_and_takes_others_when_some_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oco_groups, "LEGS_MAX", 2)
    machine = with_ada(exit_at("1", 3), stop_at("2", 1), stop_at("3", 1))
    assert machine.state.orders.get("3").reason_code is ReasonCode.TOO_LARGE
    machine.run(cancelled("2", 10, ReasonCode.REQUESTED))
    assert of_type(machine.run(stop_at("5", 1)), EnterLimitOrder, EnterOrder)
