"""What checks, limits and exits say beside what matters most: found by mutants that no other test killed."""

from typing import Any

import pytest
from examples import (
    BUY,
    FOK,
    IOC,
    MARKET,
    SECOND,
    SELL,
    accounts_with,
    amend,
    balance,
    book_with,
    cancel,
    deposit,
    enter,
    fill,
    marks,
    place,
    place_market,
    rested,
    units,
    withdrawal,
)
from machines import Machine, about, of_type

from domain.money import AMOUNT_MAX
from domain.names import NAME_LENGTH_MAX
from domain.risk_rows import Exposure
from schemas.accounts import (
    AccountStateChanged,
    AssignFeeSchedule,
    BalanceEvent,
    ChangeAccountKind,
    ChangeAccountState,
    FeeTier,
    OrderEvent,
    RiskChecked,
    SetFeeSchedule,
    SetLimits,
    SetMarginRates,
)
from schemas.enums import (
    AccountKind,
    AccountState,
    AuctionKind,
    BalanceReason,
    OrderStatus,
    OrderType,
    ReasonCode,
    SelfTradePrevention,
    TradingPhase,
)
from schemas.order_books import AuctionIndicated, ChangePhase, EnterLimitOrder, EnterOrder

ON_MARGIN = ChangeAccountKind("ann", AccountKind.MARGIN, "USDT", command_id="kind")
MONEY_MAX = 10**6
"""Dollars, with cents: more than a float tells apart in nanos."""


def reason(machine: Machine, command: Any) -> ReasonCode | None:
    """Why an order is refused; None where it goes to its book."""
    events = machine.run(command)
    code: ReasonCode | None = of_type(events, OrderEvent)[-1].reason_code
    assert (code is None) == bool(of_type(events, EnterLimitOrder, EnterOrder))
    return code


def verdict(machine: Machine, command: Any) -> RiskChecked:
    (found,) = of_type(machine.run(command), RiskChecked)
    return found


def order(machine: Machine, order_id: str) -> Any:
    return machine.state.orders.get(order_id)


# --- exits ----------------------------------------------------------------------------------------------------------


def bracket(side: Any = BUY, **more: Any) -> Any:
    """10 at 2, to be closed 1 above and 1 below."""
    profit, loss = (units(3), units(1)) if side is BUY else (units(1), units(3))
    return place("1", side, **{"take_profit_price": profit, "stop_loss_price": loss} | more)


def test_who_takes_back_an_exit_that_waits_is_told_how_much_it_was() -> None:
    machine = accounts_with(deposit(100), bracket(), rested("1"), cancel("1.sl"))
    outcome = machine.state.outcomes.get("cancel")
    assert about(outcome, "order_id", "reason_code", "quantity") == ("1.sl", None, units(10))


@pytest.mark.parametrize(
    ("state", "status"),
    [(AccountState.REDUCE_ONLY, OrderStatus.RISK_APPROVED), (AccountState.HALTED, OrderStatus.CANCELLED)],
)
def test_exits_of_an_account_that_may_only_reduce_work_and_those_of_a_halted_one_do_not(
    state: AccountState, status: OrderStatus
) -> None:
    change = ChangeAccountState("ann", state, command_id="state")
    machine = accounts_with(deposit(100), bracket(), rested("1"), change, fill("1", 10, 2, 0))
    assert {order(machine, each).status for each in ("1.sl", "1.tp")} == {status}


def test_exits_that_buy_back_hold_under_the_name_of_one_of_them() -> None:
    machine = accounts_with(deposit(100), deposit(10, "ADA"), bracket(SELL), rested("1"))
    held = [each for each in of_type(machine.run(fill("1", 10, 2, 0, side=SELL)), BalanceEvent) if each.reserved]
    assert [about(each, "order_id", "asset", "reason") for each in held] == [("1.sl", "USDT", BalanceReason.HOLD)]


