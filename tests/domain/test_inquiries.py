from typing import Any

import msgspec
import pytest
from desk import (
    AAPL,
    BOOK,
    CLIENT_BUYS,
    CLIENT_SELLS,
    START,
    TWO_WAY,
    accept,
    bookings,
    by_hand,
    decide,
    decisions,
    desk_with,
    inquire,
    inquiry_of,
    market,
    positions,
    quote,
    refusals,
    respond,
    statuses,
    terms,
    trades_with,
)
from examples import BUY, SELL, units
from machines import about, of_type

from domain.inquiry_booking import RFQ
from domain.inquiry_rows import Cleared
from schemas.accounts import ResetAccounts
from schemas.enums import DeskPolicy, InquirySide, PriceType, Side, TradingPhase
from schemas.inquiries import DeskSwitched, DeskTermsChanged, InquiryEvent, ResetInquiries, SetDeskSwitch
from schemas.order_books import PhaseChanged, SetReferencePrices, TradeExecuted
from schemas.positions import ResetPositions
from schemas.shared import Tick
from schemas.wire import NANOS

SECOND = NANOS


def parity(number: int, side: InquirySide) -> Any:
    return inquire(str(number), side, 10, 100)


def older_flow(first: int) -> list[Any]:
    """Twenty inquiries of the older system's own test: the book sells up to the tenth, then buys."""
    return [parity(n, CLIENT_BUYS if n - first <= 10 else CLIENT_SELLS) for n in range(first, first + 20)]


