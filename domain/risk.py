"""The check of an order before it goes out: buying power, then the position, then concentration.

The first that fails is the reason.
A position is what the account owns of the base asset. It is projected: with the order filled, and all open orders of
the same side with it; orders of a group count each by itself. An order that cannot make it larger passes.
"""

from typing import NamedTuple

from domain import margin, orders, reduce_only
from domain.account_rows import Order, State
from domain.exposures import equity_of, open_units, told, worth
from domain.instruments import Instrument
from domain.margin import Need
from schemas.accounts import PlaceOrder, RiskChecked
from schemas.enums import ReasonCode, Side
from schemas.wire import NANOS


class Figures(NamedTuple):
    """What was looked at; None where there was no need to."""

    reason: ReasonCode | None = None
    projected_position: int | None = None
    position_limit: int | None = None
    projected_value: int | None = None
    equity: int | None = None
    concentration_limit: int | None = None


NO_FIGURES = Figures()


def check(
    state: State, command: PlaceOrder | Order, order: Order, instrument: Instrument, funded: Order | ReasonCode
) -> RiskChecked:
    """The verdict on an order: `funded` with what is to be held for it, or why that cannot be."""
    available = state.balance(order.account_id, order.held_asset).available
    if not isinstance(funded, Order):
        required = _required(state, command, order, instrument) if funded is ReasonCode.BUYING_POWER else None
        return _verdict(order, order.held_asset, Need(available, required, funded), NO_FIGURES)
    is_limited = state.risk.is_limited(order.account_id, order.symbol)
    if not (is_limited or funded.is_reduce_only):  # as nearly always
        about = (order.order_id, order.account_id, order.symbol, order.side, order.quantity)
        return RiskChecked(*about, True, order.held_asset, available, funded.held)
    need, figures, units = Need(available, funded.held, None), NO_FIGURES, open_units(funded)
    if funded.is_margin:
        need = margin.need_of(state, funded, instrument, units)
    if funded.is_reduce_only and need.reason is None:
        need = need._replace(reason=reduce_only.fault(state, funded, units))
    if is_limited and need.reason is None:
        figures = limits(state, funded, instrument, units)
    return _verdict(order, order.quote if funded.is_margin else order.held_asset, need, figures)


def _verdict(order: Order, asset: str, need: Need, figures: Figures) -> RiskChecked:
    reason = need.reason or figures.reason
    return RiskChecked(
        order.order_id,
        order.account_id,
        order.symbol,
        order.side,
        order.quantity,
        reason is None,
        asset,
        need.buying_power,
        told(need.required),
        reason,
        figures.projected_position,
        figures.position_limit,
        told(figures.projected_value),
        told(figures.equity),
        figures.concentration_limit,
    )


def _required(state: State, command: PlaceOrder | Order, order: Order, instrument: Instrument) -> int | None:
    """What an order would need that is refused."""
    cap = orders.cap_price(instrument, command, state.marks.get(order.symbol))
    return None if cap is None else orders.hold_at(order, cap)


def amend_fault(state: State, order: Order, amended: Order) -> ReasonCode | None:
    """Why an order may not be made larger, or dearer on margin; None where it may."""
    units = (open_units(order), open_units(amended))
    more = units[1] - units[0]
    if more > 0 and order.is_reduce_only and (fault := reduce_only.fault(state, order, more)) is not None:
        return fault
    instrument = state.instruments.get(order.symbol)
    assert instrument is not None
    fault = margin.amend_fault(state, order, amended, instrument, units) if amended.is_margin else None
    if fault is not None or more <= 0 or not state.risk.is_limited(order.account_id, order.symbol):
        return fault
    return limits(state, amended, instrument, more).reason


def limits(state: State, order: Order, instrument: Instrument, units: int) -> Figures:
    """What comes of `units` more of an order, beside the limits of its account."""
    exposure = state.risk.exposure(order.account_id, order.symbol).of(order.side)
    owned = state.balance(order.account_id, order.base).total
    projected = owned + exposure + units if order.side is Side.BUY else owned - exposure - units
    larger = max(0, projected if order.side is Side.BUY else -projected)
    """Units of the position on the side to which the order moves it."""
    most = _position_limit(state, order.account_id, order.symbol)
    reason = ReasonCode.POSITION_LIMIT if most is not None and larger > most else None
    row = state.risk.of(order.account_id)
    if row.concentration_limit is None or not larger:
        return Figures(reason, projected, most)
    value = worth(larger, _price(state, order), instrument.multiplier)
    equity = equity_of(state, order.account_id, row, order.quote)
    if reason is None and value * NANOS >= row.concentration_limit * equity:
        reason = ReasonCode.CONCENTRATION
    return Figures(reason, projected, most, value, equity, row.concentration_limit)


def room(state: State, order: Order, instrument: Instrument) -> int | None:
    """The most units that an order may have under its limits, which may be below zero; None where none says it."""
    if not state.risk.is_limited(order.account_id, order.symbol):
        return None
    most, row = _position_limit(state, order.account_id, order.symbol), state.risk.of(order.account_id)
    if row.concentration_limit is not None:
        price = _price(state, order)
        worth_max = -(-row.concentration_limit * equity_of(state, order.account_id, row, order.quote) // NANOS) - 1
        units = ((worth_max + 1) * NANOS * NANOS - 1) // (price * instrument.multiplier)
        most = units if most is None else min(most, units)
    if most is None:
        return None
    owned = state.balance(order.account_id, order.base).total
    exposure = state.risk.exposure(order.account_id, order.symbol).of(order.side)
    return most - exposure - (owned if order.side is Side.BUY else -owned)


def _price(state: State, order: Order) -> int:
    """At which a position is valued: the last price, or that of the order where there is none."""
    mark = state.marks.get(order.symbol)
    return order.cap_price if mark is None or mark.last is None else mark.last


def _position_limit(state: State, account_id: str, symbol: str) -> int | None:
    """The limit of the account in the symbol, or else the one for everybody."""
    own = state.risk.position_limits.get(f"{account_id}|{symbol}")
    if own is not None and own.units is not None:
        return own.units
    everybody = state.risk.position_limits.get(f"|{symbol}")
    return None if everybody is None else everybody.units
