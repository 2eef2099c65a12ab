from typing import Any

import pytest
from days import check_ledger
from examples import SELL, accounts_with, balance, cancel, deposit, listed, marks, place, rested, units, withdrawal
from examples import cancelled as book_cancelled
from machines import Machine, about, of_type

from domain import account_evolution
from domain.account_rows import EXTERNAL, Account, Answered, Balance, BookEmptied, Cleared, Mark, Outcome
from domain.money import AMOUNT_MAX
from schemas.accounts import (
    AccountOpened,
    BalanceEvent,
    DepositFunds,
    OpenAccount,
    OrderEvent,
    ResetAccounts,
    WithdrawFunds,
)
from schemas.enums import BalanceReason, OrderStatus, ReasonCode
from schemas.inquiries import ResetInquiries
from schemas.order_books import CancelRefused, CancelRestingOrder, ResetBooks
from schemas.shared import Tick

RESET, EMPTIED = ResetAccounts("r", "", command_id="r"), ResetAccounts("r", "0", command_id="r")


def outcome(machine: Machine, command: str) -> Outcome:
    found = machine.state.outcomes.get(command)
    assert found is not None
    return found


# Opening, deposits, withdrawals.


def test_an_account_is_opened_once() -> None:
    machine = Machine("accounts")
    assert machine.run(OpenAccount("ann"), at=5) == [AccountOpened("ann")]
    assert machine.run(OpenAccount("ann")) == []
    assert machine.state.accounts.get("ann") == Account(5)


@pytest.mark.parametrize("name", ["", "@fees", "a|b"])
def test_what_is_no_name_is_no_account(name: str) -> None:
    assert Machine("accounts").run(OpenAccount(name)) == []


def test_a_first_deposit_opens_the_account() -> None:
    machine = Machine("accounts")
    opened, event, *_ = machine.run(deposit(1000))
    assert opened == AccountOpened("ann")
    assert about(event, "total", "available", "reserved", "change", "reason", "version") == (
        units(1000),
        units(1000),
        0,
        units(1000),
        BalanceReason.DEPOSIT,
        1,
    )


def test_what_comes_in_is_missing_outside() -> None:
    machine = accounts_with(deposit(1000), withdrawal(300))
    assert balance(machine) == (700, 0)
    assert machine.state.balance(EXTERNAL, "USDT").total == -units(700)
    check_ledger(machine.state)


def test_a_deposit_that_comes_twice_counts_once() -> None:
    machine = accounts_with(deposit(1000, command="d"))
    assert machine.run(deposit(1000, command="d")) == []
    assert balance(machine) == (1000, 0)
    assert outcome(machine, "d") == Outcome(1, body=f"USDT|{units(1000)}")


def test_a_withdrawal_that_comes_twice_counts_once() -> None:
    machine = accounts_with(deposit(1000), withdrawal(300), withdrawal(300))
    assert balance(machine) == (700, 0)


def test_only_what_is_free_can_be_withdrawn() -> None:
    machine = accounts_with(deposit(100), place("1", quantity=10, price=2))
    assert [type(event) for event in machine.run(withdrawal("80.000000001"))] == [Answered]
    assert outcome(machine, "w").reason_code is ReasonCode.BUYING_POWER
    machine.run(withdrawal(80, command="w2"))
    assert balance(machine) == (20, 20)
    assert outcome(machine, "w2").reason_code is None