def test_every_position_is_the_sum_of_what_was_booked_before() -> None:
    desk = desk_with(terms(DeskPolicy.PARITY))
    seen = []
    for command in older_flow(0):
        events = desk.run(command)
        done = int(command.inquiry_id) % 2 == 0
        ends = ["ACCEPTED", "BOOKED"] if done else ["REJECTED"]
        assert statuses(events) == ["NEW", "ENRICHED", *ends]
        assert [event.version for event in of_type(events, InquiryEvent)] == [1, 2, 3, 4][: 4 if done else 3]
        enriched = of_type(events, InquiryEvent)[1]
        seen.append(enriched.position_qty // NANOS)
        assert enriched.as_of_offset == enriched.position_version == len(seen) // 2
        assert len(positions(events)) == done
    expected = [0, -10, -10, -20, -20, -30, -30, -40, -40, -50, -50, -60, -60, -50, -50, -40, -40, -30, -30, -20]
    assert seen == expected
    position = desk.state.position(f"{BOOK}|{AAPL}")
    assert (position.quantity, position.cost - position.realized_pnl) == (units(-20), units(-2000))
    desk.run_all(older_flow(20))
    assert desk.state.position(f"{BOOK}|{AAPL}").quantity == units(-40)


def test_the_auto_trader_takes_counters_and_refuses_as_worked_out_by_hand() -> None:
    desk = desk_with(terms(), market(100))
    first = desk.run(inquire("1", CLIENT_BUYS, 100, "101.00"))
    assert statuses(first) == ["NEW", "ENRICHED", "ACCEPTED", "BOOKED"]
    assert about(positions(first)[0], "position_qty", "position_notional") == (units(-100), units(-10_100))
    second = desk.run(inquire("2", CLIENT_BUYS, 100, "101.00"))
    assert statuses(second) == ["NEW", "ENRICHED", "COUNTERED"]
    assert inquiry_of(desk, "2").counter_price == units("101.25")
    assert statuses(desk.run(respond("2", "REJECT"))) == ["REJECTED"]
    third = desk.run(inquire("3", CLIENT_SELLS, 100, "99.50"))
    assert bookings(third)[0].price == units("99.50")
    assert positions(third)[0].position_qty == 0
    fourth = desk.run(inquire("4", CLIENT_BUYS, 100, "100.00"))
    assert about(inquiry_of(desk, "4"), "status", "outcome", "reason_code") == ("REJECTED", "REJECTED", "PRICE_TOO_FAR")
    fifth = desk.run(inquire("5", CLIENT_BUYS, 100, "101.00"), at=START + 2 * SECOND + 1)
    assert about(inquiry_of(desk, "5"), "status", "outcome", "reason_code") == ("REJECTED", "PASSED", "STALE")
    assert inquiry_of(desk, "5").is_stale
    records = [decisions(events)[0] for events in (first, second, third, fourth, fifth)]
    assert [record.half_spread for record in records] == [units("0.845385211")] * 4 + [None]
    assert [record.inventory for record in records] == [0, -NANOS, -NANOS, 0, None]
    assert [record.reservation_price for record in records][:3] == [units(100), units("100.4"), units("100.4")]
    assert [record.gap for record in records] == [units("-0.15"), units("0.25"), units("-0.05"), units("0.85"), None]
    assert {record.config_hash for record in records} == {desk.state.terms_of(BOOK, AAPL).config_hash}


def test_a_booking_is_one_step_for_the_inquiry_the_position_the_ledger_and_the_public() -> None:
    desk = desk_with(by_hand())
    desk.run(inquire("1", CLIENT_SELLS, 100, "99.50"))
    events = desk.run(decide("1", "ACCEPT"))
    trade = of_type(events, TradeExecuted)[0]
    assert about(trade, "venue", "order_id", "side", "price") == (RFQ, "1", SELL, units("99.50"))
    assert about(trade, "buy_account_id", "sell_account_id", "value") == (BOOK, "cpt1", units(9_950))
    assert trade.trade_id == bookings(events)[0].trade_id == inquiry_of(desk, "1").trade_id == "150"
    assert about(positions(events)[0], "position_qty", "trade_id") == (units(100), "150")
    assert [desk.state.net_paid(name) for name in ("cpt1", BOOK)] == [-units(9_950), units(9_950)]


def test_a_quote_by_hand_is_lifted_at_its_ask() -> None:
    desk = desk_with(by_hand())
    desk.run(inquire("1"))
    assert statuses(desk.run(quote("1", ask="100.50"))) == ["QUOTED"]
    quoted = inquiry_of(desk, "1")
    assert about(quoted, "policy_id", "ask_price", "bid_price") == ("MANUAL", units("100.50"), None)
    assert quoted.firm_until == START + 10 * SECOND
    assert statuses(desk.run(accept("1"))) == ["ACCEPTED", "BOOKED"]
    assert inquiry_of(desk, "1").trade_price == units("100.50")


def test_a_two_way_quote_is_hit_at_its_bid_by_who_says_so() -> None:
    desk = desk_with(by_hand())
    desk.run_all([inquire("1", TWO_WAY), quote("1", "99.50", "100.50")])
    assert refusals(desk.run(accept("1", command="a"))) == ["BAD_SIDE"]
    events = desk.run(accept("1", side=SELL, command="b"))
    assert about(bookings(events)[0], "buy_account_id", "price") == (BOOK, units("99.50"))


def test_an_open_firm_quote_is_pending_until_it_is_taken_or_over() -> None:
    desk = desk_with(by_hand())
    desk.run_all([inquire("1"), quote("1", ask=101), inquire("2", CLIENT_SELLS, 30), quote("2", bid=99)])
    desk.run(inquire("3"))
    assert about(inquiry_of(desk, "3"), "pending_buy_qty", "pending_sell_qty") == (units(30), units(100))
    desk.run_all([accept("1"), decide("2", "WITHDRAW"), inquire("4")])
    assert about(inquiry_of(desk, "4"), "pending_buy_qty", "pending_sell_qty", "position_qty") == (0, 0, -units(100))


def test_a_counter_is_answered_by_the_other_side_and_after_three_rounds_by_nobody() -> None:
    desk = desk_with(by_hand())
    desk.run_all([inquire("1"), quote("1", ask=101, command="q0")])
    for number in range(3):
        assert statuses(desk.run(respond("1", "COUNTER", "100.20", command=f"c{number}"))) == ["COUNTERED"]
        assert refusals(desk.run(accept("1", command=f"a{number}"))) == ["NOT_YOUR_TURN"]
        assert statuses(desk.run(quote("1", ask="100.80", command=f"q{number + 1}"))) == ["QUOTED"]
    assert refusals(desk.run(respond("1", "COUNTER", "100.30", command="c3"))) == ["COUNTER_ROUNDS"]
    assert statuses(desk.run(accept("1", command="last"))) == ["ACCEPTED", "BOOKED"]


def test_the_dealer_takes_the_price_of_a_counter() -> None:
    desk = desk_with(by_hand())
    desk.run_all([inquire("1", TWO_WAY), quote("1", 99, 101), respond("1", "COUNTER", "100.20", side=BUY)])
    events = desk.run(decide("1", "ACCEPT"))
    assert about(bookings(events)[0], "sell_account_id", "price") == (BOOK, units("100.20"))


def test_the_auto_trader_answers_a_counter_with_a_quote_or_a_trade() -> None:
    desk = desk_with(terms(), market(100), inquire("1"))
    assert inquiry_of(desk, "1").ask_price == units("100.85")
    assert statuses(desk.run(respond("1", "COUNTER", "100.60"))) == ["COUNTERED", "QUOTED"]
    assert statuses(desk.run(respond("1", "COUNTER", "100.90", command="2"))) == ["COUNTERED", "ACCEPTED", "BOOKED"]
    assert inquiry_of(desk, "1").trade_price == units("100.90")


def test_what_a_person_took_over_the_auto_trader_leaves_alone() -> None:
    desk = desk_with(terms(), market(100), inquire("1"), decide("1", "TAKE_OVER"))
    assert statuses(desk.run(respond("1", "COUNTER", "100.90"))) == ["COUNTERED"]


def test_a_client_that_dealt_elsewhere_may_say_at_what_price() -> None:
    for response, cover in (("COVERED", "100.40"), ("TIED", "100.50"), ("TRADED_AWAY", None)):
        desk = desk_with(by_hand(), inquire("1"), quote("1", ask="100.50"))
        desk.run(respond("1", response, cover_price=None if cover is None else units(cover)))
        found = inquiry_of(desk, "1")
        assert (found.status, found.outcome) == ("TRADED_AWAY", response)
        assert found.cover_price == (None if cover is None else units(cover))


@pytest.mark.parametrize(
    ("last", "status", "outcome"),
    [
        (decide("1", "PASS"), "REJECTED", "PASSED"),
        (decide("1", "WITHDRAW"), "WITHDRAWN", "WITHDRAWN"),
        (respond("1", "REJECT"), "REJECTED", "REJECTED"),
        (accept("1"), "BOOKED", "DONE"),
    ],
)
def test_whoever_asks_of_a_finished_inquiry_is_told_how_it_ended(last: Any, status: str, outcome: str) -> None:
    desk = desk_with(by_hand(), inquire("1"), quote("1", ask=101), last)
    for command in (accept("1", command="x"), quote("1", ask=100, command="y"), decide("1", "TAKE_OVER", command="z")):
        (refused,) = [event for event in desk.run(command) if type(event).__name__ == "InquiryRefused"]
        assert about(refused, "reason_code", "status", "outcome") == ("FINISHED", status, outcome)
    assert inquiry_of(desk, "1").outcome == outcome


# Versions, and commands that come twice.


def test_who_saw_another_version_changes_nothing() -> None:
    desk = desk_with(by_hand(), inquire("1"))
    assert refusals(desk.run(quote("1", ask=101, expected_version=1))) == ["VERSION_CONFLICT"]
    assert statuses(desk.run(quote("1", ask=101, expected_version=2, command="again"))) == ["QUOTED"]
    assert inquiry_of(desk, "1").version == 3


def test_the_same_command_twice_has_one_effect_and_the_same_answer() -> None:
    desk = desk_with(by_hand(), inquire("1"), quote("1", ask=101))
    assert statuses(desk.run(accept("1"))) == ["ACCEPTED", "BOOKED"]
    before = desk.snapshot()
    assert desk.run(accept("1")) == []
    stale = quote("1", ask=101, expected_version=9, command="stale")
    assert desk.run(stale)[-1] == desk.run(stale)[-1]
    assert desk.snapshot()["inquiries"] == before["inquiries"]
    assert desk.state.answers.get("ACCEPT 1").reason_code is None


def test_an_inquiry_that_comes_twice_is_one_and_another_one_under_its_id_is_refused() -> None:
    desk = desk_with(by_hand(), inquire("1"))
    assert desk.run(inquire("1")) == []
    assert refusals(desk.run(inquire("1", quantity=7, command="other"))) == ["DUPLICATE_INQUIRY_ID"]
    assert inquiry_of(desk, "1").version == 2


# Clocks.


def test_accepting_before_the_quote_is_over_wins_and_not_at_its_end() -> None:
    for at, ends in ((START + SECOND - 1, ["ACCEPTED", "BOOKED"]), (START + SECOND, ["EXPIRED"])):
        desk = desk_with(by_hand(firm_ns=SECOND), inquire("1"), quote("1", ask=101))
        assert statuses(desk.run(accept("1"), at=at)) == ends
    assert inquiry_of(desk, "1").reason_code == "FIRM_TIME_PASSED"


def test_a_timer_that_fires_after_the_accept_changes_nothing() -> None:
    desk = desk_with(by_hand(firm_ns=SECOND), inquire("1"), quote("1", ask=101))
    desk.run(accept("1"), at=START + SECOND - 1)
    assert desk.run(Tick(is_manual=False), at=START + 9 * SECOND) == []
    assert inquiry_of(desk, "1").outcome == "DONE"


@pytest.mark.parametrize(
    ("clocks", "until", "reason"),
    [
        ({"due_time": START + 5}, START + 5, "DUE_TIME_PASSED"),
        ({"expire_time": START + 7}, START + 7, "EXPIRE_TIME_PASSED"),
        ({"due_time": START + 5, "firm_until": START + 6, "expire_time": START + 7}, START + 5, "DUE_TIME_PASSED"),
        ({}, START + 300 * SECOND, "EXPIRE_TIME_PASSED"),
    ],
)
def test_what_nobody_quotes_ends_at_the_first_of_its_clocks(clocks: Any, until: int, reason: str) -> None:
    desk = desk_with(by_hand(), inquire("1", **clocks))
    assert desk.noun.deadline(desk.state) == until
    assert desk.run(Tick(is_manual=False), at=until - 1) == []
    assert statuses(desk.run(Tick(is_manual=False), at=until)) == ["EXPIRED"]
    assert about(inquiry_of(desk, "1"), "outcome", "reason_code") == ("EXPIRED", reason)
    assert desk.noun.deadline(desk.state) is None


def test_a_client_says_how_long_a_quote_is_to_be_firm_and_the_dealer_may_say_otherwise() -> None:
    desk = desk_with(by_hand(), inquire("1", firm_until=START + 3 * SECOND), quote("1", ask=101))
    assert inquiry_of(desk, "1").firm_until == START + 3 * SECOND
    desk.run(quote("1", ask=101, firm_until=START + SECOND, command="shorter"))
    assert inquiry_of(desk, "1").firm_until == START + SECOND


def test_many_that_are_due_at_once_end_in_bounded_records() -> None:
    desk = desk_with(by_hand(), *[inquire(f"{n:03d}") for n in range(300)])
    first = desk.run(Tick(is_manual=False), at=START + 300 * SECOND)
    assert statuses(first) == ["EXPIRED"] * 250
    assert type(first[-1]) is Tick
    assert statuses(desk.run(first[-1])) == ["EXPIRED"] * 50


# What is wrong with what comes in.


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (inquire("1", book="NOBOOK"), "UNKNOWN_BOOK"),
        (inquire("1", client="nobody"), "UNKNOWN_CLIENT"),
        (inquire("1", client=BOOK), "UNKNOWN_CLIENT"),
        (inquire("1", instrument="NONE"), "UNKNOWN_INSTRUMENT"),
        (inquire("1", quantity=0), "BAD_QUANTITY"),
        (msgspec.structs.replace(inquire("1"), quantity=-NANOS), "BAD_QUANTITY"),
        (msgspec.structs.replace(inquire("1"), quantity=10**30), "BAD_QUANTITY"),
        (msgspec.structs.replace(inquire("1"), quantity=1), "OFF_LOT"),
        (inquire("1", price=0), "BAD_PRICE"),
        (msgspec.structs.replace(inquire("1", price=1), requested_price=-NANOS), "BAD_PRICE"),
        (inquire("1", price="100.001"), "OFF_TICK"),
        (inquire("1", TWO_WAY, price=100), "BAD_PRICE"),
        (inquire("1", InquirySide.UNKNOWN), "BAD_SIDE"),
        (inquire("1", currency="EUR"), "BAD_VALUE"),
        (inquire("1", competition=-1), "BAD_VALUE"),
        (inquire("1", due_time=START + 9, expire_time=START + 8), "BAD_CLOCKS"),
        (inquire("1", firm_until=START + 9, expire_time=START + 8), "BAD_CLOCKS"),
        (inquire("1", due_time=-1), "BAD_CLOCKS"),
    ],
)
def test_an_inquiry_with_something_wrong_is_refused_with_the_reason(command: Any, reason: str) -> None:
    desk = desk_with(by_hand())
    events = desk.run(command)
    assert statuses(events) == ["NEW", "REJECTED"]
    assert about(inquiry_of(desk, "1"), "outcome", "reason_code") == ("REJECTED", reason)
    assert not desk.state.open


