"""Which trades of US equities count for prices, and which for volume, by the conditions under which they were sold."""

from collections.abc import Iterable
from typing import NamedTuple


class Effect(NamedTuple):
    """What a trade counts for."""

    sets_price: bool
    """For open, high, low and last."""
    adds_volume: bool
    """For volume and VWAP."""


ALL, VOLUME_ONLY, NOTHING = Effect(True, True), Effect(False, True), Effect(False, False)

SALE_CONDITIONS: dict[str, Effect] = {
    **dict.fromkeys(("@", " ", ""), ALL),  # regular
    **dict.fromkeys(("A", "D", "E", "F", "K", "O", "S", "X", "Y", "1", "5", "6"), ALL),
    # acquisition, distribution, automatic, intermarket sweep, rule 155, opening, split, cross, yellow flag,
    # stopped, reopening, closing
    **dict.fromkeys(("C", "N", "R"), VOLUME_ONLY),  # cash, next day, seller: settled otherwise
    **dict.fromkeys(("H", "V", "W", "7"), VOLUME_ONLY),  # price variation, contingent, average price, QCT
    "I": VOLUME_ONLY,  # odd lot
    **dict.fromkeys(("T", "U"), VOLUME_ONLY),  # extended hours, in and out of sequence
    **dict.fromkeys(("G", "L", "P", "Z", "4", "2", "3"), VOLUME_ONLY),
    # bunched sold, sold last, prior reference, out of sequence, derivatively priced, stopped and sold late: these may
    # widen high and low, and set the last price only where nothing else has
    **dict.fromkeys(("M", "Q", "9"), NOTHING),  # official close and open, corrected close: told again, not traded again
}
"""By the letter of the consolidated tapes: UTP Trade Data Feed, sale condition matrix; CTA's is another one in B."""
BUNCHED_ON_TAPE_C, AVERAGE_PRICE_ON_TAPES_A_B = ALL, VOLUME_ONLY
"""What B means, by the tape."""

ODD_LOT_FLAG = 0x2000_0000
"""Bit of AlgoSeek's conditions (QuantConnect/Lean, TradeConditionFlags.OddLot)."""


def effect_of(conditions: Iterable[str], tape: str) -> Effect:
    """What a trade with these letters counts for; a letter that nobody has explained does not set a price."""
    effects = [_effect_of(condition, tape) for condition in conditions]
    return Effect(all(effect.sets_price for effect in effects), all(effect.adds_volume for effect in effects))


def _effect_of(condition: str, tape: str) -> Effect:
    if condition == "B":
        return BUNCHED_ON_TAPE_C if tape == "C" else AVERAGE_PRICE_ON_TAPES_A_B
    return SALE_CONDITIONS.get(condition, VOLUME_ONLY)


def effect_of_flags(flags: int) -> Effect:
    """What a trade with AlgoSeek's flags counts for: the rule of the vendor's own bars, all of which follow from it.

    Extended hours have bars there, so only odd lots are kept from setting a price.
    """
    return VOLUME_ONLY if flags & ODD_LOT_FLAG else ALL
