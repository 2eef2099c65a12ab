"""Limits in money: the desk looks at what accounts say of a client and of the book, and adds what it booked since."""

from typing import Any

from desk import (
    BOOK,
    CLIENT_BUYS,
    CLIENT_SELLS,
    accept,
    by_hand,
    desk_with,
    inquire,
    inquiry_of,
    market,
    quote,
    refusals,
    statuses,
    terms,
)
from examples import BUY, SELL, accounts_with, deposit, fill, marks, place, units
from machines import Machine, of_type

from domain.desk_credit import Credit
from domain.desk_exposures import PERIOD_NS, TIMER
from schemas.accounts import AccountExposure, BookingsCounted, ChangeAccountKind, ExposuresReported
from schemas.enums import AccountKind, InquiryReason
from schemas.inquiries import InquiryBooked
from schemas.shared import Tick

ASKED = 100


def report(account_id: str, paid: float, counted: int = 0) -> ExposuresReported:
    """Of the bookings of this shard so many are in."""
    return ExposuresReported((AccountExposure(account_id, units(paid)),), (BookingsCounted(0, counted),))


def desk(*given: Any, **limits: Any) -> Machine:
    return desk_with(by_hand(**limits), market(100), *given)


def taken(machine: Machine, name: str, side: Any = CLIENT_BUYS, quantity: float = ASKED) -> Any:
    """A quote at 100 that the client takes -> why it was not booked, or None."""
    prices = (None, 100) if side is CLIENT_BUYS else (100, None)
    machine.run_all([inquire(name, side, quantity), quote(name, *prices), accept(name)])
    return inquiry_of(machine, name).reason_code


def booking(number: int, value: float, side: Any = BUY, client: str = "ann") -> InquiryBooked:
    """Ann deals with a book that lives elsewhere, at 2."""
    buyer, seller = (client, "book") if side is BUY else ("book", client)
    about = (str(number * 100 + 50), f"i{number}", "book", "ADAUSDT", side, buyer, seller)
    return InquiryBooked(*about, units(value / 2), units(2), units(value), units(1), "ADA", "USDT")


# What the desk makes of it.


def test_what_a_client_paid_for_orders_elsewhere_counts() -> None:
    machine = desk(report("cpt1", 6_000), credit_max=units(10_000))
    machine.run(inquire("1"))
    assert refusals(machine.run(quote("1", ask=100))) == ["CLIENT_CREDIT"]
    machine.run(report("cpt1", 0))
    assert statuses(machine.run(quote("1", ask=100, command="again"))) == ["QUOTED"]


def test_the_limit_is_looked_at_again_when_the_trade_is_booked() -> None:
    machine = desk(inquire("1"), quote("1", ask=100), report("cpt1", 6_000), credit_max=units(10_000))
    assert statuses(machine.run(accept("1"))) == ["ACCEPTED", "REJECTED"]
    assert inquiry_of(machine, "1").reason_code is InquiryReason.CLIENT_CREDIT


def test_the_way_out_is_never_closed() -> None:
    machine = desk(report("cpt1", 50_000), credit_max=units(10_000))
    assert taken(machine, "1", CLIENT_SELLS) is None
    assert machine.state.net_paid("cpt1") == units(40_000)


def test_the_whole_book_has_a_limit_in_all_its_instruments() -> None:
    machine = desk(report(BOOK, -95_000), exposure_max=units(100_000))
    machine.run(inquire("1"))
    assert refusals(machine.run(quote("1", ask=100))) == ["BOOK_LIMIT"]
    assert taken(machine, "2", CLIENT_SELLS) is None


def test_the_auto_trader_refuses_with_the_same_reasons() -> None:
    machine = desk_with(terms(credit_max=units(10_000)), market(100), report("cpt1", 6_000), inquire("1"))
    assert inquiry_of(machine, "1").reason_code is InquiryReason.CLIENT_CREDIT
    machine = desk_with(terms(exposure_max=units(10_000)), market(100), report(BOOK, -6_000), inquire("1"))
    assert inquiry_of(machine, "1").reason_code is InquiryReason.BOOK_LIMIT


def test_bookings_count_at_once_and_once() -> None:
    machine = desk(credit_max=units(25_000))
    assert [taken(machine, "1"), taken(machine, "2")] == [None, None]
    assert machine.state.net_paid("cpt1") == units(20_000)
    machine.run(report("cpt1", 0))
    assert machine.state.net_paid("cpt1") == units(20_000), "nothing of it is in what was reported"
    machine.run(report("cpt1", 20_000, counted=2))
    assert machine.state.net_paid("cpt1") == units(20_000)
    machine.run(inquire("3"))
    assert refusals(machine.run(quote("3", ask=100))) == ["CLIENT_CREDIT"]


def test_of_a_flow_that_never_ends_a_report_always_lets_go_of_what_came_before_the_last_one() -> None:
    row = Credit()
    for count in range(1, 1_001):
        row = row.booked(1, count)
        if count % 10 == 0:
            row = row.heard(count - 5, count - 5)  # five are on their way
            assert count <= row.net <= count + 15
    assert row.heard(1_000, 1_000) == Credit(1_000)


# What accounts say.


def margin(*commands: Any) -> Machine:
    kind = ChangeAccountKind("ann", AccountKind.MARGIN, "USDT", command_id="kind")
    return accounts_with(deposit(10_000), kind, marks(1.99, 2, 2), *commands)


def told(machine: Machine) -> list[ExposuresReported]:
    at = machine.noun.deadline(machine.state)
    assert at is not None
    return of_type(machine.run(Tick(is_manual=False), at=at), ExposuresReported)


def test_orders_and_inquiries_are_counted_together_and_told_within_half_a_second() -> None:
    machine = margin()
    machine.run_all([place("1", BUY, 10, 2), fill("1", 10, 2, 0, trade="91"), booking(1, 300), booking(2, 100, SELL)])
    assert machine.noun.deadline(machine.state) <= machine.now + PERIOD_NS
    (found,) = told(machine)
    assert found.exposures == (AccountExposure("ann", units(220)), AccountExposure("book", units(-200)))
    assert found.bookings == (BookingsCounted(0, 2),)
    assert machine.noun.deadline(machine.state) is None, "nothing is said while nothing changes"


def test_who_pays_in_full_is_none_of_the_desks_clients() -> None:
    machine = accounts_with(deposit(10_000), place("1", BUY, 10, 2), fill("1", 10, 2, 0, trade="91"))
    assert machine.noun.deadline(machine.state) is None


def test_memory_may_be_lost_before_it_is_told() -> None:
    machine = margin(booking(1, 300))
    again = machine.rebuilt()
    assert told(machine) == told(again)
    assert machine.snapshot() == again.snapshot()
    assert machine.state.timers.at(TIMER) is None


def test_a_desk_in_the_middle_of_a_reset_hears_nothing_of_before() -> None:
    machine = desk()
    machine.state.resetting.add("r")
    machine.run(report("cpt1", 5))
    assert machine.state.net_paid("cpt1") == 0