@pytest.mark.parametrize("clocks", [{"expire_time": START}, {"due_time": START, "expire_time": START + 1}])
def test_an_inquiry_that_is_over_when_it_arrives_has_expired(clocks: Any) -> None:
    assert statuses(desk_with(by_hand()).run(inquire("1", **clocks))) == ["NEW", "EXPIRED"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (quote("2", ask=1), "UNKNOWN_INQUIRY"),
        (msgspec.structs.replace(quote("1", ask=1), book_id="BOOK2"), "UNKNOWN_INQUIRY"),
        (quote("1"), "BAD_PRICE"),
        (quote("1", bid=100), "BAD_PRICE"),
        (quote("1", 99, 101), "BAD_SIDE"),
        (quote("1", ask="100.001"), "OFF_TICK"),
        (quote("1", ask=100, quantity=units(101)), "BAD_QUANTITY"),
        (quote("1", ask=100, quantity=1), "OFF_LOT"),
        (quote("1", ask=100, firm_until=START), "BAD_CLOCKS"),
        (quote("1", ask=100, firm_until=START + 301 * SECOND), "BAD_CLOCKS"),
        (decide("1", "COUNTER", 100), "NOT_NOW"),
        (decide("1", "ACCEPT"), "BAD_PRICE"),
        (decide("1", "WITHDRAW"), "NOT_NOW"),
        (decide("1", "UNKNOWN"), "BAD_VALUE"),
        (respond("1", "UNKNOWN"), "BAD_VALUE"),
        (accept("1"), "NOT_NOW"),
        (respond("1", "COUNTER", 100), "NOT_NOW"),
    ],
)
def test_a_request_with_something_wrong_changes_nothing(command: Any, reason: str) -> None:
    desk = desk_with(by_hand(), inquire("1"))
    before = inquiry_of(desk, "1")
    assert refusals(desk.run(command)) == [reason]
    assert inquiry_of(desk, "1") == before


