"""Reduce-only orders make a position smaller, and never turn it."""

from random import Random
from typing import Any

import pytest
from days import check_ledger
from effort import seeds
from examples import (
    BUY,
    SELL,
    accounts_with,
    amend,
    balance,
    cancelled,
    deposit,
    fill,
    marks,
    place,
    replace_refused,
    rested,
    units,
)
from machines import Machine, of_type

from domain import reduce_only
from schemas.accounts import ChangeAccountKind, ChangeAccountState, OrderEvent
from schemas.enums import AccountKind, AccountState, OrderType, ReasonCode
from schemas.order_books import (
    CancelRefused,
    CancelRestingOrder,
    EnterLimitOrder,
    EnterOrder,
    OrderCancelled,
    ReplaceOrder,
)

INCREASES = ReasonCode.REDUCE_ONLY_WOULD_INCREASE


def reducing(order: str, side: Any = SELL, quantity: float = 10, price: float | None = 2, **more: Any) -> Any:
    return place(order, side, quantity, price, is_reduce_only=True, **more)


def with_ada(*commands: Any) -> Machine:
    """A cash account with 10 ADA."""
    return accounts_with(deposit(100), deposit(10, "ADA"), marks(1.99, 2, 2), *commands)


def on_margin(ada: float, *commands: Any) -> Machine:
    """A margin account that is long, or short where `ada` is below zero."""
    side, number = (BUY, ada) if ada > 0 else (SELL, -ada)
    kind = ChangeAccountKind("ann", AccountKind.MARGIN, "USDT", command_id="kind")
    opened = (place("0", side, number, 2), fill("0", number, 2, 0, side=side))
    return accounts_with(deposit(1000), kind, marks(1.99, 2, 2), *opened, *commands)


def reason(machine: Machine, command: Any) -> ReasonCode | None:
    events = machine.run(command)
    told = of_type(events, OrderEvent)[-1]
    assert bool(of_type(events, EnterLimitOrder, EnterOrder)) == (told.reason_code is None)
    check_ledger(machine.state)
    code: ReasonCode | None = told.reason_code
    return code


def leaving(events: list[Any]) -> list[str]:
    return [event.order_id for event in of_type(events, CancelRestingOrder)]


def test_it_sells_what_there_is_and_no_more() -> None:
    machine = with_ada()
    assert reason(machine, reducing("1", quantity=10.001)) is ReasonCode.BUYING_POWER
    assert reason(machine, reducing("2", quantity=10)) is None
    assert reason(with_ada(), reducing("3", BUY, 1, 1)) is INCREASES


def test_it_buys_back_what_is_owed_and_no_more() -> None:
    machine = on_margin(-10)
    assert reason(machine, reducing("1", BUY, 10.001)) is INCREASES
    assert reason(machine, reducing("2", SELL, 1)) is INCREASES
    assert reason(machine, reducing("3", BUY, 10)) is None


def test_other_reduce_only_orders_count_as_long_as_they_are_open() -> None:
    machine = on_margin(10, reducing("1", quantity=6))
    assert reason(machine, reducing("2", quantity=5)) is INCREASES
    assert reason(machine, reducing("3", quantity=4)) is None
    machine.run_all([rested("1"), fill("1", 2, 2, 4, side=SELL, trade="101")])
    assert reason(machine, reducing("4", quantity=1)) is INCREASES
    machine.run(cancelled("1", 4, ReasonCode.REQUESTED))
    assert reason(machine, reducing("5", quantity=4)) is None


def test_orders_of_one_group_do_not_count_against_each_other() -> None:
    stop = {"kind": OrderType.STOP, "stop_price": units(1)}
    machine = on_margin(10, reducing("1", quantity=10, price=3, oco_group="exit"))
    assert reason(machine, reducing("2", quantity=10, price=None, oco_group="exit", **stop)) is None
    assert reason(machine, reducing("3", quantity=10, price=4, oco_group="exit")) is INCREASES, "both may trade"
    assert reason(machine, reducing("4", quantity=10, price=None, oco_group="other", **stop)) is INCREASES


def test_an_open_sale_of_a_margin_account_counts_too() -> None:
    machine = on_margin(10, place("1", SELL, 6, 3))
    assert reason(machine, reducing("2", quantity=5)) is INCREASES
    assert reason(machine, reducing("3", quantity=4)) is None


def test_reduce_only_orders_make_room_for_another_order_the_newest_first_and_before_it_goes_out() -> None:
    machine = on_margin(10, reducing("1", quantity=4), reducing("2", quantity=3), reducing("3", quantity=3))
    events = machine.run(place("4", SELL, 5, 2))
    sent = [event.order_id for event in of_type(events, CancelRestingOrder, EnterLimitOrder, EnterOrder)]
    assert sent == ["3", "2", "4"]
    events = machine.run(place("5", SELL, 1, 2))
    assert leaving(events) == [], "those that leave count no more"
    machine.run(cancelled("3", 3, ReasonCode.REQUESTED))
    assert machine.state.orders.get("3").reason_code is INCREASES
    assert leaving(machine.run(place("6", SELL, 1, 2))) == ["1"]


