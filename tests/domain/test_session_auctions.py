"""Sessions that open and close with an auction, and orders that are for one of them alone."""

from typing import Any

import msgspec
import pytest
from examples import (
    BUY,
    MARKET,
    SECOND,
    SELL,
    accounts_with,
    amend,
    balance,
    book_with,
    cancelled,
    deposit,
    enter,
    levels,
    listing,
    marks,
    place,
    place_market,
    replace,
    rested,
    take_out,
    units,
)
from machines import Machine, about, of_type

from domain import order_books
from domain.order_books import deadline
from schemas.accounts import OrderEvent
from schemas.enums import (
    AuctionKind,
    ExecType,
    InstrumentType,
    OrderStatus,
    OrderType,
    ReasonCode,
    TimeInForce,
    TradingPhase,
    Venue,
)
from schemas.order_books import (
    AuctionIndicated,
    ChangePhase,
    ContinueMatching,
    InstrumentListed,
    InstrumentRefused,
    OrderCancelled,
    OrderReplaced,
    OrderRested,
    PhaseChanged,
    ReplaceOrder,
    ResetBooks,
    ScheduleSession,
    SessionClosed,
    SessionOpened,
    SessionScheduled,
    TradeExecuted,
)
from schemas.shared import Tick

OPG, CLS, DAY = TimeInForce.OPG, TimeInForce.CLS, TimeInForce.DAY
AUCTION, CLOSED, CONTINUOUS = TradingPhase.AUCTION, TradingPhase.CLOSED, TradingPhase.CONTINUOUS
HALTED = TradingPhase.HALTED
PRE_OPEN, OPENS, CALL, CLOSES = (moment * SECOND for moment in (90, 100, 180, 200))
AUCTIONS = {"calendar": "XNYS", "opening_auction_ns": OPENS - PRE_OPEN, "closing_auction_ns": CLOSES - CALL}
SESSION = ScheduleSession("ADAUSDT", "2026-01-05", OPENS, CLOSES, ())


def exchange(*given: Any) -> Machine:
    return book_with(SESSION, *given, **AUCTIONS)


def open_exchange(*given: Any) -> Machine:
    book = exchange()
    tick(book, OPENS)
    book.run_all(given)
    return book


def tick(book: Machine, at: int) -> list[Any]:
    return book.run(Tick(is_manual=False, timestamp=at))


def phases(events: list[Any]) -> list[tuple[Any, ...]]:
    return [about(event, "phase", "auction_kind", "ends_at") for event in of_type(events, PhaseChanged)]


def trades(events: list[Any]) -> list[tuple[str, str, float, float]]:
    return [
        (trade.buy_order_id, trade.sell_order_id, trade.quantity / SECOND, trade.price / SECOND)
        for trade in of_type(events, TradeExecuted)
    ]


def ends(events: list[Any]) -> list[tuple[str, ReasonCode]]:
    return [about(event, "order_id", "reason_code") for event in of_type(events, OrderCancelled)]


# The day of a book.


def test_a_book_goes_from_pre_open_by_two_auctions_to_its_close() -> None:
    book = exchange()
    told = [event for at in (PRE_OPEN, OPENS, CALL, CLOSES) for event in tick(book, at)]
    assert phases(told) == [
        (AUCTION, AuctionKind.OPENING, OPENS),
        (CONTINUOUS, AuctionKind.UNKNOWN, 0),
        (AUCTION, AuctionKind.CLOSING, CLOSES),
        (CLOSED, AuctionKind.UNKNOWN, 0),
    ]
    assert [type(event) for event in of_type(told, SessionOpened, SessionClosed)] == [SessionOpened, SessionClosed]


def test_the_day_is_told_when_it_is_scheduled_and_the_shard_wakes_for_each_part_of_it() -> None:
    book = book_with(**AUCTIONS)
    (scheduled,) = of_type(book.run(SESSION), SessionScheduled)
    assert about(scheduled, "pre_open_at", "opens_at", "closing_auction_at") == (PRE_OPEN, OPENS, CALL)
    for moment in (PRE_OPEN, OPENS, CALL, CLOSES):
        book = book.rebuilt()
        assert deadline(book.state) == moment
        tick(book, moment)
        book.state.unmarked.clear()


