"""A trade too far from the others of the last five minutes pauses trading."""

from random import Random
from typing import Any

import msgspec
import pytest
from effort import seeds
from examples import BUY, FOK, MARKET, SECOND, SELL, book_with, enter, levels, replace, take_out, units
from machines import Machine, about, of_type

from domain.breaker_rows import SLICE_NS, SLICES, Breaker, BreakerRow, too_far
from schemas.enums import AuctionKind, OrderType, ReasonCode, TimeInForce, TradingPhase
from schemas.order_books import (
    BreakerRearmed,
    BreakerSet,
    BreakerTripped,
    ChangePhase,
    OrderCancelled,
    OrderReplaced,
    PhaseChanged,
    RearmBreaker,
    ResetBooks,
    SetBreaker,
    TradeExecuted,
)
from schemas.shared import Tick
from schemas.wire import NANOS

AUCTION, CONTINUOUS, HALTED = TradingPhase.AUCTION, TradingPhase.CONTINUOUS, TradingPhase.HALTED
FIVE_PERCENT = NANOS // 20
PAUSE = 30 * SECOND
WINDOW = SLICE_NS * SLICES


def breaker(limit: int = FIVE_PERCENT, *, manual: bool = False) -> SetBreaker:
    return SetBreaker("ADAUSDT", limit, PAUSE, manual)


def trade_at(book: Machine, price: str, at: int = 0) -> list[Any]:
    """One unit changes hands."""
    number = book.state.book("ADAUSDT").sequence
    return book.run(enter(f"s{number}", SELL, 1, price), at=at) + book.run(enter(f"b{number}", BUY, 1, price), at=at)


def is_open(book: Machine) -> bool:
    return book.state.book("ADAUSDT").phase is CONTINUOUS


def phases(events: list[Any]) -> list[tuple[Any, ...]]:
    return [about(event, "phase", "auction_kind", "ends_at") for event in of_type(events, PhaseChanged)]


@pytest.mark.parametrize(
    ("price", "trips"),
    [("2.09", False), ("2.10", True), ("2.11", True), ("1.91", False), ("1.90", True), ("1.89", True)],
)
def test_it_trips_at_exactly_the_limit_up_and_down(price: str, trips: bool) -> None:
    book = book_with(breaker())
    assert not of_type(trade_at(book, "2.00"), BreakerTripped)
    events = trade_at(book, price)
    assert bool(of_type(events, BreakerTripped)) == trips == (not is_open(book))
    assert len(of_type(events, TradeExecuted)) == 1, "the trade stands"


def test_the_limit_may_be_no_whole_number_of_ticks() -> None:
    book = book_with(breaker(33_333_333))
    trade_at(book, "3.00")
    assert not of_type(trade_at(book, "3.09"), BreakerTripped)
    assert of_type(trade_at(book, "3.10"), BreakerTripped)
    assert too_far(33_333_333, units(3) + 99_999_999, units(3), units(3)) == units(3)
    assert too_far(33_333_333, units(3) + 99_999_998, units(3), units(3)) is None


def test_it_says_why_and_orders_gather_until_the_book_reopens() -> None:
    book = book_with(breaker())
    trade_at(book, "2.00", at=SECOND)
    events = trade_at(book, "2.20", at=2 * SECOND)
    (tripped,) = of_type(events, BreakerTripped)
    (trade,) = of_type(events, TradeExecuted)
    assert about(tripped, "price", "reference_price", "limit_rate", "trade_id", "order_id", "account_id") == (
        units("2.20"),
        units("2.00"),
        FIVE_PERCENT,
        trade.trade_id,
        trade.order_id,
        "ann",
    )
    assert phases(events) == [(AUCTION, AuctionKind.VOLATILITY, 2 * SECOND + PAUSE)]
    assert not of_type(book.run(enter("1", BUY, 5, "2.30")), OrderCancelled)
    assert not of_type(book.run(enter("2", SELL, 3, "2.30")), TradeExecuted)
    assert of_type(book.run(enter("3", SELL, 1, None, kind=MARKET)), OrderCancelled)[0].reason_code == "NOT_IN_AUCTION"
    assert of_type(book.run(take_out("2")), OrderCancelled), "cancels still work"
    book.run(enter("4", SELL, 2, "2.30"))
    assert not of_type(book.run(Tick(is_manual=False, timestamp=2 * SECOND + PAUSE - 1)), TradeExecuted)
    events = book.run(Tick(is_manual=False, timestamp=2 * SECOND + PAUSE))
    assert [trade.is_auction for trade in of_type(events, TradeExecuted)] == [True]
    assert is_open(book)


