"""Margin accounts: what they own and owe, what of it is bound, and what they may still do with the rest.

A margin account trades the symbols quoted in its margin asset on its equity: it may owe units it sold short, and money
with which it bought. Nothing is held order by order. What is bound follows from what it owns and what is open: for each
asset the worse of two cases, all open buys filled or all open sales filled, at the initial rate of its symbol. So it
is set free by the very fill, cancel or amend that makes the case smaller, to the last nano, and nothing is counted
twice. An order that makes no case worse passes always: the way out of a position is never closed.
"""

from typing import NamedTuple

import msgspec

from domain.account_rows import Mark, Order, State
from domain.exposures import equity_of, priced_in, value_in, worth
from domain.instruments import Instrument
from domain.money import fee_of
from domain.risk_rows import DEFAULT_RATES, AccountRisk, MarginRates
from schemas.enums import InstrumentType, ReasonCode, Side
from schemas.wire import NANOS

SHORT_SALE_PERCENT = 3
"""How far above the best ask units that are sold short are valued when the order comes in."""


class Margin(NamedTuple):
    """The figures of an account, in nanos of its margin asset."""

    equity: int
    bound: int

    @property
    def excess(self) -> int:
        """What may still be bound: buying power."""
        return self.equity - self.bound


class Case(NamedTuple):
    """An order that is not in the books yet."""

    symbol: str
    side: Side
    units: int
    price: int


def is_on_margin(state: State, account_id: str, instrument: Instrument) -> bool:
    """Whether orders of the account in the instrument are on margin; others are paid for in full."""
    return state.risk.of(account_id).margin_asset == instrument.quote


def margin_of(state: State, account_id: str, row: AccountRisk, case: Case | None = None) -> Margin:
    """What the account is worth, and what is bound, with one order more where there is a case."""
    equity = equity_of(state, account_id, row, row.margin_asset)
    return Margin(equity, sum(_bound(state, account_id, row, asset, case) for asset in row.assets))


def _bound(state: State, account_id: str, row: AccountRisk, asset: str, case: Case | None) -> int:
    symbols = state.risk.symbols.get((asset, row.margin_asset), ())
    this = case if case is not None and case.symbol in symbols else None
    units = worst_units(state, account_id, asset, symbols, this)
    found, price = priced_in(state, asset, row.margin_asset), 0 if this is None else this.price
    instrument = found[0] if found is not None else None if this is None else state.instruments.get(this.symbol)
    if instrument is None:
        return 0
    price = max(price, 0 if found is None else found[1])
    return at_rate(units, price, instrument.multiplier, rates_of(state, instrument).initial)


def maintained(state: State, account_id: str, row: AccountRisk) -> Margin:
    """What the account is worth, and how much of that what it owns and owes asks for."""
    total = 0
    for asset in row.assets:
        found = priced_in(state, asset, row.margin_asset)
        if found is not None:
            instrument, price = found
            units = abs(state.balance(account_id, asset).total)
            total += at_rate(units, price, instrument.multiplier, rates_of(state, instrument).maintenance)
    return Margin(equity_of(state, account_id, row, row.margin_asset), total)


def worst_units(state: State, account_id: str, asset: str, symbols: tuple[str, ...], case: Case | None) -> int:
    """The most units, long or short, that the account can come to have: all buys filled, or all sales.

    `symbols` are those of the asset that are on margin. What is held for orders in others goes away: it counts as sold.
    """
    balance, exposures = state.balance(account_id, asset), [state.risk.exposure(account_id, each) for each in symbols]
    buys, sells = sum(each.buys for each in exposures), sum(each.sells for each in exposures)
    if case is not None and case.side is Side.BUY:
        buys += case.units
    elif case is not None:
        sells += case.units
    return max(balance.total + buys, sells - balance.available, 0)


