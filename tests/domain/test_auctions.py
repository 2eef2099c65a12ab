"""Auctions that tell what they would bring, and that end by themselves; and the way back from a halt."""

from typing import Any

import msgspec
import pytest
from examples import BUY, SECOND, SELL, book_with, enter, levels, replace, take_out, units
from machines import Machine, about, of_type

from domain import indications
from domain.book_rows import MARKS_INTERVAL_NS_MIN
from domain.order_books import deadline
from schemas.accounts import ResetAccounts
from schemas.enums import AuctionKind, ReasonCode, Side, TimeInForce, TradingPhase
from schemas.order_books import (
    AuctionIndicated,
    ChangePhase,
    MarkPrices,
    OrderCancelled,
    PhaseChanged,
    ResetBooks,
    TradeExecuted,
)
from schemas.shared import Tick

AUCTION, CONTINUOUS, HALTED = TradingPhase.AUCTION, TradingPhase.CONTINUOUS, TradingPhase.HALTED
LATER = MARKS_INTERVAL_NS_MIN


def phase(phase: TradingPhase, seconds: float = 0, kind: AuctionKind = AuctionKind.UNKNOWN) -> ChangePhase:
    return ChangePhase("ADAUSDT", phase, kind, int(seconds * SECOND))


def tick(book: Machine, seconds: float) -> list[Any]:
    return book.run(Tick(is_manual=False, timestamp=int(seconds * SECOND)))


def indicated(events: list[Any]) -> list[tuple[float | None, float, float, Side]]:
    return [
        (
            None if event.price is None else event.price / SECOND,
            event.matched_quantity / SECOND,
            event.surplus_quantity / SECOND,
            event.surplus_side,
        )
        for event in of_type(events, AuctionIndicated)
    ]


def phases(events: list[Any]) -> list[tuple[Any, ...]]:
    return [about(event, "phase", "auction_kind", "ends_at") for event in of_type(events, PhaseChanged)]


# What an auction would bring.


def test_an_auction_tells_price_volume_and_surplus_when_they_change() -> None:
    book = book_with(phase(AUCTION))
    assert indicated(book.run(enter("1", BUY, 10, "1.02"), at=LATER)) == []
    assert indicated(book.run(enter("2", SELL, 4, 1), at=2 * LATER)) == [(1.02, 4, 6, BUY)]
    assert indicated(book.run(enter("3", SELL, 9, 1), at=3 * LATER)) == [(1, 10, 3, SELL)]
    assert indicated(book.run(enter("4", BUY, 1, "0.90"), at=4 * LATER)) == []
    assert indicated(book.run(take_out("3"), at=5 * LATER)) == [(1.02, 4, 6, BUY)]
    assert indicated(book.run(enter("5", SELL, 6, "1.02"), at=6 * LATER)) == [(1.02, 10, 0, Side.UNKNOWN)]
    assert indicated(book.run(take_out("1"), at=7 * LATER)) == [(None, 0, 0, Side.UNKNOWN)]


def test_what_it_tells_is_what_the_uncross_brings() -> None:
    book = book_with(phase(AUCTION))
    told: list[Any] = []
    for number, (side, quantity, price) in enumerate([(BUY, 10, "1.02"), (BUY, 5, 1), (SELL, 8, "0.99"), (SELL, 6, 1)]):
        told += indicated(book.run(enter(str(number), side, quantity, price), at=(number + 1) * LATER))
    trades = of_type(book.run(phase(CONTINUOUS)), TradeExecuted)
    assert {trade.price / SECOND for trade in trades} == {told[-1][0]} == {1}
    assert sum(trade.quantity for trade in trades) / SECOND == told[-1][1] == 14


