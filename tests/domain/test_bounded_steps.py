"""What one record does costs what it changes, however many orders are in the book."""

from collections import OrderedDict
from typing import Any, NoReturn

import msgspec
import pytest
from examples import BUY, FOK, SECOND, SELL, book_with, enter, listing, units
from machines import Machine, of_type

from domain import book_changes, order_books
from domain.books import Book
from domain.levels import Levels
from schemas.enums import OrderType, ReasonCode, SelfTradePrevention, Side, TimeInForce, TradingPhase
from schemas.order_books import CancelAllOrders, ChangePhase, ContinueMatching, OrderCancelled, SetLastPrice
from schemas.shared import Tick

ORDERS = 40


class Closed(OrderedDict[str, Any]):
    """A queue of which nobody may look at all orders."""

    def values(self) -> NoReturn:
        raise AssertionError("looked at every order of a price")


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 5)


def crowded(**instrument: Any) -> Machine:
    """Many orders at three prices, as many of each of four accounts."""
    book = book_with(**instrument)
    for number in range(ORDERS):
        order = enter(f"{number:03d}", SELL, 1, 100 + number % 3, account=f"a{number % 4}")
        book.run(msgspec.structs.replace(order, order_number=ORDERS - number))
    return book


def fok(order: str, quantity: int, **more: Any) -> Any:
    return msgspec.structs.replace(enter(order, BUY, quantity, 102, account="a1", tif=FOK), **more)


def close(book: Machine) -> None:
    side = book.state.book("ADAUSDT").asks
    side.levels.update({price: Closed(level) for price, level in side.levels.items()})
    side.best = side.levels[side.best_price]


def reasons(events: list[Any]) -> list[ReasonCode]:
    return [event.reason_code for event in of_type(events, OrderCancelled)]


def test_who_must_fill_entirely_adds_up_prices_and_not_orders() -> None:
    book = crowded()
    assert reasons(book.run(fok("too much", ORDERS + 1))) == [ReasonCode.FOK_UNFILLABLE]
    close(book)
    assert reasons(book.run(fok("too much again", ORDERS + 1))) == [ReasonCode.FOK_UNFILLABLE]
    no_own = {"self_trade_prevention": SelfTradePrevention.CANCEL_OLDEST}
    assert reasons(book.run(fok("too much without own ones", 3 * ORDERS // 4 + 1, **no_own))) == [
        ReasonCode.FOK_UNFILLABLE
    ]
    assert reasons(book.run(fok("all but own ones", 3 * ORDERS // 4, **no_own))) == (
        [ReasonCode.SELF_TRADE_PREVENTION] * (ORDERS // 4)
    )


def test_a_look_at_an_auction_adds_up_prices_and_not_orders() -> None:
    book = crowded()
    book.run_all([ChangePhase("ADAUSDT", TradingPhase.AUCTION), enter("buy", BUY, 7, 102)])
    book.run(Tick(is_manual=False, timestamp=SECOND))
    close(book)
    book.run_all([enter("more", BUY, 7, 102), Tick(is_manual=False, timestamp=2 * SECOND)])
    assert book.state.book("ADAUSDT").auction.matched == units(14)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("account", ["", "a1"])
def test_a_mass_cancel_of_many_records_sorts_orders_once(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    book, sorted_times = crowded(), [0]
    for name in ("all_orders", "orders_of"):
        look = getattr(Book, name)

        def counted(*arguments: Any, look: Any = look) -> Any:
            sorted_times[0] += 1
            return look(*arguments)

        monkeypatch.setattr(Book, name, counted)
    told, own = [], [CancelAllOrders("ADAUSDT", account, Side.UNKNOWN)]
    while own:
        events = book.run(own.pop())
        own += of_type(events, ContinueMatching)
        told += [event.order_id for event in of_type(events, OrderCancelled)]
    assert told == sorted(told, reverse=True)
    assert len(told) == (ORDERS // 4 if account else ORDERS)
    assert sorted_times[0] <= 2, "once, and once more when all are gone"


@pytest.mark.usefixtures("few_steps")
def test_an_instrument_that_ends_sorts_its_orders_once_and_ends_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    book, told, looks = crowded(expires_at=10 * SECOND), [], [0]
    look = Book.all_orders

    def counted(self: Book) -> Any:
        looks[0] += 1
        return look(self)

    monkeypatch.setattr(Book, "all_orders", counted)
    while (due := book.noun.deadline(book.state)) is not None:
        events = book.run(Tick(is_manual=False, timestamp=max(due, 10 * SECOND)))
        told += [event.order_id for event in of_type(events, OrderCancelled)]
    assert told == [f"{number:03d}" for number in reversed(range(ORDERS))]
    assert looks[0] <= 2


def test_stops_that_are_due_are_found_a_level_at_a_time() -> None:
    levels = Levels[str](1)
    for number in range(100):
        levels.put(number // 10, str(number), str(number))
    assert len(levels.until(9, 25)) == 30
    assert len(levels.until(1, 25)) == 20
    assert len(levels.until(9, 1_000)) == 100


@pytest.mark.usefixtures("few_steps")
def test_they_act_the_farthest_first_and_then_the_oldest_whatever_one_record_may_do() -> None:
    book = book_with(SetLastPrice("ADAUSDT", units(100)))
    for number in range(200):
        stop = enter(f"{number:03d}", BUY if number % 2 else SELL, 1, None, kind=OrderType.STOP)
        away = number % 7 + 1
        book.run(msgspec.structs.replace(stop, stop_price=units(100 + away if number % 2 else 100 - away)))
    told, own = [], [SetLastPrice("ADAUSDT", units(150))]
    while own:
        events = book.run(own.pop())
        own += of_type(events, ContinueMatching)
        told += [int(event.order_id) for event in of_type(events, OrderCancelled)]
    assert told == sorted(range(1, 200, 2), key=lambda number: (number % 7, number))


def test_only_books_are_looked_at_in_which_something_may_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, looked = Machine("order_books"), list[Book]()
    for number in range(30):
        machine.run(listing(symbol=f"S{number}"))
        machine.run(enter("gtc", BUY, 1, 1, symbol=f"S{number}"))
    ends = {"time_in_force": TimeInForce.GTD, "expires_at": 5 * SECOND}
    machine.run(msgspec.structs.replace(enter("gtd", BUY, 1, 1, symbol="S7"), **ends))
    expire_in = book_changes.expire_in

    def noted(state: Any, book: Book, until: int) -> Any:
        looked.append(book)
        return expire_in(state, book, until)

    monkeypatch.setattr(book_changes, "expire_in", noted)
    for moment in (4, 5, 6):
        machine.run(enter(f"at {moment}", BUY, 1, 1, symbol="S3"), at=moment * SECOND)
    assert looked == [machine.state.book("S7")]
    assert list(looked[0].orders) == ["gtc"]
