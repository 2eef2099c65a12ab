"""Stops that get another stop price, limit or trail while they wait."""

from typing import Any

import pytest
from days import check_at_rest
from examples import (
    BUY,
    SELL,
    accounts_with,
    balance,
    book_with,
    deposit,
    listing,
    marks,
    place,
    replace_refused,
    units,
)
from machines import Machine, about, of_type
from races import Race, in_every_order

from schemas.accounts import AmendOrder, OrderEvent
from schemas.enums import ExecType, OrderStatus, OrderType, ReasonCode, Side, TimeInForce
from schemas.order_books import (
    EnterOrder,
    OrderArmed,
    OrderReplaced,
    OrderTriggered,
    ReplaceOrder,
    ReplaceRefused,
    SetLastPrice,
    TradeExecuted,
)

STOP, STOP_LIMIT, TRAILING = OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP
ARMED = OrderArmed("1", "ann", "ADAUSDT", 1)


def move(order: str = "1", command: str = "move", **new: float) -> AmendOrder:
    terms = {name: units(value) for name, value in new.items()}
    return AmendOrder(order, "ann", command_id=command, **terms)


def stop(side: Side = BUY, price: float | None = None, **more: Any) -> Any:
    kind = STOP if price is None else STOP_LIMIT
    return place("1", side, 10, price, kind=kind, stop_price=units(2), **more)


def moved(**new: Any) -> OrderReplaced:
    """The book says that the order has new terms."""
    terms = {"quantity": units(10), "leaves_quantity": units(10), "command_id": "move"} | new
    return OrderReplaced(order_id="1", account_id="ann", symbol="ADAUSDT", **terms)


def reason(machine: Machine, command: str = "move") -> ReasonCode | None:
    found: ReasonCode | None = machine.state.outcomes.get(command).reason_code
    return found


# In the account.


def test_a_dearer_stop_price_is_held_for_before_it_goes_out_and_a_cheaper_one_released_when_it_stands() -> None:
    machine = accounts_with(deposit(100), stop(), ARMED)
    assert balance(machine) == (100, 21)  # 10 at 2 and 5 %
    (sent,) = of_type(machine.run(move(stop_price=3)), ReplaceOrder)
    assert about(sent, "quantity", "limit_price", "stop_price") == (units(10), units("3.15"), units(3))
    assert balance(machine) == (100, 31.5)
    events = of_type(machine.run(moved(limit_price=units("3.15"), stop_price=units(3))), OrderEvent)
    assert [about(event, "exec_type", "status", "stop_price") for event in events] == [
        (ExecType.REPLACED, OrderStatus.TRIGGER_WAIT, units(3))
    ]
    machine.run(move(stop_price=1, command="again"))
    assert balance(machine) == (100, 31.5)
    machine.run(moved(limit_price=units("1.05"), stop_price=units(1)))
    assert balance(machine) == (100, 10.5)
    assert reason(machine) is None


def test_a_stop_price_that_cannot_be_paid_changes_nothing() -> None:
    machine = accounts_with(deposit(30), stop(), ARMED)
    assert not of_type(machine.run(move(stop_price=3)), ReplaceOrder)
    assert (reason(machine), balance(machine)) == (ReasonCode.BUYING_POWER, (30, 21))


def test_what_was_held_for_a_stop_price_that_the_book_refuses_is_released() -> None:
    machine = accounts_with(deposit(100), stop(), ARMED, move(stop_price=3))
    machine.run(replace_refused("1", ReasonCode.HALTED, "move"))
    assert (reason(machine), balance(machine)) == (ReasonCode.HALTED, (100, 21))
    assert machine.state.orders.get("1").stop_price == units(2)


def test_the_limit_of_a_stop_limit_is_amended_before_and_after_it_is_triggered() -> None:
    machine = accounts_with(deposit(100), stop(price=2), ARMED)
    (sent,) = of_type(machine.run(move(limit_price=3)), ReplaceOrder)
    assert about(sent, "limit_price", "stop_price", "trail") == (units(3), None, None)
    machine.run_all([moved(limit_price=units(3), stop_price=units(2)), OrderTriggered("1", "ann", "ADAUSDT", 2)])
    (sent,) = of_type(machine.run(move(limit_price=4, command="again")), ReplaceOrder)
    assert (sent.limit_price, balance(machine)) == (units(4), (100, 40))
    assert machine.state.orders.get("1").stop_price == units(2)