@pytest.mark.parametrize("kind", [DepositFunds, WithdrawFunds])
@pytest.mark.parametrize(
    ("account", "asset", "amount", "reason"),
    [
        ("@external", "USDT", 1, ReasonCode.UNKNOWN_ACCOUNT),
        ("", "USDT", 1, ReasonCode.UNKNOWN_ACCOUNT),
        ("ann", "a|b", 1, ReasonCode.UNKNOWN_ACCOUNT),
        ("ann", "USDT", 0, ReasonCode.AMOUNT_OUT_OF_RANGE),
        ("ann", "USDT", -1, ReasonCode.AMOUNT_OUT_OF_RANGE),
        ("ann", "USDT", AMOUNT_MAX + 1, ReasonCode.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_nonsense_moves_no_money(kind: Any, account: str, asset: str, amount: int, reason: ReasonCode) -> None:
    machine = accounts_with(deposit(5))
    before = machine.snapshot()["balances"]
    assert [type(event) for event in machine.run(kind(account, asset, amount, command_id="c"))] == [Answered]
    assert outcome(machine, "c").reason_code is reason
    assert machine.snapshot()["balances"] == before


def test_nothing_can_be_withdrawn_from_an_account_that_is_not_there() -> None:
    machine = Machine("accounts")
    machine.run(withdrawal(1))
    assert outcome(machine, "w").reason_code is ReasonCode.UNKNOWN_ACCOUNT


# What others tell.


def test_instruments_and_marks_are_taken_over() -> None:
    machine = accounts_with(listed(maker_fee_rate=4), marks(1, 3, 2))
    assert machine.state.instruments.get("ADAUSDT").maker_fee_rate == 4
    assert machine.state.marks.get("ADAUSDT") == Mark(units(1), units(3), units(2))


def test_a_tick_changes_nothing() -> None:
    machine = accounts_with()
    assert machine.run(Tick(is_manual=True)) == []
    assert machine.noun.deadline(machine.state) is None


# Memory of how commands ended.


def test_old_outcomes_are_forgotten_and_their_commands_may_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_evolution, "OUTCOMES_KEPT_MAX", 2)
    machine = accounts_with(*(deposit(1, command=f"d{number}") for number in range(3)))
    assert sorted(machine.snapshot()["outcomes"]) == sorted(machine.snapshot()["outcome_log"].values()) == ["d1", "d2"]
    assert machine.run(deposit(1, command="d1")) == []
    machine.run(deposit(1, command="d0"))
    assert balance(machine) == (4, 0)


def test_an_answer_does_not_make_a_command_younger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_evolution, "OUTCOMES_KEPT_MAX", 2)
    machine = accounts_with(deposit(100), place("1"), cancel("1", command="c"), deposit(1, command="d"))
    machine.run(CancelRefused("1", "ann", "ADAUSDT", ReasonCode.TOO_LATE, command_id="c"))
    assert outcome(machine, "c") == Outcome(2, is_pending=False, reason_code=ReasonCode.TOO_LATE, order_id="1")
    machine.run(deposit(1, command="e"))
    assert sorted(machine.snapshot()["outcomes"]) == ["d", "e"]


def test_a_command_of_nobody_is_done_and_needs_no_answer() -> None:
    machine = accounts_with(deposit(100), place("1"))
    for _ in range(2):
        assert of_type(machine.run(DepositFunds("ann", "USDT", units(1))), BalanceEvent)
        assert of_type(machine.run(cancel("1", command="")), CancelRestingOrder)
    assert "" not in machine.snapshot()["outcomes"]


# Reset.


def test_a_reset_asks_every_book_and_takes_no_more_orders_nor_money() -> None:
    machine = accounts_with(deposit(100))
    events = machine.run(RESET)
    assert of_type(events, ResetBooks) == [ResetBooks("r", "0")]
    machine.run_all([deposit(1, command="d"), withdrawal(1)])
    assert [outcome(machine, command).reason_code for command in "dw"] == [ReasonCode.RESET_IN_PROGRESS] * 2
    (refused,) = of_type(machine.run(place("1")), OrderEvent)
    assert about(refused, "status", "reason_code") == (OrderStatus.REJECTED, ReasonCode.RESET_IN_PROGRESS)


def test_a_reset_takes_everything_back_when_the_last_book_is_empty() -> None:
    machine = Machine("accounts", partitions={"accounts": 1, "order_books": 2})
    machine.run_all([listed(), deposit(100), deposit(5, "ADA"), place("1"), rested("1"), RESET])
    machine.run(book_cancelled("1", 10, ReasonCode.RESET, command="r"))
    assert [type(event) for event in machine.run(EMPTIED)] == [BookEmptied]
    events = machine.run(ResetAccounts("r", "1"))
    assert [about(event, "asset", "change", "total", "reason") for event in of_type(events, BalanceEvent)] == [
        ("ADA", -units(5), 0, BalanceReason.RESET),
        ("USDT", -units(100), 0, BalanceReason.RESET),
    ]
    assert [type(event) for event in events[-2:]] == [Cleared, ResetInquiries]
    rows = machine.snapshot()
    assert rows["accounts"] == rows["orders"] == rows["client_orders"] == rows["finished"] == {}
    assert all(row.total == row.reserved == 0 for row in rows["balances"].values())
    assert machine.state.shard_row().reset_id == ""
    assert of_type(machine.run(place("2")), OrderEvent)[0].reason_code is ReasonCode.UNKNOWN_ACCOUNT


def test_numbers_and_versions_go_on_after_a_reset() -> None:
    machine = accounts_with(deposit(100), place("1", SELL, 1, 1), RESET, EMPTIED)
    event = of_type(machine.run(deposit(7, command="again")), BalanceEvent)[0]
    assert about(event, "version", "total") == (3, units(7))
    order = of_type(machine.run(place("1", quantity=1, price=1)), OrderEvent)[0]
    assert order.order_number == 200


def test_the_same_reset_again_is_no_other_reset() -> None:
    machine = accounts_with(RESET, EMPTIED, deposit(100), place("1"))
    for again in (RESET, EMPTIED):
        assert machine.run(again) == []
    assert balance(machine) == (100, 20)


def test_of_two_resets_the_last_one_to_end_opens_the_doors() -> None:
    machine = accounts_with(deposit(100), RESET, ResetAccounts("other", ""))
    machine.run(ResetAccounts("other", "0"))
    assert machine.state.shard_row().reset_id == "other"
    assert of_type(machine.run(place("1")), OrderEvent)[0].reason_code is ReasonCode.UNKNOWN_ACCOUNT
    machine.run(deposit(1, command="too early"))
    assert outcome(machine, "too early").reason_code is ReasonCode.RESET_IN_PROGRESS
    machine.run(EMPTIED)
    machine.run(deposit(1, command="now"))
    assert balance(machine) == (1, 0)


def test_a_reset_with_something_still_held_is_our_mistake() -> None:
    machine = accounts_with(deposit(100), place("1"), RESET)
    with pytest.raises(AssertionError, match="still has"):
        machine.run(EMPTIED)


# What only we can break.


def test_an_entry_never_leaves_a_balance_below_zero_or_below_what_is_reserved() -> None:
    machine = accounts_with(deposit(20), place("1"))
    machine.state.balances.put("ann|USDT", Balance(units(19), units(20)))
    with pytest.raises(AssertionError, match="reserved of"):
        machine.run(deposit("0.5", command="late"))


def test_memory_may_be_lost_at_any_time() -> None:
    machine = accounts_with(deposit(100), place("1"), rested("1"))
    twin = machine.rebuilt()
    later = [place("2", price=3, client_order_id="mine"), withdrawal(5), cancel("1", command="c"), RESET]
    assert machine.run_all(later) == twin.run_all(later)
    assert machine.snapshot() == twin.snapshot()
