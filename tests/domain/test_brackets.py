"""Exits that are placed with an entry: they wait for it, are sized by what it fills, and one ends the other."""

from random import Random
from typing import Any

import pytest
from days import Invariants, check_at_rest, check_ledger, check_settlement, drain
from examples import (
    BUY,
    IOC,
    SELL,
    accounts_with,
    amend,
    balance,
    cancel,
    cancelled,
    deposit,
    fill,
    listing,
    place,
    place_market,
    replaced,
    rested,
    units,
)
from machines import Machine, about, of_type
from races import Race, in_every_order
from venues import Venue

from domain.names import NAME_LENGTH_MAX
from schemas.accounts import AmendOrder, OrderEvent, ResetAccounts
from schemas.enums import ExecType, OrderStatus, OrderType, ReasonCode, Side, TimeInForce
from schemas.order_books import CancelAllOrders, CancelRestingOrder, EnterLimitOrder, EnterOrder

PROFIT, LOSS = "1.tp", "1.sl"


def bracket(
    side: Side = BUY, profit: float | None = 3, loss: float | None = 1, limit: float | None = None, **more: Any
) -> Any:
    """10 at 2, with exits."""
    exits = {"take_profit_price": profit, "stop_loss_price": loss, "stop_loss_limit_price": limit}
    return place("1", side, **{name: units(price) for name, price in exits.items() if price is not None}, **more)


def order(machine: Machine, order_id: str) -> Any:
    return machine.state.orders.get(order_id)


def statuses(machine: Machine) -> list[OrderStatus]:
    return [order(machine, each).status for each in ("1", LOSS, PROFIT)]


def entered(*given: Any, **more: Any) -> Machine:
    return accounts_with(deposit(100), bracket(**more), rested("1"), *given)


HELD, APPROVED = OrderStatus.HELD, OrderStatus.RISK_APPROVED


def test_exits_are_known_at_once_and_do_not_work() -> None:
    machine = accounts_with(deposit(100))
    events = machine.run(bracket())
    assert [about(event, "order_id", "exec_type", "parent_id") for event in of_type(events, OrderEvent)[3:]] == [
        (LOSS, ExecType.SUSPENDED, "1"),
        (PROFIT, ExecType.SUSPENDED, "1"),
    ]
    assert [event.order_id for event in of_type(events, EnterLimitOrder, EnterOrder)] == ["1"]
    assert statuses(machine) == [APPROVED, HELD, HELD]
    assert about(order(machine, LOSS), "side", "order_type", "stop_price", "quantity", "order_number") == (
        *(SELL, OrderType.STOP, units(1), units(10), 200),
    )
    assert about(order(machine, PROFIT), "side", "order_type", "limit_price", "order_number") == (
        *(SELL, OrderType.LIMIT, units(3), 300),
    )
    assert (balance(machine), balance(machine, asset="ADA")) == ((100, 20), (0, 0))
    assert order(machine, "1").legs == (LOSS, PROFIT)


def test_when_the_entry_has_filled_the_exits_go_to_the_book_and_hold_once() -> None:
    machine = entered()
    sent = of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)
    assert [about(each, "order_id", "quantity", "oco_group", "held_by", "held_by_filled") for each in sent] == [
        (LOSS, units(10), "ann|1|exits", "", None),
        (PROFIT, units(10), "ann|1|exits", LOSS, 0),
    ]
    assert statuses(machine) == [OrderStatus.FILLED, APPROVED, APPROVED]
    assert [order(machine, each).held for each in (LOSS, PROFIT)] == [units(10), 0]
    assert balance(machine, asset="ADA") == (10, 10)


def test_what_the_entry_gains_is_for_its_exits_from_the_first_fill_on() -> None:
    machine = entered(fill("1", 4, 2, 6))
    assert (statuses(machine)[1:], balance(machine, asset="ADA")) == ([HELD, HELD], (4, 4))
    machine.run(place("other", SELL, 1, 5))
    assert order(machine, "other").reason_code is ReasonCode.BUYING_POWER
    check_ledger(machine.state)


def test_an_entry_that_ends_partly_filled_has_exits_for_what_it_filled() -> None:
    machine = entered(fill("1", 4, 2, 6), cancel("1"))
    sent = of_type(machine.run(cancelled("1", 6, ReasonCode.REQUESTED)), EnterLimitOrder, EnterOrder)
    assert [about(each, "order_id", "quantity") for each in sent] == [(LOSS, units(4)), (PROFIT, units(4))]
    assert balance(machine, asset="ADA") == (4, 4)


