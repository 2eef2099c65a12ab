"""The last look: off by default, bounded when it is on, fair, and counted."""

from typing import Any

import pytest
from desk import (
    AAPL,
    BOOK,
    START,
    TWO_WAY,
    accept,
    bookings,
    by_hand,
    decide,
    desk_with,
    inquire,
    inquiry_of,
    market,
    quote,
    refusals,
    respond,
    statuses,
    terms,
)
from examples import BUY, SELL, units
from machines import Machine, about

from domain.inquiry_statistics import GROUPS, figures
from schemas.inquiries import ResetInquiries, SetDeskSwitch
from schemas.shared import Tick
from schemas.wire import NANOS

SECOND = NANOS
LOOK: dict[str, Any] = {"last_look_ns": 2 * SECOND, "last_look_tolerance": units("0.10")}


def held(*given: Any, **more: Any) -> Machine:
    """A person quoted 101 while the market was at 100; the client took it one second after the start."""
    desk = desk_with(by_hand(**LOOK | more), market(100), inquire("1"), quote("1", ask=101), *given)
    desk.run(accept("1"), at=START + SECOND)
    return desk


def test_without_terms_for_it_there_is_no_last_look() -> None:
    desk = desk_with(by_hand(), market(100), inquire("1"), quote("1", ask=101), market(150, at=START + 1))
    assert statuses(desk.run(accept("1"))) == ["ACCEPTED", "BOOKED"]
    assert about(inquiry_of(desk, "1"), "accepted_at", "look_until") == (desk.state.now, 0)


def test_what_a_client_accepted_waits_for_the_dealer_and_counts_as_pending() -> None:
    desk = held()
    assert about(inquiry_of(desk, "1"), "status", "look_until") == ("ACCEPTED", START + 3 * SECOND)
    assert desk.state.pending(f"{BOOK}|{AAPL}") == (0, units(100))
    assert statuses(desk.run(decide("1", "ACCEPT", command="confirm"))) == ["BOOKED"]
    assert desk.state.pending(f"{BOOK}|{AAPL}") == (0, 0)


def test_a_dealer_who_refuses_says_so_under_its_own_reason() -> None:
    desk = held()
    assert statuses(desk.run(decide("1", "PASS"))) == ["REJECTED"]
    assert about(inquiry_of(desk, "1"), "outcome", "reason_code") == ("REJECTED", "LAST_LOOK")


@pytest.mark.parametrize("command", [respond("1", "CANCEL"), respond("1", "REJECT"), quote("1", ask=99), accept("1")])
def test_nobody_else_can_change_anything_meanwhile(command: Any) -> None:
    desk = held()
    assert refusals(desk.run(command)) in (["NOT_NOW"], [])
    assert inquiry_of(desk, "1").status == "ACCEPTED"


@pytest.mark.parametrize(
    ("mid", "ends"),
    [("100.10", "BOOKED"), ("99.90", "BOOKED"), ("100.11", "REJECTED"), ("99.89", "REJECTED")],
)
def test_at_the_end_the_rule_decides_and_it_is_the_same_up_and_down(mid: str, ends: str) -> None:
    desk = held()
    desk.run(market(mid, at=START + 2 * SECOND), at=START + 2 * SECOND)
    assert desk.noun.deadline(desk.state) == START + 3 * SECOND
    assert desk.run(Tick(is_manual=False), at=START + 3 * SECOND - 1) == []
    assert statuses(desk.run(Tick(is_manual=False), at=START + 3 * SECOND)) == [ends]
    assert inquiry_of(desk, "1").reason_code == (None if ends == "BOOKED" else "LAST_LOOK")
    assert desk.noun.deadline(desk.state) is None


@pytest.mark.parametrize("given", [{"last_look_tolerance": None}, {}])
def test_where_there_is_nothing_to_compare_the_trade_stands(given: Any) -> None:
    desk = desk_with(by_hand(**LOOK | given), inquire("1"), quote("1", ask=101))
    desk.run_all([accept("1"), market(150, at=START + 1)])
    assert statuses(desk.run(Tick(is_manual=False), at=START + 2 * SECOND)) == ["BOOKED"]


