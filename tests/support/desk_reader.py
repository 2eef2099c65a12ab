"""A reader of `inquiry-events` who works out every price of the auto-trader anew: from the record of the decision, the
terms that it names, and what was told of the inquiry and the position before. Another arithmetic, and more digits."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, NamedTuple

from schemas.inquiries import QuoteDecided
from schemas.wire import NANOS


class Reading(NamedTuple):
    """What the record must say."""

    signal: int
    volatility: int
    reservation_price: int
    half_spread: int
    bid_price: int
    ask_price: int


def check_quote(record: QuoteDecided, terms: Any, *, tick: int, position: int, quantity: int, tier: str) -> None:
    """Says so where a price, or a number on the way, is not what it must be."""
    if record.bid_price is None or record.ask_price is None:
        return
    with localcontext(prec=70):
        found = _read(record, terms, tick, position, quantity, tier)
    assert found == Reading(*(getattr(record, name) for name in Reading._fields)), record


def _read(record: QuoteDecided, terms: Any, tick: int, position: int, quantity: int, tier: str) -> Reading:
    assert record.ref_mid is not None
    signal, volatility = record.signal, record.volatility
    if record.ema_fast is not None and record.ema_slow is not None:
        signal = sorted((-terms.signal_max, record.ema_fast - record.ema_slow, terms.signal_max))[1]
    if record.realized_volatility is not None:
        volatility = _nearest(_units(record.ref_mid) * _units(record.realized_volatility))
    assert signal is not None
    assert volatility is not None
    aversion, decay = _units(terms.risk_aversion), _units(terms.arrival_decay)
    variance = _units(volatility) ** 2 * _units(terms.horizon)
    waiting = (1 + aversion / decay).ln() / aversion if aversion else 1 / decay
    middle = _units(record.ref_mid + signal) - Decimal(position) / terms.inventory_lot * aversion * variance
    half = aversion * variance / 2 + waiting
    premium = _units(terms.size_premium) * (Decimal(quantity) / terms.typical_quantity).sqrt()
    markups = {each.tier: each.markup for each in terms.tiers}
    away = half + premium + _units(markups.get(tier, 0))
    steps = Decimal(NANOS) / tick
    bid = ((middle - away) * steps).to_integral_value(ROUND_FLOOR)
    ask = ((middle + away) * steps).to_integral_value(ROUND_CEILING)
    return Reading(signal, volatility, _nearest(middle), _nearest(half), int(bid) * tick, int(ask) * tick)


def _units(nanos: int) -> Decimal:
    return Decimal(nanos) / NANOS


def _nearest(units: Decimal) -> int:
    return int((units * NANOS).to_integral_value(ROUND_HALF_EVEN))
