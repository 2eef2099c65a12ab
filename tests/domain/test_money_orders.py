"""Market orders by money: spend so much, or raise so much, whatever quantity that is."""

from random import Random
from typing import Any

import msgspec
import pytest
from days import Invariants, check_at_rest, check_settlement
from examples import (
    BUY,
    FOK,
    SELL,
    accounts_with,
    balance,
    cancelled,
    deposit,
    fill,
    listing,
    marks,
    place,
    place_market,
    units,
)
from machines import Machine, about, of_type
from venues import Venue

from domain.money import AMOUNT_MAX
from schemas.accounts import OrderEvent
from schemas.enums import ExecType, OrderStatus, ReasonCode, SelfTradePrevention, Side
from schemas.order_books import EnterLimitOrder, EnterOrder
from schemas.wire import NANOS

PERCENT = NANOS // 100


def by_money(order: str, side: Side = BUY, money: float = 100, **more: Any) -> Any:
    return place_market(order, side, 0, notional=units(money), **more)


def buyer(**instrument: int) -> Machine:
    return accounts_with(deposit(1000), marks("1.9", 2), **instrument)


def order(machine: Machine, order_id: str = "1") -> Any:
    return machine.state.orders.get(order_id)


def test_a_buy_holds_its_money_and_the_worst_fee_and_says_to_the_book_what_to_spend() -> None:
    machine = buyer(taker_fee_rate=2 * PERCENT)
    (sent,) = of_type(machine.run(by_money("1")), EnterLimitOrder, EnterOrder)
    assert about(sent, "quantity", "spend", "limit_price") == (0, units(100), units("2.1"))
    assert balance(machine) == (1000, 102)


def test_the_quantity_of_an_order_by_money_is_what_it_has_bought() -> None:
    machine = buyer()
    placed = of_type(machine.run(by_money("1")), OrderEvent)[-1]
    (filled,) = of_type(machine.run(fill("1", 40, 2, 7)), OrderEvent)
    (ended,) = of_type(machine.run(cancelled("1", 0, ReasonCode.MONEY_SPENT, "place 1")), OrderEvent)
    fields = ("status", "exec_type", "quantity", "filled_quantity", "leaves_quantity", "notional", "held")
    assert about(placed, *fields) == (
        *(OrderStatus.RISK_APPROVED, ExecType.PENDING_NEW, 0, 0, 0, units(100), units(100)),
    )
    assert about(filled, *fields) == (
        *(OrderStatus.PARTIALLY_FILLED, ExecType.TRADE, units(40), units(40), 0, units(100), units(20)),
    )
    assert about(ended, *fields) == (*(OrderStatus.FILLED, ExecType.RESTATED, units(40), units(40), 0, units(100), 0),)
    assert balance(machine) == (920, 0)


def test_money_that_finds_no_offer_comes_back() -> None:
    machine = buyer(taker_fee_rate=PERCENT)
    machine.run_all([by_money("1"), fill("1", 40, 2, 7, fee=units("0.8"), accrued=units(80) * PERCENT)])
    assert balance(machine) == (919.2, 20.2)
    machine.run(cancelled("1", 0, ReasonCode.MARKET_REMAINDER, "place 1"))
    assert (order(machine).status, balance(machine)) == (OrderStatus.CANCELLED, (919.2, 0))


def test_an_order_whose_money_self_trade_prevention_took_was_not_filled() -> None:
    machine = buyer()
    machine.run_all([by_money("1"), cancelled("1", 0, ReasonCode.MONEY_SPENT, "place 1")])
    assert (order(machine).status, balance(machine)) == (OrderStatus.CANCELLED, (1000, 0))