def test_after_a_pause_the_price_of_the_auction_is_what_counts() -> None:
    book = book_with(breaker())
    trade_at(book, "2.00")
    trade_at(book, "2.20")
    book.run_all([enter("1", BUY, 1, "2.30"), enter("2", SELL, 1, "2.30")])
    book.run(Tick(is_manual=False, timestamp=PAUSE))
    assert is_open(book)
    assert not of_type(trade_at(book, "2.20"), BreakerTripped), "not far from 2.30, whatever was before"
    assert of_type(trade_at(book, "2.41"), BreakerTripped)[0].reference_price == units("2.20")


@pytest.mark.parametrize(("tif", "kind"), [("GTC", "LIMIT"), ("IOC", "LIMIT"), ("GTC", "MARKET")])
def test_what_is_left_of_the_order_that_tripped_it_trades_no_further(tif: str, kind: str) -> None:
    book = book_with(breaker())
    trade_at(book, "2.00")
    book.run_all([enter(f"a{n}", SELL, 1, price) for n, price in enumerate(["2.05", "2.10", "2.10", "2.11"])])
    price = None if kind == "MARKET" else "2.50"
    events = book.run(enter("buy", BUY, 4, price, kind=OrderType[kind], tif=TimeInForce[tif]))
    assert [trade.sell_order_id for trade in of_type(events, TradeExecuted)] == ["a0", "a1"]
    ended = [(event.order_id, event.quantity, event.reason_code) for event in of_type(events, OrderCancelled)]
    if kind == "MARKET":
        assert ended == [("buy", units(2), ReasonCode.MARKET_REMAINDER)]
    elif tif == "IOC":
        assert ended == [("buy", units(2), ReasonCode.IOC_REMAINDER)]
    else:
        assert ended == []
        assert levels(book)[0] == ("buy", 2.5, 2, ["buy"]), "it waits for the auction"


def test_all_or_nothing_is_nothing_where_it_would_be_cut_short() -> None:
    book = book_with(breaker())
    trade_at(book, "2.00")
    book.run_all([enter(f"a{n}", SELL, 1, price) for n, price in enumerate(["2.05", "2.10", "2.10"])])
    (event,) = of_type(book.run(enter("3", BUY, 3, "2.50", tif=FOK)), OrderCancelled)
    assert event.reason_code is ReasonCode.FOK_UNFILLABLE
    assert is_open(book)
    events = book.run(enter("2", BUY, 2, "2.50", tif=FOK))
    assert len(of_type(events, TradeExecuted)) == 2
    assert of_type(events, BreakerTripped)


def test_where_it_is_set_so_the_book_is_halted_until_an_operator_arms_it_again() -> None:
    book = book_with(breaker(manual=True))
    trade_at(book, "2.00")
    assert phases(trade_at(book, "2.20")) == [(HALTED, AuctionKind.UNKNOWN, 0)]
    book = book.rebuilt()
    for phase in (CONTINUOUS, AUCTION):
        assert phases(book.run(ChangePhase("ADAUSDT", phase, auction_ns=SECOND))) == []
    events = book.run(RearmBreaker("ADAUSDT", SECOND), at=SECOND)
    assert len(of_type(events, BreakerRearmed)) == 1
    assert phases(events) == [(AUCTION, AuctionKind.REOPENING, 2 * SECOND)]
    assert book.run(RearmBreaker("ADAUSDT", SECOND)) == [], "once is enough"
    book.run(Tick(is_manual=False, timestamp=2 * SECOND))
    assert is_open(book)