def test_who_comes_at_the_end_of_the_time_comes_too_late() -> None:
    desk = held()
    events = desk.run(decide("1", "PASS"), at=START + 3 * SECOND)
    assert (statuses(events), refusals(events)) == (["BOOKED"], ["FINISHED"])


def test_the_auto_trader_looks_at_once_at_a_price_that_is_not_too_old() -> None:
    for mid, ends in (("100.10", "BOOKED"), ("100.20", "REJECTED"), ("99.80", "REJECTED")):
        desk = desk_with(terms(**LOOK), market(100), inquire("1"), market(mid, at=START + 1))
        assert statuses(desk.run(accept("1"))) == ["ACCEPTED", ends]


def test_the_auto_trader_waits_for_a_price_where_it_has_an_old_one() -> None:
    desk = desk_with(terms(**LOOK), market(100), inquire("1"))
    assert statuses(desk.run(accept("1"), at=START + 5 * SECOND)) == ["ACCEPTED"]
    assert statuses(desk.run(market(100, at=START + 6 * SECOND), at=START + 6 * SECOND)) == ["BOOKED"]
    assert not desk.state.looked_at


def test_of_a_two_way_quote_the_side_that_was_taken_is_booked() -> None:
    desk = desk_with(by_hand(**LOOK), inquire("1", TWO_WAY), quote("1", 99, 101), accept("1", side=SELL))
    assert desk.state.pending(f"{BOOK}|{AAPL}") == (units(100), 0)
    assert about(bookings(desk.run(decide("1", "ACCEPT", command="confirm")))[0], "side", "price") == (SELL, units(99))
    other = desk_with(by_hand(**LOOK), inquire("1", TWO_WAY), quote("1", 99, 101), accept("1", side=BUY))
    assert bookings(other.run(decide("1", "ACCEPT", command="confirm")))[0].price == units(101)


def test_a_limit_holds_after_the_look_too() -> None:
    desk = held()
    desk.run(by_hand(**LOOK, position_max=units(50)))
    assert statuses(desk.run(decide("1", "ACCEPT", command="confirm"))) == ["REJECTED"]
    assert inquiry_of(desk, "1").reason_code == "POSITION_LIMIT"


@pytest.mark.parametrize(
    ("command", "reason"), [(SetDeskSwitch(is_on=True), "KILL_SWITCH"), (ResetInquiries("r", "0"), "RESET")]
)
def test_what_stops_the_desk_stops_what_is_looked_at(command: Any, reason: str) -> None:
    desk = held()
    events = desk.run(command)
    assert statuses(events) == ["REJECTED"]
    assert reason in [event.reason_code for event in events if hasattr(event, "reason_code")]


def test_no_look_is_longer_than_ten_seconds() -> None:
    desk = desk_with()
    assert desk.run(by_hand(last_look_ns=10 * SECOND + 1)) == []
    assert desk.run(by_hand(last_look_ns=10 * SECOND)) != []


def test_looks_are_counted_with_their_times_and_refusals() -> None:
    desk = held()
    desk.run(decide("1", "ACCEPT", command="confirm"), at=START + SECOND + SECOND // 2)
    desk.run_all([inquire("2"), quote("2", ask=101), accept("2")])
    desk.run(decide("2", "PASS"), at=desk.state.now + SECOND // 4)
    rows: list[Any] = [row for _, row in desk.state.inquiries.scan()]
    found = figures(rows, GROUPS["book"], 0, 2**62, {})[BOOK]
    assert about(found, "looks", "look_rejects", "look_reject_ratio") == (2, 1, NANOS // 2)
    assert about(found, "look_ns", "look_ns_max") == (SECOND * 3 // 8, SECOND // 2)
