"""A book whose instrument has a calendar takes orders while its exchange is open, by the clock of the shard."""

from typing import Any

import msgspec
import pytest
from examples import BUY, SECOND, SELL, book_with, enter, levels, listing, replace, take_out
from machines import Machine, about, of_type

from domain.order_books import deadline
from schemas.enums import ReasonCode, TimeInForce, TradingPhase
from schemas.order_books import (
    ChangePhase,
    Holiday,
    HolidayDeclared,
    OrderCancelled,
    OrderReplaced,
    PhaseChanged,
    RearmBreaker,
    ReplaceRefused,
    ResetBooks,
    ScheduleSession,
    SessionCancelled,
    SessionClosed,
    SessionOpened,
    SessionScheduled,
    SetBreaker,
    TradeExecuted,
)
from schemas.shared import Tick

AUCTION, CLOSED, CONTINUOUS = TradingPhase.AUCTION, TradingPhase.CLOSED, TradingPhase.CONTINUOUS
HALTED = TradingPhase.HALTED
OPENS, CLOSES = 100 * SECOND, 200 * SECOND
MILLISECOND = SECOND // 1_000


def session(opens: int = OPENS, closes: int = CLOSES, day: str = "2026-01-05", *holidays: Holiday) -> ScheduleSession:
    return ScheduleSession("ADAUSDT", day, opens, closes, holidays)


def exchange(*given: Any) -> Machine:
    return book_with(*given, calendar="XNYS")


def day_order(order: str, price: str) -> Any:
    return msgspec.structs.replace(enter(order, BUY, 1, price), time_in_force=TimeInForce.DAY)


def phase_of(book: Machine) -> TradingPhase:
    found: TradingPhase = book.state.book("ADAUSDT").phase
    return found


def tick(book: Machine, at: int) -> list[Any]:
    return book.run(Tick(is_manual=False, timestamp=at))


def refusals(events: list[Any]) -> list[ReasonCode]:
    return [event.reason_code for event in of_type(events, OrderCancelled)]


@pytest.mark.parametrize(
    ("at", "is_taken"),
    [(OPENS - MILLISECOND, False), (OPENS, True), (CLOSES - MILLISECOND, True), (CLOSES, False)],
)
def test_the_time_of_an_order_decides_not_how_soon_somebody_rings_the_bell(at: int, is_taken: bool) -> None:
    book = exchange(session())
    if at > OPENS:
        tick(book, OPENS)
    assert refusals(book.run(enter("1", BUY, 1, 1), at=at)) == ([] if is_taken else [ReasonCode.MARKET_CLOSED])


def test_an_instrument_with_a_calendar_is_closed_until_a_session_of_it_is_known() -> None:
    book = exchange()
    assert phase_of(book) is phase_of(book.rebuilt()) is CLOSED
    assert refusals(book.run(enter("1", BUY, 1, 1))) == [ReasonCode.MARKET_CLOSED]
    assert phase_of(book_with()) is CONTINUOUS


def test_a_session_opens_and_closes_by_the_clock_and_says_so() -> None:
    book = exchange()
    (scheduled,) = of_type(book.run(session()), SessionScheduled)
    assert about(scheduled, "session", "opens_at", "closes_at") == ("2026-01-05", OPENS, CLOSES)
    assert deadline(book.rebuilt().state) == OPENS
    assert [event.session for event in of_type(tick(book, OPENS), SessionOpened)] == ["2026-01-05"]
    assert deadline(book.rebuilt().state) == CLOSES
    assert len(of_type(tick(book.rebuilt(), CLOSES), SessionClosed)) == 1
    assert len(of_type(tick(book, CLOSES), SessionClosed)) == 1
    assert phase_of(book) is CLOSED
    assert tick(book, CLOSES + SECOND) == [] or not of_type(tick(book, CLOSES + SECOND), SessionClosed, SessionOpened)