def test_an_entry_that_is_amended_down_to_what_it_filled_has_ended_too() -> None:
    machine = entered(fill("1", 4, 2, 6), amend("1", 3))
    sent = of_type(machine.run(replaced("1", 4, 2, 0)), EnterLimitOrder, EnterOrder)
    assert [about(each, "order_id", "quantity") for each in sent] == [(LOSS, units(4)), (PROFIT, units(4))]


@pytest.mark.parametrize("reason", [ReasonCode.REQUESTED, ReasonCode.HALTED, ReasonCode.EXPIRED])
def test_an_entry_that_ends_unfilled_takes_its_exits_with_it(reason: ReasonCode) -> None:
    machine = entered()
    machine.run_all([cancel("1")] * (reason is ReasonCode.REQUESTED))
    state = accounts_with(deposit(100), bracket()) if reason is ReasonCode.HALTED else machine
    events = of_type(state.run(cancelled("1", 10, reason)), OrderEvent)
    assert [about(event, "order_id", "status", "reason_code") for event in events[1:]] == [
        (each, OrderStatus.CANCELLED, ReasonCode.PARENT_ENDED) for each in (LOSS, PROFIT)
    ]
    assert balance(state) == (100, 0)


@pytest.mark.parametrize("reason", [ReasonCode.MASS_CANCEL, ReasonCode.RESET])
def test_a_mass_cancel_leaves_no_exits(reason: ReasonCode) -> None:
    machine = entered(fill("1", 4, 2, 6))
    events = machine.run(cancelled("1", 6, reason))
    assert not of_type(events, EnterLimitOrder, EnterOrder)
    assert statuses(machine) == [OrderStatus.CANCELLED] * 3
    assert order(machine, LOSS).reason_code is reason
    assert balance(machine, asset="ADA") == (4, 0)


def test_nothing_new_goes_to_the_book_during_a_reset() -> None:
    machine = entered(ResetAccounts("r", "", command_id="r"))
    assert not of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)
    assert [order(machine, each).reason_code for each in (LOSS, PROFIT)] == [ReasonCode.RESET] * 2
    assert balance(machine, asset="ADA") == (10, 0)


def test_one_exit_fills_and_the_other_ends_and_nothing_is_held() -> None:
    machine = entered(fill("1", 10, 2, 0), rested(PROFIT))
    machine.run_all([fill(PROFIT, 10, 3, 0, side=SELL), cancelled(LOSS, 10, ReasonCode.OCO, command="")])
    assert statuses(machine) == [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.FILLED]
    assert (balance(machine), balance(machine, asset="ADA")) == ((110, 0), (0, 0))


def test_an_exit_that_does_not_work_yet_is_cancelled_by_its_account_and_the_other_holds() -> None:
    machine = entered(fill("1", 4, 2, 6))
    events = machine.run(cancel(LOSS))
    assert not of_type(events, CancelRestingOrder)
    assert (machine.state.outcomes.get("cancel").reason_code, order(machine, LOSS).status) == (
        None,
        OrderStatus.CANCELLED,
    )
    assert order(machine, PROFIT).held == units(4)
    sent = of_type(machine.run(fill("1", 6, 2, 0)), EnterLimitOrder, EnterOrder)
    assert [each.order_id for each in sent] == [PROFIT]
    machine.run_all([cancel(PROFIT, command="again"), cancelled(PROFIT, 10, ReasonCode.REQUESTED, "again")])
    assert balance(machine, asset="ADA") == (10, 0)


def test_exits_that_are_both_cancelled_leave_an_ordinary_order() -> None:
    machine = entered(cancel(LOSS), cancel(PROFIT, command="again"))
    assert not of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)
    assert balance(machine, asset="ADA") == (10, 0)


def test_an_exit_may_move_before_it_works() -> None:
    machine = entered()
    for order_id, new in ((LOSS, {"stop_price": units("1.5")}), (PROFIT, {"limit_price": units(4)})):
        (event,) = of_type(machine.run(AmendOrder(order_id, "ann", command_id=order_id, **new)), OrderEvent)
        assert about(event, "status", "exec_type") == (HELD, ExecType.REPLACED)
        assert machine.state.outcomes.get(order_id).reason_code is None
    machine.run(AmendOrder(LOSS, "ann", units(3), command_id="size"))
    assert machine.state.outcomes.get("size").reason_code is ReasonCode.BAD_QUANTITY
    loss, profit = of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)
    assert (loss.stop_price, profit.limit_price) == (units("1.5"), units(4))


