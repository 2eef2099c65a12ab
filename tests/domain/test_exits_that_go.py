"""Exits go with all other orders of their account, even where the fill of their entry is on its way."""

from typing import Any

import pytest
from days import check_at_rest, drain
from examples import SECOND, SELL, accounts_with, balance, deposit, fill, listed, listing, place, rested, units
from machines import Machine, of_type
from races import Race, in_every_order

from domain.account_rows import FINAL
from schemas.accounts import CancelOpenOrders, OrderEvent, ResetAccounts, SetCancelTimer
from schemas.enums import OrderStatus, ReasonCode, Side
from schemas.order_books import EnterLimitOrder, EnterOrder
from schemas.shared import Tick

EXITS = ("1.sl", "1.tp")


def bracket(order: str = "1", **more: Any) -> Any:
    return place(order, take_profit_price=units(3), stop_loss_price=units(1), **more)


def all_go(**more: Any) -> CancelOpenOrders:
    return CancelOpenOrders(**({"account_id": "ann", "command_id": "all"} | more))


def entered(*given: Any) -> Machine:
    return accounts_with(deposit(100), bracket(), rested("1"), *given)


def reasons(machine: Machine) -> list[tuple[OrderStatus, ReasonCode | None]]:
    rows = [machine.state.orders.get(each) for each in EXITS]
    return [(row.status, row.reason_code) for row in rows]


EVERYBODY = {"account_id": ""}


@pytest.mark.parametrize(
    "wanted",
    [
        *({}, {"symbol": "ADAUSDT"}, {"side": Side.BUY}),
        *(EVERYBODY, EVERYBODY | {"symbol": "ADAUSDT"}, EVERYBODY | {"symbol": "ADAUSDT", "side": Side.BUY}),
    ],
)
def test_a_fill_that_was_on_its_way_brings_no_exits_behind_a_cancel_of_all_orders(wanted: dict[str, Any]) -> None:
    machine = entered(all_go(**wanted))
    events = machine.rebuilt().run(fill("1", 10, 2, 0))
    assert not of_type(events, EnterLimitOrder, EnterOrder)
    machine.run(fill("1", 10, 2, 0))
    assert reasons(machine) == [(OrderStatus.CANCELLED, ReasonCode.MASS_CANCEL)] * 2
    assert balance(machine, asset="ADA") == (10, 0)


def test_nor_behind_a_timer_that_ran_out() -> None:
    machine = entered(SetCancelTimer("ann", SECOND, command_id="timer"))
    machine.run(Tick(is_manual=False), at=2 * SECOND)
    assert not of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)
    assert reasons(machine) == [(OrderStatus.CANCELLED, ReasonCode.CANCEL_TIMER)] * 2


@pytest.mark.parametrize(
    "wanted", [{"symbol": "ETHUSDT"}, {"side": Side.SELL}, EVERYBODY | {"symbol": "ETHUSDT", "side": Side.BUY}]
)
def test_what_was_not_meant_has_its_exits(wanted: dict[str, Any]) -> None:
    machine = entered(listed(symbol="ETHUSDT", base="ETH"), all_go(**wanted))
    assert len(of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)) == 2


def test_an_order_that_is_placed_a_moment_later_has_its_exits() -> None:
    machine = accounts_with(deposit(100), all_go(), bracket(), rested("1"))
    assert len(of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)) == 2


def test_a_reset_forgets_what_was_asked() -> None:
    machine = accounts_with(deposit(100), all_go(), ResetAccounts("r", "", command_id="r"))
    machine.run(ResetAccounts("r", "0", command_id="r"))
    assert machine.tables["cancel_marks"].rows == {}


def test_what_is_remembered_of_everybody_is_a_few_rows_however_often_they_are_asked_to_go() -> None:
    machine = entered()
    for number in range(50):
        for side in (Side.UNKNOWN, Side.BUY, Side.SELL):
            machine.run(all_go(account_id="", symbol="ADAUSDT", side=side, command_id=f"{number} {side}"))
    assert len(machine.tables["cancel_marks"].rows) == 3


@pytest.mark.parametrize("whose", ["ann", ""])
def test_a_cancel_of_all_orders_races_the_fill_of_an_entry_and_no_exit_is_left(whose: str) -> None:
    start = (listing(), deposit(1000), deposit(1000, "ADA", "bob"), bracket())
    found = set()
    sale = place("hit", SELL, 10, 2, account="bob")
    for race in in_every_order(lambda: Race(start), [all_go(account_id=whose)], [sale]):
        check_at_rest(race, race.seen)
        events = [event for event in of_type(race.public, OrderEvent) if event.account_id == "ann"]
        last = {event.order_id: event.status for event in events}
        assert all(last[each] in FINAL for each in EXITS)
        found.add(tuple(last[each] for each in ("1", *EXITS)))
        drain(race, race.seen)
    assert found == {
        (OrderStatus.CANCELLED, OrderStatus.CANCELLED, OrderStatus.CANCELLED),
        (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.CANCELLED),
    }