def test_orders_gather_in_the_pre_open_and_trade_at_one_price_when_the_session_opens() -> None:
    book = exchange()
    tick(book, PRE_OPEN)
    book.run_all([enter("b", BUY, 10, "1.02"), enter("s", SELL, 4, 1)])
    assert not of_type(tick(book, OPENS - 1), TradeExecuted)
    assert trades(tick(book, OPENS)) == [("b", "s", 4, 1.02)]
    assert levels(book) == [("buy", 1.02, 6, ["b"])]


def test_before_the_pre_open_the_book_takes_nothing() -> None:
    book = exchange()
    assert ends(book.run(enter("1", BUY, 1, 1), at=PRE_OPEN - 1)) == [("1", ReasonCode.MARKET_CLOSED)]


def test_the_closing_auction_trades_before_the_close_and_then_the_day_ends() -> None:
    book = open_exchange(enter("rests", SELL, 2, "1.01"))
    tick(book, CALL)
    day = msgspec.structs.replace(enter("day", BUY, 3, "1.01"), time_in_force=DAY)
    assert not of_type(book.run(day), TradeExecuted)
    events = tick(book, CLOSES)
    assert trades(events) == [("day", "rests", 2, 1.01)]
    assert [type(event) for event in of_type(events, TradeExecuted, SessionClosed, PhaseChanged, OrderCancelled)] == [
        TradeExecuted,
        SessionClosed,
        PhaseChanged,
        OrderCancelled,
    ]
    assert ends(events) == [("day", ReasonCode.EXPIRED)]


def test_no_stop_fires_on_the_closing_price_before_the_next_session() -> None:
    stop = msgspec.structs.replace(
        enter("stop", BUY, 1, None, kind=OrderType.STOP), stop_price=SECOND, limit_price=2 * SECOND
    )
    book = open_exchange(enter("far", SELL, 5, 2), stop)
    tick(book, CALL)
    book.run_all([enter("b", BUY, 1, "1.5"), enter("s", SELL, 1, "1.5")])
    assert trades(tick(book, CLOSES)) == [("b", "s", 1, 1.5)]
    book.run(ScheduleSession("ADAUSDT", "2026-01-06", 300 * SECOND, 400 * SECOND, ()))
    assert trades(tick(book, 300 * SECOND)) == [("stop", "far", 1, 2)]


def test_what_the_auctions_would_bring_is_told_while_orders_gather() -> None:
    book = exchange(enter("moo", BUY, 3, None, kind=MARKET, tif=OPG), enter("1", SELL, 3, 1, tif=OPG))
    (told,) = of_type(tick(book, PRE_OPEN), AuctionIndicated)
    assert about(told, "auction_kind", "ends_at", "price", "matched_quantity") == (
        AuctionKind.OPENING,
        OPENS,
        SECOND,
        3 * SECOND,
    )


def test_who_tells_a_session_late_has_its_auction_at_once() -> None:
    book = book_with(**AUCTIONS)
    tick(book, CALL + 1)
    found = phases(book.run(SESSION))
    assert [phase for phase, _, _ in found] == [AUCTION, CONTINUOUS, AUCTION]


def test_nobody_cuts_the_auctions_of_a_session_short() -> None:
    book = exchange()
    tick(book, PRE_OPEN)
    assert book.run(ChangePhase("ADAUSDT", CONTINUOUS)) == []
    tick(book, CALL)
    assert book.run(ChangePhase("ADAUSDT", CONTINUOUS)) == []


def test_a_halt_in_the_pre_open_ends_in_the_pre_open_again() -> None:
    book = exchange()
    tick(book, PRE_OPEN)
    book.run(ChangePhase("ADAUSDT", HALTED))
    assert phases(book.run(ChangePhase("ADAUSDT", CONTINUOUS))) == [(AUCTION, AuctionKind.OPENING, OPENS)]


def test_a_halt_that_ends_in_the_closing_call_leads_into_the_closing_auction() -> None:
    book = open_exchange(ChangePhase("ADAUSDT", HALTED))
    tick(book, CALL)
    assert phases(book.run(ChangePhase("ADAUSDT", CONTINUOUS, auction_ns=SECOND))) == [
        (AUCTION, AuctionKind.CLOSING, CLOSES)
    ]