def test_it_is_told_a_few_times_a_second_however_many_orders_come(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    find = indications.indication
    monkeypatch.setattr(indications, "indication", lambda book: looked.append(1) or find(book))
    book = book_with(phase(AUCTION))
    told = []
    for number in range(2_000):
        side, price = (BUY, "1.02") if number % 2 else (SELL, 1)
        told += indicated(book.run(enter(str(number), side, 1, price), at=SECOND + number * SECOND // 1_000))
    assert 4 <= len(told) <= len(looked) <= 17
    book.run(Tick(is_manual=False, timestamp=4 * SECOND))
    assert book.state.auctions.get("ADAUSDT").matched == units(1_000)


def test_a_look_that_finds_nothing_new_is_not_repeated_at_every_order(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    find = indications.indication
    monkeypatch.setattr(indications, "indication", lambda book: looked.append(1) or find(book))
    book = book_with(enter("b", BUY, 1, 1), phase(AUCTION))
    for number in range(1_000):
        book.run(enter(str(number), BUY, 1, 1), at=SECOND + number)
    assert len(looked) == 1


def test_a_shard_wants_to_hear_the_time_while_there_is_something_to_tell() -> None:
    book = book_with(phase(AUCTION), enter("1", BUY, 10, 1))
    book.run(Tick(is_manual=False, timestamp=SECOND))
    assert deadline(book.state) is None
    book.run(enter("2", SELL, 1, 1))
    assert deadline(book.state) == SECOND + MARKS_INTERVAL_NS_MIN
    assert deadline(book.rebuilt().state) == SECOND + MARKS_INTERVAL_NS_MIN
    assert indicated(tick(book.rebuilt(), 1.5)) == indicated(tick(book, 1.5)) == [(1, 1, 9, BUY)]
    assert deadline(book.state) is None


def test_a_shard_that_begins_anew_tells_the_same_at_the_same_time() -> None:
    def played(*, anew: bool) -> list[Any]:
        book, events = book_with(phase(AUCTION)), []
        for number in range(300):
            side, price = (BUY, "1.02") if number % 3 else (SELL, 1)
            events += book.run(enter(str(number), side, 1, price), at=number * SECOND // 50)
            book = book.rebuilt() if anew else book
        return of_type(events, AuctionIndicated, MarkPrices)

    assert played(anew=True) == played(anew=False)


def test_every_event_of_a_book_has_a_number_of_its_own() -> None:
    book = book_with(phase(AUCTION), enter("1", BUY, 10, 1))
    events = book.run(enter("2", SELL, 1, 1), at=LATER) + book.run(phase(CONTINUOUS))
    events += book.run(take_out("gone")) + book.run(replace("gone", 1, 1))
    numbers = [event.sequence for event in events if getattr(event, "sequence", 0)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert book.state.books.get("ADAUSDT").sequence == numbers[-1]


# Auctions that end by themselves.


def test_an_auction_ends_by_the_clock_of_the_shard() -> None:
    book = book_with(enter("1", BUY, 5, 1))
    assert phases(book.run(phase(AUCTION, 5, AuctionKind.OPENING), at=SECOND)) == [
        (AUCTION, AuctionKind.OPENING, 6 * SECOND)
    ]
    book.run(enter("2", SELL, 3, 1))
    assert deadline(book.state) == 6 * SECOND or book.state.unmarked
    assert not of_type(tick(book, 5.999), TradeExecuted)
    events = tick(book, 6)
    assert [trade.quantity for trade in of_type(events, TradeExecuted)] == [units(3)]
    assert phases(events)[0][0] is CONTINUOUS
    assert book.state.auctions.get("ADAUSDT") is None


def test_an_order_that_comes_when_its_auction_is_over_finds_it_over() -> None:
    """The tick may be late; the time of the order counts."""
    book = book_with(enter("1", BUY, 5, 1), phase(AUCTION, 5), enter("2", SELL, 3, 1))
    events = book.run(enter("3", SELL, 2, 1), at=5 * SECOND)
    assert [(trade.sell_order_id, trade.is_auction) for trade in of_type(events, TradeExecuted)] == [
        ("2", True),
        ("3", False),
    ]
    book = book_with(enter("1", BUY, 5, 1), phase(AUCTION, 5), enter("2", SELL, 3, 1))
    events = book.run(take_out("2"), at=5 * SECOND)
    assert len(of_type(events, TradeExecuted)) == 1


def test_it_ends_after_a_restore_too() -> None:
    book = book_with(enter("1", BUY, 5, 1), phase(AUCTION, 5), enter("2", SELL, 3, 1)).rebuilt()
    assert len(of_type(tick(book, 5), TradeExecuted)) == 1


def test_who_expires_when_the_auction_ends_takes_no_part() -> None:
    late = msgspec.structs.replace(enter("1", BUY, 5, 1), time_in_force=TimeInForce.GTD, expires_at=5 * SECOND)
    book = book_with(late, phase(AUCTION, 5), enter("2", SELL, 3, 1))
    events = tick(book, 6)
    assert [event.reason_code for event in of_type(events, OrderCancelled)] == [ReasonCode.EXPIRED]
    assert not of_type(events, TradeExecuted)
    assert levels(book) == [("sell", 1, 3, ["2"])]


def test_it_is_not_cut_short_by_who_asks_for_what_comes_anyway() -> None:
    book = book_with(phase(AUCTION, 5))
    assert phases(book.run(phase(CONTINUOUS, 1))) == []
    assert phases(book.run(phase(HALTED))) == [(HALTED, AuctionKind.UNKNOWN, 0)]
    assert deadline(book.state) is None or book.state.unmarked
    assert phases(tick(book, 9)) == []


# The way back from a halt.


def test_a_halted_book_goes_on_through_an_auction() -> None:
    book = book_with(enter("1", BUY, 5, 1), phase(HALTED))
    assert phases(book.run(phase(CONTINUOUS, 5), at=SECOND)) == [(AUCTION, AuctionKind.REOPENING, 6 * SECOND)]
    assert not of_type(book.run(enter("2", SELL, 3, "0.90")), TradeExecuted, OrderCancelled)
    (trade,) = of_type(tick(book, 6), TradeExecuted)
    assert (trade.is_auction, trade.price) == (True, units(1))


def test_without_a_length_it_goes_on_at_once() -> None:
    assert phases(book_with(phase(HALTED)).run(phase(CONTINUOUS))) == [(CONTINUOUS, AuctionKind.UNKNOWN, 0)]


def test_a_reset_ends_an_auction() -> None:
    book = book_with(phase(AUCTION, 5), enter("1", BUY, 5, 1))
    book.run(ResetBooks("r", "0"))
    assert book.state.book("ADAUSDT").phase is CONTINUOUS
    assert not book.state.timed
    assert not list(book.state.auctions.scan())
    assert ResetAccounts in [type(event) for event in book_with().run(ResetBooks("r", "0"))]
