"""Rows as JSON: the canonical form with decimals as strings, and the older APIs' form with plain numbers."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from app.exactly_once.rows import Rows
from domain.account_rows import FINAL, Balance, Order
from domain.auction_rows import AuctionRow
from domain.book_rows import BookRow
from domain.breaker_rows import BreakerRow
from domain.indications import side_of
from domain.money import half_even
from domain.order_life import WORDS
from domain.positions import Position, value_at
from domain.quotes import Quote
from domain.reasons import reason_text
from domain.session_rows import SessionRow
from domain.trades import TradeRow
from schemas.enums import Side
from schemas.wire import NANOS
from web.numbers import text, text_or_none


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json", headers=headers or {}
    )


def number(amount: int | None) -> msgspec.Raw | None:
    """A decimal as a JSON number, digit by digit what it is."""
    return None if amount is None else msgspec.Raw(text(amount).encode())


def time_text(moment: int) -> str:
    """RFC 3339 with microseconds."""
    return (
        datetime.fromtimestamp(moment // NANOS, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment % NANOS // 1000:06d}Z"
    )


def average_price(order: Order) -> int | None:
    """What one unit cost on average; None before the first fill."""
    if not order.filled:
        return None
    return half_even(order.filled_value * NANOS * NANOS, order.filled * order.multiplier)


def order(row: Order) -> dict[str, Any]:
    """An order, decimals as strings."""
    return {
        "order_id": row.order_id,
        "order_number": row.order_number,
        "account_id": row.account_id,
        "client_order_id": row.client_order_id,
        "symbol": row.symbol,
        "side": row.side.value.lower(),
        "type": row.order_type.value.lower(),
        "time_in_force": row.time_in_force.value.lower(),
        "qty": text(row.quantity),
        "notional": text_or_none(row.notional),
        "limit_price": text_or_none(row.limit_price),
        "stop_price": text_or_none(row.stop_price),
        "trail": text_or_none(row.trail),
        "status": row.status.value,
        "filled_qty": text(row.filled),
        "leaves_qty": text(row.leaves),
        "average_price": text_or_none(average_price(row)),
        "filled_value": text(row.filled_value),
        "fee": text(row.fee),
        "held": text(row.held),
        "held_asset": row.held_asset,
        "reason_code": row.reason_code.value if row.reason_code else None,
        "reason": reason_text(row.reason_code) if row.reason_code else None,
        "parent_id": row.parent_id or None,
        "legs": list(row.legs),
        "pending_replaces": len(row.amends),
        "version": row.version,
        "created_at": time_text(row.created_at),
        "updated_at": time_text(row.updated_at),
    }


def legacy_order(row: Order) -> dict[str, Any]:
    """An order in the words of both older APIs at once: numbers as numbers, ids as integers beside ours."""
    average = average_price(row)
    return {
        "id": row.order_number,
        "order_id": row.order_id,
        "user_id": int(row.account_id) if row.account_id.isdigit() else row.account_id,
        "symbol": row.symbol,
        "asset": row.base,
        "order_type": row.side.value.lower(),
        "type": row.order_type.value.lower(),
        "side": 1 if row.side is Side.BUY else -1,
        "quantity": number(row.quantity),
        "price": number(row.limit_price),
        "status": WORDS[row.status].exchange,
        "filled_quantity": number(row.filled),
        "leaves_quantity": number(row.leaves),
        "order_quantity": number(row.quantity),
        "order_price": number(row.limit_price),
        "traded_quantity": number(row.filled),
        "average_traded_price": number(average if average is not None else 0),
        "order_alive": row.status not in FINAL,
        "reason_code": row.reason_code.value if row.reason_code else None,
        "created_at": time_text(row.created_at),
        "updated_at": time_text(row.updated_at),
    }


def balance(asset: str, row: Balance) -> dict[str, str]:
    """One asset of an account."""
    return {
        "asset": asset,
        "total": text(row.total),
        "available": text(row.available),
        "reserved": text(row.reserved),
    }


def trade(row: TradeRow) -> dict[str, Any]:
    """A trade, decimals as strings."""
    return {
        "trade_id": row.trade_id,
        "symbol": row.symbol,
        "price": text(row.price),
        "quantity": text(row.quantity),
        "executed_at": time_text(row.executed_at),
        "side": row.taker_side.value.lower(),
        "buy_order_id": row.buy_order_id,
        "sell_order_id": row.sell_order_id,
    }


def legacy_trade(row: TradeRow) -> dict[str, Any]:
    """A trade in the words of the order API: bid and ask, numbers as numbers."""
    return {
        "trade_id": int(row.trade_id),
        "symbol": row.symbol,
        "execution_timestamp": time_text(row.executed_at),
        "price": number(row.price),
        "quantity": number(row.quantity),
        "bid_order_id": row.buy_order_id,
        "ask_order_id": row.sell_order_id,
        "bid_order_number": row.buy_order_number,
        "ask_order_number": row.sell_order_number,
    }


def position(symbol: str, row: Position, last: int | None) -> dict[str, Any]:
    """A position, valued at the last price."""
    value = None if last is None else value_at(row, last)
    return {
        "symbol": symbol,
        "position_qty": text(row.quantity),
        "average_price": text_or_none(row.average_price),
        "cost": text(row.cost),
        "last_price": text_or_none(last),
        "market_value": text_or_none(value),
        "unrealized_pnl": text_or_none(None if value is None else value - row.cost),
        "realized_pnl": text(row.realized_pnl),
        "fees": text(row.fees),
    }


def book_state(symbol: str, rows: Rows, rested: int) -> dict[str, Any]:
    """How a book trades now, and what is known of prices elsewhere; of the tables of its shard.

    `rested` is the sequence of the order that rested last, of which the row of the book need not know.
    """
    row: BookRow = rows["books"].get(symbol) or BookRow()
    auction: AuctionRow | None = rows["auctions"].get(symbol)
    breaker: BreakerRow | None = rows["breakers"].get(symbol)
    quote: Quote | None = rows["quotes"].get(symbol)
    session: SessionRow | None = rows["sessions"].get(symbol)
    told = row.conditions
    state: dict[str, Any] = {
        "symbol": symbol,
        "sequence": max(row.sequence, rested),
        "phase": told.phase.value.lower(),
        "auction": None if auction is None else auction_state(auction),
        "last": text_or_none(row.last),
        "price_band": [text_or_none(told.low), text_or_none(told.high)],
        "breaker": None if breaker is None else breaker_state(breaker),
        "session": None if session is None else session_state(session),
    }
    if quote is not None:
        names = ("bid", "bid_size", "ask", "ask_size", "last")
        prices = {name: text_or_none(getattr(quote, name)) for name in names}
        state["reference"] = prices | {"quoted_at": time_text(quote.quoted_at)}
    return state


def session_state(row: SessionRow) -> dict[str, Any]:
    """The session that is, or comes next."""
    return {
        "session": row.session,
        "opens_at": time_text(row.opens_at),
        "closes_at": time_text(row.closes_at),
        "is_open": row.is_open,
        "pre_open_at": time_text(row.pre_open_at) if row.pre_open_at else None,
        "closing_auction_at": time_text(row.closing_auction_at) if row.closing_auction_at else None,
    }


def breaker_state(row: BreakerRow) -> dict[str, Any]:
    """A breaker, as it is set, and whether it waits to be armed again."""
    return {
        "limit": text(row.limit_rate),
        "pause_s": text_or_none(row.pause_ns or None),
        "rearm": "manual" if row.is_manual else "auto",
        "is_tripped": row.is_tripped,
    }


def auction_state(row: AuctionRow) -> dict[str, Any]:
    """An auction, and what it would bring, as it was told last."""
    side = side_of(row.surplus)
    return {
        "kind": row.kind.value.lower(),
        "ends_at": time_text(row.ends_at) if row.ends_at else None,
        "indicative_price": text_or_none(row.price),
        "matched_qty": text(row.matched),
        "surplus_qty": text(abs(row.surplus)),
        "surplus_side": None if side is Side.UNKNOWN else side.value.lower(),
    }
