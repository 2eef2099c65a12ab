"""What the check of an order must have said, worked out anew from the rows in the plainest way: a clerk with a list.

No counted exposures, no owners, no worst cases kept anywhere: all orders are looked at, each time. Only what the rules
say is the same: docs/trading-rules.md, "Accounts and risk".
"""

from fractions import Fraction
from typing import Any, NamedTuple

from machines import Machine, of_type

from domain.account_rows import FINAL, Mark, Order
from schemas.accounts import AmendOrder, PlaceOrder, RiskChecked
from schemas.enums import OrderStatus, OrderType, ReasonCode, Side
from schemas.order_books import ReplaceOrder
from schemas.wire import NANOS

UNIT = Fraction(1, NANOS)
NO_MARK = Mark(None, None, None)
USUAL = (Fraction(1, 2), Fraction(1, 4))
WITH_LIMIT = (OrderType.LIMIT, OrderType.STOP_LIMIT)


class Clerk:
    """One account of a shard, with an order that is being checked left out of its book of orders."""

    def __init__(self, machine: Machine, account: str, without: str) -> None:
        self.tables, self.account = machine.tables, account
        self.orders = [
            row
            for row in machine.tables["orders"].rows.values()
            if row.account_id == account and row.order_id != without and row.status not in FINAL
        ]
        self.row = machine.tables["risks"].rows.get(account)

    def mark(self, symbol: str) -> Mark:
        found: Mark = self.tables["marks"].rows.get(symbol) or NO_MARK
        return found

    def owned(self, asset: str) -> int:
        """Units, below zero where they are owed."""
        row = self.tables["balances"].rows.get(f"{self.account}|{asset}")
        return 0 if row is None else int(row.total)

    def held(self, asset: str) -> int:
        return sum(order.held for order in self.orders if order.held_asset == asset)

    def symbols(self, base: str, quote: str) -> list[Any]:
        rows = self.tables["instruments"].rows
        return [rows[name] for name in sorted(rows) if (rows[name].base, rows[name].quote) == (base, quote)]

    def price(self, base: str, quote: str) -> Fraction | None:
        """What a unit costs, times its multiplier, by the first symbol that has a last price."""
        for each in self.symbols(base, quote):
            last = self.mark(each.symbol).last
            if last is not None:
                return last * UNIT * each.multiplier * UNIT
        return None

    def equity(self, quote: str) -> int:
        """All that is owned and owed, each asset rounded down to a nano."""
        total = 0
        for asset in dict.fromkeys(key.partition("|")[2] for key in self.tables["balances"].rows):
            units = self.owned(asset)
            if asset == quote:
                total += units
            elif units and (price := self.price(asset, quote)) is not None:
                total += floor(units * price)
        return total

    def open(self, order: Order) -> int:
        """The most units that may still come of it."""
        if order.status is OrderStatus.HELD:
            return 0
        if order.units_max:
            return order.units_max - order.filled
        if order.notional is not None:
            best = order.best_ask if order.side is Side.BUY else order.best_bid
            assert best is not None
            return (order.notional - order.filled_value) * NANOS * NANOS // (best * order.multiplier)
        return max([order.quantity, *(terms.quantity for terms in order.amends)]) - order.filled

    def units(self, symbol: str, side: Side) -> int:
        return sum(self.open(order) for order in self.orders if (order.symbol, order.side) == (symbol, side))

    def rates(self, symbol: str) -> tuple[Fraction, Fraction]:
        rows = self.tables["margin_rates"].rows
        kind = self.tables["instruments"].rows[symbol].instrument_type
        row = rows.get(symbol) or rows.get(f"@{kind}")
        return USUAL if row is None else (row.initial * UNIT, row.maintenance * UNIT)

    def bound(self, asset: str, quote: str, this: "This | None" = None) -> int:
        """What the worse of two cases asks for: all buys of the asset filled, or all sales."""
        listed = self.symbols(asset, quote)
        buys = sum(self.units(each.symbol, Side.BUY) for each in listed)
        sells = sum(self.units(each.symbol, Side.SELL) for each in listed)
        price, terms = self.price(asset, quote), next((e for e in listed if self.mark(e.symbol).last is not None), None)
        if this is not None:
            buys, sells = buys + this.buys, sells + this.sells
            terms = terms or next(each for each in listed if each.symbol == this.symbol)
            price = max(price or Fraction(0), this.price * UNIT * terms.multiplier * UNIT)
        if terms is None or price is None:
            return 0
        worst = max(self.owned(asset) + buys, sells - (self.owned(asset) - self.held(asset)), 0)
        return ceiling(worst * price * self.rates(terms.symbol)[0])