def test_who_takes_a_breaker_away_may_resume_a_book_that_it_halted() -> None:
    book = book_with(breaker(manual=True))
    trade_at(book, "2.00")
    trade_at(book, "2.20")
    assert [event.limit_rate for event in of_type(book.run(breaker(0)), BreakerSet)] == [0]
    assert not list(book.state.breakers.scan())
    assert phases(book.run(ChangePhase("ADAUSDT", CONTINUOUS))) == [(CONTINUOUS, AuctionKind.UNKNOWN, 0)]
    assert not of_type(trade_at(book, "5.00"), BreakerTripped)


def test_a_breaker_is_set_for_listed_instruments_and_forgotten_with_a_reset() -> None:
    book = book_with(breaker())
    assert book.run(SetBreaker("NONE", FIVE_PERCENT, PAUSE)) == []
    book.run(ResetBooks("r", "0"))
    assert not list(book.state.breakers.scan())


def test_prices_count_for_five_minutes_and_less_than_a_slice_more() -> None:
    for later, trips in ((WINDOW, True), (WINDOW + SLICE_NS - 1, True), (WINDOW + SLICE_NS, False)):
        book = book_with(breaker())
        trade_at(book, "2.00", at=10 * SLICE_NS)
        assert bool(of_type(trade_at(book, "2.10", at=10 * SLICE_NS + later), BreakerTripped)) == trips


@pytest.mark.parametrize("seed", seeds(30))
def test_it_finds_what_a_look_at_every_price_would_find_in_little_room(seed: int) -> None:
    rng = Random(seed)
    limit, now, price = rng.choice((NANOS // 100, NANOS // 10)), 0, 1_000
    kept, seen = Breaker(BreakerRow(limit)), []
    for _ in range(2_000):
        now += rng.choice((0, 1, SECOND, 20 * SECOND, 200 * SECOND))
        price = max(1, price + rng.choice((-3, -1, 0, 1, 1, 1, 3)))
        seen = [(time, old) for time, old in [*seen, (now, price)] if time // SLICE_NS >= now // SLICE_NS - SLICES]
        kept.take(price, now)
        is_far = any(abs(price - old) * NANOS >= limit * old for _, old in seen)
        assert (kept.far_from(price) is not None) == is_far
        assert kept.extremes(now) == (min(old for _, old in seen), max(old for _, old in seen))
        assert max(len(kept.row().lows), len(kept.row().highs)) <= SLICES + 1
        if rng.random() < 0.1:
            kept = Breaker(kept.row())


def test_a_shard_that_begins_anew_trips_at_the_same_trade() -> None:
    book = book_with(breaker())
    trade_at(book, "2.00")
    trade_at(book, "2.04")
    assert of_type(trade_at(book.rebuilt(), "2.10"), BreakerTripped)[0].reference_price == units("2.00")


def test_a_stop_that_a_pause_kept_from_acting_keeps_its_place_whatever_is_amended() -> None:
    """The first stop trips the breaker; the others act when trading goes on, in their order, restored or not."""
    book = book_with(breaker())
    trade_at(book, "2.00")
    bids = ["1.99", "1.90", "1.89", "1.88", "1.87"]
    book.run_all([enter(f"bid{number}", BUY, 1, price) for number, price in enumerate(bids)])
    for number in ("x", "y", "z"):
        stop = enter(number, SELL, 1, None, kind=OrderType.STOP)
        book.run(msgspec.structs.replace(stop, stop_price=units("1.99")))
    events = book.run(enter("s", SELL, 1, "1.99"))
    assert [trade.sell_order_id for trade in of_type(events, TradeExecuted)] == ["s", "x"]
    assert of_type(events, BreakerTripped)
    assert of_type(book.run(replace("y", 2, 0)), OrderReplaced)
    for each in (book.rebuilt(), book):
        events = each.run(Tick(is_manual=False, timestamp=PAUSE))
        assert [trade.sell_order_id for trade in of_type(events, TradeExecuted)] == ["y", "y", "z"]
