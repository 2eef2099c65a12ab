"""What an account may do, and the kill switch."""

from typing import Any

import pytest
from examples import accounts_with, amend, book_with, cancel, deposit, enter, listed, place, rested
from machines import Machine, about, of_type

from domain import account_states, order_books
from domain.account_rows import Answered
from schemas.accounts import AccountStateChanged, ChangeAccountState, OrderEvent, ResetAccounts, SetKillSwitch
from schemas.enums import AccountState, OrderStatus, ReasonCode, Side
from schemas.order_books import (
    CancelAllOrders,
    CancelRestingOrder,
    ContinueMatching,
    EnterLimitOrder,
    EnterOrder,
    OrderCancelled,
    ReplaceOrder,
)

ACTIVE, HALTED, REDUCE_ONLY = AccountState.ACTIVE, AccountState.HALTED, AccountState.REDUCE_ONLY


def state(wanted: AccountState, command: str = "state", account: str = "ann") -> ChangeAccountState:
    return ChangeAccountState(account, wanted, command_id=command)


def kill(*, is_on: bool = True, account: str = "ann", command: str = "kill") -> SetKillSwitch:
    return SetKillSwitch(account_id=account, is_on=is_on, command_id=command)


def with_order(*commands: Any) -> Machine:
    """Ann has 100 USDT, and a buy in the book."""
    return accounts_with(deposit(100), deposit(100, account="bob"), place("1"), rested("1"), *commands)


def refusal(machine: Machine, command: Any) -> ReasonCode | None:
    """Why the order was refused; None where it went out."""
    events = machine.run(command)
    (last,) = of_type(events, OrderEvent)[-1:]
    assert (last.status is OrderStatus.REJECTED) == (not of_type(events, EnterLimitOrder, EnterOrder))
    return last.reason_code


@pytest.mark.parametrize(
    ("wanted", "reason"), [(HALTED, ReasonCode.ACCOUNT_HALTED), (REDUCE_ONLY, ReasonCode.ACCOUNT_REDUCE_ONLY)]
)
def test_an_account_that_may_not_trade_places_no_orders_and_cancels_as_it_likes(
    wanted: AccountState, reason: ReasonCode
) -> None:
    machine = with_order(state(wanted))
    assert refusal(machine, place("2")) is reason
    machine.run(amend("1", quantity=5))
    assert machine.state.outcomes.get("amend").reason_code is reason
    assert of_type(machine.run(cancel("1")), CancelRestingOrder) == [CancelRestingOrder("1", "ann", "ADAUSDT")]
    assert refusal(machine, place("3", account="bob")) is None


def test_an_account_is_active_again_once_an_operator_says_so() -> None:
    machine = with_order(state(HALTED), state(ACTIVE, "again"))
    assert refusal(machine, place("2")) is None
    assert of_type(machine.run(amend("1", quantity=5)), ReplaceOrder)


def test_a_change_is_told_once_and_saying_it_again_changes_nothing() -> None:
    machine = with_order()
    assert machine.run(state(HALTED))[0] == AccountStateChanged("ann", HALTED, False, ReasonCode.REQUESTED)
    assert machine.run(state(HALTED)) == []
    assert [type(event) for event in machine.run(state(HALTED, "another"))] == [Answered]


@pytest.mark.parametrize("command", [state(HALTED, account="nobody"), kill(account="nobody")])
def test_of_an_account_that_is_not_there_nothing_is_remembered(command: Any) -> None:
    machine = accounts_with()
    (answered,) = machine.run(command)
    assert answered.outcome.reason_code is ReasonCode.UNKNOWN_ACCOUNT
    assert not machine.state.risk.watched


def test_a_state_that_is_none_is_refused() -> None:
    (answered,) = with_order().run(state(AccountState.UNKNOWN))
    assert answered.outcome.reason_code is ReasonCode.NO_CHANGE


# The kill switch.