def test_a_trail_of_a_buyer_is_held_for_from_the_last_price() -> None:
    trailing = place("1", BUY, 10, None, kind=TRAILING, trail=units(1))
    machine = accounts_with(deposit(100), marks(2, 3, 2), trailing, ARMED)
    assert balance(machine) == (100, 31.5)
    (sent,) = of_type(machine.run(move(trail=2)), ReplaceOrder)
    assert about(sent, "trail", "stop_price", "limit_price") == (units(2), None, units("4.2"))
    machine.run(moved(limit_price=units("4.2"), trail=units(2), stop_price=units(4)))
    found = machine.state.orders.get("1")
    assert (found.trail, found.stop_price, balance(machine)) == (units(2), None, (100, 42))


@pytest.mark.parametrize(
    ("order", "new", "expected"),
    [
        (place("1"), {"stop_price": 2}, ReasonCode.BAD_PRICE),
        (place("1"), {"trail": 1}, ReasonCode.BAD_PRICE),
        (stop(), {"limit_price": 2}, ReasonCode.BAD_PRICE),
        (stop(), {"trail": 2}, ReasonCode.BAD_PRICE),
        (stop(), {"stop_price": "2.001"}, ReasonCode.OFF_TICK),
        (stop(), {"stop_price": 0}, ReasonCode.BAD_PRICE),
        (stop(price=2), {"trail": 1}, ReasonCode.BAD_PRICE),
        (place("1", SELL, 1, None, kind=TRAILING, trail=units(1)), {"stop_price": 2}, ReasonCode.BAD_PRICE),
        (place("1", SELL, 1, None, kind=TRAILING, trail=units(1)), {"trail": "0.001"}, ReasonCode.OFF_TICK),
    ],
)
def test_each_type_has_its_prices_and_no_other(order: Any, new: dict[str, float], expected: ReasonCode) -> None:
    machine = accounts_with(deposit(100), deposit(10, "ADA"), order)
    assert not of_type(machine.run(move(**new)), ReplaceOrder)
    assert reason(machine) is expected


def test_a_triggered_stop_has_no_stop_price_to_change() -> None:
    machine = accounts_with(deposit(100), stop(price=2), ARMED, OrderTriggered("1", "ann", "ADAUSDT", 2))
    assert not of_type(machine.run(move(stop_price=3)), ReplaceOrder)
    assert reason(machine) is ReasonCode.ALREADY_TRIGGERED


def test_an_exit_that_shares_its_hold_may_move_but_not_grow() -> None:
    exits = [
        place("1", SELL, 10, None, kind=STOP, stop_price=units(1), oco_group="exit"),
        place("2", SELL, 10, 3, oco_group="exit"),
    ]
    machine = accounts_with(deposit(10, "ADA"), *exits, ARMED)
    for order, new in (("1", {"stop_price": "1.5"}), ("2", {"limit_price": 4})):
        assert of_type(machine.run(move(order, command=order, **new)), ReplaceOrder)
    machine.run(move("2", quantity=5, command="less"))
    assert reason(machine, "less") is ReasonCode.UNSUPPORTED_ORDER_TYPE
    machine.run(moved(limit_price=0, stop_price=units("1.5")))
    assert [machine.state.orders.get(order).held for order in ("1", "2")] == [units(10), 0]
    assert balance(machine, asset="ADA") == (10, 10)


# In the book.


def armed(kind: OrderType, side: Side = SELL, limit: int | None = None, **more: Any) -> EnterOrder:
    prices = {"stop_price": units(1)} if kind is not TRAILING else {"trail": units(1)}
    return EnterOrder(*("1", "ann", "ADAUSDT", 1, side, kind, units(10), TimeInForce.GTC, 0, 0, limit), **prices | more)


def new_terms(**new: Any) -> ReplaceOrder:
    return ReplaceOrder("1", "ann", "ADAUSDT", units(10), **{"limit_price": 0} | new)


def test_a_moved_stop_waits_for_its_new_price_and_fires_at_once_where_that_has_come() -> None:
    book = book_with(SetLastPrice("ADAUSDT", units(2)), armed(STOP))
    (replaced,) = of_type(book.run(new_terms(stop_price=units("1.5"))), OrderReplaced)
    assert replaced.stop_price == units("1.5")
    assert not of_type(book.run(SetLastPrice("ADAUSDT", units("1.51"))), OrderTriggered)
    assert of_type(book.run(new_terms(stop_price=units("1.6"))), OrderTriggered)


