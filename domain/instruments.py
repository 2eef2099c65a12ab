"""What can be traded, where, and which prices and quantities it takes."""

import msgspec

from domain.money import AMOUNT_MAX
from domain.names import is_name
from schemas.enums import Allocation, InstrumentType, OptionRight, ReasonCode, Venue
from schemas.order_books import InstrumentListed, ListInstrument
from schemas.wire import NANOS

FEE_RATE_MAX = NANOS // 2
"""Half of the value: what a seller receives always covers his fee."""
AUCTION_NS_MAX = 4 * 3_600 * NANOS
"""For which orders may gather for an auction."""
Fault = tuple[ReasonCode, str]


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
    exchange: str = ""
    """Market whose prices count at the venue SIM, or to which orders go from the venue EXTERNAL."""
    underlying: str = ""
    expires_at: int = 0
    """Nanoseconds since the epoch; zero where it does not end."""
    strike: int | None = None
    option_right: OptionRight = OptionRight.NONE
    calendar: str = ""
    """Of its sessions; empty where it is traded at all times."""
    allocation: Allocation = Allocation.PRICE_TIME
    opening_auction_ns: int = 0
    """How long orders gather before a session opens; zero where it opens without an auction."""
    closing_auction_ns: int = 0
    """How long orders gather before a session closes; zero where it closes without an auction."""
    tick_from_one: int | None = None
    """Of prices of one unit and more, where it is wider: stocks in the US have cents from a dollar on, and hundredths
    of them below (Regulation NMS, rule 612)."""

    def tick_at(self, price: int) -> int:
        """Of which orders at such a price have a multiple."""
        return self.tick if self.tick_from_one is None or price < NANOS else self.tick_from_one

    @property
    def is_limited(self) -> bool:
        """Whether some orders are too large."""
        return self.quantity_max is not None or self.notional_max is not None

    @property
    def fee_rate_max(self) -> int:
        """The worse of the two rates: what a hold must cover."""
        maker, taker = self.maker_fee_rate, self.taker_fee_rate
        return max(taker, maker)  # asked for every order

    def has_expired(self, now: int) -> bool:
        """Whether its time is over."""
        return 0 < self.expires_at <= now


def from_listing(listing: InstrumentListed | ListInstrument) -> Instrument:
    """The row of a listing."""
    return Instrument(**{name: getattr(listing, name) for name in Instrument.__struct_fields__})


def is_same_contract(one: Instrument, other: Instrument) -> bool:
    """Are numbers of the one the same in the other, and trade they alike? Fees, limits, sessions and end may differ."""
    return _terms(one) == _terms(other)


def _terms(instrument: Instrument) -> Instrument:
    return msgspec.structs.replace(
        instrument,
        maker_fee_rate=0,
        taker_fee_rate=0,
        expires_at=0,
        quantity_max=None,
        notional_max=None,
        calendar="",
        opening_auction_ns=0,
        closing_auction_ns=0,
    )


def listing_fault(listing: ListInstrument) -> Fault | None:
    """Why an instrument cannot be listed; None where it can."""
    names = (listing.symbol, listing.base, listing.quote)
    if not all(map(is_name, names)) or listing.base == listing.quote:
        return (
            ReasonCode.UNKNOWN_SYMBOL,
            "symbol, base and quote are names, and base is not quote",
        )
    if (fault := _tick_fault(listing)) is not None:
        return fault
    if not (0 < listing.lot <= AMOUNT_MAX and 0 < listing.multiplier <= AMOUNT_MAX):
        return ReasonCode.BAD_QUANTITY, "lot and multiplier are above zero"
    if listing.tick * listing.lot * listing.multiplier % (NANOS * NANOS):
        return ReasonCode.BAD_PRICE, "tick x lot x multiplier is a whole number of nanos of the quote asset"
    if not (0 <= listing.maker_fee_rate <= FEE_RATE_MAX and 0 <= listing.taker_fee_rate <= FEE_RATE_MAX):
        return ReasonCode.AMOUNT_OUT_OF_RANGE, "fee rates lie between zero and one half"
    return _limits_fault(listing) or _venue_fault(listing) or _contract_fault(listing) or _auctions_fault(listing)


def _tick_fault(listing: ListInstrument) -> Fault | None:
    if not 0 < listing.tick <= AMOUNT_MAX:
        return ReasonCode.BAD_PRICE, "tick is above zero"
    wider = listing.tick_from_one
    if wider is not None and not (0 < wider <= NANOS and not wider % listing.tick and not NANOS % wider):
        return ReasonCode.BAD_PRICE, "tick_from_one is a multiple of tick and a part of one"
    return None


def _limits_fault(listing: ListInstrument) -> Fault | None:
    limits = (listing.quantity_max, listing.notional_max)
    if all(limit is None or 0 < limit <= AMOUNT_MAX for limit in limits):
        return None
    return ReasonCode.AMOUNT_OUT_OF_RANGE, "what one order may be at most is above zero"


def _venue_fault(listing: ListInstrument) -> Fault | None:
    if listing.venue is Venue.UNKNOWN or (listing.exchange and not is_name(listing.exchange)):
        return ReasonCode.BAD_INSTRUMENT, "venue is INTERNAL, SIM or the name of an exchange"
    if listing.venue is Venue.EXTERNAL and not listing.exchange:
        return ReasonCode.BAD_INSTRUMENT, "an external venue has a name"
    return None


def _auctions_fault(listing: ListInstrument) -> Fault | None:
    """Opening and closing auctions are of sessions, and of books in which orders trade with each other."""
    lengths = (listing.opening_auction_ns, listing.closing_auction_ns)
    if not all(0 <= length <= AUCTION_NS_MAX for length in lengths):
        return ReasonCode.BAD_INSTRUMENT, "orders gather for an auction for four hours at most"
    has_auctions = any(lengths)
    if has_auctions and not (listing.calendar and listing.venue is Venue.INTERNAL):
        return ReasonCode.BAD_INSTRUMENT, "opening and closing auctions need a calendar, and the venue INTERNAL"
    return None


def _contract_fault(listing: ListInstrument) -> Fault | None:
    """Options have a strike and a right, options and futures an underlying and an end; nothing else has them."""
    kind = listing.instrument_type
    is_option = kind is InstrumentType.OPTION
    is_derivative = is_option or kind is InstrumentType.FUTURE
    if kind is InstrumentType.UNKNOWN or listing.expires_at < 0:
        return ReasonCode.BAD_INSTRUMENT, "type is SPOT, EQUITY, OPTION or FUTURE, and its end is after 1970"
    has_strike = listing.strike is not None and 0 < listing.strike <= AMOUNT_MAX
    has_right = listing.option_right in (OptionRight.CALL, OptionRight.PUT)
    has_nothing = listing.strike is None and listing.option_right is OptionRight.NONE
    if not (has_strike and has_right if is_option else has_nothing):
        return ReasonCode.BAD_INSTRUMENT, "strike and right are of options, and options have both"
    if is_derivative and not (listing.expires_at and is_name(listing.underlying)):
        return ReasonCode.BAD_INSTRUMENT, "options and futures have an underlying and expires_at"
    if not is_derivative and listing.underlying:
        return ReasonCode.BAD_INSTRUMENT, "only options and futures have an underlying"
    return None
