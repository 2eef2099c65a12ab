"""Books of markets elsewhere: levels as rows, gaps and checksums found, quotes from books that are right."""

from random import Random
from typing import Any

import pytest
from examples import units
from machines import Machine, about, of_type

from domain.depth import Depth, checksum
from domain.market_depth import BOOKS_MAX, DepthLost, DepthMoved
from domain.observations import DepthChanged, packed
from schemas.market_data import RecordObservations, ResetMarketData

BIDS, ASKS = ((94, 5), (93, 7)), ((95, 2), (96, 4))


def update(
    bids: Any = (), asks: Any = (), *, first: int = 0, last: int = 0, snapshot: bool = False, **more: Any
) -> DepthChanged:
    sides = [tuple((units(price), units(quantity)) for price, quantity in side) for side in (bids, asks)]
    named = {"symbol": "AAPL", "exchange": "X", "at": 1, "checksum": None, "event_id": ""} | more
    return DepthChanged(
        is_snapshot=snapshot, bids=sides[0], asks=sides[1], first_sequence=first, sequence=last, **named
    )


def heard(*updates: DepthChanged) -> RecordObservations:
    return RecordObservations("AAPL", packed(updates), len(updates), 0)


def book(machine: Machine, key: str = "AAPL|X") -> tuple[Any, Any]:
    found = machine.state.depths.books[key]
    return found.bids.top(9), found.asks.top(9)


def told(*levels: tuple[int, int]) -> list[tuple[int, int]]:
    return [(units(price), units(quantity)) for price, quantity in levels]


@pytest.fixture
def machine() -> Machine:
    found = Machine("market_data")
    found.run(heard(update(BIDS, ASKS, last=10, snapshot=True)))
    return found


def test_a_book_begins_with_a_snapshot_and_follows_its_updates(machine: Machine) -> None:
    assert book(machine) == (told((94, 5), (93, 7)), told((95, 2), (96, 4)))
    machine.run(heard(update([(94, 0), (92, 1)], [(95, 3)], first=11, last=12)))
    assert book(machine) == (told((93, 7), (92, 1)), told((95, 3), (96, 4)))


def test_an_update_without_a_book_is_passed_over() -> None:
    machine = Machine("market_data")
    assert of_type(machine.run(heard(update(BIDS, first=1, last=1))), DepthMoved, DepthLost) == []


def test_what_is_missing_is_found_and_only_a_snapshot_helps(machine: Machine) -> None:
    (lost,) = of_type(machine.run(heard(update([(94, 1)], first=12, last=12))), DepthMoved, DepthLost)
    assert about(lost.row, "is_synchronised", "gaps") == (False, 1)
    assert of_type(machine.run(heard(update([(94, 2)], first=13, last=13))), DepthMoved, DepthLost) == []
    machine.run(heard(update(BIDS, ASKS, last=14, snapshot=True)))
    assert machine.state.depths.books["AAPL|X"].is_synchronised


def test_an_update_that_comes_twice_counts_once(machine: Machine) -> None:
    again = heard(update([(94, 1)], first=11, last=11))
    assert len(of_type(machine.run(again), DepthMoved)) == 1
    assert of_type(machine.run(again), DepthMoved, DepthLost) == []


def test_a_checksum_that_is_another_one_is_found(machine: Machine) -> None:
    right = checksum(Depth(told((94, 5), (93, 1)), told((95, 2), (96, 4))))
    machine.run(heard(update([(93, 1)], first=11, last=11, checksum=right)))
    assert machine.state.depths.books["AAPL|X"].is_synchronised
    events = machine.run(heard(update([(93, 2)], first=12, last=12, checksum=right)))
    (lost,) = of_type(events, DepthLost)
    assert about(lost.row, "is_synchronised", "faults") == (False, 1)


def test_a_book_that_is_right_is_what_its_market_quotes(machine: Machine) -> None:
    best = machine.state.markets.get("AAPL").best
    assert about(best, "bid", "ask") == (units(94), units(95))
    machine.run(heard(update([(94, 0)], first=11, last=11, at=2)))
    assert about(machine.state.markets.get("AAPL").best, "bid", "ask") == (units(93), units(95))
    machine.run(heard(update([(99, 1)], first=12, last=12, at=3)))  # crossed
    assert about(machine.state.markets.get("AAPL").best, "bid", "ask") == (units(93), units(95))


def test_each_market_has_a_book_of_its_own_up_to_the_bound(machine: Machine) -> None:
    for number in range(BOOKS_MAX + 5):
        machine.run(heard(update([(number + 1, 1)], last=1, snapshot=True, symbol=f"S{number}", exchange="Y")))
    assert len(machine.state.depths.books) == BOOKS_MAX
    assert book(machine, "S7|Y") == (told((8, 1)), [])
    assert book(machine) == (told((94, 5), (93, 7)), told((95, 2), (96, 4)))


def test_books_are_their_rows_whatever_came() -> None:
    rng, machine = Random(5), Machine("market_data")
    for number in range(1, 300):
        sides = [[(rng.randrange(1, 40), rng.randrange(0, 3)) for _ in range(rng.randrange(4))] for _ in range(2)]
        first = number if rng.random() < 0.9 else number + 1
        machine.run(heard(update(*sides, first=first, last=first, snapshot=rng.random() < 0.1)))
        again = machine.rebuilt()
        if machine.state.depths.books:
            assert book(again) == book(machine)
    assert again.snapshot() == machine.snapshot()


def test_a_clean_sheet_has_no_books(machine: Machine) -> None:
    machine.run(ResetMarketData("reset", "0"))
    assert machine.state.depths.books == {}
    assert machine.snapshot()["levels"] == {}
