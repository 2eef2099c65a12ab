"""Cancels and amends that cross fills on their way, in every order in which records can arrive."""

from collections import Counter
from typing import Any

import msgspec
from days import check_at_rest, drain
from effort import EFFORT
from examples import BUY, SELL, amend, cancel, deposit, listing, place, units
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import of_type
from races import Race, in_every_order

from domain.account_rows import FINAL, Order, Outcome
from domain.order_life import CXL_REJ_REASONS
from schemas.accounts import AmendOrder, OrderEvent, PlaceOrder
from schemas.enums import ExecType, OrderStatus, ReasonCode

FEES = {"maker_fee_rate": 1_000_000, "taker_fee_rate": 2_500_000}
START = (listing(**FEES), deposit(1000, "USDT", "ann"), deposit(1000, "ADA", "bob"))


def resting(*more: Any) -> Race:
    """Ann bids for 10 at 2."""
    return Race((*START, place("a", BUY, 10, 2, account="ann"), *more))


def sale(quantity: float, price: float = 2, order: str = "b") -> Any:
    return place(order, SELL, quantity, price, account="bob")


def order(race: Race, order_id: str = "a") -> Order:
    (found,) = [row for machine in race.of("accounts") if (row := machine.state.orders.get(order_id))]
    return found


def outcome(race: Race, command: str) -> Outcome:
    (found,) = [row for machine in race.of("accounts") if (row := machine.state.outcomes.get(command))]
    return found


def events(race: Race, command: str, order_id: str = "a") -> list[OrderEvent]:
    """What was told of the order because of a command."""
    return [
        event for event in of_type(race.public, OrderEvent) if (event.command_id, event.order_id) == (command, order_id)
    ]


def check_answers(race: Race, commands: list[Any]) -> None:
    """Who was told yes finds exactly that on the order; who was told no finds nothing of it."""
    for command in commands:
        answer, told = outcome(race, command.command_id), events(race, command.command_id)
        assert not answer.is_pending
        if answer.reason_code is not None:
            assert told == []
        elif hasattr(command, "quantity"):
            first = told[0]
            assert first.exec_type is ExecType.REPLACED
            assert command.quantity is None or first.quantity == max(command.quantity, first.filled_quantity)
            assert command.limit_price in (None, first.price)
        else:
            (last,) = told
            assert last.exec_type is ExecType.CANCELLED
            assert answer.quantity == last.quantity - last.filled_quantity
    if any(outcome(race, command.command_id).reason_code is ReasonCode.TOO_LATE for command in commands):
        assert order(race).status in FINAL


def check(race: Race, commands: list[Any]) -> None:
    check_answers(race, commands)
    check_at_rest(race, race.seen)


def test_a_cancel_that_meets_a_fill_takes_what_is_left_or_comes_too_late() -> None:
    found: Counter[tuple[OrderStatus, ReasonCode | None, int]] = Counter()
    for race in in_every_order(resting, [cancel("a")], [sale(10)]):
        check(race, [cancel("a")])
        answer = outcome(race, "cancel")
        found[order(race).status, answer.reason_code, answer.quantity] += 1
    assert found.keys() == {
        (OrderStatus.CANCELLED, None, units(10)),
        (OrderStatus.FILLED, ReasonCode.TOO_LATE, 0),
    }
    assert CXL_REJ_REASONS[ReasonCode.TOO_LATE] == 0


def test_a_cancel_that_meets_a_fill_of_a_part_takes_the_rest() -> None:
    found = set()
    for race in in_every_order(resting, [cancel("a")], [sale(4)]):
        check(race, [cancel("a")])
        found.add((order(race).filled, outcome(race, "cancel").quantity))
    assert found == {(0, units(10)), (units(4), units(6))}


def test_an_amend_that_crosses_a_fill_on_its_way_counts_what_was_filled() -> None:
    found = set()
    amended = amend("a", 6, "1.9", account="ann")
    for race in in_every_order(resting, [amended], [sale(4)]):
        check(race, [amended])
        found.add((order(race).quantity, order(race).filled))
    assert found == {(units(6), 0), (units(6), units(4))}


