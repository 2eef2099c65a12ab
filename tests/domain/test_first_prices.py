"""What was never priced before has a price from its first trade on: an account is worth what it was, less its fees."""

from typing import Any

import msgspec
from examples import BUY, SELL, accounts_with, deposit, fill, listed, marks, place, rested, units
from machines import Machine, about, of_type

from schemas.accounts import AccountStateChanged, ChangeAccountKind, OrderEvent, SetLimits
from schemas.enums import AccountKind, ReasonCode

ON_MARGIN = ChangeAccountKind("ann", AccountKind.MARGIN, "USDT", command_id="kind")
BREAKER = SetLimits(account_id="ann", loss_limit=units(50), loss_asset="USDT", command_id="breaker")


def reason(machine: Machine, command: Any) -> ReasonCode | None:
    code: ReasonCode | None = of_type(machine.run(command), OrderEvent)[-1].reason_code
    return code


def test_who_buys_what_nobody_traded_before_has_lost_nothing() -> None:
    """60 ADA for 120: were they worth nothing until a price is told, 120 of 1,000 would be lost."""
    machine = accounts_with(deposit(1000), BREAKER, place("1", BUY, 60, 2), rested("1"))
    assert of_type(machine.run(fill("1", 60, 2, 0)), AccountStateChanged) == []
    assert of_type(machine.run(marks(None, None, 1.2)), AccountStateChanged) == []  # 72: 48 are lost
    (told,) = of_type(machine.run(marks(None, None, "1.16")), AccountStateChanged)  # 69.6: 50.4 are lost
    assert about(told, "reason_code", "loss") == (ReasonCode.LOSS_LIMIT, units("50.4"))


def test_units_that_had_no_price_when_they_came_are_no_gain_when_more_are_bought() -> None:
    machine = accounts_with(deposit(1000), deposit(500, "ADA"), BREAKER, place("1", BUY, 60, 2), rested("1"))
    assert of_type(machine.run(fill("1", 60, 2, 0)), AccountStateChanged) == []
    (told,) = of_type(machine.run(marks(None, None, 1.9)), AccountStateChanged)  # 560 ADA, a tenth less each
    assert about(told, "loss") == (units(56),)


def test_what_was_sold_short_is_owed_from_the_very_trade_on() -> None:
    """100 short at 2: 300 in cash, 200 owed; a half of 200 is bound, and nothing is free."""
    machine = accounts_with(deposit(100), ON_MARGIN, place("1", SELL, 100, 2), rested("1"))
    machine.run(fill("1", 100, 2, 0, side=SELL))
    assert reason(machine, place("2", SELL, 1, 2)) is ReasonCode.BUYING_POWER


def test_quotes_without_a_last_price_take_no_price_away() -> None:
    machine = accounts_with(deposit(100), ON_MARGIN, marks(1.99, 2), place("1", SELL, 97, 2), rested("1"))
    machine.run(fill("1", 97, 2, 0, side=SELL))
    machine.run(marks("1.98", "1.99"))
    assert reason(machine, place("2", SELL, 5, 2)) is ReasonCode.BUYING_POWER


def test_what_is_paid_for_with_one_asset_and_priced_in_none_that_counts_is_neither_won_nor_lost() -> None:
    """10 ETH for 50 ADA, worth 100 USDT; what an ETH is worth in USDT counts from the 9 on that is told first."""
    ethada, ethusdt = listed(symbol="ETHADA", base="ETH", quote="ADA"), listed(symbol="ETHUSDT", base="ETH")
    machine = accounts_with(ethada, ethusdt, marks(1.99, 2, 2), deposit(100, "ADA"), BREAKER)
    machine.run_all([place("1", BUY, 10, 5, symbol="ETHADA"), rested("1")])
    trade = msgspec.structs.replace(fill("1", 10, 5, 0, symbol="ETHADA"), base="ETH", quote="ADA")
    assert of_type(machine.run(trade), AccountStateChanged) == []
    assert of_type(machine.run(marks(None, None, 9, symbol="ETHUSDT")), AccountStateChanged) == []
    assert of_type(machine.run(marks(None, None, 4.01, symbol="ETHUSDT")), AccountStateChanged) == []  # 49.9 less
    (told,) = of_type(machine.run(marks(None, None, 4, symbol="ETHUSDT")), AccountStateChanged)
    assert about(told, "reason_code", "loss") == (ReasonCode.LOSS_LIMIT, units(50))


def test_what_is_sold_for_something_without_a_price_is_neither_won_nor_lost() -> None:
    ethada = listed(symbol="ETHADA", base="ETH", quote="ADA")
    ethusdt = listed(symbol="ETHUSDT", base="ETH")
    machine = accounts_with(ethada, ethusdt, marks(None, None, 9, symbol="ETHUSDT"), deposit(20, "ETH"), BREAKER)
    machine.run_all([place("1", SELL, 10, 5, symbol="ETHADA"), rested("1")])
    trade = msgspec.structs.replace(fill("1", 10, 5, 0, side=SELL, symbol="ETHADA"), base="ETH", quote="ADA")
    assert of_type(machine.run(trade), AccountStateChanged) == []
    assert of_type(machine.run(marks(None, None, "4.01", symbol="ETHUSDT")), AccountStateChanged) == []
    (told,) = of_type(machine.run(marks(None, None, 4, symbol="ETHUSDT")), AccountStateChanged)
    assert about(told, "loss") == (units(50),)


def test_a_book_that_is_empty_as_after_a_reset_has_no_price() -> None:
    machine = accounts_with(marks(1.99, 2, 2), marks(None, None))
    assert machine.state.marks.get("ADAUSDT").last is None


def test_a_trade_in_another_symbol_prices_nothing_here() -> None:
    machine = accounts_with(listed(symbol="ETHUSDT", base="ETH"), deposit(1000), BREAKER, place("1", BUY, 60, 2))
    machine.run_all([rested("1"), fill("1", 60, 2, 0)])
    assert machine.state.marks.get("ETHUSDT") is None
