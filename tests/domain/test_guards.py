"""Breakers of losses, margin calls, and how many orders an account may place in a second."""

from typing import Any

import pytest
from days import check_ledger
from examples import (
    BUY,
    SECOND,
    SELL,
    accounts_with,
    balance,
    cancel,
    deposit,
    fill,
    listed,
    marks,
    place,
    rested,
    units,
    withdrawal,
)
from machines import Machine, about, of_type

from domain import guards, watching
from schemas.accounts import (
    AccountStateChanged,
    ChangeAccountKind,
    ChangeAccountState,
    OrderEvent,
    SetLimits,
    WatchAccounts,
)
from schemas.enums import AccountKind, AccountState, ReasonCode
from schemas.order_books import CancelRestingOrder
from schemas.wire import NANOS

HALTED, REDUCE_ONLY = AccountState.HALTED, AccountState.REDUCE_ONLY
DAY = guards.DAY_NS


def breaker(limit: float | None = 100, account: str = "ann", **more: Any) -> SetLimits:
    loss = {} if limit is None else {"loss_limit": units(limit), "loss_asset": "USDT"}
    return SetLimits(account_id=account, **{"command_id": f"breaker {account} {limit}"} | loss | more)


def with_ada(*commands: Any) -> Machine:
    """Ann has 100 ADA at 10, and 1,000 USDT."""
    return accounts_with(deposit(1000), deposit(100, "ADA"), marks(None, None, 10), *commands)


def trips(machine: Machine, command: Any, at: int | None = None) -> list[AccountStateChanged]:
    found = of_type(machine.run(command, at=at), AccountStateChanged)
    check_ledger(machine.state)
    return found


def reason(machine: Machine, command: Any, at: int | None = None) -> ReasonCode | None:
    code: ReasonCode | None = of_type(machine.run(command, at=at), OrderEvent)[-1].reason_code
    return code


# The breaker of losses.


def test_at_exactly_the_limit_it_trips_and_says_why() -> None:
    machine = with_ada(breaker(100))
    assert trips(machine, marks(None, None, 9.01)) == []
    (event,) = trips(machine, marks(None, None, 9))
    assert about(event, "account_id", "state", "reason_code") == ("ann", HALTED, ReasonCode.LOSS_LIMIT)
    assert about(event, "asset", "equity", "threshold", "loss") == ("USDT", units(1900), units(100), units(100))
    assert reason(machine, place("1")) is ReasonCode.ACCOUNT_HALTED


def test_it_trips_once_and_cancels_still_work() -> None:
    machine = with_ada(place("1", price=1), rested("1"), breaker(100), marks(None, None, 5))
    assert trips(machine, marks(None, None, 4)) == []
    assert of_type(machine.run(cancel("1")), CancelRestingOrder)


def test_it_may_leave_the_account_to_reduce() -> None:
    machine = with_ada(breaker(100, loss_state=REDUCE_ONLY), marks(None, None, 5))
    assert reason(machine, place("1")) is ReasonCode.ACCOUNT_REDUCE_ONLY
    assert reason(machine, place("2", SELL, 10, 5, is_reduce_only=True)) is None


def test_a_stricter_state_stays() -> None:
    machine = with_ada(breaker(100, loss_state=REDUCE_ONLY), ChangeAccountState("ann", HALTED, command_id="h"))
    assert trips(machine, marks(None, None, 5)) == []


def test_what_was_lost_by_a_trade_and_in_fees_counts_without_a_new_price() -> None:
    machine = accounts_with(deposit(1000), marks(9, 10, 10), breaker(100), place("1", BUY, 10, 20))
    assert trips(machine, fill("1", 9, 20, 1, fee=units(9), accrued=units(9) * NANOS)) == []
    (event,) = trips(machine, fill("1", 1, 10, 0, fee=units(1), accrued=units(10) * NANOS, trade="101"))
    assert event.loss == units(100)


def test_money_that_comes_and_goes_is_neither_won_nor_lost() -> None:
    machine = with_ada(breaker(100), withdrawal(900), withdrawal(50, "ADA", command="w2"))
    assert trips(machine, marks(None, None, 9)) == []
    machine.run(deposit(1000, command="more"))
    (event,) = trips(machine, marks(None, None, 8))
    assert event.loss == units(100)


def test_a_loss_counts_from_the_last_prices_of_the_day_before() -> None:
    machine = with_ada(breaker(100), marks(None, None, 9.5))
    assert trips(machine, marks(None, None, 8.51), at=DAY + 1) == []
    (event,) = trips(machine, marks(None, None, 8.5), at=DAY + 2)
    assert event.loss == units(100)


def test_a_first_price_is_no_gain() -> None:
    machine = accounts_with(deposit(1000), deposit(100, "ADA"), breaker(100), marks(None, None, 10))
    (event,) = trips(machine, marks(None, None, 9))
    assert (event.equity, event.loss) == (units(1900), units(100))


def test_a_symbol_that_is_listed_later_takes_no_price_away() -> None:
    machine = with_ada(breaker(100), listed(symbol="AAA"), marks(None, None, 9.01))
    assert trips(machine, marks(None, None, 10, "AAA")) == [], "the first one by name has a price now"
    (event,) = trips(machine, marks(None, None, 9, "AAA"))
    assert event.loss == units(100)


def test_armed_again_by_hand_it_counts_from_then_on() -> None:
    machine = with_ada(breaker(100), marks(None, None, 9))
    machine.run(ChangeAccountState("ann", AccountState.ACTIVE, command_id="again"))
    assert trips(machine, marks(None, None, 8.01)) == []
    assert len(trips(machine, marks(None, None, 8))) == 1


