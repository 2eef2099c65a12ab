"""What events and rows say beside what matters most: found by mutants that no other test killed."""

from typing import Any

import msgspec
import pytest
from examples import (
    BUY,
    SELL,
    accounts_with,
    amend,
    book_with,
    cancel,
    cancelled,
    deposit,
    enter,
    levels,
    listed,
    marks,
    place,
    replaced,
    rested,
    units,
)
from machines import about, of_type

from domain import order_books
from domain.book_rows import Booked, BookRow, StopArmed
from schemas.accounts import BalanceEvent, CancelOpenOrders, OrderEvent
from schemas.enums import OrderStatus, OrderType, ReasonCode, SelfTradePrevention, TimeInForce, TradingPhase
from schemas.order_books import (
    CancelAllOrders,
    ChangePhase,
    ContinueMatching,
    EnterLimitOrder,
    EnterOrder,
    MarkPrices,
    OrderArmed,
    OrderCancelled,
    OrderReduced,
    ReduceOrder,
    ResetBooks,
    TradeExecuted,
)
from schemas.shared import Tick


def reduced(order: str, quantity: float, leaves: float, command: str = "reduce") -> OrderReduced:
    return OrderReduced(
        *(order, "ann", "ADAUSDT", units(quantity), units(leaves), ReasonCode.REQUESTED), command_id=command
    )


def test_what_an_amend_holds_more_names_the_order() -> None:
    machine = accounts_with(deposit(100), place("1"), rested("1"))
    (held,) = of_type(machine.run(amend("1", 12)), BalanceEvent)
    assert about(held, "order_id", "reserved") == ("1", units(24))


def test_a_cancel_that_is_refused_names_the_order_in_its_outcome() -> None:
    machine = accounts_with(deposit(100), place("1"), rested("1"), cancelled("1", 10, ReasonCode.REQUESTED))
    machine.run(cancel("1", command="late"))
    assert about(machine.state.outcomes.get("late"), "order_id", "reason_code") == ("1", ReasonCode.TOO_LATE)


def test_a_stop_that_is_amended_has_no_limit_thereafter() -> None:
    stop = place("1", SELL, 10, None, kind=OrderType.STOP, stop_price=units(1))
    machine = accounts_with(deposit(100, "ADA"), stop, rested("1"), amend("1", 8))
    machine.run(replaced("1", 8, 0, 8))
    assert about(machine.state.orders.get("1"), "limit_price", "stop_price", "quantity") == (None, units(1), units(8))


def test_an_order_that_is_reduced_tells_its_next_version_and_answers_who_asked() -> None:
    machine = accounts_with(deposit(100), place("1"), rested("1"))
    before = machine.state.orders.get("1")
    (told,) = of_type(machine.run(reduced("1", 7, 7)), OrderEvent)
    assert about(told, "status", "version", "quantity", "leaves_quantity", "held") == (
        *(OrderStatus.OPEN, before.version + 1, units(7), units(7)),
        units(14),
    )
    assert about(machine.state.outcomes.get("reduce"), "order_id", "is_pending") == ("1", False)


def test_asking_for_all_orders_has_an_outcome_of_no_order() -> None:
    machine = accounts_with(deposit(100))
    machine.run(CancelOpenOrders("ann", command_id="all"))
    assert about(machine.state.outcomes.get("all"), "order_id", "reason_code") == ("", None)


def test_a_shard_that_goes_on_with_other_books_asks_for_the_same_side(monkeypatch: Any) -> None:
    monkeypatch.setattr("domain.cancelling.BOOKS_PER_RECORD_MAX", 1)
    machine = accounts_with(listed(symbol="ADAUSD"), deposit(100), place("1"))
    events = machine.run(CancelOpenOrders("ann", side=BUY, command_id="all"))
    (more,) = of_type(events, CancelOpenOrders)
    assert about(more, "account_id", "symbol", "side", "reason_code") == ("ann", "", BUY, ReasonCode.MASS_CANCEL)
    assert [each.side for each in of_type([*events, *machine.run(more)], CancelAllOrders)] == [BUY, BUY]


def iceberg(order: str, number: int) -> Any:
    found = enter(order, SELL, 10, 2)
    return msgspec.structs.replace(found, display_quantity=units(4), order_number=number)


def test_a_slice_that_was_spent_on_oneself_is_followed_by_one_at_the_back() -> None:
    machine = book_with(iceberg("1", 1), enter("2", SELL, 1, 2, account="bob"))
    taker = msgspec.structs.replace(enter("3", BUY, 4, 2), self_trade_prevention=SelfTradePrevention.DECREMENT)
    events = machine.run(taker)
    (booked,) = of_type(events, Booked)
    assert booked.order.priority == machine.state.book("ADAUSDT").sequence
    assert [ids for *_, ids in levels(machine)] == [["2", "1"]]
    again = machine.rebuilt()
    assert [ids for *_, ids in levels(again)] == [["2", "1"]]