def test_a_kill_switch_tells_every_book_to_cancel_and_lets_no_order_out() -> None:
    machine = with_order(listed(symbol="ETHUSDT", base="ETH"))
    events = machine.run(kill())
    assert events[0] == AccountStateChanged("ann", ACTIVE, True, ReasonCode.KILL_SWITCH)
    assert [about(event, "symbol", "account_id", "reason_code") for event in of_type(events, CancelAllOrders)] == [
        ("ADAUSDT", "ann", ReasonCode.KILL_SWITCH),
        ("ETHUSDT", "ann", ReasonCode.KILL_SWITCH),
    ]
    assert refusal(machine, place("2")) is ReasonCode.KILL_SWITCH
    assert of_type(machine.run(cancel("1")), CancelRestingOrder)


def test_a_kill_switch_stays_on_until_it_is_set_off_and_the_state_is_as_before() -> None:
    machine = with_order(state(HALTED), kill(), state(ACTIVE, "active"))
    assert refusal(machine, place("2")) is ReasonCode.KILL_SWITCH
    machine.run(kill(is_on=False, command="off"))
    assert refusal(machine, place("3")) is None


def test_one_switch_kills_all_accounts_of_the_shard() -> None:
    machine = with_order()
    events = machine.run(kill(account=""))
    assert of_type(events, CancelAllOrders) == [CancelAllOrders("ADAUSDT", "", Side.UNKNOWN, ReasonCode.KILL_SWITCH)]
    assert [refusal(machine, place(each, account=each)) for each in ("ann", "bob")] == [ReasonCode.KILL_SWITCH] * 2
    machine.run(kill(account="", is_on=False, command="off"))
    assert [refusal(machine, place(f"{each}2", account=each)) for each in ("ann", "bob")] == [None, None]


def test_a_switch_that_is_on_cancels_once_more_and_tells_nothing_new() -> None:
    machine = with_order(kill())
    assert [type(event) for event in machine.run(kill(command="again"))] == [CancelAllOrders, Answered]
    assert machine.run(kill()) == []


def test_one_record_tells_so_many_books_and_the_next_one_tells_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_states, "SYMBOLS_PER_RECORD_MAX", 2)
    machine = with_order(*[listed(symbol=f"ETH{number}", base="ETH", quote=f"Q{number}") for number in range(4)])
    told, commands = [], [kill()]
    while commands:
        events = machine.run(commands.pop())
        told.append([event.symbol for event in of_type(events, CancelAllOrders)])
        commands = of_type(events, SetKillSwitch)
    assert told == [["ADAUSDT", "ETH0"], ["ETH1", "ETH2"], ["ETH3"]]


def test_a_book_cancels_in_parts_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 4)
    book = book_with(
        *[enter(f"{number}", Side.BUY, 1, 1, account="ann" if number % 2 else "bob") for number in range(20)]
    )
    commands: list[Any] = [CancelAllOrders("ADAUSDT", "ann", Side.UNKNOWN, ReasonCode.KILL_SWITCH)]
    cancelled = []
    while commands:
        events = book.run(commands.pop())
        assert len(of_type(events, OrderCancelled)) <= 4
        cancelled += [(event.account_id, event.reason_code) for event in of_type(events, OrderCancelled)]
        commands = of_type(events, ContinueMatching)
    assert cancelled == [("ann", ReasonCode.KILL_SWITCH)] * 10


def test_a_machine_made_of_its_rows_knows_who_may_not_trade() -> None:
    machine = with_order(kill(), kill(account="", command="all"), listing_of_eth()).rebuilt()
    assert machine.state.risk.watched == {"ann", ""}
    assert refusal(machine, place("2", account="bob")) is ReasonCode.KILL_SWITCH


def listing_of_eth() -> Any:
    return listed(symbol="ETHUSDT", base="ETH")


def test_a_reset_is_a_clean_sheet() -> None:
    machine = with_order(kill(account="", command="all"))
    machine.run_all([ResetAccounts("r", "", command_id="r")])
    machine.run(OrderCancelled("1", "ann", "ADAUSDT", 10, ReasonCode.RESET, command_id="r"))
    machine.run(ResetAccounts("r", "0", command_id="r"))
    machine.run(deposit(100, command="anew"))
    assert refusal(machine, place("2")) is None
    assert not machine.state.risk.watched
