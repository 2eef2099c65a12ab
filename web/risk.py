"""What is at risk in an account: what it owns and owes, and what it has open, at the prices of now."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from aiohttp import web

from app.machine import Place
from app.main import app
from domain.account_rows import Order, State
from domain.exposures import equity_of, open_units, worth
from domain.instruments import Instrument
from domain.margin import maintained, margin_of
from domain.positions import Position, value_at
from schemas.enums import Side
from tables import accounts as tables
from web import answers
from web.accounts import balances_of
from web.gateway import opened
from web.numbers import text, text_or_none
from web.problems import Problem
from web.risk_words import account_risk

router = app.http.router


class SymbolRisk(NamedTuple):
    """An account in one symbol; values in nanos of the quote asset."""

    symbol: str
    quote: str
    last: int | None
    position: int
    value: int
    """Of the position at the last price: below zero where it is short, nothing where there is no price."""
    open_buys: int
    open_buy_value: int
    open_sells: int
    open_sell_value: int
    unrealized_pnl: int | None
    base: str
    is_counted: bool
    """Whether the position is in the totals here: an asset that several symbols price is counted in one of them."""


async def risk(request: web.Request) -> web.Response:
    """GET /api/v1/risk?account_id=: by symbol, and by the asset in which symbols are quoted."""
    account_id = request.query.get("account_id")
    if account_id is None:
        raise Problem(400, "MISSING_FIELD", "account_id is missing", field="account_id")
    balances = balances_of(account_id)
    found = sorted(_symbols(account_id, {asset: row.total for asset, row in balances.items()}))
    quotes = sorted({each.quote for each in found})
    rows = opened().accounts.of(account_id).rows
    return answers.answer(
        account_risk(rows, account_id)
        | _figures(account_id)
        | {
            "symbols": [_symbol(each) for each in found],
            "totals": [total(quote, balances, found) for quote in quotes],
        }
    )


def _symbols(account_id: str, owned: dict[str, int]) -> Iterator[SymbolRisk]:
    """Where the account has a position or an open order."""
    gateway = opened()
    positions = gateway.positions_view.of_account(gateway.positions.number_of(account_id), account_id)
    open_orders: defaultdict[str, list[Order]] = defaultdict(list)
    rows = gateway.accounts.of(account_id).rows
    for order_id in list(gateway.accounts_view.alive[account_id]):
        order: Order | None = rows["orders"].get(order_id)
        if order is not None:
            open_orders[order.symbol].append(order)
    instruments = [instrument for _, instrument in rows["instruments"].scan()]
    lasts = {each.symbol: _last_of(each.symbol) for each in instruments}
    shown, counted = homes(instruments, positions, lasts)
    for instrument in instruments:
        symbol, last = instrument.symbol, lasts[instrument.symbol]
        units = owned.get(instrument.base, 0) if symbol in shown else 0
        if units or symbol in open_orders:
            row = positions.get(symbol)
            unrealized = None if row is None or last is None else value_at(row, last) - row.cost
            found = _risk_in(instrument, units, last, open_orders[symbol], unrealized)
            yield found._replace(is_counted=symbol in counted)


def _last_of(symbol: str) -> int | None:
    book = opened().books.of(symbol).rows["books"].get(symbol)
    last: int | None = None if book is None else book.last
    return last


def homes(
    instruments: list[Instrument], positions: dict[str, Position], lasts: dict[str, int | None]
) -> tuple[set[str], set[str]]:
    """-> the symbols in which it is shown what is owned of an asset, and those in which it is counted.

    It is shown in one symbol for each asset that prices it, and counted in one for all.
    The first, by name, in which the account has a position; or the first, for what was deposited belongs to none. What
    has a price is preferred where it is counted: else it would count for nothing.
    """
    shown: dict[tuple[str, str], str] = {}
    counted: dict[str, str] = {}
    traded = [each for each in instruments if each.symbol in positions and positions[each.symbol].quantity]
    ordered = [*traded, *instruments]
    for each in ordered:
        shown.setdefault((each.base, each.quote), each.symbol)
    for each in sorted(ordered, key=lambda each: lasts[each.symbol] is None):
        if each.symbol in shown.values():
            counted.setdefault(each.base, each.symbol)
    return set(shown.values()), set(counted.values())


def _risk_in(
    instrument: Instrument, units: int, last: int | None, orders: list[Order], unrealized: int | None
) -> SymbolRisk:
    open_units_of = {Side.BUY: 0, Side.SELL: 0}
    value_of = {Side.BUY: 0, Side.SELL: 0}
    for order in orders:
        left = open_units(order)
        open_units_of[order.side] += left
        value_of[order.side] += worth(left, order.cap_price or last or 0, instrument.multiplier)
    return SymbolRisk(
        instrument.symbol,
        instrument.quote,
        last,
        units,
        worth(units, last or 0, instrument.multiplier),
        open_units_of[Side.BUY],
        value_of[Side.BUY],
        open_units_of[Side.SELL],
        value_of[Side.SELL],
        unrealized,
        instrument.base,
        is_counted=False,
    )


def _symbol(each: SymbolRisk) -> dict[str, Any]:
    return {
        "symbol": each.symbol,
        "quote": each.quote,
        "last_price": text_or_none(each.last),
        "position_qty": text(each.position),
        "exposure": text(each.value),
        "open_buy_qty": text(each.open_buys),
        "open_buy_exposure": text(each.open_buy_value),
        "open_sell_qty": text(each.open_sells),
        "open_sell_exposure": text(each.open_sell_value),
        "unrealized_pnl": text_or_none(each.unrealized_pnl),
    }


def total(quote: str, balances: dict[str, Any], found: list[SymbolRisk]) -> dict[str, str]:
    """Gross counts what is short as much as what is long; net sets one off against the other.

    What is owned is in one total: a position in that of one of the assets that price it, and no cash then.
    """
    is_position = any(each.is_counted and each.value for each in found if each.base == quote)
    cash = balances[quote].total if quote in balances and not is_position else 0
    symbols = [each for each in found if each.quote == quote]
    values = [each.value for each in symbols if each.is_counted]
    net = sum(values)
    return {
        "asset": quote,
        "cash": text(cash),
        "gross_exposure": text(sum(map(abs, values))),
        "net_exposure": text(net),
        "open_buy_exposure": text(sum(each.open_buy_value for each in symbols)),
        "open_sell_exposure": text(sum(each.open_sell_value for each in symbols)),
        "unrealized_pnl": text(sum(each.unrealized_pnl or 0 for each in symbols)),
        "equity": text(cash + net),
    }


def _figures(account_id: str) -> dict[str, Any]:
    """What breakers and margin checks look at, at the prices that the account has heard."""
    shards = opened().accounts
    replica = shards.of(account_id)
    row = replica.rows["risks"].get(account_id)
    if row is None or not row.is_guarded:
        return {"margin": None, "loss": None}
    place = Place(shards.number_of(account_id), {"accounts": shards.count, "order_books": opened().books.count})
    state: State = tables.state({name: replica.rows[name] for name in tables.NOUN.tables}, place)
    margin = None
    if row.margin_asset:
        found, floor = margin_of(state, account_id, row), maintained(state, account_id, row)
        margin = {
            "asset": row.margin_asset,
            "equity": text(found.equity),
            "bound": text(found.bound),
            "buying_power": text(found.excess),
            "maintenance": text(floor.bound),
        }
    loss = None
    if row.loss_limit is not None:
        equity = equity_of(state, account_id, row, row.loss_asset)
        loss = {"asset": row.loss_asset, "equity": text(equity), "loss": text(row.baseline - equity)}
        loss["limit"] = text(row.loss_limit)
    return {"margin": margin, "loss": loss}


router.add_get("/api/v1/risk", risk)
