"""What may still come of the open orders of an account in a symbol, in units; and what an account is worth.

Counted where a limit needs it, and from then on. What is counted is what the orders say, after every change of one.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from domain.account_rows import FINAL, Order, State
from domain.instruments import Instrument
from domain.money import VALUE_MAX
from domain.risk_rows import AccountRisk, Exposure
from schemas.accounts import BalanceEvent
from schemas.enums import BalanceReason, OrderStatus, Side
from schemas.wire import NANOS


def open_units(order: Order) -> int:
    """Units that an order may still trade, whichever of the amends that were asked for will stand."""
    if order.status in FINAL or order.status is OrderStatus.HELD:
        return 0
    if order.units_max:
        return order.units_max - order.filled
    if order.notional is not None:  # nothing had to be known of it when it came
        price = order.best_ask if order.side is Side.BUY else order.best_bid
        assert price is not None, "without a price nothing can be held"
        return units_of_money(order, price)
    most = max(order.quantity, *(terms.quantity for terms in order.amends)) if order.amends else order.quantity
    return most - order.filled


def units_of_money(order: Order, price: int) -> int:
    """What the money that it has left pays at a price."""
    assert order.notional is not None
    return (order.notional - order.filled_value) * NANOS * NANOS // (price * order.multiplier)


def follow(state: State, order: Order) -> None:
    """An order becomes like this: counts what changes. Called before its row is written."""
    if not state.risk.is_counted(order.account_id, order.symbol):
        return
    before = state.orders.get(order.order_id)
    change = open_units(order) - (0 if before is None else open_units(before))
    if not change:
        return
    if order.account_id in state.risk.tracked:
        remember(state, order.account_id, order.base)
    key = f"{order.account_id}|{order.symbol}"
    exposure = _plus(state.risk.exposures.get(key) or Exposure(), order.side, change)
    if exposure == Exposure():
        state.risk.exposures.delete(key)
    else:
        state.risk.exposures.put(key, exposure)


def follow_reducing(state: State, order: Order) -> None:
    """A reduce-only order becomes like this: it is among the open ones, or no more."""
    key = f"{order.account_id}|{order.symbol}"
    before = state.risk.reducing.get(key) or ()
    after = tuple(each for each in before if each != order.order_id) if order.status in FINAL else before
    if order.status not in FINAL and order.order_id not in before:
        after = (*before, order.order_id)
    if after:
        state.risk.reducing.put(key, after)
    elif before:
        state.risk.reducing.delete(key)


def follow_money(state: State, event: BalanceEvent) -> None:
    """A balance of an account that is tracked changes. Money that comes in or goes out is neither won nor lost."""
    remember(state, event.account_id, event.asset)
    row = state.risk.of(event.account_id)
    if row.loss_limit is None or event.asset in row.unpriced:
        return
    if event.reason in (BalanceReason.DEPOSIT, BalanceReason.WITHDRAWAL):
        moved = value_in(state, event.asset, event.change, row.loss_asset)
        state.risk.put(event.account_id, msgspec.structs.replace(row, baseline=row.baseline + moved))


def remember(state: State, account_id: str, asset: str) -> None:
    """An account that is tracked has, or may come to have, something of this asset."""
    row = state.risk.of(account_id)
    if asset not in row.assets:
        row = msgspec.structs.replace(row, assets=(*row.assets, asset))
        if row.loss_limit is not None and not has_price(state, asset, row.loss_asset):
            row = msgspec.structs.replace(row, unpriced=(*row.unpriced, asset))
        state.risk.put(account_id, row)


def _plus(exposure: Exposure, side: Side, change: int) -> Exposure:
    if side is Side.BUY:
        return msgspec.structs.replace(exposure, buys=exposure.buys + change)
    return msgspec.structs.replace(exposure, sells=exposure.sells + change)


def counted(state: State, account_id: str, symbol: str) -> tuple[tuple[str, Exposure], ...]:
    """Open units by account and symbol as the orders say: of one account or one symbol; an empty name means all."""
    found: defaultdict[str, Exposure] = defaultdict(Exposure)
    for _, order in state.orders.scan():
        units = open_units(order)
        if units and account_id in ("", order.account_id) and symbol in ("", order.symbol):
            key = f"{order.account_id}|{order.symbol}"
            found[key] = _plus(found[key], order.side, units)
    return tuple(sorted(found.items()))


def base_of(state: State, key: str) -> str:
    """The asset of an account and symbol."""
    instrument = state.instruments.get(key.partition("|")[2])
    assert instrument is not None
    return instrument.base


def worth(units: int, price: int, multiplier: int) -> int:
    """Quote nanos that units are worth at a price, rounded down: a deposit need not be a whole number of lots."""
    return units * price * multiplier // (NANOS * NANOS)


def equity_of(state: State, account_id: str, row: AccountRisk, quote: str) -> int:
    """All that an account owns, in quote nanos at last prices; what has no price in that asset counts for nothing."""
    return sum(value_in(state, asset, state.balance(account_id, asset).total, quote) for asset in row.assets)


def value_in(state: State, asset: str, units: int, quote: str) -> int:
    """What units of an asset are worth in another one, at the last price; nothing where there is none."""
    if asset == quote:
        return units
    found = priced_in(state, asset, quote) if units else None
    return 0 if found is None else worth(units, found[1], found[0].multiplier)


def has_price(state: State, asset: str, quote: str) -> bool:
    """Whether it is known what an asset is worth in another one."""
    return asset == quote or priced_in(state, asset, quote) is not None


def unpriced(state: State, assets: Iterable[str], quote: str) -> tuple[str, ...]:
    """Those of which that is not known."""
    return tuple(asset for asset in assets if not has_price(state, asset, quote))


def priced_in(state: State, asset: str, quote: str) -> tuple[Instrument, int] | None:
    """The instrument that says what an asset costs in another one, and its last price: the first one that has a price.

    So one that is listed later, and has none yet, changes nothing.
    """
    for symbol in state.risk.symbols.get((asset, quote), ()):
        mark, instrument = state.marks.get(symbol), state.instruments.get(symbol)
        if mark is not None and mark.last is not None and instrument is not None:
            return instrument, mark.last
    return None


def told(value: int | None) -> int | None:
    """A value as far as it fits the schemas."""
    return None if value is None or abs(value) > VALUE_MAX else value
