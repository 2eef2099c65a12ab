"""The auto-trader: gates, then a price, then a decision. The same inputs give the same decision on every machine.

Prices are made after Avellaneda and Stoikov, High-frequency trading in a limit order book (2008), equations 29 and 30:
what a unit is worth to the book falls with what it has of it, and the spread covers the risk of holding it and what
waiting for the next client brings. Arithmetic is in decimals of 34 digits, the logarithm included, in a context of its
own.
"""

import zlib
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import lru_cache

import msgspec

from domain.desk_measures import NOT_MEASURED, Measures, outlook_of
from domain.desk_terms import DeskTerms
from domain.money import AMOUNT_MAX, VALUE_MAX
from schemas.enums import DeskPolicy, InquiryReason, InquirySide, QuoteAction
from schemas.wire import NANOS

CONTEXT = Context(prec=34, rounding=ROUND_HALF_EVEN)
DRAWS = 10
"""The policy `mock` takes one in so many."""
_UNIT = Decimal(NANOS)


class Request(msgspec.Struct, frozen=True, gc=False):
    """What a policy may know of an inquiry."""

    inquiry_id: str
    client_side: InquirySide
    quantity: int
    requested_price: int | None = None
    client_tier: str = ""
    inquiry_number: int = 0
    is_in_price: bool = True
    """Whether the requested price is a price, and no yield or spread."""


class Exposure(msgspec.Struct, frozen=True, gc=False):
    """What the book has, and what it may come to have."""

    quantity: int = 0
    """Booked units; below zero when short."""
    pending_buy: int = 0
    pending_sell: int = 0
    """Units of other open firm quotes."""
    client_net: int = 0
    """Quote units that the client has paid, less what it received, in trades of all kinds."""
    book_net: int = 0
    """The same of the book."""


class Market(msgspec.Struct, frozen=True, gc=False):
    """What is known of the market, and whether there is one."""

    tick: int
    mid: int | None = None
    age_ns: int = 0
    signal: int | None = None
    volatility: int | None = None
    """What a person said of both, beside the price; None where nobody did."""
    multiplier: int = NANOS
    stop: InquiryReason | None = None
    """Why nothing may be quoted at all: a kill switch, a halt, a closed market."""
    measures: Measures = NOT_MEASURED
    """What market data said lately."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What was decided, with the numbers on the way; all in nanos."""

    action: QuoteAction
    reason_code: InquiryReason | None = None
    price: int | None = None
    """At which was accepted or countered."""
    bid_price: int | None = None
    ask_price: int | None = None
    ref_mid: int | None = None
    signal: int | None = None
    reservation_price: int | None = None
    half_spread: int | None = None
    skew: int | None = None
    size_adj: int | None = None
    tier_adj: int | None = None
    gap: int | None = None
    inventory: int | None = None
    volatility: int | None = None
    ema_fast: int | None = None
    ema_slow: int | None = None
    realized_volatility: int | None = None
    measured_at: int | None = None
    """Of what the signal and the volatility were made, and until when it was measured."""


def quote(inquiry: Request, position: Exposure, market: Market, config: DeskTerms) -> Decision:
    """What the auto-trader does with an inquiry."""
    reason = market.stop or _gate(inquiry, position, market, config)
    if reason is not None:
        return Decision(QuoteAction.REJECT, reason, ref_mid=market.mid)
    if not inquiry.is_in_price:
        return Decision(QuoteAction.PASS, InquiryReason.PRICE_TYPE, ref_mid=market.mid)
    if config.policy is DeskPolicy.MOCK:
        return _drawn(inquiry, is_done=zlib.crc32(inquiry.inquiry_id.encode()) % DRAWS == 0)
    if config.policy is DeskPolicy.PARITY:
        return _drawn(inquiry, is_done=_number_of(inquiry) % 2 == 0)
    if market.mid is None or market.age_ns > config.ref_age_max_ns:
        reason = InquiryReason.NO_REFERENCE_PRICE if market.mid is None else InquiryReason.STALE
        return Decision(QuoteAction.PASS, reason, ref_mid=market.mid)
    return _decided(inquiry, _priced(inquiry, position, market, config), config)


def _drawn(inquiry: Request, *, is_done: bool) -> Decision:
    if is_done and inquiry.requested_price is not None:
        return Decision(QuoteAction.ACCEPT, price=inquiry.requested_price)
    return Decision(QuoteAction.REJECT, InquiryReason.DRAWN)


def _number_of(inquiry: Request) -> int:
    """The number that the sender gave, or ours where it gave none."""
    name = inquiry.inquiry_id
    return int(name) if name.isascii() and name.isdigit() else inquiry.inquiry_number


def _gate(inquiry: Request, position: Exposure, market: Market, config: DeskTerms) -> InquiryReason | None:
    """Limits, in this order; what is already on its way counts as if it were done."""
    if config.quantity_max is not None and inquiry.quantity > config.quantity_max:
        return InquiryReason.QUANTITY_LIMIT
    if config.position_max is not None and exceeds_limit(inquiry, position, config.position_max):
        return InquiryReason.POSITION_LIMIT
    price = market.mid if inquiry.requested_price is None else inquiry.requested_price
    if price is None or (config.credit_max is None and config.exposure_max is None):
        return None
    value = inquiry.quantity * price * market.multiplier // NANOS**2
    return money_fault(inquiry.client_side, position, value, config)


