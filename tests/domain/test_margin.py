"""Margin accounts: selling what one has not, buying with what one owes, and how much of it the equity bears."""

from typing import Any

import msgspec
import pytest
from days import check_ledger
from examples import (
    BUY,
    SELL,
    accounts_with,
    amend,
    balance,
    cancelled,
    deposit,
    fill,
    listed,
    marks,
    place,
    place_market,
    rested,
    units,
    withdrawal,
)
from machines import Machine, about, of_type

from domain import margin
from schemas.accounts import AccountKindChanged, ChangeAccountKind, OrderEvent, RiskChecked, SetMarginRates
from schemas.enums import AccountKind, InstrumentType, ReasonCode
from schemas.order_books import EnterLimitOrder, EnterOrder, ReplaceOrder

BUYING_POWER = ReasonCode.BUYING_POWER


def kind(wanted: AccountKind = AccountKind.MARGIN, asset: str = "USDT", command: str = "kind") -> ChangeAccountKind:
    return ChangeAccountKind("ann", wanted, asset if wanted is AccountKind.MARGIN else "", command_id=command)


def on_margin(*commands: Any, cash: float = 100) -> Machine:
    """Ann has 100 USDT in a margin account; ADA costs 2, and half of it is bound."""
    return accounts_with(deposit(cash), kind(), marks(1.99, 2, 2), *commands)


def sold(order: str, quantity: float, price: float = 2) -> tuple[Any, ...]:
    """A sale that is filled at once."""
    return place(order, SELL, quantity, price), fill(order, quantity, price, 0, side=SELL, trade=f"9{order}")


def excess(machine: Machine) -> float:
    found = margin.margin_of(machine.state, "ann", machine.state.risk.of("ann"))
    return found.excess / 10**9


def reason(machine: Machine, command: Any) -> ReasonCode | None:
    events = machine.run(command)
    (found,) = of_type(events, RiskChecked)
    assert found.is_approved == bool(of_type(events, EnterLimitOrder, EnterOrder))
    check_ledger(machine.state)
    code: ReasonCode | None = found.reason_code
    return code


def test_a_cash_account_sells_only_what_it_has() -> None:
    machine = accounts_with(deposit(100), marks(1.99, 2, 2))
    assert reason(machine, place("1", SELL, 1)) is BUYING_POWER


def test_a_margin_account_sells_short_and_owes_the_units() -> None:
    machine = on_margin(*sold("1", 10))
    assert balance(machine, asset="ADA") == (-10, 0)
    assert balance(machine) == (120, 0)
    check_ledger(machine.state)


def test_a_short_sale_is_valued_three_percent_above_the_best_ask() -> None:
    machine = on_margin()
    assert reason(machine, place("1", SELL, 97.088, 1)) is BUYING_POWER  # x 2.06 / 2 is more than 100
    assert reason(machine, place("2", SELL, 97.087, 1)) is None


def test_a_limit_above_that_counts_itself() -> None:
    machine = on_margin()
    assert reason(machine, place("1", SELL, 66.667, 3)) is BUYING_POWER
    assert reason(machine, place("2", SELL, 66.666, 3)) is None


def test_a_market_sale_needs_a_price_and_takes_any() -> None:
    assert reason(accounts_with(deposit(100), kind()), place_market("1", SELL, 1)) is ReasonCode.NO_REFERENCE_PRICE
    assert reason(on_margin(), place_market("2", SELL, 97)) is None


def test_a_purchase_binds_its_rate_and_the_rest_is_owed() -> None:
    machine = on_margin()
    assert reason(machine, place("1", BUY, 100.001, 2)) is BUYING_POWER
    assert reason(machine, place("2", BUY, 100, 2)) is None
    machine.run(fill("2", 100, 2, 0))
    assert (balance(machine), balance(machine, asset="ADA")) == ((-100, 0), (100, 0))
    assert excess(machine) == 0
    check_ledger(machine.state)


def test_open_orders_of_both_sides_bind_the_worse_case_only() -> None:
    machine = on_margin(place("1", BUY, 100, 2))
    assert excess(machine) == 0
    assert reason(machine, place("2", SELL, 90, 2)) is None
    assert excess(machine) == 0
    assert reason(machine, place("3", BUY, 1, 2)) is BUYING_POWER