def test_a_yield_cannot_be_taken_but_a_price_be_quoted() -> None:
    desk = desk_with(by_hand(), inquire("1", price=3, price_type=PriceType.YIELD))
    assert refusals(desk.run(decide("1", "ACCEPT"))) == ["BAD_PRICE"]
    assert statuses(desk.run(quote("1", ask=98))) == ["QUOTED"]


def test_of_a_quote_for_less_less_is_traded() -> None:
    desk = desk_with(by_hand(), inquire("1"), quote("1", ask=100, quantity=units(40)))
    assert bookings(desk.run(accept("1")))[0].quantity == units(40)


# What operators and others say.


def test_limits_hold_for_people_too_and_again_when_it_is_booked() -> None:
    desk = desk_with(by_hand(position_max=units(150)), inquire("1"), inquire("2"), quote("1", ask=100))
    assert refusals(desk.run(quote("2", ask=100))) == ["POSITION_LIMIT"]
    desk.run(by_hand(position_max=units(50)))
    assert statuses(desk.run(accept("1"))) == ["ACCEPTED", "REJECTED"]
    assert inquiry_of(desk, "1").reason_code == "POSITION_LIMIT"
    assert desk.state.position(f"{BOOK}|{AAPL}").quantity == 0


def test_the_kill_switch_withdraws_every_quote_and_refuses_what_comes() -> None:
    desk = desk_with(by_hand(), inquire("1"), quote("1", ask=100), inquire("2"), inquire("3", book="BOOK2"))
    events = desk.run(SetDeskSwitch(is_on=True, book_id=BOOK))
    assert statuses(events) == ["WITHDRAWN", "REJECTED"]
    assert about(of_type(events, DeskSwitched)[0], "book_id", "is_on") == (BOOK, True)
    assert refusals(desk.run(msgspec.structs.replace(quote("3", ask=100), book_id="BOOK2"))) == []
    desk.run_all([terms(), market(100)])
    desk.run(inquire("4"))
    assert inquiry_of(desk, "4").reason_code == "KILL_SWITCH"
    desk.run(SetDeskSwitch(is_on=False, book_id=BOOK))
    assert statuses(desk.run(inquire("5")))[-1] == "QUOTED"
    desk.run(SetDeskSwitch(is_on=True))
    assert inquiry_of(desk, "5").status == "WITHDRAWN"