def test_an_amend_below_what_was_filled_meanwhile_ends_the_order_as_filled() -> None:
    found = set()
    amended = amend("a", 3, account="ann")
    for race in in_every_order(resting, [amended], [sale(4)]):
        check(race, [amended])
        found.add((order(race).status, order(race).quantity))
    assert found == {(OrderStatus.FILLED, units(4)), (OrderStatus.FILLED, units(3))}


def test_a_chain_of_amends_stands_as_its_last_link_with_fills_in_between() -> None:
    chain = [amend("a", 12, account="ann", command="B"), amend("a", 8, "2.1", account="ann", command="C")]
    found = set()
    for race in in_every_order(resting, chain, [sale(3)]):
        check(race, chain)
        found.add(tuple((event.quantity, event.filled_quantity) for event in events(race, "C")))
        assert (order(race).quantity, order(race).filled) == (units(8), units(3))
    assert found == {((units(8), 0),), ((units(8), units(3)),)}


def test_an_amend_and_then_a_cancel_race_a_fill() -> None:
    requests = [amend("a", 5, account="ann"), cancel("a")]
    found = set()
    for race in in_every_order(resting, requests, [sale(5)]):
        check(race, requests)
        found.add((order(race).status, order(race).filled))
    assert found == {(OrderStatus.CANCELLED, 0), (OrderStatus.FILLED, units(5))}


def test_a_refused_amend_changes_nothing() -> None:
    requests = [
        amend("a", 10_000, account="ann", command="dear"),
        amend("a", 5, "1.999", account="ann", command="off the tick"),
        amend("a", 5, account="bob", command="of another"),
    ]
    reasons = [ReasonCode.BUYING_POWER, ReasonCode.OFF_TICK, ReasonCode.UNKNOWN_ORDER]
    for race in in_every_order(resting, requests, [sale(4)]):
        check(race, requests)
        assert [outcome(race, command.command_id).reason_code for command in requests] == reasons
        assert (order(race).quantity, order(race).limit_price, order(race).filled) == (units(10), units(2), units(4))


REQUESTS = st.one_of(
    st.builds(cancel, st.just("a")),
    st.builds(
        amend,
        st.just("a"),
        st.sampled_from([None, 1, 3, 8, 14]),
        st.sampled_from([1.9, 2, 2.1]),
        account=st.just("ann"),
    ),
)


@given(
    st.lists(REQUESTS, min_size=1, max_size=3),
    st.lists(st.builds(sale, st.sampled_from([2, 5, 9]), st.sampled_from([1.9, 2, 2.1])), min_size=1, max_size=2),
)
@settings(max_examples=10 * EFFORT, deadline=None)
def test_requests_and_fills_agree_in_every_order(requests: list[Any], sales: list[Any]) -> None:
    requests = [msgspec.structs.replace(each, command_id=f"r{number}") for number, each in enumerate(requests)]
    sales = [msgspec.structs.replace(each, order_id=f"b{number}") for number, each in enumerate(sales)]
    for race in in_every_order(resting, requests, sales, runs_max=300):
        check(race, requests)
        drain(race, race.seen)
        check_at_rest(race, race.seen)


def test_every_order_of_two_senders_is_tried() -> None:
    """Two amends and two sales can reach the accounts in six orders."""
    chain = [amend("a", 9 - number, account="ann", command=f"c{number}") for number in range(2)]
    arrived = set()
    sales = [sale(1, order=f"b{number}") for number in range(2)]
    for race in in_every_order(resting, chain, sales):
        inbox = race.inboxes["accounts", 0]
        arrived.add(tuple(type(command) for command in inbox if isinstance(command, AmendOrder | PlaceOrder))[1:])
        if len(arrived) == 6:
            break
    assert len(arrived) == 6