def money_fault(side: InquirySide, position: Exposure, value: int, config: DeskTerms) -> InquiryReason | None:
    """Which limit in money a trade of that value would exceed: of the client, or of the whole book.

    What makes neither larger passes always.
    """
    changes = [change * value for sides, change in _GIVES.items() if side in sides]
    for net, sign, limit, reason in (
        (position.client_net, 1, config.credit_max, InquiryReason.CLIENT_CREDIT),
        (position.book_net, -1, config.exposure_max, InquiryReason.BOOK_LIMIT),
    ):
        worst = max((abs(net + sign * change) for change in changes), default=0)
        if limit is not None and worst > max(limit, abs(net)):
            return reason
    return None


_BUYS = frozenset({InquirySide.BUY, InquirySide.TWO_WAY})
_SELLS = frozenset({InquirySide.SELL, InquirySide.TWO_WAY})
_GIVES = {_BUYS: 1, _SELLS: -1}
"""What a client pays, by what it may do."""


def exceeds_limit(inquiry: Request, position: Exposure, limit: int) -> bool:
    """Whether the book could come to have more than the limit, long or short, by what makes it longer or shorter."""
    lowest = position.quantity - position.pending_sell - inquiry.quantity
    highest = position.quantity + position.pending_buy + inquiry.quantity
    return (inquiry.client_side in _BUYS and lowest < -limit) or (inquiry.client_side in _SELLS and highest > limit)


def _priced(inquiry: Request, position: Exposure, market: Market, config: DeskTerms) -> Decision:
    """The prices at which the book would buy and sell."""
    assert market.mid is not None
    outlook = outlook_of(market.measures, market.mid, market.signal, market.volatility, config)
    tier = config.markup_of(inquiry.client_tier)
    with localcontext(CONTEXT):
        risk = _units(config.risk_aversion) * _units(outlook.volatility) ** 2 * _units(config.horizon)
        inventory = Decimal(position.quantity) / config.inventory_lot
        skew = -inventory * risk * _UNIT
        reservation = market.mid + outlook.signal + skew
        half = (risk / 2 + _waiting(config.risk_aversion, config.arrival_decay)) * _UNIT
        size = Decimal(0)
        if config.size_premium:
            size = config.size_premium * (Decimal(inquiry.quantity) / config.typical_quantity).sqrt()
        away = half + size + tier
        bid = int((reservation - away).to_integral_value(ROUND_FLOOR)) // market.tick * market.tick
        ask = -(-int((reservation + away).to_integral_value(ROUND_CEILING)) // market.tick) * market.tick
        numbers = [_nanos(each) for each in (reservation, half, skew, size, inventory * _UNIT)]
    if max(map(abs, (bid, ask, *numbers))) > VALUE_MAX:  # more digits than a record has
        return Decision(QuoteAction.REJECT, InquiryReason.AMOUNT_OUT_OF_RANGE, ref_mid=market.mid)
    return Decision(
        QuoteAction.QUOTE,
        bid_price=bid,
        ask_price=ask,
        ref_mid=market.mid,
        signal=outlook.signal,
        reservation_price=numbers[0],
        half_spread=numbers[1],
        skew=numbers[2],
        size_adj=numbers[3],
        tier_adj=tier,
        inventory=numbers[4],
        volatility=outlook.volatility,
        ema_fast=outlook.ema_fast,
        ema_slow=outlook.ema_slow,
        realized_volatility=outlook.realized_volatility,
        measured_at=outlook.measured_at,
    )


def _units(nanos: int) -> Decimal:
    return Decimal(nanos) / _UNIT


def _nanos(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_EVEN))


@lru_cache(maxsize=1_024)
def _waiting(risk_aversion: int, arrival_decay: int) -> Decimal:
    """(1/γ)·ln(1 + γ/κ): what the next client is worth; 1/κ where risk does not matter."""
    with localcontext(CONTEXT):
        decay = _units(arrival_decay)
        if not risk_aversion:
            return 1 / decay
        aversion = _units(risk_aversion)
        return (1 + aversion / decay).ln() / aversion


def _decided(inquiry: Request, priced: Decision, config: DeskTerms) -> Decision:
    """Compares the price that the client named, where it named one, with ours."""
    bid, ask, wanted = priced.bid_price, priced.ask_price, inquiry.requested_price
    if bid is None or ask is None:
        return priced
    needed = {InquirySide.BUY: (ask,), InquirySide.SELL: (bid,)}.get(inquiry.client_side, (bid, ask))
    largest = max(*needed, wanted or 0)
    if min(needed) <= 0 or largest * inquiry.quantity > AMOUNT_MAX * NANOS:
        return _with(priced, QuoteAction.REJECT, InquiryReason.AMOUNT_OUT_OF_RANGE)
    if wanted is None:
        return priced
    ours = ask if inquiry.client_side is InquirySide.BUY else bid
    gap = ask - wanted if inquiry.client_side is InquirySide.BUY else wanted - bid
    if gap <= 0:
        return _with(priced, QuoteAction.ACCEPT, None, gap, wanted)
    if gap <= config.counter_band:
        return _with(priced, QuoteAction.COUNTER, None, gap, ours)
    return _with(priced, QuoteAction.REJECT, InquiryReason.PRICE_TOO_FAR, gap)


def _with(
    priced: Decision,
    action: QuoteAction,
    reason: InquiryReason | None,
    gap: int | None = None,
    price: int | None = None,
) -> Decision:
    return msgspec.structs.replace(priced, action=action, reason_code=reason, gap=gap, price=price)