def test_a_kill_switch_over_many_inquiries_works_in_bounded_records() -> None:
    desk = desk_with(by_hand(), *[inquire(f"{n:03d}") for n in range(300)])
    first = desk.run(SetDeskSwitch(is_on=True))
    assert statuses(first) == ["REJECTED"] * 250
    assert statuses(desk.run(first[-1])) == ["REJECTED"] * 50
    assert not desk.state.open


@pytest.mark.parametrize(("phase", "reason"), [(TradingPhase.HALTED, "HALTED"), (TradingPhase.CLOSED, "MARKET_CLOSED")])
def test_nothing_is_dealt_in_an_instrument_that_does_not_trade(phase: TradingPhase, reason: str) -> None:
    desk = desk_with(by_hand(), inquire("1"), quote("1", ask=100), PhaseChanged(AAPL, phase), inquire("2"))
    assert statuses(desk.run(accept("1"))) == ["ACCEPTED", "REJECTED"]
    assert inquiry_of(desk, "1").reason_code == reason
    assert refusals(desk.run(quote("2", ask=100))) == [reason]


def test_terms_of_the_instrument_go_before_those_of_the_book_and_those_of_all() -> None:
    desk = desk_with(
        terms(firm_ns=1), by_hand(book_id=BOOK, firm_ns=2), by_hand(book_id=BOOK, instrument_id=AAPL, firm_ns=3)
    )
    found = [desk.state.terms_of(*key).firm_ns for key in (("X", "Y"), (BOOK, "Y"), (BOOK, AAPL))]
    assert found == [1, 2, 3]


