"""An order by money passes no limit, however cheap the book is when it comes there."""

from typing import Any

import msgspec
import pytest
from days import check_at_rest, check_ledger, check_settlement
from examples import (
    BUY,
    MARKET,
    SELL,
    accounts_with,
    book_with,
    cancelled,
    deposit,
    enter,
    fill,
    listing,
    marks,
    place,
    place_market,
    units,
)
from machines import Machine, about, of_type
from races import Race, in_every_order

from domain.risk_rows import Exposure
from schemas.accounts import OrderEvent, SetLimits
from schemas.enums import OrderStatus, ReasonCode, SelfTradePrevention, Side, Venue
from schemas.order_books import EnterLimitOrder, EnterOrder, OrderCancelled, SetReferencePrices, TradeExecuted

POSITION_LIMIT = ReasonCode.POSITION_LIMIT


def by_money(order: str, side: Side = BUY, money: float = 100, **more: Any) -> Any:
    return place_market(order, side, 0, notional=units(money), **more)


def limit(most: float) -> SetLimits:
    return SetLimits(account_id="ann", symbol="ADAUSDT", position_limit=units(most), command_id=f"limit {most}")


def limited(most: float, *given: Any) -> Machine:
    return accounts_with(deposit(1000), marks("1.9", 2, 2), limit(most), *given)


def sent(machine: Machine, command: Any) -> EnterOrder:
    (found,) = of_type(machine.run(command), EnterLimitOrder, EnterOrder)
    return found


def exposure(machine: Machine) -> Exposure:
    found: Exposure = machine.state.risk.exposure("ann", "ADAUSDT")
    return found


# What the account sends.


def test_it_may_trade_what_its_limit_leaves() -> None:
    machine = limited(52)
    assert about(sent(machine, by_money("1")), "quantity", "spend") == (units(52), units(100))
    assert exposure(machine) == Exposure(buys=units(52))
    assert machine.run(place("2", BUY, 1))[-1].order.reason_code is POSITION_LIMIT


def test_or_what_its_money_pays_five_percent_below_the_best_price() -> None:
    machine = limited(1000)
    assert sent(machine, by_money("1")).quantity == units("52.631")  # 100 at 1.9
    check_ledger(machine.state)


def test_what_its_money_pays_at_the_best_price_must_fit() -> None:
    machine = limited("49.999", by_money("1"))
    assert machine.state.orders.get("1").reason_code is POSITION_LIMIT
    assert exposure(machine) == Exposure()


def test_under_no_limit_nobody_has_to_know() -> None:
    machine = accounts_with(deposit(1000), marks("1.9", 2, 2))
    assert sent(machine, by_money("1")).quantity == 0


def test_concentration_bounds_it_too() -> None:
    machine = accounts_with(deposit(1000), marks("1.9", 2, 2))
    machine.run(SetLimits(account_id="ann", concentration_limit=units("0.102"), command_id="part"))
    assert sent(machine, by_money("1")).quantity == units("50.999")  # worth less than 102


def test_a_sale_may_sell_what_it_holds() -> None:
    machine = limited(1000, deposit(100, "ADA"), marks(2, "2.1", 2))
    assert sent(machine, by_money("1", SELL, 19)).quantity == units(10)
    assert exposure(machine) == Exposure(sells=units(10))


def test_what_it_has_left_is_counted_until_it_ends() -> None:
    machine = limited(60, by_money("1"))
    machine.run(fill("1", 40, 2, 7))
    assert exposure(machine) == Exposure(buys=units("12.631"))
    machine.run(cancelled("1", 0, POSITION_LIMIT, "place 1"))
    assert exposure(machine) == Exposure()
    order = machine.state.orders.get("1")
    assert (order.status, order.reason_code) == (OrderStatus.CANCELLED, POSITION_LIMIT)
    check_ledger(machine.state)


# What the book makes of it.


def take(book: Machine, money: float, most: float, **more: Any) -> list[Any]:
    order = enter("buy", BUY, most, 2, kind=MARKET, account="bob")
    return book.run(msgspec.structs.replace(order, spend=units(money), **more))


def test_a_book_stops_where_the_order_has_all_units_that_it_may_have() -> None:
    book = book_with(enter("1", SELL, 30, 1), enter("2", SELL, 30, 1))
    events = take(book, 100, 50)
    assert [trade.quantity for trade in of_type(events, TradeExecuted)] == [units(30), units(20)]
    (ended,) = of_type(events, OrderCancelled)
    assert about(ended, "order_id", "quantity", "reason_code") == ("buy", 0, POSITION_LIMIT)


def test_so_does_one_with_prices_from_elsewhere() -> None:
    book = book_with(SetReferencePrices("ADAUSDT", 1, units(1), units(1), units(1)), venue=Venue.SIM)
    events = take(book, 100, 50)
    assert [trade.quantity for trade in of_type(events, TradeExecuted)] == [units(50)]
    assert [each.reason_code for each in of_type(events, OrderCancelled)] == [POSITION_LIMIT]


def test_money_that_is_spent_with_the_last_unit_is_spent() -> None:
    (ended,) = of_type(take(book_with(enter("1", SELL, 60, 2)), 100, 50), OrderCancelled)
    assert ended.reason_code is ReasonCode.MONEY_SPENT


@pytest.mark.parametrize("mode", ["CANCEL_NEWEST", "CANCEL_BOTH", "DECREMENT"])
def test_an_order_that_self_trade_prevention_ends_ends_once(mode: str) -> None:
    book = book_with(enter("1", SELL, 60, 1, account="bob"))
    events = take(book, 100, 50, self_trade_prevention=SelfTradePrevention[mode])
    ended = [each for each in of_type(events, OrderCancelled) if each.order_id == "buy"]
    assert [each.reason_code for each in ended] == [ReasonCode.SELF_TRADE_PREVENTION]


def test_a_book_that_is_cheaper_than_was_heard_brings_no_more_than_the_limit() -> None:
    """100 at the price that was heard are 50 units; at half of it they would have been 100."""
    start = (listing(), deposit(500, "ADA", "bob"), deposit(1000), limit(52), place("ask", SELL, 10, 2, account="bob"))
    found = set()
    for race in in_every_order(
        lambda: Race(start), [by_money("buy")], [place("cheap", SELL, 300, 1, account="bob")], runs_max=500
    ):
        check_at_rest(race, race.seen)
        check_settlement(race, race.seen)
        last = [event for event in of_type(race.public, OrderEvent) if event.order_id == "buy"][-1]
        found.add((last.filled_quantity, last.reason_code))
    assert found == {(units(10), ReasonCode.MARKET_REMAINDER), (units(52), POSITION_LIMIT)}