def test_exits_pay_by_the_schedule_of_their_account() -> None:
    percent = units(0.01)
    schedule = SetFeeSchedule("gold", "USDT", (FeeTier(0, percent, 2 * percent),), command_id="schedule")
    assigned = AssignFeeSchedule("ann", "gold", command_id="assigned")
    machine = accounts_with(deposit(100), schedule, assigned, bracket(), rested("1"))
    entered = of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)
    assert [about(each, "maker_fee_rate", "taker_fee_rate") for each in entered] == [(percent, 2 * percent)] * 2
    assert about(machine.state.outcomes.get("schedule"), "order_id", "reason_code") == ("", None)


def test_a_stop_loss_that_waits_keeps_its_stop_when_its_limit_is_amended() -> None:
    machine = accounts_with(deposit(100), bracket(stop_loss_limit_price=units(0.9)), rested("1"))
    machine.run(amend("1.sl", price=0.8))
    assert about(order(machine, "1.sl"), "limit_price", "stop_price") == (units(0.8), units(1))


# --- what may be asked for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        place("1", self_trade_prevention=SelfTradePrevention.UNKNOWN),
        place_market("1", display_quantity=units(5)),
        place("1", SELL, 10, None, kind=OrderType.STOP, stop_price=units(1), display_quantity=units(5)),
        place_market("1", is_post_only=True),
        place("1", kind=OrderType.STOP_LIMIT, stop_price=units(2), is_post_only=True),
        place("1", tif=IOC, is_post_only=True),
        place("1", tif=FOK, is_post_only=True),
        place("1", slippage=units(0.01)),
    ],
)
def test_instructions_that_an_order_of_its_kind_cannot_have_are_refused(asked: Any) -> None:
    machine = accounts_with(deposit(100), deposit(100, "ADA"), marks(1.99, 2, 2))
    assert reason(machine, asked) is ReasonCode.UNSUPPORTED_ORDER_TYPE


def test_what_is_shown_of_an_iceberg_is_a_number_of_lots() -> None:
    machine = accounts_with(deposit(100))
    assert reason(machine, place("1", display_quantity=units(1.0005))) is ReasonCode.OFF_LOT
    assert reason(machine, place("2", display_quantity=units(1.001))) is None


def test_a_market_order_may_ask_for_the_best_price_and_no_worse() -> None:
    machine = accounts_with(deposit(100), marks(1.99, 2, 2))
    assert reason(machine, place("1", BUY, 10, None, kind=MARKET, slippage=0)) is None


def test_the_name_of_a_group_may_be_as_long_as_names_are() -> None:
    machine = accounts_with(deposit(100))
    assert reason(machine, place("1", oco_group="g" * NAME_LENGTH_MAX)) is None
    assert reason(machine, place("2", oco_group="g" * (NAME_LENGTH_MAX + 1))) is ReasonCode.TOO_LARGE


# --- limits ---------------------------------------------------------------------------------------------------------


def limit(most: int | None, account: str = "ann", command: str = "limit") -> SetLimits:
    return SetLimits(account_id=account, symbol="ADAUSDT", position_limit=most, command_id=command)


def test_the_largest_amount_of_all_is_a_limit_too() -> None:
    machine = accounts_with(deposit(100), limit(AMOUNT_MAX), limit(AMOUNT_MAX + 1, command="more"))
    codes = [machine.state.outcomes.get(command).reason_code for command in ("limit", "more")]
    assert codes == [None, ReasonCode.AMOUNT_OUT_OF_RANGE]


def test_a_limit_for_everybody_counts_what_was_open_before_it() -> None:
    machine = accounts_with(deposit(100), place("1", BUY, 6), limit(units(10), account=""))
    assert reason(machine, place("2", BUY, 4.001)) is ReasonCode.POSITION_LIMIT
    assert reason(machine, place("3", BUY, 4)) is None


def test_a_verdict_on_a_limited_order_says_which_order_it_is_about() -> None:
    machine = accounts_with(deposit(100), marks(1.99, 2, 2), limit(units(10)))
    found = verdict(machine, place("1", BUY, 4))
    assert about(found, "order_id", "account_id", "symbol", "projected_position") == ("1", "ann", "ADAUSDT", units(4))