def test_terms_are_told_with_their_hash_and_wrong_ones_change_nothing() -> None:
    desk = desk_with()
    (changed,) = of_type(desk.run(terms(book_id=BOOK)), DeskTermsChanged)
    assert changed.config_hash == desk.state.terms_of(BOOK, AAPL).config_hash != "default"
    (other,) = of_type(desk.run(terms(book_id=BOOK, inventory_lot=1)), DeskTermsChanged)
    assert other.config_hash != changed.config_hash
    for wrong in (terms(inventory_lot=0), terms(risk_aversion=-1), terms(book_id="a|b"), terms(position_max=0)):
        assert desk.run(wrong) == []


def test_an_account_that_is_margin_no_longer_is_no_client_any_more() -> None:
    desk = desk_with(by_hand())
    (gone,) = [msgspec.structs.replace(each, margin_asset="") for each in trades_with("cpt1")]
    desk.run_all([gone, inquire("1"), *trades_with("cpt1"), inquire("2")])
    assert [inquiry_of(desk, name).status for name in ("1", "2")] == ["REJECTED", "ENRICHED"]


def test_an_older_price_does_not_replace_a_newer_one() -> None:
    desk = desk_with(market(100, at=9), market(90, at=8), market(0, at=10))
    assert desk.state.prices.get(AAPL).mid == units(100)


def test_the_middle_of_a_market_elsewhere_is_quoted_on_while_there_are_both_sides() -> None:
    desk = desk_with(terms())
    desk.run(SetReferencePrices(AAPL, START, bid=units(99)))
    assert desk.state.prices.get(AAPL) is None
    desk.run(SetReferencePrices(AAPL, START, ask=units(101)))
    desk.run(inquire("1"))
    assert about(inquiry_of(desk, "1"), "ref_mid", "ask_price") == (units(100), units("100.85"))
    desk.run(SetReferencePrices(AAPL, START + 1, bid=0))
    assert desk.state.prices.get(AAPL).quoted_at == START, "it grows old from here on"


def test_a_reset_ends_everything_and_nothing_is_dealt_until_every_account_is_done() -> None:
    desk = desk_with(by_hand(), inquire("1", price=100), decide("1", "ACCEPT"), inquire("2"), quote("2", ask=100))
    events = desk.run(ResetInquiries("r", "0"))
    assert statuses(events) == ["WITHDRAWN"]
    assert [type(event) for event in events[-3:]] == [Cleared, ResetAccounts, ResetPositions]
    assert desk.state.position(f"{BOOK}|{AAPL}").quantity == 0
    desk.run(inquire("3"))
    assert refusals(desk.run(quote("3", ask=100))) == ["RESET"]
    assert desk.run(ResetInquiries("r", "0")) == []
    desk.run(ResetInquiries("r", "0", is_done=True))
    assert statuses(desk.run(quote("3", ask=100, command="now"))) == ["QUOTED"]


def test_memory_may_be_lost_between_any_two_records() -> None:
    desk = desk_with(terms(), market(100))
    commands = [inquire(str(n), TWO_WAY if n % 3 else CLIENT_BUYS, 10 + n) for n in range(20)]
    commands += [accept(str(n), side=Side.BUY) for n in range(0, 20, 2)]
    commands += [Tick(is_manual=False, timestamp=START + 11 * SECOND)]
    for command in commands:
        again = desk.rebuilt()
        assert desk.run(command) == again.run(command)
        assert desk.snapshot() == again.snapshot()
