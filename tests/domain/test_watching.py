"""Tens of thousands of accounts are looked at when a price moves, so many a record, in one round at a time."""

from collections import deque
from typing import Any

import pytest
from days import check_exposures
from examples import accounts_with, deposit, fill, listed, marks, place, units
from machines import Machine, of_type

from domain import watching
from domain.account_rows import Account, Balance
from domain.guards import DAY_NS
from domain.risk_rows import AccountRisk
from schemas.accounts import AccountStateChanged, SetLimits, WatchAccounts
from schemas.order_books import MarkPrices

COUNT = 20_000
EVENTS_MAX = 3 * watching.ACCOUNTS_PER_RECORD_MAX + 10
"""A day that begins, a first price and a state for each account at which a record looks."""


class Shard:
    """A shard of accounts that hears from itself."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.queue: deque[Any] = deque()
        self.most = self.most_on_their_way = 0

    def take(self, command: Any, *, at: int | None = None) -> list[Any]:
        events = self.machine.run(command, at=at)
        self.queue += of_type(events, WatchAccounts)
        self.most = max(self.most, len(events))
        self.most_on_their_way = max(self.most_on_their_way, len(self.queue))
        return events

    def take_all(self) -> list[Any]:
        events = []
        while self.queue:
            events += self.take(self.queue.popleft())
        return events


def many(count: int = COUNT) -> Shard:
    """So many accounts with 100 ADA each, and a breaker at a loss of 100 USDT; ADA has no price yet."""
    names = [f"a{number:05d}" for number in range(count)]
    risk = AccountRisk(is_tracked=True, assets=("ADA",), loss_limit=units(100), loss_asset="USDT", unpriced=("ADA",))
    rows = {
        "accounts": dict.fromkeys(names, Account(0)),
        "balances": {f"{name}|ADA": Balance(units(100), 0, 1) for name in names},
        "risks": dict.fromkeys(names, risk),
    }
    machine = Machine("accounts", rows=rows)
    machine.run_all([listed(), listed(symbol="ADAEUR", quote="EUR")])
    return Shard(machine)


def test_no_record_grows_with_the_number_of_accounts() -> None:
    shard = many()
    shard.take(marks(None, None, 10))
    shard.take_all()
    assert {row.baseline for _, row in shard.machine.state.risk.risks.scan()} == {units(1000)}
    shard.take(marks(None, None, "9.5"), at=DAY_NS)
    shard.take_all()
    events = shard.take(marks(None, None, 8)) + shard.take_all()
    assert [event.account_id for event in of_type(events, AccountStateChanged)] == [f"a{n:05d}" for n in range(COUNT)]
    assert shard.most <= EVENTS_MAX
    assert shard.machine.tables["watching"].rows == {}


def test_a_price_that_moves_again_meanwhile_begins_one_more_round_and_not_ten() -> None:
    shard = many(1_000)
    shard.take(marks(None, None, 20))
    shard.take_all()
    events = [event for price in range(19, 9, -1) for event in shard.take(marks(None, None, price))]
    assert shard.most_on_their_way == 1
    rounds = 2 * 1_000 // watching.ACCOUNTS_PER_RECORD_MAX
    assert len(of_type(events, AccountStateChanged)) == watching.ACCOUNTS_PER_RECORD_MAX
    later = shard.take_all()
    assert len(of_type(later, WatchAccounts)) <= rounds
    assert len(of_type(events + later, AccountStateChanged)) == 1_000
    assert shard.machine.tables["watching"].rows == {}


def test_a_price_that_concerns_nobody_is_not_looked_at() -> None:
    shard = many(1_000)
    assert [type(event) for event in shard.take(marks(None, None, 10, "ADAEUR"))] == [MarkPrices]


def test_rounds_go_on_after_a_restart() -> None:
    shard = many(1_000)
    shard.take(marks(None, None, 10))
    shard.take(marks(None, None, 5))
    shard.machine = shard.machine.rebuilt()
    shard.take_all()
    assert shard.machine.tables["watching"].rows == {}
    assert {row.state for _, row in shard.machine.state.risk.risks.scan()} != {AccountRisk().state}


@pytest.mark.parametrize("count", [1, 3])
def test_an_account_is_found_by_what_it_owns_as_long_as_it_is_guarded(count: int) -> None:
    machine = accounts_with(listed(symbol="ETHUSDT", base="ETH"), deposit(1000), marks(None, None, 2))
    owners = machine.state.risk.owners
    machine.run(SetLimits(account_id="ann", loss_limit=1, loss_asset="USDT", command_id="1"))
    assert owners.after("ADA", "USDT", "", count) == []
    machine.run_all([place("1"), fill("1", 10, 2, 0)])
    assert owners.after("ADA", "USDT", "", count) == ["ann"]
    assert machine.rebuilt().state.risk.owners.after("ADA", "USDT", "", count) == ["ann"]
    assert owners.after("ETH", "USDT", "", count) == owners.after("ADA", "EUR", "", count) == []
    machine.run(SetLimits(account_id="ann", command_id="2"))
    assert owners.after("ADA", "USDT", "", count) == []
    check_exposures(machine.state)
