from typing import Any

import pytest
from examples import (
    CENT,
    accounts_with,
    amend,
    deposit,
    listed,
    listing,
    marks,
    place,
    place_market,
    units,
)
from machines import of_type

from domain.instruments import FEE_RATE_MAX, from_listing, is_same_contract, listing_fault
from domain.money import AMOUNT_MAX
from schemas.accounts import OrderEvent
from schemas.enums import InstrumentType, OptionRight, OrderType, ReasonCode, Venue
from schemas.wire import NANOS


def test_an_instrument_of_cents_and_thousandths_can_be_listed() -> None:
    assert listing_fault(listing()) is None


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"symbol": ""}, ReasonCode.UNKNOWN_SYMBOL),
        ({"symbol": "ADA|USDT"}, ReasonCode.UNKNOWN_SYMBOL),
        ({"symbol": "A" * 65}, ReasonCode.UNKNOWN_SYMBOL),
        ({"base": ""}, ReasonCode.UNKNOWN_SYMBOL),
        ({"base": "A|B"}, ReasonCode.UNKNOWN_SYMBOL),
        ({"quote": "U S D"}, ReasonCode.UNKNOWN_SYMBOL),
        ({"quote": "ADA"}, ReasonCode.UNKNOWN_SYMBOL),
        ({"tick": 0}, ReasonCode.BAD_PRICE),
        ({"tick": -CENT}, ReasonCode.BAD_PRICE),
        ({"tick": AMOUNT_MAX + 1}, ReasonCode.BAD_PRICE),
        ({"lot": 0}, ReasonCode.BAD_QUANTITY),
        ({"lot": AMOUNT_MAX + NANOS}, ReasonCode.BAD_QUANTITY),
        ({"multiplier": 0}, ReasonCode.BAD_QUANTITY),
        ({"multiplier": AMOUNT_MAX + NANOS}, ReasonCode.BAD_QUANTITY),
        ({"tick": 1}, ReasonCode.BAD_PRICE),
        ({"multiplier": 1}, ReasonCode.BAD_PRICE),
        ({"quantity_max": 0}, ReasonCode.AMOUNT_OUT_OF_RANGE),
        ({"notional_max": -1}, ReasonCode.AMOUNT_OUT_OF_RANGE),
        ({"notional_max": AMOUNT_MAX + 1}, ReasonCode.AMOUNT_OUT_OF_RANGE),
        ({"maker_fee_rate": -1}, ReasonCode.AMOUNT_OUT_OF_RANGE),
        ({"taker_fee_rate": FEE_RATE_MAX + 1}, ReasonCode.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_what_cannot_be_traded_exactly_cannot_be_listed(wrong: dict[str, Any], reason: ReasonCode) -> None:
    fault = listing_fault(listing(**wrong))
    assert fault is not None
    assert fault[0] is reason
    assert fault[1]


CALL = {
    "instrument_type": InstrumentType.OPTION,
    "multiplier": 100 * NANOS,
    "underlying": "ADA",
    "expires_at": NANOS,
    "strike": units(2),
    "option_right": OptionRight.CALL,
}
FUTURE = {"instrument_type": InstrumentType.FUTURE, "underlying": "ADA", "expires_at": NANOS}


@pytest.mark.parametrize("right", [CALL, FUTURE, {"instrument_type": InstrumentType.EQUITY}, {"expires_at": NANOS}])
def test_options_futures_equities_and_what_ends_can_be_listed(right: dict[str, Any]) -> None:
    assert listing_fault(listing(**right)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"venue": Venue.UNKNOWN},
        {"venue": Venue.EXTERNAL},
        {"exchange": "N Y S E"},
        {"instrument_type": InstrumentType.UNKNOWN},
        {"expires_at": -1},
        {"underlying": "ADA"},
        {"strike": units(2)},
        {"option_right": OptionRight.PUT},
        CALL | {"strike": None},
        CALL | {"strike": 0},
        CALL | {"option_right": OptionRight.NONE},
        CALL | {"option_right": OptionRight.UNKNOWN},
        CALL | {"expires_at": 0},
        CALL | {"underlying": ""},
        FUTURE | {"underlying": "a|b"},
        FUTURE | {"expires_at": 0},
        FUTURE | {"strike": units(2)},
    ],
)
def test_an_instrument_has_what_its_type_has_and_nothing_else(wrong: dict[str, Any]) -> None:
    fault = listing_fault(listing(**wrong))
    assert fault is not None
    assert fault[0] is ReasonCode.BAD_INSTRUMENT
    assert fault[1]


