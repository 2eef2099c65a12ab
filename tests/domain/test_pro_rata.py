"""Orders at one price trade in parts, where an instrument is listed so."""

from collections import OrderedDict
from typing import Any

import msgspec
import pytest
from examples import BUY, FOK, SELL, accounts_with, book_with, deposit, enter, levels, listing, place, units
from hypothesis import given
from hypothesis import strategies as st
from machines import Machine, of_type

from domain import order_books
from domain.books import Book
from domain.entering import order_of
from domain.pro_rata import Shares
from domain.resting import RestingOrder
from schemas.enums import Allocation, ReasonCode
from schemas.order_books import (
    ContinueMatching,
    EnterLimitOrder,
    EnterOrder,
    InstrumentRefused,
    OrderCancelled,
    TradeExecuted,
)

PRO_RATA = {"allocation": Allocation.PRO_RATA, "lot": units(1)}


def pool(*quantities: float) -> Machine:
    """Sales at 2.00, of those who came one after the other."""
    return book_with(*[enter(str(n), SELL, quantity, 2) for n, quantity in enumerate(quantities)], **PRO_RATA)


def traded(events: list[Any]) -> list[tuple[str, float]]:
    return [(trade.sell_order_id, trade.quantity / units(1)) for trade in of_type(events, TradeExecuted)]


def test_each_gets_its_part_and_what_is_left_by_rounding_goes_by_time() -> None:
    book = pool(10, 30, 60)
    assert traded(book.run(enter("x", BUY, 11, 2))) == [("0", 1), ("1", 3), ("2", 6), ("0", 1)]
    assert levels(book) == [("sell", 2, 89, ["0", "1", "2"])]


def test_who_is_too_small_for_a_lot_gets_what_is_left_over_if_he_is_the_oldest() -> None:
    assert traded(pool(1, 99).run(enter("x", BUY, 10, 2))) == [("1", 9), ("0", 1)]
    assert traded(pool(99, 1).run(enter("x", BUY, 10, 2))) == [("0", 9), ("0", 1)]


def test_who_wants_all_of_it_takes_all_of_it_by_time() -> None:
    book = pool(10, 30, 60)
    assert traded(book.run(enter("x", BUY, 120, 2))) == [("0", 10), ("1", 30), ("2", 60)]
    assert levels(book) == [("buy", 2, 20, ["x"])]


def test_the_better_price_comes_first_and_is_not_shared_with_the_next() -> None:
    book = book_with(enter("better", SELL, 5, "1.99"), enter("a", SELL, 10, 2), enter("b", SELL, 10, 2), **PRO_RATA)
    assert traded(book.run(enter("x", BUY, 9, 2))) == [("better", 5), ("a", 2), ("b", 2)]


def test_where_nothing_else_is_listed_the_oldest_trades_first() -> None:
    book = book_with(enter("0", SELL, 10, 2), enter("1", SELL, 30, 2))
    assert traded(book.run(enter("x", BUY, 11, 2))) == [("0", 10), ("1", 1)]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_shares_are_those_of_when_the_order_came_however_many_records_it_takes(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = traded(pool(7, 3, 20, 1, 9).run(enter("x", BUY, 25, 2)))
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", steps)
    book = pool(7, 3, 20, 1, 9)
    events = book.run(enter("x", BUY, 25, 2))
    found = traded(events)
    while of_type(events, ContinueMatching):
        book = book.rebuilt()
        events = book.run(ContinueMatching("ADAUSDT"))
        found += traded(events)
    assert found == whole
    assert sum(quantity for _, quantity in found) == 25


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.data())
def test_nobody_gets_less_than_his_part_in_whole_lots(quantities: list[int], data: st.DataObject) -> None:
    total = sum(quantities)
    wanted = data.draw(st.integers(1, total))
    book = pool(*quantities)
    got = dict.fromkeys(map(str, range(len(quantities))), 0.0)
    for order, quantity in traded(book.run(enter("x", BUY, wanted, 2))):
        got[order] += quantity
    assert sum(got.values()) == wanted
    for number, quantity in enumerate(quantities):
        assert wanted * quantity // total <= got[str(number)] <= quantity


def test_a_share_is_worked_out_from_what_is_shown() -> None:
    book = pool(10, 10)
    shares = Shares()
    maker, share = shares.next(book.state.book("ADAUSDT").asks.best, units(5), units(1))
    assert (maker.order_id, share) == ("0", units(2))
    assert shares.row is not None
    assert (shares.row.wanted, shares.row.total) == (units(5), units(20))


class Queue(OrderedDict[str, RestingOrder]):
    """Those at a price; counts how often one of them is looked at."""

    def __init__(self, quantities: list[int]) -> None:
        super().__init__()
        self.looks = 0
        for number, quantity in enumerate(quantities):
            sale = enter(str(number), SELL, quantity, 2)
            self[str(number)] = msgspec.structs.replace(order_of(sale, Book()), priority=number + 1)

    def values(self) -> Any:
        for maker in super().values():
            self.looks += 1
            yield maker

    def get(self, key: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)

    def trade(self, wanted: int) -> int:
        """-> with how many one order trades."""
        shares, count = Shares(), 0
        while wanted and self:
            maker, most = shares.next(self, wanted, 1)
            quantity = min(most, wanted)
            wanted -= quantity
            count += 1
            if quantity == maker.leaves:
                del self[maker.order_id]
            else:
                self[maker.order_id] = msgspec.structs.replace(maker, leaves=maker.leaves - quantity)
        return count


@pytest.mark.parametrize("part", [0.5, 0.999, 1, 2])
def test_an_order_looks_at_everybody_at_a_price_a_few_times_however_many_there_are(part: float) -> None:
    for count in (100, 2_000):
        queue = Queue([3] * count)
        assert queue.trade(int(units(3) * count * part)) >= count
        assert queue.looks <= 6 * count


def test_all_or_nothing_is_shared_like_any_other_order() -> None:
    book = pool(10, 30, 60)
    assert traded(book.run(enter("x", BUY, 10, 2, tif=FOK))) == [("0", 1), ("1", 3), ("2", 6)]
    (killed,) = of_type(book.run(enter("y", BUY, 91, 2, tif=FOK)), OrderCancelled)
    assert killed.reason_code is ReasonCode.FOK_UNFILLABLE
    assert levels(book) == [("sell", 2, 90, ["0", "1", "2"])]


def test_all_or_nothing_counts_on_nobody_whose_sibling_gets_a_share_first() -> None:
    """By time the second would be full before the third one's sibling trades; in shares all trade."""
    siblings = [
        msgspec.structs.replace(enter(name, SELL, 10, 2, account="bob"), oco_group="bob|g") for name in ("a", "b")
    ]
    book = book_with(enter("first", SELL, 10, 2), *siblings, **PRO_RATA)
    (killed,) = of_type(book.run(enter("x", BUY, 25, 2, tif=FOK)), OrderCancelled)
    assert (killed.order_id, killed.reason_code) == ("x", ReasonCode.FOK_UNFILLABLE)
    assert traded(book.run(enter("y", BUY, 20, 2, tif=FOK))) == [("first", 6), ("a", 6), ("first", 4), ("a", 4)]


def test_accounts_take_all_or_nothing_where_orders_are_shared() -> None:
    accounts = accounts_with(deposit(1_000), **PRO_RATA)
    assert of_type(accounts.run(place("1", BUY, 1, 1, tif=FOK)), EnterLimitOrder, EnterOrder)


def test_the_way_of_sharing_stays_as_it_was_listed() -> None:
    assert of_type(book_with().run(listing(allocation=Allocation.PRO_RATA)), InstrumentRefused)
