"""Whose the orders of a book are is found without looking at those of others, whatever happened in between."""

from random import Random
from typing import Any

import msgspec
import pytest
from effort import seeds
from examples import BUY, SELL, book_with, enter, replace, take_out
from machines import Machine, of_type

from domain.account_index import AccountIndex
from domain.resting import RestingOrder
from schemas.enums import OrderType, Side, TimeInForce
from schemas.order_books import CancelAllOrders, EndSession, OrderCancelled

ACCOUNTS = ("ann", "bob", "cid")


def some_command(rng: Random, number: int) -> Any:
    known, account = f"o{rng.randrange(max(1, number))}", rng.choice(ACCOUNTS)
    match rng.randrange(8):
        case 0:
            return take_out(known, account)
        case 1:
            return replace(known, rng.randint(1, 9), 100 + rng.randint(-3, 3), account)
        case 2:
            stop = enter(f"o{number}", BUY, 1, None, account=account, kind=OrderType.STOP)
            return msgspec.structs.replace(stop, stop_price=stop.quantity * 200, order_number=number)
        case _:
            side, display = rng.choice([BUY, SELL]), rng.choice([None, None, 10**9])
            order = enter(f"o{number}", side, rng.randint(1, 9), 100 + rng.randint(-3, 3), account=account)
            return msgspec.structs.replace(order, order_number=number, display_quantity=display)


@pytest.mark.parametrize("seed", seeds(20))
def test_the_orders_of_an_account_are_those_that_a_look_at_all_finds(seed: int) -> None:
    rng, machine = Random(seed), book_with()
    for number in range(400):
        machine.run(some_command(rng, number))
        if rng.random() < 0.1:
            account = rng.choice(ACCOUNTS)
            book = machine.state.book("ADAUSDT")
            all_of_them = {order.order_id for order in book.all_orders() if order.account_id == account}
            assert {order.order_id for order in book.orders_of(account)} == all_of_them
        if rng.random() < 0.02:
            machine = machine.rebuilt()


class Orders(dict[str, RestingOrder]):
    """Counts how often one is looked at."""

    looks = 0

    def values(self) -> Any:
        return Looked(self)

    def get(self, key: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)


class Looked:
    def __init__(self, orders: Orders) -> None:
        self.orders = orders

    def __reversed__(self) -> Any:
        for order in reversed(dict.values(self.orders)):
            self.orders.looks += 1
            yield order


def test_who_asks_again_and_again_looks_at_the_own_orders_alone() -> None:
    machine = book_with(*[enter(str(n), BUY, 1, 1, account=f"a{n % 100}") for n in range(2_000)])
    orders = Orders(machine.state.book("ADAUSDT").orders)
    index = AccountIndex(orders, lambda order: order)
    assert len(list(index.of("a7"))) == 20
    before = orders.looks
    for _ in range(50):
        assert len(list(index.of("a7"))) == 20
    assert orders.looks - before <= 50 * 21


def test_a_mass_cancel_and_the_end_of_a_session_report_the_lowest_numbers_first() -> None:
    def orders(machine: Machine) -> None:
        for number in (5, 3, 9, 1):
            order = enter(f"o{number}", BUY, 1, 1, tif=TimeInForce.DAY)
            machine.run(msgspec.structs.replace(order, order_number=number))

    for command in (CancelAllOrders("ADAUSDT", "ann", Side.UNKNOWN), EndSession("ADAUSDT")):
        machine = book_with()
        orders(machine)
        cancelled = of_type(machine.rebuilt().run(command), OrderCancelled)
        assert [event.order_id for event in cancelled] == ["o1", "o3", "o5", "o9"]
