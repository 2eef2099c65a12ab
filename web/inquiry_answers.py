"""Inquiries, and what belongs to them, as JSON: decimals as strings."""

from typing import Any

from domain.desk_measures import Measures
from domain.desk_terms import VOLATILITY_WINDOWS_S, DeskTerms
from domain.inquiry_life import OLDER_NAMES
from domain.positions import Position
from schemas.enums import DeskParty, InquirySide, Side
from schemas.inquiries import DeskPositionChanged, InquiryEvent, ReferencePrice
from web.answers import time_text
from web.numbers import text, text_or_none

PLAIN = (
    *("inquiry_id", "inquiry_number", "version", "client_id", "client_tier", "trader", "book_id", "instrument_id"),
    *("isin", "currency", "settle_date", "competition", "source", "is_auto", "is_stale"),
    *("position_version", "as_of_offset", "ref_age_ms", "quote_id", "policy_id", "policy_config_hash"),
    *("counter_rounds", "trade_id"),
)
DECIMALS = (
    *("requested_price", "position_qty", "position_notional", "pending_buy_qty", "pending_sell_qty", "ref_mid"),
    *("bid_price", "ask_price", "quote_qty", "half_spread", "skew", "size_adj", "tier_adj"),
    *("counter_price", "trade_price", "cover_price", "quote_mid"),
)
TIMES = {
    "due_time": "due_at",
    "firm_until": "firm_until",
    "expire_time": "expires_at",
    "received_at": "received_at",
    "quoted_at": "quoted_at",
    "accepted_at": "accepted_at",
    "look_until": "look_until",
    "ended_at": "ended_at",
}
TERMS = (
    *("risk_aversion", "volatility", "arrival_decay", "horizon", "inventory_lot", "signal_max", "size_premium"),
    *("typical_quantity", "counter_band", "quantity_max", "position_max", "credit_max", "exposure_max"),
    "last_look_tolerance",
)
CLOCKS = {"ref_age_max_ns": "ref_age_max_s", "firm_ns": "firm_s", "life_ns": "life_s", "last_look_ns": "last_look_s"}


def inquiry(row: InquiryEvent) -> dict[str, Any]:
    """All that is known of an inquiry."""
    found: dict[str, Any] = {name: getattr(row, name) for name in PLAIN}
    found |= {name: text_or_none(getattr(row, name)) for name in DECIMALS}
    found |= {name: time_text(moment) if (moment := getattr(row, of)) else None for of, name in TIMES.items()}
    return found | {
        "client_side": row.client_side.value.lower(),
        "book_side": book_side(row.client_side),
        "qty": text(row.quantity),
        "quote_price": text_or_none(quote_price(row)),
        "price_type": row.price_type.value.lower(),
        "security_type": row.security_type.value.lower(),
        "status": row.status.value,
        "older_status": OLDER_NAMES.get(row.status),
        "outcome": row.outcome.value if row.outcome else None,
        "reason_code": row.reason_code.value if row.reason_code else None,
        "counter_side": None if row.counter_side is Side.UNKNOWN else row.counter_side.value.lower(),
        "countered_by": None if row.countered_by is DeskParty.UNKNOWN else row.countered_by.value.lower(),
    }


def book_side(side: InquirySide) -> str:
    """What the book does when the client does that."""
    return {InquirySide.BUY: "sell", InquirySide.SELL: "buy"}.get(side, side.value.lower())


def quote_price(row: InquiryEvent) -> int | None:
    """The price that is quoted to a client who named a side."""
    return {InquirySide.BUY: row.ask_price, InquirySide.SELL: row.bid_price}.get(row.client_side)


def position(event: DeskPositionChanged) -> dict[str, Any]:
    """What a book has of an instrument."""
    return {
        "book_id": event.book_id,
        "instrument_id": event.instrument_id,
        "position_qty": text(event.position_qty),
        "position_notional": text(event.position_notional),
        "cost": text(event.cost),
        "realized_pnl": text(event.realized_pnl),
        "version": event.version,
        "inquiry_id": event.inquiry_id or None,
        "trade_id": event.trade_id or None,
    }


def position_of_row(key: str, row: Position) -> DeskPositionChanged:
    """The row of a position in the form in which it is told; which inquiry was the last is not known any more."""
    book_id, _, instrument_id = key.partition("|")
    notional = row.cost - row.realized_pnl
    return DeskPositionChanged(
        book_id, instrument_id, row.quantity, notional, row.cost, row.realized_pnl, row.version, "", ""
    )


def terms(book_id: str, instrument_id: str, row: DeskTerms) -> dict[str, Any]:
    """How a book quotes."""
    found: dict[str, Any] = {name: text_or_none(getattr(row, name)) for name in TERMS}
    found |= {name: text(getattr(row, of)) for of, name in CLOCKS.items()}
    return found | {
        "book_id": book_id or None,
        "instrument_id": instrument_id or None,
        "is_on": row.is_auto,
        "policy": row.policy.value.lower(),
        "volatility_window_s": row.volatility_window_s,
        "tiers": {each.tier: text(each.markup) for each in row.tiers},
        "config_hash": row.config_hash,
    }


def reference(row: ReferencePrice, measures: Measures | None) -> dict[str, Any]:
    """What the desk knows of a market: the middle, what a person said of it, and what market data measured last."""
    return {
        "instrument_id": row.instrument_id,
        "mid": text(row.mid),
        "quoted_at": time_text(row.quoted_at),
        "signal": text_or_none(row.signal),
        "volatility": text_or_none(row.volatility),
        "measures": None if measures is None else _measures(measures),
    }


def _measures(row: Measures) -> dict[str, Any]:
    windows = zip(VOLATILITY_WINDOWS_S, row.volatilities, strict=True)
    return {
        "measured_at": time_text(row.measured_at),
        "ema_fast": text_or_none(row.ema_fast),
        "ema_slow": text_or_none(row.ema_slow),
        "realized_volatility": {str(window): text_or_none(volatility) for window, volatility in windows},
    }
