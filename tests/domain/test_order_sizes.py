"""No order of an instrument is larger than one may be: a slip of a finger is refused before funds are held."""

from typing import Any

import pytest
from examples import (
    BUY,
    SELL,
    accounts_with,
    amend,
    balance,
    deposit,
    marks,
    place,
    place_market,
    replaced,
    rested,
    units,
)
from machines import Machine, of_type

from schemas.accounts import OrderEvent
from schemas.enums import OrderStatus, OrderType, ReasonCode
from schemas.order_books import EnterLimitOrder, EnterOrder, ReplaceOrder

LIMITS = {"quantity_max": units(100), "notional_max": units(150)}


def desk(*given: Any, **limits: Any) -> Machine:
    return accounts_with(deposit(10_000), deposit(10_000, "ADA"), marks(2, "2.10"), *given, **(limits or LIMITS))


def refusal(events: list[Any]) -> ReasonCode | None:
    event = of_type(events, OrderEvent)[-1]
    assert event.status in (OrderStatus.REJECTED, OrderStatus.RISK_APPROVED)
    assert bool(of_type(events, EnterLimitOrder, EnterOrder)) is (event.reason_code is None)
    return event.reason_code


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        (100, "1.50", None),
        ("100.001", "1.00", ReasonCode.QUANTITY_LIMIT),
        (100, "1.51", ReasonCode.NOTIONAL_LIMIT),
        (75, "2.00", None),
        ("75.001", "2.00", ReasonCode.NOTIONAL_LIMIT),
    ],
)
def test_exactly_the_limit_is_taken_and_more_is_not(quantity: Any, price: str, reason: ReasonCode | None) -> None:
    accounts = desk()
    assert refusal(accounts.run(place("1", BUY, quantity, price))) is reason
    assert (balance(accounts)[1] > 0) is (reason is None), "nothing is held for what is refused"


def test_a_market_buy_is_worth_its_collar() -> None:
    """2.10 and 5 % are 2.20, rounded down to a tick."""
    assert refusal(desk().run(place_market("1", BUY, 68))) is None
    assert refusal(desk().run(place_market("1", BUY, 69))) is ReasonCode.NOTIONAL_LIMIT


def test_a_sale_is_worth_the_best_bid_where_its_limit_is_low() -> None:
    assert refusal(desk().run(place("1", SELL, 75, "0.01"))) is None
    assert refusal(desk().run(place("1", SELL, 76, "0.01"))) is ReasonCode.NOTIONAL_LIMIT
    assert refusal(desk().run(place_market("1", SELL, 76))) is ReasonCode.NOTIONAL_LIMIT
    assert refusal(desk().run(place("1", SELL, 51, "2.95"))) is ReasonCode.NOTIONAL_LIMIT


def test_a_stop_is_worth_what_it_may_cost_when_it_acts() -> None:
    stop = {"kind": OrderType.STOP, "stop_price": units(2)}
    assert refusal(desk().run(place("1", BUY, 71, None, **stop))) is None
    assert refusal(desk().run(place("1", BUY, 72, None, **stop))) is ReasonCode.NOTIONAL_LIMIT


def test_an_amend_does_not_get_around_it() -> None:
    accounts = desk(place("1", BUY, 10, 1), rested("1"))
    for quantity, price in ((101, 1), (10, "15.01")):
        events = accounts.run(amend("1", quantity, price, command=f"{quantity}"))
        assert not of_type(events, ReplaceOrder)
    assert of_type(accounts.run(amend("1", 100, "1.50", command="both")), ReplaceOrder)
    accounts.run(replaced("1", 100, "1.50", 100))


def test_where_there_is_no_limit_there_is_none() -> None:
    assert refusal(desk(quantity_max=None).run(place("1", BUY, 3_000, 3))) is None
    assert refusal(desk(quantity_max=units(5)).run(place("1", BUY, 6, 3))) is ReasonCode.QUANTITY_LIMIT
    assert refusal(desk(notional_max=units(5)).run(place("1", BUY, 5, 1))) is None


@pytest.mark.parametrize(
    ("exits", "reason"),
    [
        ({"take_profit_price": units("0.90"), "stop_loss_price": units("1.40")}, None),
        ({"stop_loss_price": units("1.50")}, ReasonCode.NOTIONAL_LIMIT),
        ({"stop_loss_price": units("1.10"), "stop_loss_limit_price": units("1.51")}, ReasonCode.NOTIONAL_LIMIT),
        ({"take_profit_price": units("1.51")}, ReasonCode.NOTIONAL_LIMIT),
    ],
)
def test_an_exit_is_an_order_too(exits: dict[str, int], reason: ReasonCode | None) -> None:
    """1.50 is worth 1.57 at its collar."""
    machine = accounts_with(deposit(1_000), deposit(1_000, "ADA"), marks("0.90", "1.10"), **LIMITS)
    events = machine.run(place("1", SELL, 100, "1.00", **exits))
    assert of_type(events, OrderEvent)[-1].reason_code is reason
    assert bool(of_type(events, EnterLimitOrder, EnterOrder)) is (reason is None)


def test_an_amend_does_not_get_around_it_for_exits() -> None:
    exits = {"take_profit_price": units("0.90"), "stop_loss_price": units("1.00"), "stop_loss_limit_price": units(2)}
    machine = accounts_with(deposit(1_000), deposit(1_000, "ADA"), marks("0.90", "1.10"), **LIMITS)
    machine.run_all([place("1", SELL, 50, "1.00", **exits), rested("1")])
    assert not of_type(machine.run(amend("1", quantity=80, command="larger")), ReplaceOrder)
    assert of_type(machine.run(amend("1", quantity=75, command="as large as can be")), ReplaceOrder)
    machine.run(amend("1.sl", price="2.01", command="dearer"))
    assert machine.state.orders.get("1.sl").limit_price == units(2)
    assert {machine.state.outcomes.get(each).reason_code for each in ("larger", "dearer")} == {
        ReasonCode.NOTIONAL_LIMIT
    }