STOCK = {"instrument_type": InstrumentType.EQUITY, "tick": CENT // 100, "tick_from_one": CENT}


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("0.9999", None),
        ("0.99995", ReasonCode.OFF_TICK),
        ("1", None),
        ("1.01", None),
        ("1.005", ReasonCode.OFF_TICK),
        ("250.0001", ReasonCode.OFF_TICK),
    ],
)
@pytest.mark.parametrize("is_amended", [False, True])
def test_prices_of_stocks_have_cents_from_a_dollar_on_and_four_places_below(
    price: str, reason: ReasonCode | None, is_amended: bool
) -> None:
    """And so have stop prices, exits, and what is held for a market order."""
    accounts = accounts_with(deposit(1_000), marks("0.98", "0.9999"), place("a", price="0.5", quantity=1), **STOCK)
    if is_amended:
        accounts.run(amend("a", None, price))
        found = accounts.state.outcomes.get("amend").reason_code
    else:
        (*_, told) = of_type(accounts.run(place("b", price=price, quantity=1)), OrderEvent)
        found = told.reason_code
    assert found is reason
    stop = place("c", price=None, quantity=1, kind=OrderType.STOP, stop_price=units(price))
    (*_, told) = of_type(accounts.run(stop), OrderEvent)
    assert told.reason_code is reason
    assert accounts.run(place_market("d", quantity=1))
    assert accounts.state.orders.get("d").cap_price == units("1.04"), "1.0498 and its cents"


@pytest.mark.parametrize("wider", [0, CENT // 200, CENT * 3, 2 * NANOS])
def test_the_wider_tick_is_made_of_ticks_and_makes_one(wider: int) -> None:
    assert listing_fault(listing(**STOCK)) is None
    fault = listing_fault(listing(**STOCK | {"tick_from_one": wider}))
    assert fault is not None
    assert fault[0] is ReasonCode.BAD_PRICE


def test_one_tick_of_one_lot_may_cost_exactly_one_nano() -> None:
    assert listing_fault(listing(tick=1, lot=NANOS)) is None
    assert listing_fault(listing(tick=1, lot=NANOS // 10, multiplier=units(10))) is None
    assert listing_fault(listing(tick=1, lot=NANOS // 10)) is not None


def test_a_hold_covers_the_worse_of_the_two_fee_rates() -> None:
    assert from_listing(listing(maker_fee_rate=3, taker_fee_rate=2)).fee_rate_max == 3
    assert from_listing(listed(maker_fee_rate=1, taker_fee_rate=2)).fee_rate_max == 2


@pytest.mark.parametrize("changed", ["base", "quote", "tick", "lot", "multiplier", "venue", "tick_from_one"])
def test_assets_ticks_lots_multiplier_and_venue_say_what_numbers_mean(changed: str) -> None:
    other = {"base": "BNB", "quote": "EUR", "tick": 1, "lot": 1, "multiplier": 1, "venue": Venue.SIM} | {
        "tick_from_one": NANOS
    }
    assert not is_same_contract(from_listing(listing()), from_listing(listing(**{changed: other[changed]})))
    assert is_same_contract(from_listing(listing()), from_listing(listing(maker_fee_rate=7, expires_at=5)))
