"""Which order a path means."""

from types import SimpleNamespace
from typing import Any

import pytest
from examples import deposit, listed, place
from machines import Machine

from web import orders
from web.problems import Problem
from web.views import AccountsView

PARTITIONS = {"accounts": 2, "order_books": 1, "positions": 1, "order_commands": 1, "market_data": 1}


class Replica:
    """A shard of accounts, as a gateway sees it."""

    def __init__(self, number: int, *given: Any) -> None:
        machine = Machine("accounts", number, PARTITIONS)
        machine.run_all([listed(), *given])
        self.rows = machine.tables


@pytest.fixture
def two_shards(monkeypatch: pytest.MonkeyPatch) -> list[Replica]:
    """ann and bob both call an order `theirs`; ann's first has number 100, bob's 101."""
    replicas = [
        Replica(0, deposit(100), place("theirs"), place("201")),
        Replica(1, deposit(100, account="bob"), place("theirs", account="bob"), place("b", account="bob")),
    ]
    view = AccountsView()
    for partition, replica in enumerate(replicas):
        for key, row in replica.rows["orders"].rows.items():
            view.handlers["orders"](partition, key, row)

    def rows(table: str, key: str) -> Any:
        return (row for replica in replicas if (row := replica.rows[table].get(key)) is not None)

    shards = SimpleNamespace(rows=rows, replicas=replicas)
    monkeypatch.setattr(orders, "opened", lambda: SimpleNamespace(accounts=shards, accounts_view=view))
    return replicas


def refused(order_id: str, account_id: str | None = None) -> tuple[int, str]:
    with pytest.raises(Problem) as refusal:
        orders.find(order_id, account_id)
    return refusal.value.status, refusal.value.code


@pytest.mark.usefixtures("two_shards")
def test_an_id_that_two_accounts_chose_needs_the_account() -> None:
    assert refused("theirs") == (409, "AMBIGUOUS_ORDER_ID")
    assert [orders.find("theirs", each).account_id for each in ("ann", "bob")] == ["ann", "bob"]


@pytest.mark.usefixtures("two_shards")
def test_an_id_that_looks_like_the_number_of_another_order_needs_the_account() -> None:
    assert refused("201") == (409, "AMBIGUOUS_ORDER_ID")
    assert [orders.find("201", each).order_id for each in ("ann", "bob")] == ["201", "b"]


@pytest.mark.usefixtures("two_shards")
def test_a_number_is_one_order_whatever_others_call_theirs() -> None:
    assert [orders.find(number).account_id for number in ("100", "101")] == ["ann", "bob"]


@pytest.mark.usefixtures("two_shards")
def test_what_another_account_has_is_not_there() -> None:
    assert refused("b", "ann") == refused("nothing") == (404, "UNKNOWN_ORDER")
    assert orders.find("b").account_id == "bob"