def test_a_book_counts_on_after_a_reset_and_tells_that_it_has_no_last_price() -> None:
    machine = book_with(enter("1", SELL, 1, 2), enter("2", BUY, 1, 2, account="bob"))
    machine.run(Tick(is_manual=False), at=10**9)
    (told,) = of_type(machine.run(ResetBooks(reset_id="r", source="0"), at=2 * 10**9), MarkPrices)
    row = machine.state.books.get("ADAUSDT")
    assert isinstance(row, BookRow)
    assert (row.sequence, row.last) == (machine.state.book("ADAUSDT").sequence, None)
    assert [about(mark, "symbol", "last") for mark in told.marks] == [("ADAUSDT", None)]


def test_a_reduction_of_all_names_the_event_of_the_book() -> None:
    machine = book_with(enter("1", SELL, 10, 2))
    sequence = machine.state.book("ADAUSDT").sequence
    (told,) = of_type(machine.run(ReduceOrder("1", "ann", "ADAUSDT", units(4))), OrderReduced)
    assert about(told, "quantity", "leaves_quantity", "sequence") == (units(6), units(6), sequence + 1)


def test_the_next_slice_of_an_iceberg_comes_behind_the_trade_that_spent_the_last_one() -> None:
    machine = book_with(iceberg("1", 1))
    events = machine.run(enter("2", BUY, 4, 2, account="bob"))
    (trade,), (booked,) = of_type(events, TradeExecuted), of_type(events, Booked)
    assert booked.order.priority == trade.sequence + 1


def test_an_uncross_that_one_record_does_not_finish_goes_on_with_what_it_knew(monkeypatch: Any) -> None:
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 1)
    leg = [msgspec.structs.replace(enter(order, BUY, 1, price), oco_group="g") for order, price in (("1", 3), ("2", 1))]
    others = [enter(f"b{n}", BUY, 1, 3, account="bob") for n in range(2)]
    sales = [enter(f"s{n}", SELL, 1, 2, account="cid") for n in range(3)]
    machine = book_with(ChangePhase("ADAUSDT", TradingPhase.AUCTION), *leg, *others, *sales)
    commands: list[Any] = [ChangePhase("ADAUSDT", TradingPhase.CONTINUOUS)]
    records = []
    while commands:
        records.append(machine.run(commands.pop(0)))
        commands += of_type(records[-1], ContinueMatching)
    events = [event for record in records for event in record]
    assert [len(of_type(record, TradeExecuted)) for record in records][:3] == [1, 1, 1]
    assert all(trade.is_auction for trade in of_type(events, TradeExecuted))
    assert [about(each, "order_id", "reason_code") for each in of_type(events, OrderCancelled)] == [
        ("2", ReasonCode.OCO)
    ]
    assert machine.state.book("ADAUSDT").phase is TradingPhase.CONTINUOUS


def test_stops_that_enter_are_numbered_as_the_book_counts() -> None:
    machine = book_with(enter("1", SELL, 1, 9))
    before = machine.state.book("ADAUSDT").sequence
    stop = msgspec.structs.replace(enter("2", BUY, 1, None, kind=OrderType.STOP), stop_price=units(3))
    events = machine.run(stop)
    (armed,), (told,) = of_type(events, StopArmed), of_type(events, OrderArmed)
    assert (armed.stop.number, told.sequence) == (before + 1, before + 2)


ASKED = {"quantity", "stop_price", "trail", "display_quantity", "slippage", "expires_at", "self_trade_prevention"}


@pytest.mark.parametrize(
    "more",
    [
        {"kind": OrderType.TRAILING_STOP, "price": None, "trail": units(0.5)},
        {"kind": OrderType.STOP, "price": None, "stop_price": units(1)},
        {"kind": OrderType.STOP_LIMIT, "price": 3, "stop_price": units(1), "tif": TimeInForce.DAY},
        {"kind": OrderType.MARKET, "price": None, "slippage": units(0.01)},
        {"price": 3, "display_quantity": units(2), "self_trade_prevention": SelfTradePrevention.DECREMENT},
        {"price": 3, "tif": TimeInForce.GTD, "expires_at": 10**12, "is_post_only": True},
    ],
    ids=["trailing stop", "stop", "stop-limit", "market", "iceberg", "post-only"],
)
def test_what_a_trader_asks_for_stands_in_his_order_and_goes_to_the_book(more: dict[str, Any]) -> None:
    machine = accounts_with(deposit(100, "ADA"), marks(2, 3, 2))
    asked = place("1", SELL, 10, more.get("price"), **{name: each for name, each in more.items() if name != "price"})
    (sent,) = of_type(machine.run(asked), EnterLimitOrder, EnterOrder)
    row = machine.state.orders.get("1")
    for name in (*ASKED, "side", "order_type", "time_in_force", "is_post_only", "symbol", "account_id"):
        assert getattr(sent, name) == getattr(asked, name), name
    assert sent.limit_price == asked.limit_price
    for name in ("quantity", "limit_price", "stop_price", "order_type", "time_in_force", "side", "trail"):
        assert getattr(row, name) == getattr(asked, name), name