def at_rate(units: int, price: int, multiplier: int, rate: int) -> int:
    """Quote nanos that are bound for so many units, rounded up."""
    return -(-units * price * multiplier * rate // NANOS**3)


def rates_of(state: State, instrument: Instrument) -> MarginRates:
    """The rates of the symbol, or else of its asset class, or else the usual ones."""
    rates = state.risk.margin_rates
    return rates.get(instrument.symbol) or rates.get(class_key(instrument.instrument_type)) or DEFAULT_RATES


def class_key(instrument_type: InstrumentType) -> str:
    """Under which the rates of a class of instruments lie: no symbol is called so."""
    return f"@{instrument_type}"


def price_of(order: Order, mark: Mark | None) -> int | None:
    """At which price the units of an order are valued, at least: its cap; of a sale, 3 % above the best ask, if more.

    None where neither the order nor the market says one.
    """
    prices = [order.cap_price]
    if mark is not None:
        prices.append(mark.last or 0)
        if order.side is Side.SELL and mark.ask is not None:
            prices.append(mark.ask * (100 + SHORT_SALE_PERCENT) // 100)
    return max(prices) or None


class Need(NamedTuple):
    """What an order needs beside what there is; both in nanos of the margin asset."""

    buying_power: int
    required: int | None
    reason: ReasonCode | None


def need_of(state: State, order: Order, instrument: Instrument, units: int) -> Need:
    """Whether the account can bear so many units more of an order."""
    row = state.risk.of(order.account_id)
    before = margin_of(state, order.account_id, row)
    price = price_of(order, state.marks.get(order.symbol))
    if price is None:
        return Need(before.excess, None, ReasonCode.NO_REFERENCE_PRICE)
    case = Case(order.symbol, order.side, units, price)
    about = (state, order.account_id, order.base, state.risk.symbols[order.base, order.quote])
    if worst_units(*about, case) <= worst_units(*about, None):
        return Need(before.excess, 0, None)
    if order.base not in row.assets:
        row = msgspec.structs.replace(row, assets=(*row.assets, order.base))
    after = margin_of(state, order.account_id, row, case)
    fees = fee_of(worth(units, price, instrument.multiplier) * order.fee_rate_max)
    required = after.bound - before.bound + fees
    return Need(before.excess, required, ReasonCode.BUYING_POWER if required > before.excess else None)


def amend_fault(
    state: State, order: Order, amended: Order, instrument: Instrument, units: tuple[int, int]
) -> ReasonCode | None:
    """Why the account cannot bear the order as amended, as if it came anew, whichever of its terms will stand.

    `units` are what was open of it, and what will be. What asks for no more units, at no higher price, passes always.
    """
    price_before, price = _highest_price(order), _highest_price(amended)
    before, after = units
    if after <= before and price <= price_before:
        return None
    least = price_of(msgspec.structs.replace(amended, cap_price=price), state.marks.get(order.symbol))
    if least is None:
        return ReasonCode.NO_REFERENCE_PRICE
    without = Case(order.symbol, order.side, -before, 0)
    case = Case(order.symbol, order.side, after - before, least)
    about = (state, order.account_id, order.base, state.risk.symbols[order.base, order.quote])
    if worst_units(*about, case) <= worst_units(*about, without):
        return None
    found = margin_of(state, order.account_id, state.risk.of(order.account_id), case)
    fees = fee_of(worth(after, least, instrument.multiplier) * order.fee_rate_max)
    return ReasonCode.BUYING_POWER if fees > found.excess else None


def _highest_price(order: Order) -> int:
    """Of the terms that it has, and of those that were asked for."""
    return max(order.cap_price, *(terms.price for terms in order.amends)) if order.amends else order.cap_price


def withdrawal_fault(state: State, account_id: str, asset: str, amount: int) -> ReasonCode | None:
    """Why a margin account may not take out so much; None where it may, and where it is none.

    What leaves is missed at its price now; units that open orders may sell stay.
    """
    row = state.risk.of(account_id)
    if not row.margin_asset:
        return None
    symbols = state.risk.symbols.get((asset, row.margin_asset), ())
    open_sells = sum(state.risk.exposure(account_id, symbol).sells for symbol in symbols)
    free = state.balance(account_id, asset).available - open_sells
    value = value_in(state, asset, amount, row.margin_asset)
    fits = amount <= free and value <= margin_of(state, account_id, row).excess
    return None if fits else ReasonCode.BUYING_POWER