def test_a_stop_loss_alone_may_have_a_limit() -> None:
    machine = entered(profit=None, limit="0.9")
    (sent,) = of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)
    assert about(sent, "order_type", "stop_price", "limit_price", "oco_group") == (
        *(OrderType.STOP_LIMIT, units(1), units("0.9"), ""),
    )


def test_a_stop_loss_with_a_limit_beside_a_take_profit_is_held_for_once_and_ends_it_when_triggered() -> None:
    machine = entered(limit="0.9")
    loss, profit = of_type(machine.run(fill("1", 10, 2, 0)), EnterLimitOrder, EnterOrder)
    assert (loss.ends_group_at_trigger, profit.ends_group_at_trigger, profit.held_by) == (True, False, LOSS)
    assert balance(machine, asset="ADA") == (10, 10)


def test_exits_that_buy_back_hold_when_they_are_released() -> None:
    machine = accounts_with(deposit(10, "ADA"), deposit(2), bracket(SELL, profit=1, loss="2.1"), rested("1"))
    machine.run(fill("1", 10, 2, 0, side=SELL))
    assert balance(machine) == (22, 22)  # 10 at 2.2, which is 2.1 and 5 %
    assert [order(machine, each).held for each in (LOSS, PROFIT)] == [units(22), 0]


def test_exits_that_cannot_buy_back_are_rejected() -> None:
    machine = accounts_with(deposit(10, "ADA"), bracket(SELL, profit=1, loss=3), rested("1"))
    events = machine.run(fill("1", 10, 2, 0, side=SELL))
    assert not of_type(events, EnterLimitOrder, EnterOrder)
    assert [order(machine, each).reason_code for each in (LOSS, PROFIT)] == [ReasonCode.BUYING_POWER] * 2
    assert (statuses(machine)[1:], balance(machine)) == ([OrderStatus.REJECTED] * 2, (20, 0))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (bracket(profit=1, loss=3), ReasonCode.BAD_PRICE),
        (bracket(SELL, profit=3, loss=1), ReasonCode.BAD_PRICE),
        (bracket(profit=2, loss=2), ReasonCode.BAD_PRICE),
        (bracket(profit="3.001"), ReasonCode.OFF_TICK),
        (bracket(loss=0), ReasonCode.BAD_PRICE),
        (bracket(loss=None, limit=1), ReasonCode.BAD_PRICE),
        (bracket(tif=TimeInForce.GTD, expires_at=9), ReasonCode.UNSUPPORTED_TIME_IN_FORCE),
        (bracket(price=100), ReasonCode.BUYING_POWER),
    ],
)
def test_what_is_wrong_is_refused_as_a_whole(command: Any, reason: ReasonCode) -> None:
    machine = accounts_with(deposit(100), deposit(10, "ADA"), command)
    found = order(machine, "1")
    assert (found.reason_code, found.legs) == (reason, ())
    assert order(machine, LOSS) is order(machine, PROFIT) is None


def test_names_of_exits_must_be_free_and_fit() -> None:
    machine = accounts_with(deposit(1000), place(LOSS), bracket())
    assert order(machine, "1").reason_code is ReasonCode.DUPLICATE_ORDER_ID
    name = "x" * (NAME_LENGTH_MAX - 2)
    machine.run(place(name, take_profit_price=units(3)))
    assert order(machine, name).reason_code is ReasonCode.TOO_LARGE


def test_the_same_bracket_again_is_the_same_and_with_other_exits_is_another() -> None:
    machine = accounts_with(deposit(100), bracket(client_order_id="mine"))
    for profit, expected in ((3, None), (4, ReasonCode.DUPLICATE_CLIENT_ORDER_ID)):
        again = place(
            "2",
            client_order_id="mine",
            take_profit_price=units(profit),
            stop_loss_price=units(1),
            command=f"again {profit}",
        )
        assert not of_type(machine.run(again), OrderEvent)
        assert machine.state.outcomes.get(f"again {profit}").reason_code is expected


# The whole way.


START = (listing(), deposit(1000, "USDT", "ann"), deposit(1000, "ADA", "bob"), deposit(1000, "USDT", "bob"))


