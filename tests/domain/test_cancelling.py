"""All orders of an account leave the market at once, and no other order does."""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from examples import BUY, SELL, accounts_with, book_with, deposit, enter, levels, listed, listing, place
from machines import Machine, about, of_type
from venues import Venue

from domain import cancelling, order_books
from domain.account_rows import FINAL, Answered, Order
from schemas.accounts import CancelOpenOrders
from schemas.enums import OrderStatus, ReasonCode, Side
from schemas.order_books import CancelAllOrders, ContinueMatching, OrderCancelled

LOST = ReasonCode.DISCONNECTED


def cancel_open(account: str = "ann", **more: Any) -> CancelOpenOrders:
    return CancelOpenOrders(account, reason_code=LOST, **({"command_id": "all"} | more))


def asked(machine: Machine, **more: Any) -> list[CancelAllOrders]:
    """What the books are asked."""
    return of_type(machine.run(cancel_open(**more)), CancelAllOrders)


def three_markets(*given: Any) -> Machine:
    """ADAUSDT, ETHUSDT and ETHADA; ann has dollars and ADA."""
    others = [listed(symbol="ETHUSDT", base="ETH"), listed(symbol="ETHADA", base="ETH", quote="ADA")]
    return accounts_with(*others, deposit(1_000), deposit(100, "ADA"), *given)


# What an account asks of the books.


def test_each_book_in_which_there_may_be_orders_is_asked_once() -> None:
    machine = three_markets(place("1"), place("2"), place("3"))
    newest = machine.state.orders.get("3").order_number
    assert [about(each, "symbol", "account_id", "reason_code", "order_number_max") for each in asked(machine)] == [
        ("ADAUSDT", "ann", LOST, newest),
        ("ETHUSDT", "ann", LOST, newest),
    ]


def test_an_account_without_orders_asks_nobody() -> None:
    assert asked(three_markets()) == []


@pytest.mark.parametrize(
    ("wanted", "books"),
    [
        ({"symbol": "ETHUSDT"}, ["ETHUSDT"]),
        ({"symbol": "ETHADA"}, []),
        ({"side": Side.BUY}, ["ADAUSDT", "ETHUSDT"]),
        ({"side": Side.SELL}, []),
    ],
)
def test_only_books_with_what_is_wanted_are_asked(wanted: dict[str, Any], books: list[str]) -> None:
    assert [each.symbol for each in asked(three_markets(place("1")), **wanted)] == books


def test_who_asks_hears_that_it_is_on_its_way_and_asks_in_vain_once_more() -> None:
    machine = three_markets(place("1"))
    (answered,) = of_type(machine.run(cancel_open()), Answered)
    assert about(answered, "command_id") == ("all",)
    assert answered.outcome.reason_code is None
    assert machine.run(cancel_open()) == []


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (cancel_open("nobody"), ReasonCode.UNKNOWN_ACCOUNT),
        (cancel_open(symbol="NONE"), ReasonCode.UNKNOWN_SYMBOL),
    ],
)
def test_what_is_not_known_is_refused(command: CancelOpenOrders, reason: ReasonCode) -> None:
    (answered,) = three_markets(place("1")).run(command)
    assert answered.outcome.reason_code is reason


def test_one_record_asks_a_bounded_number_of_books_and_the_shard_goes_on_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cancelling, "BOOKS_PER_RECORD_MAX", 2)
    others = [listed(symbol=f"A{number}") for number in range(4)]
    machine = three_markets(*others, place("1"))
    newest = machine.state.orders.get("1").order_number
    commands, books = [cancel_open()], []
    while commands:
        events = machine.run(commands.pop())
        found = of_type(events, CancelAllOrders)
        assert len(found) <= 2
        books += found
        commands += of_type(events, CancelOpenOrders)
        machine.run(place(f"later {len(books)}", price=0.01))
    assert [each.symbol for each in books] == ["A0", "A1", "A2", "A3", "ADAUSDT", "ETHUSDT"]
    assert {each.order_number_max for each in books} == {newest}, "orders that came meanwhile stay"


# What a book does.


def numbered(order: str, number: int, **more: Any) -> Any:
    return msgspec.structs.replace(enter(order, BUY, 1, 2, **more), order_number=number)


