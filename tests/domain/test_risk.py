"""Limits: what may come of an order with all that are open, and the reason of the first check that fails."""

from typing import Any

import pytest
from days import check_ledger
from examples import (
    BUY,
    SELL,
    accounts_with,
    amend,
    cancelled,
    deposit,
    fill,
    listed,
    marks,
    place,
    place_market,
    replaced,
    rested,
    units,
    withdrawal,
)
from machines import Machine, about, of_type

from domain.risk_rows import Exposure
from schemas.accounts import LimitsChanged, OrderEvent, RiskChecked, SetLimits
from schemas.enums import OrderStatus, ReasonCode
from schemas.order_books import EnterLimitOrder, EnterOrder, ReplaceOrder
from schemas.wire import NANOS

BUYING_POWER, POSITION_LIMIT, CONCENTRATION = (
    ReasonCode.BUYING_POWER,
    ReasonCode.POSITION_LIMIT,
    ReasonCode.CONCENTRATION,
)


def position_limit(most: float | None, account: str = "ann", symbol: str = "ADAUSDT", command: str = "") -> SetLimits:
    return SetLimits(
        account_id=account,
        symbol=symbol,
        position_limit=None if most is None else units(most),
        command_id=command or f"limit {account} {symbol} {most}",
    )


def concentration(part: str | None, account: str = "ann") -> SetLimits:
    limit = None if part is None else units(part)
    return SetLimits(account_id=account, concentration_limit=limit, command_id=f"part {part}")


def rich(*commands: Any) -> Machine:
    """Ann and Bob have 1,000 USDT each; ADA costs 2."""
    return accounts_with(deposit(1000), deposit(1000, account="bob"), marks(1.99, 2, 2), *commands)


def check(machine: Machine, command: Any) -> RiskChecked:
    """The verdict on an order; orders go out if and only if they were approved."""
    events = machine.run(command)
    (found,) = of_type(events, RiskChecked)
    assert found.is_approved == (found.reason_code is None) == bool(of_type(events, EnterLimitOrder, EnterOrder))
    told = of_type(events, OrderEvent)[-1]
    assert told.reason_code is found.reason_code
    check_ledger(machine.state)
    assert isinstance(found, RiskChecked)
    return found


def reason(machine: Machine, command: Any) -> ReasonCode | None:
    return check(machine, command).reason_code


# Every order that is valid is checked, and told of.


def test_a_check_without_limits_says_what_was_free_and_what_is_needed() -> None:
    found = check(rich(), place("1", quantity=10, price=2))
    assert about(found, "account_id", "is_approved", "asset", "buying_power", "required") == (
        *("ann", True, "USDT"),
        units(1000),
        units(20),
    )
    assert found.projected_position is found.equity is found.position_limit is None


def test_a_refusal_for_funds_says_what_was_missing() -> None:
    found = check(rich(), place("1", quantity=501, price=2))
    assert about(found, "reason_code", "buying_power", "required") == (BUYING_POWER, units(1000), units(1002))


def test_an_order_that_is_not_valid_is_not_checked() -> None:
    assert of_type(rich().run(place("1", quantity=-1)), RiskChecked) == []


def test_an_order_without_a_price_to_hold_at_needs_nobody_knows_what() -> None:
    found = check(accounts_with(deposit(5)), place_market("1"))
    assert about(found, "reason_code", "required") == (ReasonCode.NO_REFERENCE_PRICE, None)


def test_the_check_stands_between_validated_and_approved() -> None:
    events = rich().run(place("1"))
    words = [event.status.value if isinstance(event, OrderEvent) else type(event).__name__ for event in events]
    assert words[1:5] == ["PENDING", "VALIDATED", "RiskChecked", "RISK_APPROVED"]


# Position limits.


def test_at_the_limit_an_order_passes_and_a_lot_more_does_not() -> None:
    machine = rich(position_limit(10))
    assert reason(machine, place("1", quantity=10.001)) is POSITION_LIMIT
    found = check(machine, place("2", quantity=10))
    assert about(found, "is_approved", "projected_position", "position_limit") == (True, units(10), units(10))


