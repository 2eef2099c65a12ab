"""Exits are checked when they go to the book, and work on margin, too."""

from typing import Any

import pytest
from days import check_at_rest, check_ledger, drain
from examples import (
    BUY,
    SELL,
    accounts_with,
    balance,
    cancelled,
    deposit,
    fill,
    listing,
    marks,
    place,
    place_market,
    rested,
    units,
)
from machines import Machine, about, of_type
from races import Race, in_every_order

from domain import margin
from domain.risk_rows import Exposure
from schemas.accounts import ChangeAccountKind, ChangeAccountState, OrderEvent, RiskChecked, SetLimits
from schemas.enums import AccountKind, AccountState, OrderStatus, ReasonCode
from schemas.order_books import EnterLimitOrder, EnterOrder

EXITS = ("1.sl", "1.tp")
MARGIN = ChangeAccountKind("ann", AccountKind.MARGIN, "USDT", command_id="kind")
REJECTED = OrderStatus.REJECTED


def bracket(side: Any = BUY, profit: float = 3, loss: float = 1, **more: Any) -> Any:
    """10 at 2, with exits."""
    return place("1", side, take_profit_price=units(profit), stop_loss_price=units(loss), **more)


def limit(most: float) -> SetLimits:
    return SetLimits(account_id="ann", symbol="ADAUSDT", position_limit=units(most), command_id=f"limit {most}")


def on_margin(*given: Any, cash: float = 100) -> Machine:
    return accounts_with(deposit(cash), MARGIN, marks("1.99", 2, 2), *given)


def ends(machine: Machine) -> list[tuple[OrderStatus, ReasonCode | None]]:
    rows = [machine.state.orders.get(each) for each in EXITS]
    return [(row.status, row.reason_code) for row in rows]


def excess(machine: Machine) -> float:
    found = margin.margin_of(machine.state, "ann", machine.state.risk.of("ann"))
    return found.excess / 10**9


# Checks.


def test_exits_that_would_pass_a_limit_are_rejected() -> None:
    """Ann sells 10 of her 10, to buy them back; but now she may not have more than 9."""
    given = (deposit(100), deposit(10, "ADA"), limit(10), bracket(SELL, profit=1, loss=3), rested("1"))
    machine = accounts_with(*given)
    machine.run(fill("1", 10, 2, 0, side=SELL))
    assert [status for status, _ in ends(machine)] == [OrderStatus.RISK_APPROVED] * 2
    machine = accounts_with(*given, limit(9))
    events = machine.run(fill("1", 10, 2, 0, side=SELL))
    assert not of_type(events, EnterLimitOrder, EnterOrder)
    assert ends(machine) == [(REJECTED, ReasonCode.POSITION_LIMIT)] * 2
    assert [about(each, "is_approved", "projected_position") for each in of_type(events, RiskChecked)] == [
        (False, units(10))
    ] * 2
    assert balance(machine) == (120, 0)
    check_ledger(machine.state)


def test_exits_that_close_a_position_pass_every_limit() -> None:
    machine = accounts_with(deposit(100), limit(10), bracket(), rested("1"), limit(0))
    events = machine.run(fill("1", 10, 2, 0))
    assert len(of_type(events, EnterLimitOrder, EnterOrder)) == 2
    assert all(each.is_approved for each in of_type(events, RiskChecked))
    assert machine.state.risk.exposure("ann", "ADAUSDT") == Exposure(sells=units(20))


@pytest.mark.parametrize(("side", "number"), [(BUY, 2), (SELL, 0)])
def test_an_account_that_may_only_reduce_gets_exits_that_reduce(side: Any, number: int) -> None:
    machine = accounts_with(deposit(100), deposit(10, "ADA"))
    machine.run_all([bracket(side, *((3, 1) if side is BUY else (1, 3))), rested("1")])
    machine.run(ChangeAccountState("ann", AccountState.REDUCE_ONLY, command_id="only"))
    assert len(of_type(machine.run(fill("1", 10, 2, 0, side=side)), EnterLimitOrder, EnterOrder)) == number
    check_ledger(machine.state)


# Margin.


def test_exits_on_margin_hold_nothing_and_bind_nothing_that_was_not_bound() -> None:
    machine = on_margin(bracket(), rested("1"))
    bound = excess(machine)
    loss, profit = of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)
    assert (loss.held_by, profit.held_by, profit.held_by_filled) == ("", "1.sl", 0)
    assert (balance(machine), balance(machine, asset="ADA")) == ((80, 0), (10, 0))
    assert excess(machine) == bound == 90
    check_ledger(machine.state)