def test_a_book_takes_out_the_orders_of_the_account_up_to_the_last_one_that_was_there() -> None:
    machine = book_with(numbered("1", 100), numbered("2", 200, account="bob"), numbered("3", 300), numbered("4", 400))
    events = machine.run(CancelAllOrders("ADAUSDT", "ann", reason_code=LOST, order_number_max=300))
    assert [about(each, "order_id", "reason_code") for each in of_type(events, OrderCancelled)] == [
        ("1", LOST),
        ("3", LOST),
    ]
    assert [ids for *_, ids in levels(machine)] == [["2", "4"]]


def test_everybodys_orders_are_asked_to_go_by_each_shard_those_to_which_it_gave_numbers() -> None:
    mine = {"symbol": "ADAUSDT", "account_id": "", "reason_code": LOST}
    machine = three_markets(place("1"), place("2", symbol="ETHUSDT"))
    newest = machine.state.orders.get("2").order_number
    (told,) = asked(machine, account="", symbol="ADAUSDT")
    assert {name: getattr(told, name) for name in mine} == mine
    assert told.order_number_max == newest
    assert [each.symbol for each in asked(machine, account="", command_id="in all")] == ["ADAUSDT", "ETHADA", "ETHUSDT"]
    assert asked(three_markets(), account="") == [], "a shard that gave no numbers has nobody's orders"
    book = book_with(numbered("1", 100), numbered("2", 201, account="bob"), numbered("3", 300, account="cid"))
    events = book.run(CancelAllOrders("ADAUSDT", "", reason_code=LOST, order_number_max=200))
    assert [each.order_id for each in of_type(events, OrderCancelled)] == ["1"]


def test_a_book_with_more_of_them_than_one_record_may_takes_them_out_one_record_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 3)
    machine = book_with(*[numbered(str(number), 100 * number) for number in range(1, 9)])
    commands: list[Any] = [CancelAllOrders("ADAUSDT", "ann", reason_code=LOST, order_number_max=700)]
    counts = []
    while commands:
        events = machine.run(commands.pop())
        counts.append(len(of_type(events, OrderCancelled)))
        commands += of_type(events, ContinueMatching)
        assert {each.reason_code for each in of_type(events, OrderCancelled)} <= {LOST}
    assert counts == [3, 3, 1]
    assert [ids for *_, ids in levels(machine)] == [["8"]]


# Both together.


def orders_of(venue: Venue, account: str) -> Iterator[Order]:
    for machine in venue.of("accounts"):
        yield from (row for _, row in machine.state.orders.scan() if row.account_id == account)


@pytest.mark.parametrize("seed", range(20))
def test_what_was_there_goes_and_what_comes_later_stays(seed: int) -> None:
    rng = Random(seed)
    venue = Venue(rng)
    for command in (
        listing(),
        listing(symbol="ETHUSDT", base="ETH"),
        *[deposit(10_000, asset, account) for asset in ("USDT", "ADA", "ETH") for account in ("ann", "bob")],
    ):
        venue.send(command)
    venue.settle()

    def some(prefix: str, price: float) -> None:
        for number in range(10):
            account, symbol = rng.choice(("ann", "ann", "bob")), rng.choice(("ADAUSDT", "ETHUSDT"))
            side = rng.choice((BUY, SELL))
            at = price if side is BUY else price + 1
            venue.send(place(f"{prefix}{number}", side, 1, at, account=account, symbol=symbol))

    some("before", 2)
    venue.steps(rng.randrange(40))
    venue.send(cancel_open())
    some("after", 2)
    venue.settle()
    for order in orders_of(venue, "ann"):
        is_gone = order.order_id.startswith("before")
        assert (order.status, order.reason_code) == (
            (OrderStatus.CANCELLED, LOST) if is_gone else (OrderStatus.OPEN, None)
        )
    assert all(order.status not in FINAL for order in orders_of(venue, "bob"))
    held = sum(order.held for order in orders_of(venue, "ann"))
    assert sum(row.reserved for each in venue.of("accounts") for _, row in each.state.balances.scan("ann|")) == held
