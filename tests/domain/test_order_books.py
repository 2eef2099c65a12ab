from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from days import check_books
from effort import EFFORT, seeds
from examples import (
    BUY,
    CENT,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    SECOND,
    SELL,
    book_with,
    enter,
    levels,
    listing,
    replace,
    take_out,
    units,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import Machine, about, of_type
from naive_book import Cancelled, NaiveBook, Trade

from domain import trade_evolution
from domain.book_events import Rested
from domain.book_rows import MARKS_INTERVAL_NS_MIN
from domain.books import crosses
from domain.levels import STALE_PRICES_MAX
from domain.trades import Fill, fills_of
from schemas.accounts import ResetAccounts
from schemas.enums import Liquidity, ReasonCode, TimeInForce
from schemas.order_books import (
    CancelRefused,
    EnterOrder,
    InstrumentListed,
    InstrumentRefused,
    MarkPrices,
    OrderCancelled,
    OrderReplaced,
    OrderRested,
    ReplaceOrder,
    ReplaceRefused,
    ResetBooks,
    TradeExecuted,
)
from schemas.positions import ResetPositions
from schemas.shared import Tick
from schemas.wire import NANOS

FLOWS, COMMANDS_PER_FLOW = 50, 1_000


def traded(events: list[Any]) -> list[tuple[str, str, float, float]]:
    """Taker, maker, quantity and price of each trade."""
    return [
        (
            trade.order_id,
            trade.sell_order_id if trade.side is BUY else trade.buy_order_id,
            trade.quantity / NANOS,
            trade.price / NANOS,
        )
        for trade in of_type(events, TradeExecuted)
    ]


def fills(events: list[Any]) -> list[Fill]:
    """Both sides of each trade."""
    return [fill for trade in of_type(events, TradeExecuted) for fill in fills_of(trade)]


def ended(events: list[Any]) -> list[tuple[str, float, ReasonCode]]:
    return [(event.order_id, event.quantity / NANOS, event.reason_code) for event in of_type(events, OrderCancelled)]


# Price, then time.


def test_an_order_without_a_counterparty_rests_and_says_so() -> None:
    book = book_with()
    events = book.run(enter("1", BUY, 10, 2))
    assert [type(event) for event in events] == [Rested, OrderRested]
    assert levels(book) == [("buy", 2, 10, ["1"])]


def test_the_best_price_trades_first_then_the_oldest_at_the_price_that_rested() -> None:
    book = book_with(enter("1", SELL, 7, "2.05"), enter("2", SELL, 4, "2.03"), enter("3", SELL, 6, "2.05"))
    events = book.run(enter("4", BUY, 13, "2.06"))
    assert traded(events) == [("4", "2", 4, 2.03), ("4", "1", 7, 2.05), ("4", "3", 2, 2.05)]
    assert levels(book) == [("sell", 2.05, 4, ["3"])]


def test_a_seller_takes_the_highest_bids_first() -> None:
    book = book_with(enter("1", BUY, 1, 2), enter("2", BUY, 1, 3), enter("3", BUY, 1, "2.5"))
    assert traded(book.run(enter("4", SELL, 3, 2))) == [("4", "2", 1, 3), ("4", "3", 1, 2.5), ("4", "1", 1, 2)]


def test_what_does_not_cross_does_not_trade() -> None:
    book = book_with(enter("1", SELL, 1, 3))
    assert traded(book.run(enter("2", BUY, 1, "2.99"))) == []
    assert [level[:2] for level in levels(book)] == [("buy", 2.99), ("sell", 3)]
    assert crosses(BUY, 3, 3)
    assert crosses(SELL, 3, 3)
    assert not crosses(SELL, 4, 3)


def test_what_is_left_of_a_trade_rests_without_saying_that_it_is_new() -> None:
    book = book_with(enter("1", SELL, 4, 2))
    events = book.run(enter("2", BUY, 10, 2))
    assert not of_type(events, OrderRested)
    assert levels(book) == [("buy", 2, 6, ["2"])]


def test_a_trade_names_both_sides_and_is_told_to_both_accounts_maker_first() -> None:
    book = book_with(enter("1", SELL, 4, 2, account="bob"))
    events = book.run(enter("2", BUY, 10, 3), at=77)
    (trade,) = of_type(events, TradeExecuted)
    assert about(trade, "buy_order_id", "sell_order_id", "buy_account_id", "sell_account_id") == (
        "2",
        "1",
        "ann",
        "bob",
    )
    assert about(trade, "quantity", "price", "execution_price", "base", "quote") == (
        units(4),
        units(2),
        units(2),
        "ADA",
        "USDT",
    )
    assert about(trade, "trade_id", "sequence", "execution_time", "venue") == ("100", 2, 77, "INTERNAL")
    maker, taker = fills(events)
    assert about(maker, "order_id", "account_id", "side", "liquidity", "leaves_quantity") == (
        "1",
        "bob",
        SELL,
        Liquidity.MAKER,
        0,
    )
    assert about(taker, "order_id", "account_id", "side", "liquidity", "leaves_quantity") == (
        "2",
        "ann",
        BUY,
        Liquidity.TAKER,
        units(6),
    )
    assert maker.trade_id == taker.trade_id == trade.trade_id
    assert maker.value == taker.value == units(8)


def test_trade_ids_tell_the_shard_and_never_come_twice() -> None:
    book = Machine("order_books", 3)
    book.run_all([listing(), enter("1", SELL, 1, 2), enter("2", SELL, 1, 2)])
    assert [trade.trade_id for trade in of_type(book.run(enter("3", BUY, 2, 2)), TradeExecuted)] == ["103", "203"]


def test_fees_follow_the_role_and_add_up_over_an_order_as_if_it_were_one_fill() -> None:
    rates = {"maker_fee": NANOS // 3, "taker_fee": 7 * NANOS // 100}
    book = book_with(enter("1", SELL, 1, "0.01", **rates), enter("2", SELL, 1, "0.02", **rates), lot=NANOS)
    both = fills(book.run(enter("3", BUY, 2, "0.02", **rates)))
    assert [about(fill, "order_id", "fee") for fill in both] == [
        ("1", 3_333_333),
        ("3", 700_000),
        ("2", 6_666_667),
        ("3", 1_400_000),
    ]
    assert both[3].fee_accrued == 3 * CENT * rates["taker_fee"]


def test_an_order_that_rested_pays_as_a_maker_even_if_it_took_before() -> None:
    rates = {"maker_fee": NANOS // 100, "taker_fee": NANOS // 10}
    book = book_with(enter("1", SELL, 1, 1, **rates), enter("2", BUY, 2, 1, **rates))
    maker = fills(book.run(enter("3", SELL, 1, 1, **rates)))[0]
    assert about(maker, "order_id", "liquidity", "fee") == ("2", Liquidity.MAKER, NANOS // 100)
    assert maker.fee_accrued == NANOS * (rates["maker_fee"] + rates["taker_fee"])


def test_an_account_may_trade_with_itself() -> None:
    book = book_with(enter("1", SELL, 1, 2), enter("2", BUY, 1, 2))
    assert levels(book) == []


# Orders that do not rest.


def test_the_rest_of_immediate_or_cancel_is_cancelled() -> None:
    book = book_with(enter("1", SELL, 4, "0.88"))
    events = book.run(enter("2", BUY, 9, "0.90", tif=IOC))
    assert traded(events) == [("2", "1", 4, 0.88)]
    assert ended(events) == [("2", 5, ReasonCode.IOC_REMAINDER)]
    assert levels(book) == []


def test_fill_or_kill_is_all_or_nothing() -> None:
    book = book_with(enter("1", SELL, 4, "0.88"), enter("9", SELL, 9, "0.91"))
    killed = book.run(enter("2", BUY, 5, "0.90", tif=FOK))
    assert traded(killed) == []
    assert ended(killed) == [("2", 5, ReasonCode.FOK_UNFILLABLE)]
    filled = book.run(enter("3", BUY, 4, "0.88", tif=FOK))
    assert traded(filled) == [("3", "1", 4, 0.88)]
    assert ended(filled) == []


def test_fill_or_kill_counts_all_levels_within_its_price() -> None:
    book = book_with(enter("1", BUY, 4, 3), enter("2", BUY, 4, 2), enter("3", BUY, 4, 1))
    assert ended(book.run(enter("4", SELL, 9, 2, tif=FOK))) == [("4", 9, ReasonCode.FOK_UNFILLABLE)]
    assert traded(book.run(enter("5", SELL, 8, 2, tif=FOK))) == [("5", "1", 4, 3), ("5", "2", 4, 2)]


def test_the_rest_of_a_market_order_is_cancelled() -> None:
    book = book_with(enter("1", BUY, 4, "0.01"))
    events = book.run(enter("2", SELL, 5, None, kind=MARKET))
    assert traded(events) == [("2", "1", 4, 0.01)]
    assert ended(events) == [("2", 1, ReasonCode.MARKET_REMAINDER)]


def test_a_market_buy_stops_at_the_price_it_is_covered_to() -> None:
    book = book_with(enter("1", SELL, 4, 1), enter("2", SELL, 4, "1.06"))
    events = book.run(enter("3", BUY, 8, "1.05", kind=MARKET, tif=IOC))
    assert traded(events) == [("3", "1", 4, 1)]
    assert ended(events) == [("3", 4, ReasonCode.MARKET_REMAINDER)]


def test_an_order_for_a_symbol_that_is_not_listed_is_refused() -> None:
    events = book_with().run(enter("1", BUY, 1, 1, symbol="NONE"))
    assert ended(events) == [("1", 1, ReasonCode.UNKNOWN_SYMBOL)]


def test_an_order_id_that_another_account_uses_is_refused_and_harms_nobody() -> None:
    book = book_with(enter("1", BUY, 10, 2, account="ann"))
    assert ended(book.run(enter("1", BUY, 3, 1, account="bob"))) == [("1", 3, ReasonCode.DUPLICATE_ORDER_ID)]
    assert ended(book.run(enter("1", SELL, 3, 1, account="bob", tif=IOC))) == [("1", 3, ReasonCode.DUPLICATE_ORDER_ID)]
    assert levels(book) == [("buy", 2, 10, ["1"])]
    assert traded(book.run(enter("2", SELL, 10, 2, account="cid"))) == [("2", "1", 10, 2)]
    assert levels(book) == []


# Amending and cancelling.


def test_a_cancel_takes_out_what_is_left() -> None:
    book = book_with(enter("1", BUY, 10, 2), enter("2", SELL, 4, 2))
    assert ended(book.run(take_out("1"))) == [("1", 6, ReasonCode.REQUESTED)]
    assert levels(book) == []


@pytest.mark.parametrize("command", [take_out("none"), take_out("1", account="bob")])
def test_what_is_not_there_or_another_ones_cannot_be_cancelled(command: Any) -> None:
    book = book_with(enter("1", BUY, 10, 2))
    (refused,) = of_type(book.run(command), CancelRefused)
    assert refused.reason_code is ReasonCode.TOO_LATE
    assert levels(book) == [("buy", 2, 10, ["1"])]


@pytest.mark.parametrize("command", [replace("none", 1, 2), replace("1", 1, 2, account="bob")])
def test_what_is_not_there_or_another_ones_cannot_be_amended(command: Any) -> None:
    book = book_with(enter("1", BUY, 10, 2))
    (refused,) = of_type(book.run(command), ReplaceRefused)
    assert refused.reason_code is ReasonCode.TOO_LATE
    assert levels(book) == [("buy", 2, 10, ["1"])]


def test_smaller_at_the_same_price_keeps_the_place_and_larger_loses_it() -> None:
    book = book_with(enter("1", BUY, 9, 71), enter("2", BUY, 9, 71), replace("1", 6, 71))
    assert traded(book.run(enter("3", SELL, 8, 71))) == [("3", "1", 6, 71), ("3", "2", 2, 71)]
    book.run_all([replace("2", 11, 71), enter("4", BUY, 2, 71)])
    assert traded(book.run(enter("5", SELL, 3, 70))) == [("5", "2", 3, 71)]
    assert levels(book) == [("buy", 71, 8, ["2", "4"])]


def test_the_three_asks_of_the_order_api_trade_in_the_order_that_their_amends_left() -> None:
    asks = [enter(name, SELL, 5, 101) for name in ("A1", "A2", "A4")]
    book = book_with(*asks, replace("A1", 3, 101), replace("A2", 9, 101))
    assert levels(book) == [("sell", 101, 17, ["A1", "A4", "A2"])]
    assert traded(book.run(enter("bid", BUY, 10, 101))) == [
        ("bid", "A1", 3, 101),
        ("bid", "A4", 5, 101),
        ("bid", "A2", 2, 101),
    ]
    assert ended(book.run(take_out("A2"))) == [("A2", 7, ReasonCode.REQUESTED)]
    assert of_type(book.run(take_out("A1")), CancelRefused)
    assert of_type(book.run(replace("A4", 9, 101)), ReplaceRefused)
    assert levels(book) == []


def test_the_same_once_more_keeps_the_place() -> None:
    book = book_with(enter("1", BUY, 9, 2), enter("2", BUY, 9, 2), replace("1", 9, 2))
    assert levels(book) == [("buy", 2, 18, ["1", "2"])]


def test_another_price_goes_to_the_back_of_its_level() -> None:
    book = book_with(enter("1", BUY, 9, 2), enter("2", BUY, 9, 1), replace("1", 5, 1))
    assert levels(book) == [("buy", 1, 14, ["2", "1"])]


def test_an_amend_into_a_cross_trades_at_the_resting_price_as_a_taker() -> None:
    book = book_with(enter("1", SELL, 5, 120), enter("2", BUY, 6, 110))
    events = book.run(replace("2", 6, 121))
    assert traded(events) == [("2", "1", 5, 120)]
    assert about(of_type(events, OrderReplaced)[0], "quantity", "limit_price", "leaves_quantity") == (
        units(6),
        units(121),
        units(6),
    )
    assert [about(fill, "order_id", "liquidity") for fill in fills(events)] == [
        ("1", Liquidity.MAKER),
        ("2", Liquidity.TAKER),
    ]
    assert levels(book) == [("buy", 121, 1, ["2"])]
    assert not of_type(events, OrderRested)


@pytest.mark.parametrize("total", [1, 3, 4])
def test_a_total_that_is_filled_already_closes_the_order(total: int) -> None:
    book = book_with(enter("1", BUY, 10, 2), enter("2", SELL, 4, 2))
    (replaced,) = of_type(book.run(replace("1", total, 3)), OrderReplaced)
    assert about(replaced, "quantity", "leaves_quantity") == (units(4), 0)
    assert levels(book) == []


# Listing.


def test_a_listing_is_told_to_everybody_and_may_change_its_fees() -> None:
    book = Machine("order_books")
    assert [type(event) for event in book.run(listing())] == [InstrumentListed]
    book.run(enter("1", BUY, 1, 1))
    (listed,) = book.run(listing(maker_fee_rate=5, taker_fee_rate=6))
    assert about(listed, "symbol", "maker_fee_rate", "taker_fee_rate") == ("ADAUSDT", 5, 6)


@pytest.mark.parametrize("changed", [{"tick": 1, "lot": NANOS}, {"multiplier": units(10)}, {"quote": "USD"}])
def test_what_prices_and_quantities_mean_cannot_change_while_orders_may_be_on_their_way(
    changed: dict[str, Any],
) -> None:
    (refused,) = book_with().run(listing(**changed))
    assert type(refused) is InstrumentRefused
    assert refused.reason_code is ReasonCode.NO_CHANGE


def test_what_cannot_be_traded_exactly_is_not_listed() -> None:
    (refused,) = Machine("order_books").run(listing(tick=1))
    assert about(refused, "symbol", "reason_code") == ("ADAUSDT", ReasonCode.BAD_PRICE)


# Marks.


def marks_in(events: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (mark.symbol, *(price and price / NANOS for price in (mark.bid, mark.ask, mark.last)))
        for event in of_type(events, MarkPrices)
        for mark in event.marks
    ]


def test_a_change_of_the_best_prices_is_told_at_once_if_none_was_told_lately() -> None:
    book = book_with()
    assert marks_in(book.run(enter("1", BUY, 10, 2), at=SECOND)) == [("ADAUSDT", 2, None, None)]
    assert marks_in(book.run(enter("2", SELL, 1, 2), at=2 * SECOND)) == [("ADAUSDT", 2, None, 2)]


def test_marks_go_out_at_most_eight_times_a_second() -> None:
    book = book_with()
    sent = [
        now
        for number, now in enumerate(range(SECOND, 2 * SECOND, 7_000_000))
        if marks_in(book.run(enter(str(number), BUY, 1, 1 + number), at=now))
    ]
    assert len(sent) == 8
    assert all(later - earlier >= MARKS_INTERVAL_NS_MIN for earlier, later in pairwise(sent))


def test_what_had_to_wait_is_told_at_the_deadline_the_last_price_only() -> None:
    book = book_with()
    deadline = book.noun.deadline
    assert deadline(book.state) is None
    book.run(enter("1", BUY, 1, 1), at=SECOND)
    assert deadline(book.state) is None
    for number in range(2, 5):
        assert marks_in(book.run(enter(str(number), BUY, 1, number), at=SECOND + number)) == []
    due = deadline(book.state)
    assert due == SECOND + MARKS_INTERVAL_NS_MIN
    assert marks_in(book.run(Tick(is_manual=False), at=due - 1)) == []
    assert marks_in(book.run(Tick(is_manual=False), at=due)) == [("ADAUSDT", 4, None, None)]
    assert deadline(book.state) is None


def test_a_price_that_came_back_is_not_told() -> None:
    book = book_with()
    book.run(enter("1", BUY, 1, 1), at=SECOND)
    book.run(enter("2", BUY, 1, 2), at=SECOND + 1)
    book.run(take_out("2"), at=SECOND + 2)
    assert book.run(Tick(is_manual=False), at=2 * SECOND) == []
    assert book.noun.deadline(book.state) is None


def test_marks_of_many_symbols_come_in_one_record_in_order_of_the_symbols() -> None:
    book = book_with(*(listing(symbol=symbol) for symbol in "CAB"))
    book.run(enter("0", BUY, 1, 1), at=SECOND)
    for symbol in "CAB":
        book.run(enter(symbol, BUY, 1, 1, symbol=symbol), at=SECOND + 1)
    events = book.run(Tick(is_manual=False), at=2 * SECOND)
    assert len(of_type(events, MarkPrices)) == 1
    assert [mark[0] for mark in marks_in(events)] == ["A", "B", "C"]


# Reset.


def test_a_reset_waits_for_every_account_shard_then_cancels_all_and_tells_everybody() -> None:
    book = Machine("order_books", 1, {"accounts": 2})
    book.run_all([listing(), listing(symbol="B"), enter("2", BUY, 2, 1), enter("1", BUY, 1, 1), enter("3", SELL, 1, 1)])
    book.run(enter("0", SELL, 3, 9, symbol="B"))
    assert not of_type(book.run(ResetBooks("r", "0")), OrderCancelled, ResetAccounts)
    events = book.run(ResetBooks("r", "1"))
    assert ended(events) == [("2", 1, ReasonCode.RESET), ("1", 1, ReasonCode.RESET), ("0", 3, ReasonCode.RESET)]
    assert of_type(events, ResetAccounts) == [ResetAccounts("r", "1")]
    assert of_type(events, ResetPositions) == [ResetPositions("r", "1")]
    assert book.snapshot()["trades"] == book.snapshot()["orders"] == {}
    assert book.state.books.get("ADAUSDT").last is None


def test_numbers_go_on_after_a_reset() -> None:
    book = book_with(enter("1", BUY, 1, 1), enter("2", SELL, 1, 1), ResetBooks("r", "0"), enter("1", BUY, 1, 1))
    (trade,) = of_type(book.run(enter("2", SELL, 1, 1)), TradeExecuted)
    assert trade.trade_id == "200"
    assert trade.sequence > 3


def test_who_asks_twice_for_the_same_reset_gets_one() -> None:
    book = book_with(ResetBooks("r", "0"), enter("1", BUY, 1, 1))
    assert book.run(ResetBooks("r", "0")) == []
    assert levels(book) == [("buy", 1, 1, ["1"])]


# Bounds.


def test_old_trades_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trade_evolution, "TRADES_KEPT_MAX", 3)
    book = book_with(enter("0", SELL, 9, 1))
    for number in range(5):
        book.run(enter(f"b{number}", BUY, 1, 1))
    assert sorted(row.buy_order_id for _, row in book.state.trades.scan()) == ["b2", "b3", "b4"]


def test_prices_behind_the_best_do_not_pile_up() -> None:
    book = book_with(enter("best", BUY, 1, 100))
    for number in range(2_000):
        book.run_all([enter("x", BUY, 1, 1 + number % 90), take_out("x")])
    bids = book.state.book("ADAUSDT").bids
    assert len(bids._heap) <= 2 * len(bids.levels) + STALE_PRICES_MAX
    book.run_all([enter("low", BUY, 1, 3), take_out("best")])
    assert bids.best_price == units(3)
    book.run(take_out("low"))
    assert bids.best_price is None


# Against a book that is obviously right.


class Both:
    """The same commands for our book and for the naive one; prices in cents, quantities in whole units."""

    def __init__(self) -> None:
        self.book, self.naive, self.trade_count = book_with(), NaiveBook(), 0

    def run(self, kind: str, order: str, *, is_buy: bool, quantity: int, price: int) -> list[Any]:
        events = self.book.run(self._command(kind, order, is_buy=is_buy, quantity=quantity, price=price))
        assert self._told(events) == self._expected(kind, order, is_buy=is_buy, quantity=quantity, price=price)
        assert self._levels() == self.naive.levels()
        self.trade_count += len(of_type(events, TradeExecuted))
        return events

    @staticmethod
    def _command(kind: str, order: str, *, is_buy: bool, quantity: int, price: int) -> Any:
        if kind == "cancel":
            return take_out(order)
        if kind == "amend":
            return ReplaceOrder(order, "ann", "ADAUSDT", quantity * NANOS, price * CENT)
        tif = {"ioc": IOC, "fok": FOK, "market": TimeInForce.GTC}.get(kind, GTC)
        side = BUY if is_buy else SELL
        type_, limit = (MARKET, price * CENT if is_buy else None) if kind == "market" else (LIMIT, price * CENT)
        return EnterOrder(order, "ann", "ADAUSDT", 1, side, type_, quantity * NANOS, tif, 0, 0, limit)

    def _expected(self, kind: str, order: str, *, is_buy: bool, quantity: int, price: int) -> list[Any]:
        naive = self.naive
        if kind == "cancel":
            return naive.cancel(order)
        if kind == "amend":
            return naive.amend(order, quantity, price)
        if naive.find(order) is not None:
            return [Cancelled(order, quantity, "duplicate")]
        if kind == "market":
            return naive.market(order, quantity, price if is_buy else 0, is_buy=is_buy)
        return naive.limit(order, quantity, price, is_buy=is_buy, tif=kind)

    @staticmethod
    def _told(events: list[Any]) -> list[Any]:
        reasons = {
            ReasonCode.IOC_REMAINDER: "ioc",
            ReasonCode.FOK_UNFILLABLE: "fok",
            ReasonCode.MARKET_REMAINDER: "market",
            ReasonCode.REQUESTED: "user",
            ReasonCode.DUPLICATE_ORDER_ID: "duplicate",
        }
        found: list[Any] = []
        for event in of_type(events, TradeExecuted, OrderCancelled):
            if type(event) is TradeExecuted:
                maker = event.sell_order_id if event.side is BUY else event.buy_order_id
                found.append(Trade(event.order_id, maker, event.quantity // NANOS, event.price // CENT))
            else:
                found.append(Cancelled(event.order_id, event.quantity // NANOS, reasons[event.reason_code]))
        return found

    def _levels(self) -> list[Any]:
        book = self.book.state.book("ADAUSDT")
        return [
            (name, price // CENT, sum(order.leaves for order in level.values()) // NANOS, list(level))
            for name, side in (("buy", book.bids), ("sell", book.asks))
            for price, level in side.from_best()
        ]


kinds = st.sampled_from(("gtc", "gtc", "gtc", "ioc", "fok", "market", "cancel", "amend", "amend"))
steps = st.tuples(kinds, st.integers(0, 12), st.booleans(), st.integers(1, 9), st.integers(1, 6))


@given(st.lists(steps, max_size=40))
@settings(max_examples=100 * EFFORT)
def test_a_short_flow_brings_what_the_naive_book_says(flow: list[Any]) -> None:
    both = Both()
    for kind, order, is_buy, quantity, price in flow:
        both.run(kind, str(order), is_buy=is_buy, quantity=quantity, price=price)


@pytest.mark.parametrize("seed", seeds(FLOWS))
def test_a_long_flow_brings_what_the_naive_book_says(seed: int) -> None:
    rng = Random(seed)
    both = Both()
    middle, width = 50, rng.choice((1, 3, 10))
    for number in range(COMMANDS_PER_FLOW):
        kind = rng.choices(("gtc", "ioc", "fok", "market", "cancel", "amend"), (50, 6, 6, 4, 20, 14))[0]
        order = str(number)
        if kind in ("cancel", "amend"):
            order = str(max(0, number - int(rng.expovariate(0.05))))
        price = max(1, middle + rng.randint(-width, width))
        middle = max(20, middle + rng.choice((-1, 0, 0, 0, 0, 1)))
        both.run(kind, order, is_buy=rng.random() < 0.5, quantity=rng.randint(1, 9), price=price)
        if number % 100 == 0:
            check_books(both.book.state)
    assert both.trade_count > COMMANDS_PER_FLOW // 10


@pytest.mark.parametrize("seed", seeds(4))
def test_memory_may_be_lost_and_records_taken_back_anywhere(seed: int) -> None:
    """From any point, a book that is made of the rows behaves as the one that lived on, and so does one that took a
    record back."""
    rng = Random(seed)
    book = book_with(listing(symbol="B"))
    for number in range(250):
        order, symbol = str(rng.randint(0, number)), rng.choice(("ADAUSDT", "B"))
        side, quantity, price = rng.choice((BUY, SELL)), rng.randint(1, 9), rng.randint(1, 5)
        command = rng.choice(
            (
                enter(str(number), side, quantity, price, symbol=symbol, maker_fee=3, taker_fee=NANOS // 7),
                enter(str(number), side, quantity, price, symbol=symbol, tif=rng.choice((IOC, FOK))),
                replace(order, quantity, price, symbol=symbol),
                take_out(order, symbol=symbol),
                Tick(is_manual=False),
            )
        )
        now = book.now + rng.randrange(60_000_000)
        twin, before, mark = book.rebuilt(), book.snapshot(), len(book.undo)
        assert book.noun.deadline(twin.state) == (book.noun.deadline(book.state) if twin.state.unmarked else None)
        book.run(enter("gone", side, 50, price, symbol=symbol), at=now)
        book.take_back(mark)
        assert book.snapshot() == before
        assert book.run(command, at=now) == twin.run(command, at=now)
        assert book.snapshot() == twin.snapshot()
        check_books(twin.state)


def test_an_amend_cuts_no_iceberg_into_more_slices_than_one_may_have() -> None:
    iceberg = msgspec.structs.replace(enter("1", SELL, 10, 2), display_quantity=units("0.01"))
    machine = book_with(iceberg)
    (refused,) = of_type(machine.run(replace("1", "10.001", 2)), ReplaceRefused)
    assert refused.reason_code is ReasonCode.BAD_QUANTITY
    assert of_type(machine.run(replace("1", 10, 3)), OrderReplaced)