def test_what_is_cancelled_or_filled_is_set_free_to_the_last_nano() -> None:
    machine = on_margin(place("1", SELL, 50, 2), rested("1"), fill("1", 20, 2, 30, side=SELL))
    assert excess(machine) == 50
    machine.run(cancelled("1", 30, ReasonCode.REQUESTED))
    assert excess(machine) == 80
    assert reason(machine, place("2", BUY, 20)) is None
    machine.run(fill("2", 20, 2, 0, trade="101"))
    assert (excess(machine), balance(machine), balance(machine, asset="ADA")) == (100, (100, 0), (0, 0))


def test_the_way_out_of_a_position_is_never_closed() -> None:
    machine = on_margin(*sold("1", 90), marks(2.19, 2.2, 2.2))
    assert excess(machine) < 0
    assert reason(machine, place("2", SELL, 1, 2.2)) is BUYING_POWER
    assert reason(machine, place("3", BUY, 90, 2.2)) is None
    assert reason(machine, place("4", BUY, 91, 2.2)) is BUYING_POWER


def test_beyond_the_position_an_order_binds_what_it_opens() -> None:
    machine = on_margin(deposit(10, "ADA"))
    assert reason(machine, place("1", SELL, 10, 2)) is None
    assert excess(machine) == 110
    assert reason(machine, place("2", SELL, 120, 2)) is BUYING_POWER


def test_fees_at_their_worst_are_paid_for_from_the_excess() -> None:
    machine = accounts_with(deposit(100), kind(), marks(1.99, 2, 2), taker_fee_rate=10_000_000)
    assert reason(machine, place("1", BUY, 100, 2)) is BUYING_POWER
    assert reason(machine, place("2", BUY, 98, 2)) is None


def test_an_amend_is_borne_by_the_equity_too() -> None:
    machine = on_margin(place("1", SELL, 50, 2), rested("1"))
    assert of_type(machine.run(amend("1", quantity=98)), ReplaceOrder) == []
    assert machine.state.outcomes.get("amend").reason_code is BUYING_POWER
    assert of_type(machine.run(amend("1", quantity=90, command="a2")), ReplaceOrder)


def test_an_amend_to_a_higher_price_is_borne_as_a_new_order_would_be() -> None:
    """50 at 4 bind all that there is."""
    assert reason(on_margin(), place("1", BUY, 50, 4)) is None
    assert reason(on_margin(), place("1", BUY, 50, "4.01")) is BUYING_POWER
    for quantity in (50, 1):
        machine = on_margin(place("1", BUY, quantity, 2), rested("1"))
        assert of_type(machine.run(amend("1", quantity=50, price="4.01")), ReplaceOrder) == []
        assert machine.state.outcomes.get("amend").reason_code is BUYING_POWER
        assert of_type(machine.run(amend("1", quantity=50, price=4, command="a2")), ReplaceOrder)


def test_prices_that_were_asked_for_count_until_the_book_has_answered() -> None:
    machine = on_margin(place("1", BUY, 10, 2), rested("1"))
    machine.run_all([amend("1", price=20, command="dear"), amend("1", price=2, command="cheap")])
    assert of_type(machine.run(amend("1", quantity=11, command="more")), ReplaceOrder) == []
    assert machine.state.outcomes.get("more").reason_code is BUYING_POWER


def test_an_amend_of_the_way_out_passes_at_any_price() -> None:
    machine = on_margin(*sold("1", 90), place("2", BUY, 90, 2), rested("2"))
    assert of_type(machine.run(amend("2", price=50)), ReplaceOrder)


def test_only_the_excess_can_be_withdrawn() -> None:
    machine = on_margin(place("1", SELL, 50, 2), rested("1"))
    machine.run(withdrawal(51, command="w1"))
    assert machine.state.outcomes.get("w1").reason_code is BUYING_POWER
    machine.run(withdrawal(50, command="w2"))
    assert balance(machine) == (50, 0)
    machine.run(withdrawal(1, "ADA", command="w3"))
    assert machine.state.outcomes.get("w3").reason_code is BUYING_POWER


def test_what_has_its_price_in_another_asset_is_paid_for_in_full() -> None:
    machine = on_margin(listed(symbol="ETHADA", base="ETH", quote="ADA"), deposit(10, "ADA"))
    assert reason(machine, place("1", SELL, 1, 2, symbol="ETHADA")) is BUYING_POWER
    assert reason(machine, place("2", BUY, 5, 2, symbol="ETHADA")) is None
    assert balance(machine, asset="ADA") == (10, 10)
    assert excess(machine) == 110
    assert reason(machine, place("3", SELL, 10, 2)) is None
    assert excess(machine) == 110, "what is held for the other symbol is gone, and so is what is sold"