def test_an_amend_counts_what_it_adds() -> None:
    machine = on_margin(10, reducing("1", quantity=6), rested("1"))
    assert of_type(machine.run(amend("1", quantity=11)), ReplaceOrder) == []
    assert machine.state.outcomes.get("amend").reason_code is INCREASES
    assert of_type(machine.run(amend("1", quantity=10, command="a2")), ReplaceOrder)
    machine = on_margin(10, place("1", SELL, 1, 3), rested("1"), reducing("2", quantity=9))
    assert leaving(machine.run(amend("1", quantity=2))) == ["2"]


@pytest.mark.parametrize(
    "made_room",
    [
        cancelled("2", 9, ReasonCode.REQUESTED, command="amend"),
        CancelRefused("2", "ann", "ADAUSDT", ReasonCode.TOO_LATE, command_id="amend"),
    ],
)
def test_an_amend_is_not_answered_by_what_made_room_for_it(made_room: Any) -> None:
    machine = on_margin(10, place("1", SELL, 1, 3), rested("1"), reducing("2", quantity=9))
    machine.run_all([amend("1", quantity=2), made_room])
    assert machine.state.outcomes.get("amend").is_pending
    machine.run(replace_refused("1", ReasonCode.PRICE_BAND))
    outcome = machine.state.outcomes.get("amend")
    assert (outcome.order_id, outcome.is_pending, outcome.reason_code) == ("1", False, ReasonCode.PRICE_BAND)


def test_an_account_that_may_only_reduce_takes_such_orders_and_no_others() -> None:
    machine = on_margin(10, ChangeAccountState("ann", AccountState.REDUCE_ONLY, command_id="state"))
    assert reason(machine, place("1", SELL, 5)) is ReasonCode.ACCOUNT_REDUCE_ONLY
    assert reason(machine, reducing("2", quantity=5)) is None
    assert of_type(machine.run(amend("2", quantity=6)), ReplaceOrder)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_an_order_by_money_does_not_say_how_much_it_reduces(side: Any) -> None:
    money = place("1", side, 0, None, kind=OrderType.MARKET, notional=units(2), is_reduce_only=True)
    assert reason(with_ada(), money) is ReasonCode.UNSUPPORTED_ORDER_TYPE


def test_an_account_has_so_many_in_a_symbol_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduce_only, "ORDERS_MAX", 2)
    machine = with_ada(reducing("1", quantity=1), reducing("2", quantity=1))
    assert reason(machine, reducing("3", quantity=1)) is ReasonCode.TOO_LARGE


@pytest.mark.parametrize("seed", seeds(40))
def test_whatever_a_book_fills_first_none_of_them_turns_a_position(seed: int) -> None:
    """A book that keeps to the order of its inbox, and fills what it likes in between."""
    rng = Random(seed)
    start = rng.choice((-10, 10))
    machine = on_margin(start)
    inbox: list[Any] = []
    open_: dict[str, Any] = {}
    for number in range(1, 60):
        side, quantity = rng.choice((BUY, SELL)), rng.choice((1, 2, 5, 9))
        command = place(f"{number}", side, quantity, 2, is_reduce_only=rng.random() < 0.5)
        inbox += of_type(machine.run(command), CancelRestingOrder, EnterLimitOrder, EnterOrder)
        for _ in range(rng.randrange(3)):
            if inbox:
                _take(machine, open_, inbox.pop(0))
        if open_ and rng.random() < 0.6:
            _fill_one(machine, open_, rng, number)
        check_ledger(machine.state)


def _take(machine: Machine, open_: dict[str, Any], command: Any) -> None:
    if isinstance(command, EnterLimitOrder | EnterOrder):
        open_[command.order_id] = [command.side, command.quantity]
    elif command.order_id in open_:
        left = open_.pop(command.order_id)[1]
        machine.run(OrderCancelled(command.order_id, "ann", "ADAUSDT", left, ReasonCode.REQUESTED, command_id="x"))


def _fill_one(machine: Machine, open_: dict[str, Any], rng: Random, number: int) -> None:
    order_id = rng.choice(sorted(open_))
    side, left = open_[order_id]
    quantity = rng.choice((left, left // 2 or left))
    before = balance(machine, asset="ADA")[0]
    open_[order_id][1] -= quantity
    row = machine.state.orders.get(order_id)
    machine.run(fill(order_id, quantity / 10**9, 2, (left - quantity) / 10**9, side=side, trade=f"9{number:03d}"))
    if quantity == left:
        del open_[order_id]
    if row.is_reduce_only:
        after = balance(machine, asset="ADA")[0]
        assert abs(after) < abs(before)
        assert after * before >= 0, "it was turned"