def test_a_short_sale_has_exits_that_buy_back() -> None:
    machine = on_margin(bracket(SELL, profit=1, loss=3), rested("1"))
    assert len(of_type(machine.run(fill("1", 10, 2, 0, side=SELL)), EnterLimitOrder, EnterOrder)) == 2
    machine.run_all([fill("1.tp", 10, 1, 0), cancelled("1.sl", 10, ReasonCode.OCO, command="")])
    assert (balance(machine), balance(machine, asset="ADA")) == ((110, 0), (0, 0))
    assert machine.state.risk.exposure("ann", "ADAUSDT") == Exposure()
    check_ledger(machine.state)


def test_exits_on_margin_that_open_a_position_need_equity() -> None:
    """What was long is sold, and would be bought back, at 3.15 at worst: more than half of that is not there."""
    given = (place("0"), fill("0", 10, 2, 0, trade="9"), bracket(SELL, profit=1, loss=3), rested("1"))
    machine = on_margin(*given, place("other", BUY, 90, 2), fill("other", 90, 2, 0, trade="8"))
    machine.run(fill("1", 10, 2, 0, side=SELL))
    assert ends(machine) == [(REJECTED, ReasonCode.BUYING_POWER)] * 2
    check_ledger(machine.state)


def test_money_on_margin_holds_nothing_and_binds_what_it_may_buy() -> None:
    machine = on_margin(cash=200)
    (sent,) = of_type(machine.run(place_market("1", BUY, 0, notional=units(200))), EnterLimitOrder, EnterOrder)
    assert about(sent, "quantity", "spend") == (units("105.263"), units(200))
    assert (balance(machine), machine.state.risk.exposure("ann", "ADAUSDT")) == ((200, 0), Exposure(buys=sent.quantity))
    machine.run_all([fill("1", 100, 2, 0), cancelled("1", 0, ReasonCode.MONEY_SPENT, "place 1")])
    assert (balance(machine), balance(machine, asset="ADA"), excess(machine)) == ((0, 0), (100, 0), 100)
    check_ledger(machine.state)


def test_money_on_margin_that_the_equity_does_not_bear_is_refused() -> None:
    machine = on_margin(place_market("1", BUY, 0, notional=units(200)))
    assert machine.state.orders.get("1").reason_code is ReasonCode.BUYING_POWER


def test_a_short_sale_by_money_sells_no_more_than_was_bound() -> None:
    machine = on_margin(cash=200)
    (sent,) = of_type(machine.run(place_market("1", SELL, 0, notional=units("188.1"))), EnterLimitOrder, EnterOrder)
    assert about(sent, "quantity", "limit_price") == (units(99), units("1.90"))
    machine.run_all([fill("1", 90, 2, 0, side=SELL), cancelled("1", 0, ReasonCode.MONEY_SPENT, "place 1")])
    assert (balance(machine), balance(machine, asset="ADA")) == ((380, 0), (-90, 0))
    assert machine.state.risk.exposure("ann", "ADAUSDT") == Exposure()


def test_an_account_that_pays_cash_when_its_exits_go_out_holds_for_them() -> None:
    """An order by money may have all units that it may have, and wait for its end, when that changes."""
    money = place_market("1", BUY, 0, notional=units(20), take_profit_price=units(3), stop_loss_price=units(1))
    machine = on_margin(money)
    most = machine.state.orders.get("1").units_max
    machine.run(fill("1", most / 10**9, "1.9", 0))
    machine.run(ChangeAccountKind("ann", AccountKind.CASH, "", command_id="cash"))
    assert machine.state.outcomes.get("cash").reason_code is None
    machine.run(cancelled("1", 0, ReasonCode.POSITION_LIMIT, "place 1"))
    assert balance(machine, asset="ADA")[1] == most / 10**9
    check_ledger(machine.state)


def test_only_one_of_two_exits_on_margin_trades_in_every_order() -> None:
    start = (listing(), deposit(100), deposit(1000, "ADA", "bob"), deposit(1000, "USDT", "bob"), MARGIN, bracket())
    trades = [
        place("hit", SELL, 10, 2, account="bob"),
        place("low", BUY, 1, 1, account="bob"),
        place("fall", SELL, 1, 1, account="bob"),
        place("bid", BUY, 20, "0.9", account="bob"),
    ]
    for race in in_every_order(lambda: Race(start), trades, [place("high", BUY, 10, 3, account="bob")], runs_max=300):
        check_at_rest(race, race.seen)
        filled = {event.order_id: event.filled_quantity for event in of_type(race.public, OrderEvent)}
        assert filled.get("1.sl", 0) + filled.get("1.tp", 0) <= filled["1"]
        drain(race, race.seen)
