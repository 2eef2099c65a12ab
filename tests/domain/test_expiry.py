"""Instruments that end, options by the hundred, and venues to which nobody speaks."""

from typing import Any

import msgspec
import pytest
from examples import (
    BUY,
    FOK,
    SECOND,
    SELL,
    accounts_with,
    balance,
    book_with,
    deposit,
    enter,
    fill,
    levels,
    listing,
    place,
    replace,
    take_out,
    units,
)
from machines import of_type

from domain.book_rows import MARKS_INTERVAL_NS_MIN
from schemas.accounts import OrderEvent
from schemas.enums import InstrumentType, OptionRight, OrderStatus, OrderType, ReasonCode, TimeInForce, Venue
from schemas.order_books import (
    CancelRefused,
    ContinueMatching,
    EnterLimitOrder,
    EnterOrder,
    InstrumentListed,
    InstrumentRefused,
    OrderCancelled,
    OrderRested,
    ReplaceRefused,
    SetReferencePrices,
    TradeExecuted,
)
from schemas.shared import Tick
from schemas.wire import NANOS

END = 10 * SECOND
CALL = {
    "instrument_type": InstrumentType.OPTION,
    "base": "AAPL-C-100",
    "underlying": "AAPL",
    "multiplier": 100 * NANOS,
    "strike": units(100),
    "option_right": OptionRight.CALL,
    "expires_at": END,
}


def reasons(events: list[Any]) -> list[tuple[str, ReasonCode]]:
    return [(event.order_id, event.reason_code) for event in of_type(events, OrderCancelled)]


def test_two_options_at_one_fifty_cost_three_hundred() -> None:
    accounts = accounts_with(deposit(1000), place("1", BUY, 2, "1.50"), **CALL)
    assert balance(accounts) == (1000, 300)
    trade = msgspec.structs.replace(fill("1", 2, "1.50", 0, multiplier=100 * NANOS), base="AAPL-C-100")
    accounts.run(trade)
    assert balance(accounts) == (700, 0)
    assert balance(accounts, asset="AAPL-C-100") == (2, 0)


def test_an_account_takes_no_order_in_what_has_ended_by_the_clock_of_its_shard() -> None:
    accounts = accounts_with(deposit(1000), **CALL)
    assert of_type(accounts.run(place("1", BUY, 1, 1), at=END - 1), EnterLimitOrder, EnterOrder)
    (refused,) = of_type(accounts.run(place("2", BUY, 1, 1), at=END), OrderEvent)
    assert (refused.status, refused.reason_code) == (OrderStatus.REJECTED, ReasonCode.INSTRUMENT_EXPIRED)


def test_nor_does_the_book_where_the_order_was_on_its_way() -> None:
    book = book_with(**CALL)
    assert reasons(book.run(enter("1", BUY, 1, 1), at=END)) == [("1", ReasonCode.INSTRUMENT_EXPIRED)]


def test_what_rests_and_what_waits_ends_with_the_instrument() -> None:
    stop = msgspec.structs.replace(enter("2", SELL, 1, None, kind=OrderType.STOP), stop_price=units(1), order_number=2)
    book = book_with(**CALL)
    assert book.noun.deadline(book.state) is None
    book.run_all([stop, enter("1", BUY, 1, 1)])
    assert book.rebuilt().noun.deadline(book.state) == MARKS_INTERVAL_NS_MIN, "the marks come first"
    book.run(Tick(is_manual=False, timestamp=SECOND))
    assert book.noun.deadline(book.state) == END
    assert reasons(book.run(Tick(is_manual=False, timestamp=END - 1))) == []
    assert reasons(book.run(Tick(is_manual=False, timestamp=END))) == [
        ("1", ReasonCode.EXPIRED),
        ("2", ReasonCode.EXPIRED),
    ]
    assert levels(book) == []
    book.run(Tick(is_manual=False, timestamp=END + SECOND))
    assert book.noun.deadline(book.state) is None


def test_more_orders_than_one_record_may_end_are_ended_by_the_next() -> None:
    book = book_with(*[enter(str(number), BUY, 1, 1) for number in range(300)], **CALL)
    assert len(reasons(book.run(Tick(is_manual=False, timestamp=END)))) == 250
    assert book.noun.deadline(book.state) == END
    assert len(reasons(book.run(Tick(is_manual=False, timestamp=END)))) == 50


