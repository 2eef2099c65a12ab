"""The first limit of a symbol counts what all have open there: so many accounts a record, while trading goes on."""

from collections import deque
from random import Random
from typing import Any

import msgspec
import pytest
from days import check_exposures
from effort import seeds
from examples import accounts_with, cancelled, deposit, place, rested, units
from machines import Machine, of_type

from domain import limits
from domain.account_rows import Answered, Balance
from domain.risk_rows import TrackingBegun
from schemas.accounts import SetLimits
from schemas.enums import ReasonCode
from schemas.order_books import OrderCancelled

LIMIT = SetLimits(symbol="ADAUSDT", position_limit=units(10), command_id="limit")


def with_orders(count: int) -> Machine:
    """So many accounts with an order each."""
    machine = accounts_with()
    for number in range(count):
        name = f"a{number:05d}"
        machine.run_all([deposit(100, account=name), place(f"o{number}", account=name), rested(f"o{number}", name)])
    return machine


def test_no_record_counts_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ACCOUNTS_PER_RECORD_MAX", 2)
    machine, counted = with_orders(5), []
    queue: deque[Any] = deque([LIMIT])
    while queue:
        events = machine.run(queue.popleft())
        queue += of_type(events, SetLimits)
        counted.append([key for event in of_type(events, TrackingBegun) for key, _ in event.exposures])
        assert bool(of_type(events, Answered)) is (not queue)
        check_exposures(machine.state)
    assert [len(each) for each in counted] == [2, 2, 1]
    assert machine.tables["counting"].rows == {}
    assert machine.run(place("more", quantity="0.001", account="a00000"))[-1].order.reason_code is (
        ReasonCode.POSITION_LIMIT
    )


@pytest.mark.parametrize("seed", seeds(20))
def test_orders_that_come_and_go_meanwhile_are_counted_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ACCOUNTS_PER_RECORD_MAX", 2)
    rng, machine = Random(seed), with_orders(9)
    queue: deque[Any] = deque([LIMIT])
    mine = SetLimits(account_id="a00004", symbol="ADAUSDT", position_limit=units(5), command_id="mine")
    other = SetLimits(symbol="ADAUSDT", position_limit=units(20), command_id="other")
    others: list[Any] = [
        *(place(f"n{number}", account=f"a{number:05d}", price=1, quantity=1) for number in range(9)),
        *(
            OrderCancelled(f"o{number}", f"a{number:05d}", "ADAUSDT", units(10), ReasonCode.REQUESTED)
            for number in range(0, 9, 2)
        ),
        *(mine, other, LIMIT),
    ]
    rng.shuffle(others)
    while queue or others:
        command = queue.popleft() if queue and (not others or rng.random() < 0.4) else others.pop()
        queue += of_type(machine.run(command), SetLimits)
        check_exposures(machine.state)
        machine = machine.rebuilt() if rng.random() < 0.1 else machine
    assert machine.tables["counting"].rows == {}
    assert {machine.state.outcomes.get(each).reason_code for each in ("limit", "mine", "other")} == {None}


def test_the_orders_of_twenty_thousand_accounts_are_counted_in_records_of_a_bounded_size() -> None:
    first = with_orders(1)
    order = first.state.orders.get("o0")
    names = [f"a{number:05d}" for number in range(20_000)]
    rows = first.snapshot()
    rows["orders"] = {f"o{n}": msgspec.structs.replace(order, order_id=f"o{n}", account_id=n) for n in names}
    rows["balances"] = dict.fromkeys((f"{name}|USDT" for name in names), Balance(units(100), units(20), 1))
    machine = Machine("accounts", rows=rows)
    queue: deque[Any] = deque([LIMIT])
    sizes = []
    while queue:
        mark = len(machine.undo)
        queue += of_type(machine.run(queue.popleft()), SetLimits)
        sizes.append(len(machine.undo) - mark)
    assert max(sizes) <= limits.ACCOUNTS_PER_RECORD_MAX + 10
    assert len(machine.tables["exposures"].rows) == 20_000


def test_what_is_open_of_one_that_is_cancelled_is_free_again() -> None:
    machine = with_orders(1)
    machine.run(LIMIT)
    gone = msgspec.structs.replace(cancelled("o0", 10, ReasonCode.REQUESTED), account_id="a00000")
    machine.run(gone)
    assert machine.tables["exposures"].rows == {}
