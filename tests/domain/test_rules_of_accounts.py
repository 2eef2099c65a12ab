"""Rules of holds, fees, limits and margin where two of them meet: worked out by hand, and checked on the machines."""

from typing import Any

import pytest
from days import check_ledger
from examples import (
    BUY,
    CENT,
    SECOND,
    SELL,
    accounts_with,
    amend,
    balance,
    cancelled,
    deposit,
    fill,
    listing,
    marks,
    place,
    replaced,
    rested,
    units,
    withdrawal,
)
from machines import Machine, of_type

from domain.margin import margin_of
from schemas.accounts import (
    AssignFeeSchedule,
    ChangeAccountKind,
    ChangeAccountState,
    FeeTier,
    OrderEvent,
    SetFeeSchedule,
    SetKillSwitch,
    SetLimits,
)
from schemas.enums import AccountKind, AccountState, OrderStatus, ReasonCode
from schemas.order_books import EnterLimitOrder, EnterOrder, InstrumentRefused
from schemas.wire import NANOS

ON_MARGIN = ChangeAccountKind("ann", AccountKind.MARGIN, "USDT", command_id="kind")
PRICED = marks(1.99, 2, 2)


def reason(machine: Machine, command: Any) -> ReasonCode | None:
    """Why an order is refused; None where it goes to its book. The ledger is right in any case."""
    events = machine.run(command)
    code: ReasonCode | None = of_type(events, OrderEvent)[-1].reason_code
    assert (code is None) == bool(of_type(events, EnterLimitOrder, EnterOrder))
    check_ledger(machine.state)
    return code


def answer(machine: Machine, command: Any) -> ReasonCode | None:
    """How a command ended that is no order."""
    machine.run(command)
    code: ReasonCode | None = machine.state.outcomes.get(command.command_id).reason_code
    return code


def position_limit(most: float) -> SetLimits:
    return SetLimits(account_id="ann", symbol="ADAUSDT", position_limit=units(most), command_id=f"limit of {most}")