def test_an_auction_that_goes_on_when_the_closing_one_begins_becomes_that() -> None:
    book = open_exchange(ChangePhase("ADAUSDT", AUCTION, AuctionKind.INTRADAY, auction_ns=CLOSES))
    assert phases(tick(book, CALL)) == [(AUCTION, AuctionKind.CLOSING, CLOSES)]


@pytest.mark.parametrize(
    "changed",
    [
        {"opening_auction_ns": 1},
        {"closing_auction_ns": 1, "calendar": "XNYS", "venue": Venue.SIM},
        {"closing_auction_ns": -1, "calendar": "XNYS"},
        {"opening_auction_ns": 5 * 3_600 * SECOND, "calendar": "XNYS"},
    ],
)
def test_auctions_need_sessions_orders_that_meet_and_an_end(changed: dict[str, Any]) -> None:
    refused = of_type(Machine("order_books").run(listing(**changed)), InstrumentRefused)
    assert [event.reason_code for event in refused] == [ReasonCode.BAD_INSTRUMENT]


def test_other_lengths_count_from_the_next_session_on() -> None:
    book = exchange(listing(**AUCTIONS | {"opening_auction_ns": SECOND}))
    assert phases(tick(book, PRE_OPEN)) == [(AUCTION, AuctionKind.OPENING, OPENS)]
    tick(book, CLOSES)
    (scheduled,) = of_type(book.run(ScheduleSession("ADAUSDT", "2", 300 * SECOND, 400 * SECOND, ())), SessionScheduled)
    assert scheduled.pre_open_at == 299 * SECOND


# Orders for one auction alone.


def test_an_order_at_the_opening_waits_through_the_night_and_trades_in_the_opening_alone() -> None:
    book = exchange(enter("loo", BUY, 5, "1.02", tif=OPG))
    assert levels(book) == []
    tick(book, PRE_OPEN)
    book.run(enter("s", SELL, 3, 1))
    events = tick(book.rebuilt(), OPENS)
    assert trades(events) == [("loo", "s", 3, 1.02)]
    assert ends(events) == [("loo", ReasonCode.AUCTION_REMAINDER)]
    assert trades(tick(book, OPENS)) == [("loo", "s", 3, 1.02)]
    assert book.tables["auction_orders"].rows == {}


def test_an_order_at_the_close_does_not_trade_before_it() -> None:
    book = open_exchange(enter("loc", SELL, 2, 1, tif=CLS), enter("b", BUY, 1, 1))
    assert levels(book) == [("buy", 1, 1, ["b"])]
    tick(book, CALL)
    events = tick(book, CLOSES)
    assert trades(events) == [("b", "loc", 1, 1)]
    assert ends(events) == [("loc", ReasonCode.AUCTION_REMAINDER)]


def test_market_orders_come_before_limits_and_take_the_price_of_the_others() -> None:
    book = exchange()
    tick(book, PRE_OPEN)
    book.run_all(
        [
            enter("early", BUY, 2, "1.10"),
            enter("moo", BUY, 2, None, kind=MARKET, tif=OPG),
            enter("s", SELL, 3, 1),
        ]
    )
    assert trades(tick(book, OPENS)) == [("moo", "s", 2, 1.1), ("early", "s", 1, 1.1)]


def test_market_orders_that_meet_nobody_else_trade_at_the_last_price() -> None:
    book = open_exchange(enter("s", SELL, 1, "1.07"), enter("b", BUY, 1, "1.07"))
    book.run_all([enter(f"moc {side}", side, 2, None, kind=MARKET, tif=CLS) for side in (BUY, SELL)])
    tick(book, CALL)
    assert trades(tick(book, CLOSES)) == [("moc BUY", "moc SELL", 2, 1.07)]


def test_market_orders_alone_do_not_make_a_price() -> None:
    book = exchange(*[enter(f"moo {side}", side, 2, None, kind=MARKET, tif=OPG) for side in (BUY, SELL)])
    tick(book, PRE_OPEN)
    events = tick(book, OPENS)
    assert trades(events) == []
    assert [reason for _, reason in ends(events)] == [ReasonCode.AUCTION_REMAINDER] * 2