def test_orders_for_the_day_end_with_it_and_others_wait_for_the_next_one() -> None:
    book = exchange(session())
    tick(book, OPENS)
    book.run_all([day_order("day", "1.00"), enter("stays", BUY, 1, "0.90")])
    ended = of_type(tick(book, CLOSES), OrderCancelled)
    assert [about(event, "order_id", "reason_code") for event in ended] == [("day", ReasonCode.EXPIRED)]
    assert of_type(book.run(replace("stays", 2, 1)), ReplaceRefused)[0].reason_code is ReasonCode.MARKET_CLOSED
    book.run(session(300 * SECOND, 400 * SECOND, "2026-01-06"))
    tick(book, 300 * SECOND)
    assert levels(book) == [("buy", 0.9, 1, ["stays"])]
    assert of_type(book.run(replace("stays", 2, 1)), OrderReplaced)
    tick(book, 400 * SECOND)
    assert of_type(book.run(take_out("stays")), OrderCancelled), "cancels work at all times"


def test_who_tells_a_session_late_opens_it_at_once_and_too_late_opens_and_closes_it() -> None:
    book = exchange()
    tick(book, OPENS + SECOND)
    assert len(of_type(book.run(session()), SessionOpened)) == 1
    book = exchange()
    tick(book, CLOSES + SECOND)
    assert [type(event) for event in of_type(book.run(session()), SessionOpened, SessionClosed)] == [
        SessionOpened,
        SessionClosed,
    ]
    assert phase_of(book) is CLOSED


def test_whoever_comes_second_with_a_session_changes_nothing() -> None:
    book = exchange(session())
    assert book.run(session()) == []
    tick(book, OPENS)
    assert book.run(session(OPENS + SECOND, CLOSES + SECOND)) == []
    tick(book, CLOSES)
    assert book.run(session()) == [], "it is over"
    assert of_type(book.run(session(CLOSES, CLOSES + SECOND, "2026-01-06")), SessionScheduled)
    assert book_with().run(session()) == [], "no calendar, no sessions"


def test_holidays_before_it_are_declared_once() -> None:
    book = exchange()
    events = book.run(session(OPENS, CLOSES, "2026-01-02", Holiday("2026-01-01", "New Year's Day")))
    assert [about(event, "day", "name") for event in of_type(events, HolidayDeclared)] == [
        ("2026-01-01", "New Year's Day")
    ]
    assert book.run(session(OPENS, CLOSES, "2026-01-02", Holiday("2026-01-01", "New Year's Day"))) == []


def test_a_halt_outlives_the_night_and_nobody_trades_outside_of_a_session() -> None:
    book = exchange(session())
    tick(book, OPENS)
    book.run(ChangePhase("ADAUSDT", HALTED))
    tick(book, CLOSES)
    assert phase_of(book) is HALTED
    for phase in (CONTINUOUS, AUCTION):
        book.run(ChangePhase("ADAUSDT", phase, auction_ns=SECOND))
        assert phase_of(book) is CLOSED
    book.run(ChangePhase("ADAUSDT", HALTED))
    book.run(session(300 * SECOND, 400 * SECOND, "2026-01-06"))
    tick(book, 300 * SECOND)
    assert phase_of(book) is HALTED
    book.run(ChangePhase("ADAUSDT", CONTINUOUS))
    assert phase_of(book) is CONTINUOUS


def test_an_auction_that_the_close_cuts_off_trades_when_the_next_session_opens() -> None:
    book = exchange(session())
    tick(book, OPENS)
    book.run_all([ChangePhase("ADAUSDT", AUCTION), enter("1", BUY, 1, 1), enter("2", SELL, 1, 1)])
    assert not of_type(tick(book, CLOSES), TradeExecuted)
    book.run(session(300 * SECOND, 400 * SECOND, "2026-01-06"))
    assert [trade.is_auction for trade in of_type(tick(book, 300 * SECOND), TradeExecuted)] == [True]


def test_an_auction_that_ends_with_the_session_trades_before_the_close() -> None:
    book = exchange(session())
    tick(book, OPENS)
    closing = ChangePhase("ADAUSDT", AUCTION, auction_ns=CLOSES - OPENS)
    book.run_all([closing, enter("1", BUY, 1, 1), enter("2", SELL, 1, 1)])
    events = of_type(tick(book, CLOSES), TradeExecuted, SessionClosed)
    assert [type(event) for event in events] == [TradeExecuted, SessionClosed]


