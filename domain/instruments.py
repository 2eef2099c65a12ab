"""What can be traded, and which prices and quantities it takes."""

import msgspec

from domain.money import AMOUNT_MAX
from domain.names import is_name
from schemas.enums import InstrumentType, ReasonCode, Venue
from schemas.order_books import InstrumentListed, ListInstrument
from schemas.wire import NANOS

FEE_RATE_MAX = NANOS // 2
"""Half of the value: what a seller receives always covers his fee."""


class Instrument(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A listed instrument. Money in nanos, fee rates in billionths of the value."""

    symbol: str
    instrument_type: InstrumentType
    base: str
    quote: str
    tick: int
    lot: int
    multiplier: int
    maker_fee_rate: int
    taker_fee_rate: int
    venue: Venue
    quantity_max: int | None = None
    """Units of one order at most; None where there is no limit."""
    notional_max: int | None = None
    """What one order may be worth at most; None where there is no limit."""

    @property
    def is_limited(self) -> bool:
        """Whether some orders are too large."""
        return self.quantity_max is not None or self.notional_max is not None

    @property
    def fee_rate_max(self) -> int:
        """The worse of the two rates: what a hold must cover."""
        return max(self.maker_fee_rate, self.taker_fee_rate)


def from_listing(listing: InstrumentListed | ListInstrument) -> Instrument:
    """The row of a listing."""
    return Instrument(
        listing.symbol,
        listing.instrument_type,
        listing.base,
        listing.quote,
        listing.tick,
        listing.lot,
        listing.multiplier,
        listing.maker_fee_rate,
        listing.taker_fee_rate,
        listing.venue,
        listing.quantity_max,
        listing.notional_max,
    )


def has_units_of(one: Instrument, other: Instrument) -> bool:
    """Do prices and quantities of the one mean the same in the other?"""
    return (one.base, one.quote, one.tick, one.lot, one.multiplier) == (
        other.base,
        other.quote,
        other.tick,
        other.lot,
        other.multiplier,
    )


def listing_fault(listing: ListInstrument) -> tuple[ReasonCode, str] | None:
    """Why an instrument cannot be listed; None where it can."""
    names = (listing.symbol, listing.base, listing.quote)
    if not all(map(is_name, names)) or listing.base == listing.quote:
        return (
            ReasonCode.UNKNOWN_SYMBOL,
            "symbol, base and quote are names, and base is not quote",
        )
    if not 0 < listing.tick <= AMOUNT_MAX:
        return ReasonCode.BAD_PRICE, "tick is above zero"
    if not (0 < listing.lot <= AMOUNT_MAX and 0 < listing.multiplier <= AMOUNT_MAX):
        return ReasonCode.BAD_QUANTITY, "lot and multiplier are above zero"
    if listing.tick * listing.lot * listing.multiplier % (NANOS * NANOS):
        return ReasonCode.BAD_PRICE, "tick x lot x multiplier is a whole number of nanos of the quote asset"
    if not (0 <= listing.maker_fee_rate <= FEE_RATE_MAX and 0 <= listing.taker_fee_rate <= FEE_RATE_MAX):
        return ReasonCode.AMOUNT_OUT_OF_RANGE, "fee rates lie between zero and one half"
    return _limits_fault(listing)


def _limits_fault(listing: ListInstrument) -> tuple[ReasonCode, str] | None:
    limits = (listing.quantity_max, listing.notional_max)
    if all(limit is None or 0 < limit <= AMOUNT_MAX for limit in limits):
        return None
    return ReasonCode.AMOUNT_OUT_OF_RANGE, "what one order may be at most is above zero"