def test_who_comes_when_the_session_has_opened_missed_its_opening_but_not_its_close() -> None:
    book = open_exchange()
    assert ends(book.run(enter("1", BUY, 1, 1, tif=OPG))) == [("1", ReasonCode.AUCTION_MISSED)]
    assert of_type(book.run(enter("2", BUY, 1, 1, tif=CLS)), OrderRested)
    tick(book, CALL)
    assert of_type(book.run(enter("3", BUY, 1, 1, tif=CLS)), OrderRested)
    tick(book, CLOSES)
    assert of_type(book.run(enter("4", BUY, 1, 1, tif=OPG)), OrderRested), "for tomorrow"
    assert of_type(book.run(enter("5", BUY, 1, 1, tif=CLS)), OrderRested), "for tomorrow"


def test_a_session_that_opens_or_closes_without_its_auction_ends_orders_for_it() -> None:
    book = exchange(enter("loo", BUY, 1, 1, tif=OPG), enter("loc", BUY, 1, 1, tif=CLS), ChangePhase("ADAUSDT", HALTED))
    assert ends(tick(book, OPENS)) == [("loo", ReasonCode.AUCTION_REMAINDER)]
    assert ends(tick(book, CLOSES)) == [("loc", ReasonCode.AUCTION_REMAINDER)]


def test_a_session_that_was_scheduled_without_an_auction_has_none() -> None:
    book = book_with(SESSION, listing(**AUCTIONS), calendar="XNYS")
    assert ends(book.run(enter("1", BUY, 1, 1, tif=OPG))) == [("1", ReasonCode.NO_AUCTION)]
    tick(book, CLOSES)
    assert of_type(book.run(enter("2", BUY, 1, 1, tif=OPG)), OrderRested), "the next one does"


def test_an_order_for_an_auction_is_amended_and_cancelled_while_it_waits() -> None:
    book = exchange(*[enter(name, BUY, 2, 1, tif=OPG) for name in ("a", "b", "c")])
    assert of_type(book.run(replace("a", 5, 1)), OrderReplaced)
    assert ends(book.run(take_out("c"))) == [("c", ReasonCode.REQUESTED)]
    tick(book, PRE_OPEN)
    book.run(enter("s", SELL, 3, 1))
    assert trades(tick(book, OPENS)) == [("b", "s", 2, 1), ("a", "s", 1, 1)], "a larger one goes to the back"


def test_a_reset_ends_them() -> None:
    book = exchange(enter("loo", BUY, 1, 1, tif=OPG))
    assert ends(book.run(ResetBooks("r", "0"))) == [("loo", ReasonCode.RESET)]
    assert book.tables["auction_orders"].rows == {}


@pytest.mark.parametrize("is_late", [False, True])
def test_however_many_end_a_record_does_a_bounded_amount_of_work(
    is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 2)
    book = exchange(*[enter(str(n), BUY, 1, 1, tif=OPG) for n in range(5)])
    if is_late:
        book.run(ChangePhase("ADAUSDT", HALTED))
    tick(book, PRE_OPEN)
    found = [ends(tick(book, OPENS))]
    while found[-1]:
        again = ContinueMatching("ADAUSDT") if book.state.busy else Tick(is_manual=False, timestamp=OPENS)
        found.append(ends(book.rebuilt().run(again)))
        assert ends(book.run(again)) == found[-1]
    assert [len(each) for each in found] == [2, 2, 1, 0]
    assert phases(tick(book, OPENS)) == []


# What their accounts make of it.


def account(*given: Any) -> Machine:
    return accounts_with(deposit(1_000), deposit(50, "ADA"), *given, **AUCTIONS)


def refusals(events: list[Any]) -> list[ReasonCode | None]:
    return [event.reason_code for event in of_type(events, OrderEvent) if event.status is OrderStatus.REJECTED]