def test_a_trail_is_measured_from_the_best_price_that_was_followed() -> None:
    book = book_with(SetLastPrice("ADAUSDT", units(5)), armed(TRAILING))
    book.run(SetLastPrice("ADAUSDT", units("4.5")))
    (replaced,) = of_type(book.run(new_terms(trail=units(2))), OrderReplaced)
    assert (replaced.stop_price, replaced.trail) == (units(3), units(2))
    book.run(SetLastPrice("ADAUSDT", units(6)))
    assert book.state.book("ADAUSDT").stops["1"].stop_price == units(4)
    assert of_type(book.run(SetLastPrice("ADAUSDT", units(4))), OrderTriggered)


def test_a_trail_may_be_set_before_there_is_a_price_to_follow() -> None:
    book = book_with(armed(TRAILING))
    (replaced,) = of_type(book.run(new_terms(trail=units(2))), OrderReplaced)
    assert (replaced.stop_price, replaced.trail) == (None, units(2))
    book.run(SetLastPrice("ADAUSDT", units(5)))
    assert book.rebuilt().state.book("ADAUSDT").stops["1"].stop_price == units(3)


def test_the_band_is_for_limits_and_not_for_what_a_stop_may_cost() -> None:
    book = book_with(armed(STOP, BUY, units("1.05")))
    book.state.book("ADAUSDT").band = (units(2), units(3))
    assert of_type(book.run(new_terms(stop_price=units("0.5"), limit_price=units("0.52"))), OrderReplaced)


def test_a_book_refuses_a_stop_price_for_what_was_triggered_meanwhile() -> None:
    book = book_with(armed(STOP_LIMIT, limit=units(1)), SetLastPrice("ADAUSDT", units(1)))
    for terms in ({"stop_price": units(2)}, {"trail": units(2)}):
        (refused,) = of_type(book.run(new_terms(limit_price=units(1), **terms)), ReplaceRefused)
        assert refused.reason_code is ReasonCode.ALREADY_TRIGGERED


# Together.


def test_a_stop_that_moves_while_a_trade_reaches_it_moves_or_is_triggered_and_never_both() -> None:
    start = (
        listing(),
        deposit(1000, "USDT", "bob"),
        deposit(100, "ADA", "ann"),
        deposit(100, "ADA", "cid"),
        place("last", BUY, 5, 2, account="bob"),
        place("sale", SELL, 1, 2, account="cid"),
        place("1", SELL, 2, "1.5", kind=STOP_LIMIT, stop_price=units("1.8"), account="ann"),
        place("bid", BUY, 1, "1.7", account="bob"),
    )
    found = set()
    for race in in_every_order(
        lambda: Race(start), [move(stop_price="1.6")], [place("fall", SELL, 5, "1.7", account="cid")]
    ):
        check_at_rest(race, race.seen)
        (order,) = [row for machine in race.of("accounts") if (row := machine.state.orders.get("1"))]
        (outcome,) = [row for machine in race.of("accounts") if (row := machine.state.outcomes.get("move"))]
        found.add((order.status, order.stop_price, outcome.reason_code))
        assert len(of_type(race.public, TradeExecuted)) == 3
    assert found == {
        (OrderStatus.TRIGGER_WAIT, units("1.6"), None),
        (OrderStatus.OPEN, units("1.8"), ReasonCode.ALREADY_TRIGGERED),
    }


def test_chains_of_moves_hold_the_dearest_until_they_are_answered() -> None:
    machine = accounts_with(deposit(100), stop(), ARMED, move(stop_price=4, command="a"))
    (sent,) = of_type(machine.run(move(quantity=5, command="b")), ReplaceOrder)
    assert about(sent, "quantity", "limit_price", "stop_price") == (units(5), units("4.2"), None)
    assert balance(machine) == (100, 42)
    machine.run(moved(limit_price=units("4.2"), stop_price=units(4)))
    machine.run(moved(quantity=units(5), leaves_quantity=units(5), limit_price=units("4.2"), stop_price=units(4)))
    assert balance(machine) == (100, 21)