def test_units_that_money_may_buy_are_counted_exactly() -> None:
    machine = accounts_with(deposit(MONEY_MAX), marks(0.02, 0.03, 0.03))
    money = units("999999.97")
    asked = place("1", BUY, 0, None, kind=MARKET, notional=money)
    machine.run_all([asked, limit(AMOUNT_MAX)])
    assert machine.state.risk.exposure("ann", "ADAUSDT") == Exposure(buys=money * 10**9 // units(0.03))


# --- margin ---------------------------------------------------------------------------------------------------------


def test_an_order_in_a_symbol_without_a_price_binds_what_it_says_itself() -> None:
    machine = accounts_with(deposit(100), ON_MARGIN)
    assert reason(machine, place("1", BUY, 100.001, 2)) is ReasonCode.BUYING_POWER
    assert reason(machine, place("2", BUY, 100, 2)) is None


def test_a_market_sale_on_margin_has_no_price_where_nobody_traded_or_offers() -> None:
    machine = accounts_with(deposit(100), ON_MARGIN, marks(1.99, None, None))
    assert reason(machine, place_market("1", SELL, 1)) is ReasonCode.NO_REFERENCE_PRICE


def test_units_that_open_orders_may_sell_stay_in_a_margin_account() -> None:
    machine = accounts_with(deposit(100), deposit(10, "ADA"), ON_MARGIN, marks(1.99, 2, 2), place("1", SELL, 4, 2))
    machine.run_all([withdrawal(6.001, "ADA", command="too much"), withdrawal(6, "ADA", command="all")])
    codes = [machine.state.outcomes.get(command).reason_code for command in ("too much", "all")]
    assert codes == [ReasonCode.BUYING_POWER, None]


def test_units_leave_a_margin_account_as_far_as_its_excess_bears_what_they_are_worth() -> None:
    machine = accounts_with(deposit(20), deposit(100, "ADA"), ON_MARGIN, marks(1.99, 2, 2))
    machine.run(place("1", BUY, 100, 2))
    assert balance(machine, asset="ADA") == (100, 0)
    machine.run_all([withdrawal(10.001, "ADA", command="too much"), withdrawal(10, "ADA", command="all")])
    codes = [machine.state.outcomes.get(command).reason_code for command in ("too much", "all")]
    assert codes == [ReasonCode.BUYING_POWER, None]


def test_a_margin_call_comes_at_the_rate_of_the_symbol_and_leaves_the_kill_switch_as_it_is() -> None:
    rates = SetMarginRates(symbol="ADAUSDT", initial=units(0.5), maintenance=units(0.4), command_id="rates")
    machine = accounts_with(deposit(100), ON_MARGIN, rates, marks(1.99, 2, 2), place("1", BUY, 100, 2))
    machine.run(fill("1", 100, 2, 0))  # 100 ADA, and 100 USDT owed: equity 100
    assert of_type(machine.run(marks(None, None, 1.67)), AccountStateChanged) == []  # 67, of which 66.8 are needed
    (called,) = of_type(machine.run(marks(None, None, 1.66)), AccountStateChanged)  # 66 < 66.4
    assert about(called, "state", "reason_code", "is_killed") == (
        *(AccountState.REDUCE_ONLY, ReasonCode.MARGIN_CALL),
        False,
    )


def test_one_reduce_only_order_of_a_group_does_not_drive_out_the_other() -> None:
    opened = place("0", BUY, 10, 2), fill("0", 10, 2, 0)
    machine = accounts_with(deposit(100), ON_MARGIN, marks(1.99, 2, 2), *opened)
    stop = place("2", SELL, 10, None, kind=OrderType.STOP, stop_price=units(1), is_reduce_only=True, oco_group="g")
    machine.run_all([place("1", SELL, 10, 3, is_reduce_only=True, oco_group="g"), stop])
    assert [order(machine, each).is_leaving for each in ("1", "2")] == [False, False]


# --- books ----------------------------------------------------------------------------------------------------------


def test_what_is_indicated_says_what_kind_of_auction_it_is() -> None:
    machine = book_with(ChangePhase("ADAUSDT", TradingPhase.AUCTION, AuctionKind.CLOSING), enter("1", BUY, 1, 2))
    (told,) = of_type(machine.run(enter("2", SELL, 1, 2), at=SECOND), AuctionIndicated)
    assert told.auction_kind is AuctionKind.CLOSING