def test_other_limits_of_the_account_do_not_begin_the_count_anew() -> None:
    machine = with_ada(breaker(100), marks(None, None, 9.5), breaker(100, concentration_limit=NANOS, command_id="c"))
    assert len(trips(machine, marks(None, None, 9))) == 1


def test_a_breaker_that_is_taken_away_does_not_trip() -> None:
    machine = with_ada(breaker(100), breaker(None))
    assert trips(machine, marks(None, None, 1)) == []
    assert not machine.state.risk.guarded


def test_prices_of_what_one_does_not_own_are_not_looked_at() -> None:
    machine = with_ada(listed(symbol="ETHUSDT", base="ETH"), breaker(100), marks(None, None, 9.5))
    before = machine.snapshot()
    assert [type(event).__name__ for event in machine.run(marks(None, None, 5, "ETHUSDT"))] == ["MarkPrices"]
    assert machine.snapshot()["risks"] == before["risks"]


def test_one_record_looks_at_so_many_accounts_and_the_next_one_at_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "ACCOUNTS_PER_RECORD_MAX", 2)
    machine = accounts_with(marks(None, None, 10))
    for number in range(5):
        machine.run_all([deposit(100, "ADA", f"a{number}"), breaker(100, f"a{number}")])
    commands: list[Any] = [marks(None, None, 9)]
    tripped = []
    while commands:
        events = machine.run(commands.pop())
        tripped.append([event.account_id for event in of_type(events, AccountStateChanged)])
        commands = of_type(events, WatchAccounts)
    assert tripped == [["a0", "a1"], ["a2", "a3"], ["a4"]]


@pytest.mark.parametrize(
    "more",
    [
        {"loss_limit": 0, "loss_asset": "USDT"},
        {"loss_limit": 1, "loss_asset": ""},
        {"loss_limit": 1, "loss_asset": "USDT", "loss_state": AccountState.ACTIVE},
        {"burst": 5},
        {"orders_per_second": 0},
        {"orders_per_second": 5, "burst": -1},
    ],
)
def test_limits_that_make_no_sense_are_refused(more: dict[str, Any]) -> None:
    machine = with_ada()
    (answered,) = machine.run(SetLimits(account_id="ann", command_id="c", **more))
    assert answered.outcome.reason_code is ReasonCode.AMOUNT_OUT_OF_RANGE


# The margin call.


def test_an_equity_below_what_must_be_maintained_leaves_the_account_to_reduce() -> None:
    kind = ChangeAccountKind("ann", AccountKind.MARGIN, "USDT", command_id="kind")
    opened = (place("1", SELL, 90, 2), fill("1", 90, 2, 0, side=SELL))
    machine = accounts_with(deposit(100), kind, marks(1.99, 2, 2), *opened)
    assert balance(machine) == (280, 0)
    assert trips(machine, marks(None, None, 2.48)) == []  # worth 56.8, and 55.8 must be there
    (event,) = trips(machine, marks(None, None, 2.5))
    assert about(event, "state", "reason_code", "equity", "threshold") == (
        *(REDUCE_ONLY, ReasonCode.MARGIN_CALL),
        *(units(55), units(56.25)),
    )
    assert reason(machine, place("2", SELL, 1, 2)) is ReasonCode.ACCOUNT_REDUCE_ONLY
    assert reason(machine, place("3", BUY, 90, 3, is_reduce_only=True)) is None


# Orders in a second.


def rate(orders_per_second: int, burst: int | None = None) -> SetLimits:
    return SetLimits(account_id="ann", orders_per_second=orders_per_second, burst=burst, command_id="rate")


def test_so_many_orders_at_once_and_one_more_when_its_time_has_come() -> None:
    machine = with_ada(rate(2, burst=3))
    assert [reason(machine, place(f"{each}", price=1), SECOND) for each in range(4)] == [
        *(None, None, None),
        ReasonCode.RATE_LIMITED,
    ]
    assert reason(machine, place("5", price=1), SECOND + SECOND // 2 - 1) is ReasonCode.RATE_LIMITED
    assert reason(machine, place("6", price=1), SECOND + SECOND // 2) is None
    assert reason(machine, place("7", price=1), SECOND + SECOND // 2) is ReasonCode.RATE_LIMITED


def test_what_was_not_used_is_saved_up_to_a_burst() -> None:
    machine = with_ada(rate(2))
    reasons = [reason(machine, place(f"{each}", price=1), 100 * SECOND) for each in range(3)]
    assert reasons == [None, None, ReasonCode.RATE_LIMITED]


def test_cancels_and_other_accounts_are_not_counted() -> None:
    machine = with_ada(deposit(100, account="bob"), rate(1))
    assert reason(machine, place("1", price=1)) is None
    assert reason(machine, place("2", price=1)) is ReasonCode.RATE_LIMITED
    assert of_type(machine.run(cancel("1")), CancelRestingOrder)
    assert [reason(machine, place(each, price=1, account="bob")) for each in ("3", "4")] == [None, None]


def test_a_machine_made_of_its_rows_goes_on_counting() -> None:
    machine = with_ada(rate(1), breaker(100, orders_per_second=1, command_id="b"), place("1", price=1)).rebuilt()
    assert reason(machine, place("2", price=1)) is ReasonCode.RATE_LIMITED
    assert len(trips(machine, marks(None, None, 9))) == 1