def test_another_symbol_of_the_same_assets_is_the_same_position() -> None:
    machine = on_margin(place("1", SELL, 50, 2), rested("1"), listed(symbol="AAA"))
    assert excess(machine) == 50
    assert reason(machine, place("2", SELL, 51, 2, symbol="AAA")) is BUYING_POWER
    assert reason(machine, place("3", SELL, 50, 2, symbol="AAA")) is None
    assert excess(machine) == 0


def test_rates_are_of_the_symbol_or_else_of_its_class() -> None:
    machine = on_margin()
    of_class = SetMarginRates(instrument_type=InstrumentType.SPOT, initial=units(0.2), maintenance=units(0.1))
    machine.run(of_class)
    assert reason(machine, place("1", BUY, 250, 2)) is None
    machine.run(cancelled("1", 250, ReasonCode.REQUESTED))
    machine.run(SetMarginRates(symbol="ADAUSDT", initial=units(1), maintenance=units(0.5)))
    assert reason(machine, place("2", BUY, 51, 2)) is BUYING_POWER
    assert reason(machine, place("3", BUY, 50, 2)) is None


def test_the_kind_is_told_once_and_nothing_is_owed_by_a_cash_account() -> None:
    machine = accounts_with(deposit(100))
    (event,) = of_type(machine.run(kind()), AccountKindChanged)
    assert about(event, "account_id", "kind", "margin_asset") == ("ann", AccountKind.MARGIN, "USDT")
    assert of_type(machine.run(kind(command="again")), AccountKindChanged) == []
    machine.run_all([marks(1.99, 2, 2), *sold("1", 10)])
    machine.run(kind(AccountKind.CASH, command="cash"))
    assert machine.state.outcomes.get("cash").reason_code is BUYING_POWER
    machine.run_all([place("2", BUY, 10), kind(AccountKind.CASH, command="cash2")])
    assert machine.state.outcomes.get("cash2").reason_code is BUYING_POWER
    machine.run_all([fill("2", 10, 2, 0, trade="101"), place("3", BUY, 1), kind(AccountKind.CASH, command="cash3")])
    assert machine.state.outcomes.get("cash3").reason_code is ReasonCode.OPEN_ORDERS
    machine.run_all([cancelled("3", 1, ReasonCode.REQUESTED), kind(AccountKind.CASH, command="cash4")])
    assert machine.state.outcomes.get("cash4").reason_code is None
    assert reason(machine, place("4", SELL, 1)) is BUYING_POWER


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (ChangeAccountKind("nobody", AccountKind.MARGIN, "USDT"), ReasonCode.UNKNOWN_ACCOUNT),
        (ChangeAccountKind("ann", AccountKind.UNKNOWN, ""), ReasonCode.NO_CHANGE),
        (ChangeAccountKind("ann", AccountKind.MARGIN, ""), ReasonCode.NO_CHANGE),
        (ChangeAccountKind("ann", AccountKind.CASH, "USDT"), ReasonCode.NO_CHANGE),
        (SetMarginRates(initial=2, maintenance=1, symbol="NONE"), ReasonCode.UNKNOWN_SYMBOL),
        (SetMarginRates(initial=1, maintenance=2, symbol="ADAUSDT"), ReasonCode.AMOUNT_OUT_OF_RANGE),
        (SetMarginRates(initial=1, maintenance=0, symbol="ADAUSDT"), ReasonCode.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_kinds_and_rates_that_make_no_sense_are_refused(command: Any, wanted: ReasonCode) -> None:
    machine = accounts_with(deposit(100))
    command = msgspec.structs.replace(command, command_id="c")
    (answered,) = machine.run(command)
    assert answered.outcome.reason_code is wanted
    assert machine.run(command) == [], "the same once more changes nothing"


def test_orders_that_were_open_before_hold_what_they_held() -> None:
    machine = accounts_with(deposit(100), marks(1.99, 2, 2), place("1", BUY, 10), kind())
    assert balance(machine) == (100, 20)
    machine.run_all([fill("1", 4, 2, 6), cancelled("1", 6, ReasonCode.REQUESTED)])
    assert balance(machine) == (92, 0)
    check_ledger(machine.state)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_orders_of_a_group_need_no_holder(side: Any) -> None:
    machine = on_margin(place("1", side, 1, 2, oco_group="g"), place("2", side, 1, 2, oco_group="g"))
    assert [machine.state.orders.get(each).held_by for each in "12"] == ["", ""]
    machine.run_all([fill("1", 1, 2, 0, side=side), cancelled("2", 1, ReasonCode.OCO)])
    check_ledger(machine.state)
    assert of_type(machine.run(place("3", side, 1, 2)), OrderEvent)[-1].held == 0