def test_a_breaker_that_is_armed_at_night_lets_the_book_wait_for_its_session() -> None:
    book = exchange(session(), SetBreaker("ADAUSDT", SECOND // 20, 0, is_manual=True))
    tick(book, OPENS)
    for number, price in enumerate(("1.00", "2.00")):
        book.run_all([enter(f"s{number}", SELL, 1, price), enter(f"b{number}", BUY, 1, price)])
    tick(book, CLOSES)
    assert phase_of(book) is HALTED
    events = of_type(book.run(RearmBreaker("ADAUSDT", SECOND)), PhaseChanged)
    assert [event.phase for event in events] == [CLOSED]


def test_a_reset_closes_the_book_until_it_hears_of_a_session() -> None:
    book = exchange(session())
    tick(book, OPENS)
    book.run(ResetBooks("r", "0"))
    assert phase_of(book) is phase_of(book.rebuilt()) is CLOSED
    assert deadline(book.state) is None or book.state.unmarked
    assert of_type(book.run(session(300 * SECOND, 400 * SECOND)), SessionScheduled)


def test_another_calendar_counts_from_the_next_session_on() -> None:
    book = exchange(session())
    tick(book, OPENS)
    assert not of_type(book.run(listing(calendar="XLON")), PhaseChanged, SessionCancelled)
    assert phase_of(book) is CONTINUOUS
    tick(book, CLOSES)
    late = msgspec.structs.replace(session(300 * SECOND, 400 * SECOND), calendar="XNYS")
    assert book.run(late) == [], "whoever has not heard of the change yet changes nothing"
    assert of_type(book.run(msgspec.structs.replace(late, calendar="XLON")), SessionScheduled)


def test_a_session_that_has_not_begun_is_cancelled_when_its_calendar_changes() -> None:
    book = exchange(session())
    (gone,) = of_type(book.run(listing(calendar="XLON")), SessionCancelled)
    assert gone.session == "2026-01-05"
    assert phase_of(book) is CLOSED
    assert book.rebuilt().state.book("ADAUSDT").session is None
    assert of_type(book.run(session(OPENS - SECOND, CLOSES)), SessionScheduled), "an earlier one, too"


def test_an_instrument_that_gets_a_calendar_closes_until_its_first_session() -> None:
    book = book_with(enter("1", BUY, 1, 1))
    assert [event.phase for event in of_type(book.run(listing(calendar="XNYS")), PhaseChanged)] == [CLOSED]
    assert refusals(book.run(enter("2", BUY, 1, 1))) == [ReasonCode.MARKET_CLOSED]
    assert levels(book) == [("buy", 1, 1, ["1"])]


def test_an_instrument_that_loses_its_calendar_trades_on_from_the_end_of_its_session() -> None:
    book = exchange(session())
    tick(book, OPENS)
    book.run_all([listing(), day_order("day", "1.00")])
    events = tick(book, CLOSES)
    assert [event.order_id for event in of_type(events, OrderCancelled)] == ["day"]
    assert phase_of(book) is CONTINUOUS
    assert not refusals(book.run(enter("1", BUY, 1, 1)))
    night = exchange(session())
    assert [event.phase for event in of_type(night.run(listing()), PhaseChanged)] == [CONTINUOUS]


def test_a_calendar_may_go_in_the_closing_auction() -> None:
    auctions = {"calendar": "XNYS", "closing_auction_ns": 20 * SECOND}
    book = book_with(session(), **auctions)
    tick(book, CLOSES - SECOND)
    book.run_all([listing(), enter("1", BUY, 1, 1), enter("2", SELL, 1, 1)])
    events = tick(book, CLOSES)
    assert [type(event) for event in of_type(events, TradeExecuted, SessionClosed, PhaseChanged)] == [
        TradeExecuted,
        SessionClosed,
        PhaseChanged,
    ]
    assert phase_of(book) is CONTINUOUS