class This(NamedTuple):
    """The order that is checked."""

    symbol: str
    buys: int
    sells: int
    price: int


def floor(value: Fraction) -> int:
    return value.numerator // value.denominator


def ceiling(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


class Expected(NamedTuple):
    """What the check must say; None where it does not look."""

    reason: ReasonCode | None
    buying_power: int
    required: int | None
    projected_position: int | None = None
    position_limit: int | None = None
    projected_value: int | None = None
    equity: int | None = None


def check_verdict(machine: Machine, command: PlaceOrder, said: RiskChecked) -> None:
    """The verdict on an order that just came, where its price is its own, or it was accepted."""
    order = machine.tables["orders"].rows[command.order_id]
    is_accepted = said.is_approved
    if not is_accepted and (command.order_type not in WITH_LIMIT or command.notional is not None):
        return
    if said.reason_code in (ReasonCode.RESET_IN_PROGRESS, ReasonCode.AMOUNT_OUT_OF_RANGE, ReasonCode.TOO_LARGE):
        return
    if not is_accepted and command.oco_group and said.required == 0:  # another one held for it; its row does not say
        return
    clerk = Clerk(machine, command.account_id, command.order_id)
    cap = order.cap_price if is_accepted else command.limit_price or 0
    units = clerk.open(order) if is_accepted else command.quantity
    found = expected(clerk, command, order, cap, units)
    told = Expected(
        said.reason_code,
        said.buying_power,
        said.required,
        said.projected_position,
        said.position_limit,
        said.projected_value,
        said.equity,
    )
    assert told == found, f"{command}\n{told} was said, and should have been\n{found}"


def check_amend(machine: Machine, command: Any, events: list[Any]) -> None:
    """An amend that went to the book is borne by what limits and equity leave, as if the order came anew with it."""
    if type(command) is not AmendOrder or not of_type(events, ReplaceOrder):
        return
    order = machine.tables["orders"].rows[command.order_id]
    clerk = Clerk(machine, command.account_id, command.order_id)
    instrument = clerk.tables["instruments"].rows[order.symbol]
    before = max([order.quantity, *(terms.quantity for terms in order.amends[:-1])]) - order.filled
    units, price = clerk.open(order), max(order.cap_price, *(terms.price for terms in order.amends))
    everybody = clerk.tables["position_limits"].rows.get(f"|{order.symbol}")
    is_limited = everybody is not None or (clerk.row is not None and clerk.row.is_tracked)
    if units > before and is_limited:
        found = _limited(clerk, order, order, order.cap_price, units, Expected(None, 0, 0), everybody)
        assert found.reason is None, f"{command} of {order} was let out: {found}"
    is_dearer = units > before or price > max([order.cap_price, *(terms.price for terms in order.amends[:-1])])
    if order.is_margin and is_dearer:
        this = This(order.symbol, *_sides(order, units), price)
        power, required, fits = _margin(clerk, order, instrument, this)
        assert fits, f"{command} of {order} was let out: {required} of {power}"


def expected(clerk: Clerk, command: PlaceOrder, order: Order, cap: int, units: int) -> Expected:
    """By the rules, in their order: buying power, what only reduces, the position, concentration."""
    instrument = clerk.tables["instruments"].rows[command.symbol]
    is_margin = clerk.row is not None and clerk.row.margin_asset == instrument.quote
    if is_margin:
        power, required, fits = _margin(clerk, order, instrument, This(command.symbol, *_sides(command, units), cap))
    else:
        power, required, fits = _cash(clerk, command, order, cap)
    if not fits:
        return Expected(ReasonCode.BUYING_POWER, power, required)
    if command.is_reduce_only and not _reduces(clerk, command, order, units, is_margin=is_margin):
        return Expected(ReasonCode.REDUCE_ONLY_WOULD_INCREASE, power, required)
    everybody = clerk.tables["position_limits"].rows.get(f"|{command.symbol}")
    if not (clerk.row is not None and clerk.row.is_tracked) and everybody is None:
        return Expected(None, power, required)
    return _limited(clerk, command, order, cap, units, Expected(None, power, required), everybody)


def _sides(command: PlaceOrder | Order, units: int) -> tuple[int, int]:
    return (units, 0) if command.side is Side.BUY else (0, units)


def _cash(clerk: Clerk, command: PlaceOrder, order: Order, cap: int) -> tuple[int, int, bool]:
    """Worst value and worst fee of a buyer, the units of a seller."""
    power = clerk.owned(order.held_asset) - clerk.held(order.held_asset)
    if order.held_by:  # another order of its group holds for it
        return power, 0, True
    worth = Fraction(0) if command.notional is not None else command.quantity * cap * UNIT * order.multiplier * UNIT
    if command.side is Side.BUY:
        worth = Fraction(command.notional) if command.notional is not None else worth
        required = floor(worth) + floor(worth * order.fee_rate_max * UNIT + Fraction(1, 2))
    elif command.notional is not None:
        required = floor(command.notional / (cap * UNIT * order.multiplier * UNIT))
    else:
        required = command.quantity
    return power, required, required <= power


def _margin(clerk: Clerk, order: Order, instrument: Any, this: This) -> tuple[int, int, bool]:
    """What is bound of the equity, with the order and without it."""
    quote, mark = instrument.quote, clerk.mark(this.symbol)
    prices = [this.price, mark.last or 0]
    if this.sells and mark.ask is not None:
        prices.append(mark.ask * 103 // 100)
    this = this._replace(price=max(prices))
    bases = {each.base for each in clerk.tables["instruments"].rows.values() if each.quote == quote}
    before = sum(clerk.bound(base, quote) for base in sorted(bases))
    power = clerk.equity(quote) - before
    if _worst(clerk, order.base, quote, this) <= _worst(clerk, order.base, quote, None):
        return power, 0, True
    after = before - clerk.bound(order.base, quote) + clerk.bound(order.base, quote, this)
    worth = floor((this.buys + this.sells) * this.price * UNIT * instrument.multiplier * UNIT)
    required = after - before + floor(worth * order.fee_rate_max * UNIT + Fraction(1, 2))
    return power, required, required <= power


def _worst(clerk: Clerk, base: str, quote: str, this: This | None) -> int:
    buys, sells = (0, 0) if this is None else (this.buys, this.sells)
    for each in clerk.symbols(base, quote):
        buys, sells = buys + clerk.units(each.symbol, Side.BUY), sells + clerk.units(each.symbol, Side.SELL)
    return max(clerk.owned(base) + buys, sells - clerk.owned(base) + clerk.held(base), 0)


def _reduces(clerk: Clerk, command: PlaceOrder, order: Order, units: int, *, is_margin: bool) -> bool:
    mine = [each for each in clerk.orders if (each.symbol, each.side) == (command.symbol, command.side)]
    reducing = [each for each in mine if each.is_reduce_only]
    excluded = [
        each
        for each in reducing
        if command.oco_group
        and each.oco_group == command.oco_group
        and not (each.order_type in WITH_LIMIT and command.order_type in WITH_LIMIT)
    ]
    counted = sum(clerk.open(each) for each in (mine if is_margin else reducing)) - sum(map(clerk.open, excluded))
    owned = clerk.owned(order.base)
    if command.side is Side.BUY:
        return counted + units <= max(0, -owned)
    return counted + units <= max(0, owned - clerk.held(order.base) if is_margin else owned)


def _limited(
    clerk: Clerk, command: PlaceOrder | Order, order: Order, cap: int, units: int, passed: Expected, everybody: Any
) -> Expected:
    sign = 1 if command.side is Side.BUY else -1
    projected = clerk.owned(order.base) + sign * (clerk.units(command.symbol, command.side) + units)
    larger = max(0, sign * projected)
    own = clerk.tables["position_limits"].rows.get(f"{command.account_id}|{command.symbol}")
    most = own.units if own is not None and own.units is not None else None if everybody is None else everybody.units
    reason = ReasonCode.POSITION_LIMIT if most is not None and larger > most else None
    part = None if clerk.row is None else clerk.row.concentration_limit
    found = passed._replace(reason=reason, projected_position=projected, position_limit=most)
    if part is None or not larger:
        return found
    last = clerk.mark(command.symbol).last
    value = floor(larger * (cap if last is None else last) * UNIT * order.multiplier * UNIT)
    equity = clerk.equity(order.quote)
    if reason is None and value >= part * UNIT * equity:
        reason = ReasonCode.CONCENTRATION
    return found._replace(reason=reason, projected_value=value, equity=equity)
