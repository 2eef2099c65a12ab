from typing import Any

import pytest
from examples import CENT, listed, listing, units

from domain.instruments import FEE_RATE_MAX, from_listing, is_same_contract, listing_fault
from domain.money import AMOUNT_MAX
from schemas.enums import InstrumentType, OptionRight, ReasonCode, Venue
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


def test_one_tick_of_one_lot_may_cost_exactly_one_nano() -> None:
    assert listing_fault(listing(tick=1, lot=NANOS)) is None
    assert listing_fault(listing(tick=1, lot=NANOS // 10, multiplier=units(10))) is None
    assert listing_fault(listing(tick=1, lot=NANOS // 10)) is not None


def test_a_hold_covers_the_worse_of_the_two_fee_rates() -> None:
    assert from_listing(listing(maker_fee_rate=3, taker_fee_rate=2)).fee_rate_max == 3
    assert from_listing(listed(maker_fee_rate=1, taker_fee_rate=2)).fee_rate_max == 2


@pytest.mark.parametrize("changed", ["base", "quote", "tick", "lot", "multiplier", "venue"])
def test_assets_ticks_lots_multiplier_and_venue_say_what_numbers_mean(changed: str) -> None:
    other = {"base": "BNB", "quote": "EUR", "tick": 1, "lot": 1, "multiplier": 1, "venue": Venue.SIM}
    assert not is_same_contract(from_listing(listing()), from_listing(listing(**{changed: other[changed]})))
    assert is_same_contract(from_listing(listing()), from_listing(listing(maker_fee_rate=7, expires_at=5)))