def test_open_orders_of_the_same_side_count_and_what_is_owned_counts() -> None:
    machine = rich(deposit(3, "ADA"), position_limit(10), place("1", quantity=4, price=1))
    assert reason(machine, place("2", quantity=4)) is POSITION_LIMIT
    assert check(machine, place("3", quantity=3)).projected_position == units(10)
    assert check(machine, place("4", SELL, 3)).projected_position == 0


def test_what_is_filled_is_owned_and_what_is_cancelled_counts_no_more() -> None:
    machine = rich(position_limit(10), place("1", quantity=10), rested("1"), fill("1", 4, 2, 6))
    assert machine.state.risk.exposure("ann", "ADAUSDT") == Exposure(units(6), 0)
    assert reason(machine, place("2", quantity=1)) is POSITION_LIMIT
    machine.run(cancelled("1", 6, ReasonCode.REQUESTED))
    assert machine.state.risk.exposures.get("ann|ADAUSDT") is None
    assert reason(machine, place("3", quantity=6)) is None


def test_a_position_beyond_its_limit_may_be_sold_and_not_be_added_to() -> None:
    machine = rich(deposit(50, "ADA"), position_limit(10))
    assert reason(machine, place("1", SELL, 5)) is None
    assert reason(machine, place("2", quantity=1)) is POSITION_LIMIT


def test_orders_that_were_open_before_the_first_limit_count() -> None:
    machine = rich(place("1", quantity=8), place("2", quantity=3, account="bob"), position_limit(10))
    assert dict(machine.state.risk.exposures.scan()) == {"ann|ADAUSDT": Exposure(units(8), 0)}
    assert reason(machine, place("3", quantity=3)) is POSITION_LIMIT
    assert reason(machine, place("4", quantity=2)) is None
    check_ledger(machine.state)


def test_a_limit_of_the_symbol_holds_for_all_who_have_none_of_their_own() -> None:
    machine = rich(place("1", quantity=2), position_limit(5, account=""), position_limit(20))
    assert reason(machine, place("2", quantity=18)) is None
    assert reason(machine, place("3", quantity=6, account="bob")) is POSITION_LIMIT
    assert reason(machine, place("4", quantity=5, account="bob")) is None


def test_a_limit_that_is_taken_away_leaves_the_one_of_the_symbol() -> None:
    machine = rich(position_limit(5, account=""), position_limit(20), position_limit(None))
    assert reason(machine, place("1", quantity=6)) is POSITION_LIMIT
    machine.run(position_limit(None, account=""))
    assert reason(machine, place("2", quantity=6)) is None


def test_another_symbol_is_another_position() -> None:
    machine = rich(listed(symbol="ETHUSDT", base="ETH"), position_limit(1))
    assert reason(machine, place("1", quantity=5, symbol="ETHUSDT")) is None


def test_an_amend_may_not_go_beyond_either() -> None:
    machine = rich(position_limit(10), place("1", quantity=5), rested("1"))
    assert of_type(machine.run(amend("1", quantity=11)), ReplaceOrder) == []
    assert machine.state.outcomes.get("amend").reason_code is POSITION_LIMIT
    assert of_type(machine.run(amend("1", quantity=10, command="a2")), ReplaceOrder)
    assert machine.state.risk.exposure("ann", "ADAUSDT") == Exposure(units(10), 0)
    assert of_type(machine.run(amend("1", quantity=2, command="a3")), ReplaceOrder)
    assert machine.state.risk.exposure("ann", "ADAUSDT") == Exposure(units(10), 0), "whichever will stand"
    machine.run_all([replaced("1", 10, 2, 10), replaced("1", 2, 2, 2)])
    assert machine.state.risk.exposure("ann", "ADAUSDT") == Exposure(units(2), 0)


# Concentration.


def test_exactly_the_part_of_the_equity_is_too_much() -> None:
    machine = rich(concentration("0.25"))
    found = check(machine, place("1", quantity=125, price=1))
    assert about(found, "reason_code", "projected_value", "equity", "concentration_limit") == (
        *(CONCENTRATION, units(250), units(1000)),
        NANOS // 4,
    )
    assert reason(machine, place("2", quantity=124.999, price=1)) is None