def venue_with(*commands: Any) -> tuple[Venue, Invariants]:
    seen = Invariants()
    venue = Venue(Random(3), watches=[seen])
    for command in (*START, *commands):
        venue.send(command)
        venue.settle()
    check_at_rest(venue, seen)
    return venue, seen


def last(venue: Venue, order_id: str) -> tuple[OrderStatus, ReasonCode | None]:
    event = [event for event in of_type(venue.public, OrderEvent) if event.order_id == order_id][-1]
    return event.status, event.reason_code


def test_a_stop_loss_fires_and_the_take_profit_is_cancelled() -> None:
    venue, seen = venue_with(
        place("ask", SELL, 10, 2, account="bob"),
        bracket(tif=IOC),
        place("low", BUY, 1, 1, account="bob"),
        place("bid", BUY, 20, "0.9", account="bob"),
        place("fall", SELL, 1, 1, account="bob"),
    )
    assert last(venue, LOSS) == (OrderStatus.FILLED, None)
    assert last(venue, PROFIT) == (OrderStatus.CANCELLED, ReasonCode.OCO)
    check_settlement(venue, seen)


def test_a_stop_loss_with_a_limit_ends_the_take_profit_before_it_rests() -> None:
    venue, seen = venue_with(
        place("ask", SELL, 10, 2, account="bob"),
        bracket(limit=1, tif=IOC),
        place("low", BUY, 1, 1, account="bob"),
        place("fall", SELL, 1, 1, account="bob"),
    )
    assert last(venue, LOSS) == (OrderStatus.OPEN, None)
    assert last(venue, PROFIT) == (OrderStatus.CANCELLED, ReasonCode.OCO)
    drain(venue, seen)


def test_a_stop_loss_that_rests_before_the_take_profit_comes_excludes_it() -> None:
    venue, seen = venue_with(place("ask", SELL, 10, 2, account="bob"), bracket(loss=2, limit=2, tif=IOC))
    assert last(venue, LOSS) == (OrderStatus.OPEN, None)
    assert last(venue, PROFIT) == (OrderStatus.CANCELLED, ReasonCode.OCO)
    drain(venue, seen)


def test_a_take_profit_that_the_book_refuses_leaves_the_stop_loss() -> None:
    venue, seen = venue_with(bracket())
    machine = venue.of("order_books")[0]
    for each in venue.of("order_books"):
        if each.state.instruments.get("ADAUSDT") is not None:
            machine = each
    machine.state.book("ADAUSDT").band = (units(1), units("2.5"))
    venue.send(place("hit", SELL, 10, 2, account="bob"))
    venue.settle()
    assert last(venue, PROFIT) == (OrderStatus.REJECTED, ReasonCode.PRICE_BAND)
    assert last(venue, LOSS)[0] is OrderStatus.TRIGGER_WAIT
    check_at_rest(venue, seen)
    drain(venue, seen)


def test_a_market_entry_by_money_has_exits_for_what_it_bought() -> None:
    venue, seen = venue_with(
        place("ask", SELL, 30, 2, account="bob"),
        place_market("1", BUY, 0, notional=units(50), take_profit_price=units(3), stop_loss_price=units(1)),
    )
    assert last(venue, "1")[0] is OrderStatus.FILLED
    assert [last(venue, each)[0] for each in (LOSS, PROFIT)] == [OrderStatus.TRIGGER_WAIT, OrderStatus.OPEN]
    venue.send(CancelAllOrders("ADAUSDT", "ann", Side.UNKNOWN))
    venue.settle()
    check_at_rest(venue, seen)
    check_settlement(venue, seen)


def test_a_cancel_of_the_entry_races_its_fill_and_the_exits_follow_what_happened() -> None:
    start = (*START, bracket())
    found = set()
    for race in in_every_order(lambda: Race(start), [cancel("1")], [place("hit", SELL, 4, 2, account="bob")]):
        check_at_rest(race, race.seen)
        found.add((last(race, "1")[0], *(last(race, each)[0] for each in (LOSS, PROFIT))))
        drain(race, race.seen)
    assert found == {
        (OrderStatus.CANCELLED, OrderStatus.CANCELLED, OrderStatus.CANCELLED),
        (OrderStatus.CANCELLED, OrderStatus.TRIGGER_WAIT, OrderStatus.OPEN),
    }
