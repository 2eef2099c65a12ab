"""A dead man's switch: whoever does not set his timer again loses his open orders."""

from random import Random
from typing import Any

import pytest
from examples import SECOND, accounts_with, deposit, listing, place, rested, units
from machines import Machine, about, of_type
from venues import Venue

from domain import cancelling
from domain.account_rows import Answered
from domain.cancelling import TIMEOUT_NS_MAX
from schemas.accounts import ResetAccounts, SetCancelTimer
from schemas.enums import OrderStatus, ReasonCode
from schemas.order_books import CancelAllOrders
from schemas.shared import Tick


def timer(seconds: float, account: str = "ann", command: str = "timer") -> SetCancelTimer:
    return SetCancelTimer(account, units(seconds), command_id=command)


def tick(machine: Machine, at: int) -> list[Any]:
    """What the shard does when it hears the time."""
    return machine.run(Tick(is_manual=False), at=at)


def asked(events: list[Any]) -> list[tuple[Any, ...]]:
    return [about(each, "account_id", "symbol", "reason_code") for each in of_type(events, CancelAllOrders)]


ANN = ("ann", "ADAUSDT", ReasonCode.CANCEL_TIMER)


def ready() -> Machine:
    """ann and bob have an order each."""
    bob = [deposit(1_000, account="bob"), place("2", account="bob"), rested("2", "bob")]
    return accounts_with(deposit(1_000), place("1"), rested("1"), *bob)


def test_open_orders_are_cancelled_when_the_time_has_come_and_not_before() -> None:
    machine = ready()
    machine.run(timer(5), at=10 * SECOND)
    deadline = machine.noun.deadline
    assert deadline(machine.state) == 15 * SECOND
    assert tick(machine, 15 * SECOND - 1) == []
    assert asked(tick(machine, 15 * SECOND)) == [ANN]
    assert deadline(machine.state) is None
    assert tick(machine, 16 * SECOND) == []


def test_a_timer_that_is_set_again_in_time_begins_anew() -> None:
    machine = ready()
    machine.run(timer(5), at=10 * SECOND)
    machine.run(timer(5, command="again"), at=14 * SECOND)
    assert asked(tick(machine, 18 * SECOND)) == []
    assert asked(tick(machine, 19 * SECOND)) == [ANN]


def test_a_timer_is_turned_off_by_zero() -> None:
    machine = ready()
    machine.run(timer(5), at=10 * SECOND)
    machine.run(timer(0, command="off"), at=14 * SECOND)
    assert machine.noun.deadline(machine.state) is None
    assert tick(machine, 100 * SECOND) == []


def test_a_timer_that_is_set_again_too_late_has_run_out() -> None:
    machine = ready()
    machine.run(timer(5), at=10 * SECOND)
    assert asked(machine.run(timer(5, command="again"), at=15 * SECOND)) == [ANN]
    assert machine.noun.deadline(machine.state) == 20 * SECOND


def test_the_same_command_once_more_moves_nothing() -> None:
    machine = ready()
    machine.run(timer(5), at=10 * SECOND)
    assert machine.run(timer(5), at=14 * SECOND) == []
    assert machine.noun.deadline(machine.state) == 15 * SECOND


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (timer(5, "nobody"), ReasonCode.UNKNOWN_ACCOUNT),
        (SetCancelTimer("ann", -1, command_id="timer"), ReasonCode.TOO_LARGE),
        (SetCancelTimer("ann", TIMEOUT_NS_MAX + 1, command_id="timer"), ReasonCode.TOO_LARGE),
    ],
)
def test_a_timer_that_cannot_be_set_is_refused(command: SetCancelTimer, reason: ReasonCode) -> None:
    machine = ready()
    (answered,) = of_type(machine.run(command), Answered)
    assert answered.outcome.reason_code is reason
    assert machine.noun.deadline(machine.state) is None


def test_a_day_is_not_too_long() -> None:
    machine = ready()
    (answered,) = of_type(machine.run(SetCancelTimer("ann", TIMEOUT_NS_MAX, command_id="timer")), Answered)
    assert answered.outcome.reason_code is None


def test_timers_outlive_the_memory_of_a_shard() -> None:
    machine = ready()
    machine.run(timer(5), at=10 * SECOND)
    machine.run(timer(3, "bob", "other"), at=10 * SECOND)
    again = machine.rebuilt()
    assert again.noun.deadline(again.state) == 13 * SECOND
    assert [account for account, *_ in asked(tick(again, 15 * SECOND))] == ["bob", "ann"]


def test_a_record_lets_a_bounded_number_run_out_and_the_shard_goes_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "TIMERS_PER_RECORD_MAX", 1)
    machine = ready()
    machine.run(timer(5), at=10 * SECOND)
    machine.run(timer(5, "bob", "other"), at=10 * SECOND)
    first = tick(machine, 15 * SECOND)
    assert asked(first) == [ANN]
    assert of_type(first, Tick) == [Tick(is_manual=False)]
    second = tick(machine, 15 * SECOND)
    assert [account for account, *_ in asked(second)] == ["bob"]
    assert of_type(second, Tick) == []


def test_a_reset_forgets_timers() -> None:
    machine = accounts_with(deposit(1_000))
    machine.run(timer(5), at=10 * SECOND)
    machine.run(ResetAccounts("r", "", command_id="r"))
    machine.run(ResetAccounts("r", "0", command_id="r"))
    assert machine.noun.deadline(machine.state) is None
    assert machine.rebuilt().noun.deadline(machine.rebuilt().state) is None


@pytest.mark.parametrize("seed", range(5))
def test_orders_end_with_the_reason_and_what_they_held_is_free(seed: int) -> None:
    venue = Venue(Random(seed))
    for command in (listing(), deposit(1_000), deposit(1_000, account="bob")):
        venue.send(command)
    venue.settle()
    for command in (timer(1), *[place(str(n), account=("ann", "bob")[n % 2]) for n in range(6)]):
        venue.send(command)
    venue.settle()
    rows = [row for machine in venue.of("accounts") for _, row in machine.state.orders.scan()]
    assert {(row.account_id, row.status, row.reason_code) for row in rows} == {
        ("ann", OrderStatus.CANCELLED, ReasonCode.CANCEL_TIMER),
        ("bob", OrderStatus.OPEN, None),
    }
    assert not any(row.reserved for each in venue.of("accounts") for _, row in each.state.balances.scan("ann|"))