def test_equity_is_cash_and_all_that_has_a_price_at_last_prices() -> None:
    eth = listed(symbol="ETHUSDT", base="ETH")
    machine = rich(eth, marks(None, None, 100, "ETHUSDT"), deposit(10, "ETH"), deposit(7, "XYZ"), concentration("0.5"))
    assert check(machine, place("1", quantity=1, price=1)).equity == units(2000)
    machine.run(marks(None, None, 50, "ETHUSDT"))
    assert check(machine, place("2", quantity=1, price=1)).equity == units(1500)


def test_a_sale_passes_however_much_is_owned() -> None:
    machine = rich(deposit(5000, "ADA"), concentration("0.1"))
    assert reason(machine, place("1", SELL, 5)) is None
    assert reason(machine, place("2", BUY, 1)) is CONCENTRATION


def test_without_a_last_price_the_price_of_the_order_counts() -> None:
    machine = accounts_with(deposit(1000), concentration("0.5"))
    assert check(machine, place("1", quantity=100, price=4)).projected_value == units(400)
    assert reason(machine, place("2", quantity=30, price=4)) is CONCENTRATION


def test_an_account_that_is_worth_nothing_buys_nothing() -> None:
    machine = accounts_with(deposit(1), withdrawal(1), concentration("0.5"))
    assert reason(machine, place("1", quantity=1, price=1)) is BUYING_POWER


# Which reason.


@pytest.mark.parametrize(
    ("quantity", "wanted"), [(600, BUYING_POWER), (400, POSITION_LIMIT), (300, CONCENTRATION), (200, None)]
)
def test_of_several_checks_that_fail_the_first_is_the_reason(quantity: int, wanted: ReasonCode | None) -> None:
    machine = rich(position_limit(300), concentration("0.5"))
    assert reason(machine, place("1", quantity=quantity, price=2)) is wanted


# Laying them down.


def test_limits_are_told_and_the_same_command_again_changes_nothing() -> None:
    machine = rich()
    command = position_limit(10)
    (event,) = of_type(machine.run(command), LimitsChanged)
    assert about(event, "account_id", "symbol", "position_limit") == ("ann", "ADAUSDT", units(10))
    assert machine.run(command) == []


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (position_limit(1, account="nobody"), ReasonCode.UNKNOWN_ACCOUNT),
        (position_limit(1, symbol="NONE"), ReasonCode.UNKNOWN_SYMBOL),
        (SetLimits(command_id="c"), ReasonCode.UNKNOWN_ACCOUNT),
        (position_limit(-1), ReasonCode.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_limits_of_nobody_and_nothing_are_refused(command: SetLimits, wanted: ReasonCode) -> None:
    machine = rich()
    (answered,) = machine.run(command)
    assert answered.outcome.reason_code is wanted
    assert not machine.state.risk.tracked | machine.state.risk.tracked_symbols


def test_a_machine_made_of_its_rows_checks_alike() -> None:
    given = rich(position_limit(10), position_limit(5, account=""), place("1", quantity=8), concentration("0.9"))
    machine = given.rebuilt()
    assert machine.state.risk.tracked == {"ann"}
    assert machine.state.risk.tracked_symbols == {"ADAUSDT"}
    assert [reason(machine, place("2", quantity=3)), reason(machine, place("3", quantity=6, account="bob"))] == [
        POSITION_LIMIT,
        POSITION_LIMIT,
    ]
    assert of_type(machine.run(place("4", quantity=1)), OrderEvent)[-1].status is OrderStatus.RISK_APPROVED


def test_a_limit_of_an_account_that_has_nothing_open_looks_through_no_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator may lay down limits for thousands of accounts, in a shard with a hundred thousand orders."""
    machine = rich(place("1", account="bob"))
    monkeypatch.setattr(machine.state.orders, "scan", lambda *_: pytest.fail("all orders of the shard"))
    machine.run_all([position_limit(10), place("2", BUY, 7)])
    (verdict,) = of_type(machine.run(place("3", BUY, 4)), RiskChecked)
    assert verdict.reason_code is POSITION_LIMIT