def test_between_the_end_and_the_tick_that_tells_it_nothing_changes_or_trades() -> None:
    book = book_with(enter("1", BUY, 1, 1), venue=Venue.SIM, **CALL)
    (refused,) = of_type(book.run(replace("1", 1, 2), at=END), ReplaceRefused)
    assert refused.reason_code is ReasonCode.TOO_LATE
    assert book.run(SetReferencePrices("ADAUSDT", END, units(1), units(1), units(1))) == []


def until(order: EnterOrder, at: int) -> EnterOrder:
    return msgspec.structs.replace(order, time_in_force=TimeInForce.GTD, expires_at=at)


def test_the_time_of_an_order_decides_whom_it_meets_however_late_the_shard_is_told_the_time() -> None:
    book = book_with(until(enter("late", SELL, 1, 1), END), until(enter("good", SELL, 1, 1), END + 1))
    assert of_type(book.run(enter("1", BUY, 1, 1), at=END - 1), TradeExecuted)
    book = book_with(until(enter("late", SELL, 1, 1), END), until(enter("good", SELL, 1, 1), END + 1))
    events = book.run(enter("1", BUY, 1, 1), at=END)
    assert reasons(events) == [("late", ReasonCode.EXPIRED)]
    assert [trade.sell_order_id for trade in of_type(events, TradeExecuted)] == ["good"]


def test_what_has_expired_is_nobody_a_fok_counts_on_nor_the_price_that_a_post_only_order_would_cross() -> None:
    book = book_with(until(enter("late", SELL, 1, 1), END), enter("good", SELL, 1, 1))
    assert reasons(book.run(enter("1", BUY, 2, 1, tif=FOK), at=END))[1] == ("1", ReasonCode.FOK_UNFILLABLE)
    book = book_with(until(enter("late", SELL, 1, 1), END))
    post_only = msgspec.structs.replace(enter("1", BUY, 1, 1), is_post_only=True)
    assert reasons(book.run(post_only, at=END)) == [("late", ReasonCode.EXPIRED)]
    assert levels(book) == [("buy", 1, 1, ["1"])]


def test_a_cancel_that_comes_at_the_deadline_is_too_late() -> None:
    book = book_with(until(enter("1", SELL, 1, 1), END))
    events = book.run(take_out("1"), at=END)
    assert reasons(events) == [("1", ReasonCode.EXPIRED)]
    assert [refused.reason_code for refused in of_type(events, CancelRefused)] == [ReasonCode.TOO_LATE]


def test_an_order_waits_until_all_have_expired_whose_time_came_before_it() -> None:
    book = book_with(*[until(enter(str(number), SELL, 1, 1), END) for number in range(300)])
    events = book.run(enter("1000", BUY, 1, 1), at=END)
    assert len(reasons(events)) == 250
    (more,) = of_type(events, ContinueMatching)
    events = book.rebuilt().run(more)
    assert len(reasons(events)) == 50
    assert not of_type(events, TradeExecuted)
    assert of_type(events, OrderRested)


def test_an_instrument_may_be_given_another_end_but_stays_what_it_is() -> None:
    book = book_with(enter("1", BUY, 1, 1), **CALL)
    assert of_type(book.run(listing(**CALL | {"expires_at": END + 1})), InstrumentListed)
    assert reasons(book.run(Tick(is_manual=False, timestamp=END))) == []
    assert of_type(book.run(listing(**CALL | {"strike": units(101)})), InstrumentRefused)


@pytest.mark.parametrize("kind", [InstrumentType.EQUITY, InstrumentType.SPOT])
def test_orders_for_an_external_venue_are_refused_while_nobody_speaks_to_it(kind: InstrumentType) -> None:
    accounts = accounts_with(deposit(1000), venue=Venue.EXTERNAL, exchange="BINANCE_TESTNET", instrument_type=kind)
    events = accounts.run(place("1", BUY, 1, 1))
    (refused,) = of_type(events, OrderEvent)
    assert (refused.status, refused.reason_code) == (OrderStatus.REJECTED, ReasonCode.VENUE_UNAVAILABLE)
    assert (refused.venue, refused.exchange) == (Venue.EXTERNAL, "BINANCE_TESTNET")
    assert not of_type(events, EnterLimitOrder, EnterOrder)
    assert balance(accounts) == (1000, 0)


def test_every_order_says_where_it_was_routed() -> None:
    accounts = accounts_with(deposit(1000), venue=Venue.SIM, exchange="NASDAQ")
    told = of_type(accounts.run(place("1", BUY, 1, 1)), OrderEvent)
    assert {(event.venue, event.exchange) for event in told} == {(Venue.SIM, "NASDAQ")}