def test_a_sale_holds_what_must_be_sold_at_the_lowest_price_and_sells_no_lower() -> None:
    machine = accounts_with(deposit(100, "ADA"), marks(2, "2.1"))
    (sent,) = of_type(machine.run(by_money("1", SELL, 19)), EnterLimitOrder, EnterOrder)
    assert about(sent, "spend", "limit_price") == (units(19), units("1.9"))
    assert balance(machine, asset="ADA") == (100, 10)
    machine.run(fill("1", 5, 2, 7, side=SELL))
    assert balance(machine, asset="ADA") == (95, pytest.approx(9 / 1.9))
    machine.run(cancelled("1", 0, ReasonCode.MONEY_SPENT, "place 1"))
    assert (balance(machine, asset="ADA"), balance(machine)) == ((95, 0), (10, 0))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (by_money("1", money=0), ReasonCode.BAD_QUANTITY),
        (place("1", notional=units(5)), ReasonCode.UNSUPPORTED_ORDER_TYPE),
        (place_market("1", BUY, 1, notional=units(5)), ReasonCode.BAD_QUANTITY),
        (by_money("1", tif=FOK), ReasonCode.UNSUPPORTED_TIME_IN_FORCE),
        (by_money("1", oco_group="g"), ReasonCode.UNSUPPORTED_ORDER_TYPE),
        (msgspec.structs.replace(by_money("1"), notional=AMOUNT_MAX + 1), ReasonCode.AMOUNT_OUT_OF_RANGE),
        (by_money("1", money=1001), ReasonCode.BUYING_POWER),
        (by_money("1", SELL, 20), ReasonCode.BUYING_POWER),
        (by_money("1", symbol="NONE"), ReasonCode.UNKNOWN_SYMBOL),
    ],
)
def test_what_is_wrong_is_refused(command: Any, reason: ReasonCode) -> None:
    machine = buyer()
    machine.run(deposit(10, "ADA"))
    machine.run(command)
    assert order(machine).reason_code is reason


@pytest.mark.parametrize("side", [BUY, SELL])
def test_without_a_price_on_the_other_side_nothing_can_be_held(side: Side) -> None:
    machine = accounts_with(deposit(1000), deposit(100, "ADA"), by_money("1", side))
    assert order(machine).reason_code is ReasonCode.NO_REFERENCE_PRICE


def test_the_same_money_again_is_the_same_order_and_other_money_is_another() -> None:
    machine = buyer()
    machine.run(by_money("1", client_order_id="mine"))
    for money, expected in ((100, None), (99, ReasonCode.DUPLICATE_CLIENT_ORDER_ID)):
        machine.run(by_money(f"again {money}", money=money, client_order_id="mine"))
        assert machine.state.outcomes.get(f"place again {money}").reason_code is expected


def test_orders_by_money_trade_with_the_book_to_the_last_lot() -> None:
    seen = Invariants()
    venue = Venue(Random(1), watches=[seen])
    for command in (
        listing(maker_fee_rate=PERCENT, taker_fee_rate=2 * PERCENT),
        deposit(500, "ADA", "bob"),
        deposit(1000, "USDT", "ann"),
        deposit(100, "USDT", "bob"),
        place("ask", SELL, 10, 2, account="bob"),
        place("dearer", SELL, 90, "2.03", account="bob"),
        by_money("buy", money="50.5", account="ann"),
        place("bid", BUY, 30, "1.97", account="bob"),
        by_money("sell", SELL, money=20, account="ann", self_trade_prevention=SelfTradePrevention.DECREMENT),
    ):
        venue.send(command)
        venue.settle()
    last = {event.order_id: event for event in of_type(venue.public, OrderEvent)}
    assert last["buy"].status is last["sell"].status is OrderStatus.FILLED
    assert units("50.5") - last["buy"].filled_value < units("0.00203")
    assert units(20) - last["sell"].filled_value < units("0.00197")
    check_at_rest(venue, seen)
    check_settlement(venue, seen)


def test_the_money_of_one_order_may_be_limited() -> None:
    machine = buyer(notional_max=units(100), quantity_max=units(1))
    machine.run_all([by_money("1"), by_money("2", money="100.01")])
    assert (order(machine).reason_code, order(machine, "2").reason_code) == (None, ReasonCode.NOTIONAL_LIMIT)