def schedule(taker: float, command: str) -> SetFeeSchedule:
    return SetFeeSchedule("gold", "USDT", (FeeTier(0, units(taker) // 2, units(taker)),), command_id=command)


# Fees.


def test_three_fills_of_a_nano_at_a_third_pay_one_nano_and_not_three_and_not_none() -> None:
    """Accrued: a third, two thirds, one. Rounded half up: 0, 1, 1. So the second fill pays 1, the others nothing."""
    third = 333_333_333
    machine = accounts_with(deposit(1), maker_fee_rate=third, taker_fee_rate=third, tick=1, lot=NANOS)
    machine.run_all([place("1", BUY, 3, "0.000000001"), rested("1")])
    assert machine.state.balance("ann", "USDT").reserved == 4, "3 nanos and a fee of one"
    paid = []
    for number, fee in enumerate((0, 1, 0), start=1):
        machine.run(fill("1", 1, "0.000000001", 3 - number, fee=fee, accrued=number * third, trade=str(number)))
        paid.append(NANOS - machine.state.balance("ann", "USDT").total)
        check_ledger(machine.state)
    assert paid == [1, 3, 4]
    assert machine.state.balance("ann", "USDT").reserved == 0


def test_a_seller_may_pay_all_that_he_gets_and_never_more() -> None:
    half = NANOS // 2
    machine = accounts_with(deposit(5, "ADA"), maker_fee_rate=half, taker_fee_rate=half, tick=1, lot=NANOS)
    machine.run_all([place("1", SELL, 1, "0.000000001"), rested("1")])
    machine.run(fill("1", 1, "0.000000001", 0, side=SELL, fee=1, accrued=half))
    assert (balance(machine), balance(machine, asset="ADA")) == ((0, 0), (4, 0))
    check_ledger(machine.state)


def test_an_amend_holds_at_the_rates_of_the_entry_whatever_the_schedule_became() -> None:
    """10 at 2 and 2 %: 20.40. A schedule of 20 % later: 20 at 2 and still 2 %: 40.80."""
    assigned = AssignFeeSchedule("ann", "gold", command_id="assigned")
    machine = accounts_with(deposit(1000), schedule(0.02, "before"), assigned, place("1", BUY, 10, 2), rested("1"))
    assert balance(machine) == (1000, 20.4)
    machine.run_all([schedule(0.2, "after"), amend("1", 20)])
    assert balance(machine) == (1000, 40.8)
    assert reason(machine, place("2", BUY, 10, 2)) is None
    assert balance(machine) == (1000, 64.8), "a new order pays the new rate: 24"


@pytest.mark.parametrize("rates", [{"maker_fee_rate": -1}, {"taker_fee_rate": NANOS // 2 + 1}])
def test_rebates_and_fees_beyond_a_half_are_not_listed(rates: dict[str, int]) -> None:
    (refused,) = of_type(Machine("order_books").run(listing(**rates)), InstrumentRefused)
    assert refused.reason_code is ReasonCode.AMOUNT_OUT_OF_RANGE


# Limits.


def test_a_position_limit_bounds_what_is_owed_as_well_as_what_is_owned() -> None:
    """5 owned, 10 at most either way: 15 may be sold, then 5 bought, all orders of a side filled."""
    machine = accounts_with(deposit(1000), deposit(5, "ADA"), ON_MARGIN, PRICED, position_limit(10))
    assert reason(machine, place("1", SELL, 15.001)) is ReasonCode.POSITION_LIMIT
    assert reason(machine, place("2", SELL, 15)) is None
    assert reason(machine, place("3", SELL, 0.001)) is ReasonCode.POSITION_LIMIT
    assert reason(machine, place("4", BUY, 5)) is None
    assert reason(machine, place("5", BUY, 0.001)) is ReasonCode.POSITION_LIMIT


def test_what_an_amend_would_set_free_counts_until_the_book_has_said_so() -> None:
    machine = accounts_with(deposit(1000), position_limit(10), place("1", BUY, 8), rested("1"), amend("1", 5))
    assert reason(machine, place("2", BUY, 3)) is ReasonCode.POSITION_LIMIT
    machine.run(replaced("1", 5, 2, 5))
    assert reason(machine, place("3", BUY, 5)) is None


def test_a_short_position_is_concentrated_like_a_long_one() -> None:
    """A quarter of 1,000: 124.999 ADA at 2 are less, 125 are not."""
    quarter = SetLimits(account_id="ann", concentration_limit=units(0.25), command_id="quarter")
    machine = accounts_with(deposit(1000), ON_MARGIN, PRICED, quarter)
    assert reason(machine, place("1", SELL, 125)) is ReasonCode.CONCENTRATION
    assert reason(machine, place("2", SELL, 124.999)) is None


def test_orders_that_are_refused_for_funds_count_for_the_rate_and_others_that_never_were_do_not() -> None:
    rate = SetLimits(account_id="ann", orders_per_second=1, burst=2, command_id="rate")
    machine = accounts_with(deposit(1000), rate)
    assert reason(machine, place("wrong", BUY, 0)) is ReasonCode.BAD_QUANTITY
    assert reason(machine, place("1")) is None
    assert machine.run(place("1")) == [], "the same once more"
    assert reason(machine, place("dear", BUY, 10_000)) is ReasonCode.BUYING_POWER
    assert reason(machine, place("3")) is ReasonCode.RATE_LIMITED
    machine.run(PRICED, at=SECOND)
    assert reason(machine, place("4")) is None


# Margin.


def test_an_option_on_a_hundred_binds_its_rate_of_a_hundred_prices() -> None:
    """2 x 100 x 1.50 = 300, a half of which is 150: all that there is."""
    machine = accounts_with(
        deposit(150), ON_MARGIN, marks(1.49, 1.5, 1.5), multiplier=100 * NANOS, tick=CENT, lot=NANOS
    )
    assert reason(machine, place("1", BUY, 3, 1.5)) is ReasonCode.BUYING_POWER
    assert reason(machine, place("2", BUY, 2, 1.5)) is None
    assert margin_of(machine.state, "ann", machine.state.risk.of("ann")) == (units(150), units(150))


def test_reduce_only_orders_of_a_short_position_stop_at_the_kill_switch_and_go_on_behind_it() -> None:
    short = place("1", SELL, 10), rested("1"), fill("1", 10, 2, 0, side=SELL)
    machine = accounts_with(deposit(1000), ON_MARGIN, PRICED, *short)
    assert reason(machine, place("2", BUY, 10, is_reduce_only=True)) is None
    machine.run(SetKillSwitch(account_id="ann", is_on=True, command_id="on"))
    machine.run(cancelled("2", 10, ReasonCode.KILL_SWITCH))
    assert reason(machine, place("3", BUY, 10, is_reduce_only=True)) is ReasonCode.KILL_SWITCH
    machine.run(SetKillSwitch(account_id="ann", is_on=False, command_id="off"))
    assert reason(machine, place("4", BUY, 10.001, is_reduce_only=True)) is ReasonCode.REDUCE_ONLY_WOULD_INCREASE
    assert reason(machine, place("5", BUY, 10, is_reduce_only=True)) is None


def test_exits_of_a_halted_margin_account_end_with_the_fill_that_would_have_released_them() -> None:
    entry = place("1", take_profit_price=units(3), stop_loss_price=units(1))
    halted = ChangeAccountState("ann", AccountState.HALTED, command_id="halt")
    machine = accounts_with(deposit(100), ON_MARGIN, PRICED, entry, rested("1"), halted)
    told = of_type(machine.run(fill("1", 10, 2, 0)), OrderEvent)
    assert [(each.order_id, each.status, each.reason_code) for each in told] == [
        ("1", OrderStatus.FILLED, None),
        ("1.sl", OrderStatus.CANCELLED, ReasonCode.ACCOUNT_HALTED),
        ("1.tp", OrderStatus.CANCELLED, ReasonCode.ACCOUNT_HALTED),
    ]


def test_of_a_margin_account_units_leave_as_far_as_the_rest_bears_the_debt_and_borrowed_money_does_not() -> None:
    """80 ADA for 160, of which 60 are owed: equity 100, bound 80. 10 ADA, worth 20, may leave; no money may."""
    bought = place("1", BUY, 80), rested("1"), fill("1", 80, 2, 0)
    machine = accounts_with(deposit(100), ON_MARGIN, PRICED, *bought)
    assert balance(machine) == (-60, 0)
    assert answer(machine, withdrawal(1, command="money")) is ReasonCode.BUYING_POWER
    assert answer(machine, withdrawal(10.001, "ADA", command="too much")) is ReasonCode.BUYING_POWER
    assert answer(machine, withdrawal(10, "ADA", command="units")) is None
    cash = ChangeAccountKind("ann", AccountKind.CASH, "", command_id="cash")
    assert answer(machine, cash) is ReasonCode.BUYING_POWER, "who owes pays no cash"