def test_a_buy_at_the_close_without_a_limit_holds_the_last_price_and_the_collar() -> None:
    accounts = account(marks(None, None, 2))
    accounts.run(place_market("moc", BUY, 10, tif=CLS))
    assert balance(accounts) == (1_000, 21)
    accounts.run(rested("moc"))
    (ended,) = of_type(accounts.run(cancelled("moc", 10, ReasonCode.AUCTION_REMAINDER)), OrderEvent)
    assert about(ended, "status", "exec_type", "reason_code") == (
        OrderStatus.EXPIRED,
        ExecType.EXPIRED,
        ReasonCode.AUCTION_REMAINDER,
    )
    assert balance(accounts) == (1_000, 0)


def test_a_market_order_that_waits_for_its_auction_may_have_another_quantity_and_no_price() -> None:
    accounts = account(marks(None, None, 2), place_market("moc", BUY, 10, tif=CLS), rested("moc"))
    (order,) = of_type(accounts.run(amend("moc", 20, command="larger")), ReplaceOrder)
    assert balance(accounts) == (1_000, 42)
    book = exchange(enter("moc", BUY, 10, 2.1, kind=MARKET, tif=CLS))
    (replaced,) = of_type(book.run(order), OrderReplaced)
    accounts.run(replaced)
    accounts.run(amend("moc", 5, command="smaller"))
    accounts.run(msgspec.structs.replace(replaced, quantity=units(5), leaves_quantity=units(5)))
    assert balance(accounts) == (1_000, 10.5)
    accounts.run(amend("moc", None, 3, command="with a price"))
    assert accounts.state.outcomes.get("with a price").reason_code is ReasonCode.BAD_PRICE


def test_a_sale_at_the_opening_holds_its_units_and_no_price_is_needed() -> None:
    accounts = account()
    accounts.run(place_market("moo", SELL, 10, tif=OPG))
    assert balance(accounts, asset="ADA") == (50, 10)
    assert refusals(accounts.run(place_market("buy", BUY, 10, tif=OPG))) == [ReasonCode.NO_REFERENCE_PRICE]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"order_type": OrderType.STOP, "limit_price": None, "stop_price": SECOND}, ReasonCode.UNSUPPORTED_ORDER_TYPE),
        ({"is_post_only": True}, ReasonCode.UNSUPPORTED_ORDER_TYPE),
        ({"order_type": MARKET, "limit_price": None, "slippage": 0}, ReasonCode.UNSUPPORTED_ORDER_TYPE),
        (
            {"order_type": MARKET, "limit_price": None, "quantity": 0, "notional": SECOND},
            ReasonCode.UNSUPPORTED_TIME_IN_FORCE,
        ),
        ({"take_profit_price": 3 * SECOND}, ReasonCode.UNSUPPORTED_TIME_IN_FORCE),
    ],
)
def test_only_limit_and_market_orders_are_for_an_auction_alone(changed: dict[str, Any], reason: ReasonCode) -> None:
    order = msgspec.structs.replace(place("1", tif=CLS), **changed)
    assert refusals(account(marks(2, 2, 2)).run(order)) == [reason]


def test_an_instrument_without_auctions_has_no_orders_for_them() -> None:
    accounts = accounts_with(deposit(1_000))
    assert refusals(accounts.run(place("1", tif=OPG))) == [ReasonCode.NO_AUCTION]
    assert refusals(accounts.run(place("2", tif=CLS))) == [ReasonCode.NO_AUCTION]


def test_an_order_for_an_auction_may_trade_beside_a_limit_so_they_hold_each_for_itself() -> None:
    accounts = account(
        place("limit", SELL, 10, 2, oco_group="g"), place_market("moc", SELL, 10, tif=CLS, oco_group="g")
    )
    assert balance(accounts, asset="ADA") == (50, 20)


def test_a_stop_that_ends_with_the_day_and_a_sale_at_the_close_hold_once() -> None:
    stop = place("stop", SELL, 10, None, kind=OrderType.STOP, stop_price=SECOND, oco_group="g")
    accounts = account(stop, place_market("moc", SELL, 10, tif=CLS, oco_group="g"))
    assert balance(accounts, asset="ADA") == (50, 10)


def test_listed_means_listed_for_accounts_too() -> None:
    (listed,) = of_type(Machine("order_books").run(listing(**AUCTIONS)), InstrumentListed)
    assert about(listed, "instrument_type", "opening_auction_ns") == (InstrumentType.SPOT, OPENS - PRE_OPEN)
