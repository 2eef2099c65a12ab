"""The words in which examples speak: whole units in place of nanos, and all that an example does not care for."""

from typing import Any

from machines import Machine

from schemas.accounts import AmendOrder, CancelOrder, DepositFunds, PlaceOrder, WithdrawFunds
from schemas.enums import InstrumentType, OrderType, Side, TimeInForce, Venue
from schemas.order_books import (
    CancelRestingOrder,
    EnterOrder,
    InstrumentListed,
    ListInstrument,
    Mark,
    MarkPrices,
    OrderCancelled,
    OrderReplaced,
    OrderRested,
    ReplaceOrder,
    ReplaceRefused,
    TradeExecuted,
)
from schemas.wire import NANOS

BUY, SELL = Side.BUY, Side.SELL
LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK
CENT = NANOS // 100
SECOND = NANOS


def units(number: float | str) -> int:
    """So many units in nanos; 0.1 is what a person means by it."""
    whole, _, part = str(number).partition(".")
    assert len(part) <= 9
    return int(whole + part.ljust(9, "0"))


def terms(**changed: Any) -> dict[str, Any]:
    """What ADAUSDT is made of: cents, thousandths of an ADA, no fees."""
    usual = {
        "symbol": "ADAUSDT",
        "instrument_type": InstrumentType.SPOT,
        "base": "ADA",
        "quote": "USDT",
        "tick": CENT,
        "lot": NANOS // 1_000,
        "multiplier": NANOS,
        "maker_fee_rate": 0,
        "taker_fee_rate": 0,
        "venue": Venue.INTERNAL,
    }
    return usual | changed


def listing(**changed: Any) -> ListInstrument:
    return ListInstrument(**terms(**changed))


def listed(**changed: Any) -> InstrumentListed:
    return InstrumentListed(**terms(**changed))


def deposit(amount: float, asset: str = "USDT", account: str = "ann", command: str = "") -> DepositFunds:
    return DepositFunds(
        account, asset, units(amount), command_id=command or f"deposit of {amount} {asset} to {account}"
    )


def withdrawal(amount: float, asset: str = "USDT", account: str = "ann", command: str = "w") -> WithdrawFunds:
    return WithdrawFunds(account, asset, units(amount), command_id=command)


def place(
    order: str,
    side: Side = BUY,
    quantity: float = 10,
    price: float | None = 2,
    *,
    account: str = "ann",
    symbol: str = "ADAUSDT",
    kind: OrderType = LIMIT,
    tif: TimeInForce = GTC,
    command: str = "",
    **more: Any,
) -> PlaceOrder:
    return PlaceOrder(
        order_id=order,
        account_id=account,
        symbol=symbol,
        side=side,
        order_type=kind,
        quantity=units(quantity),
        limit_price=None if price is None else units(price),
        time_in_force=tif,
        source="test",
        command_id=command or f"place {order}",
        **more,
    )


def place_market(order: str, side: Side = BUY, quantity: float = 10, **more: Any) -> PlaceOrder:
    return place(order, side, quantity, None, kind=MARKET, **more)


def amend(
    order: str, quantity: float | None = None, price: float | None = None, account: str = "ann", command: str = "amend"
) -> AmendOrder:
    return AmendOrder(
        order,
        account,
        None if quantity is None else units(quantity),
        None if price is None else units(price),
        command_id=command,
    )


def cancel(order: str, account: str = "ann", command: str = "cancel") -> CancelOrder:
    return CancelOrder(order, account, command_id=command)


def marks(bid: float | None, ask: float | None, last: float | None = None, symbol: str = "ADAUSDT") -> MarkPrices:
    prices = [None if price is None else units(price) for price in (bid, ask, last)]
    return MarkPrices((Mark(symbol, *prices),))


# What a book says to an account.


def rested(order: str, account: str = "ann") -> OrderRested:
    return OrderRested(order, account, "ADAUSDT")


def fill(
    order: str,
    quantity: float,
    price: float,
    leaves: float,
    *,
    side: Side = BUY,
    account: str = "ann",
    fee: int = 0,
    accrued: int = 0,
    trade: str = "100",
    multiplier: int = NANOS,
    symbol: str = "ADAUSDT",
) -> TradeExecuted:
    """A trade of this order with one of somebody else, which rested, and which nobody here knows."""
    value = units(quantity) * units(price) * multiplier // NANOS**2
    mine, other = (order, account, 1, fee, units(leaves), accrued), ("another order", "zed", 2, 0, 0, 0)
    buy, sell = (mine, other) if side is BUY else (other, mine)
    return TradeExecuted(
        *(trade, order, account, symbol, side, units(quantity), units(price), fee, 0, "INTERNAL", units(price)),
        *("ADA", "USDT", buy[0], sell[0], buy[1], sell[1], buy[2], sell[2], buy[3], sell[3], value, multiplier),
        *(buy[4], sell[4], buy[5], sell[5], 1),
    )


def cancelled(order: str, quantity: float, reason: Any, command: str = "cancel") -> OrderCancelled:
    return OrderCancelled(order, "ann", "ADAUSDT", units(quantity), reason, command_id=command)


def replaced(order: str, quantity: float, price: float, leaves: float, command: str = "amend") -> OrderReplaced:
    return OrderReplaced(
        order_id=order,
        account_id="ann",
        symbol="ADAUSDT",
        quantity=units(quantity),
        limit_price=units(price),
        leaves_quantity=units(leaves),
        command_id=command,
    )


def replace_refused(order: str, reason: Any, command: str = "amend") -> ReplaceRefused:
    return ReplaceRefused(order, "ann", "ADAUSDT", reason, command_id=command)


# What an account says to a book.


def enter(
    order: str,
    side: Side,
    quantity: float,
    price: float | None,
    *,
    account: str = "ann",
    kind: OrderType = LIMIT,
    tif: TimeInForce = GTC,
    maker_fee: int = 0,
    taker_fee: int = 0,
    symbol: str = "ADAUSDT",
) -> EnterOrder:
    return EnterOrder(
        order,
        account,
        symbol,
        1,
        side,
        kind,
        units(quantity),
        tif,
        maker_fee,
        taker_fee,
        None if price is None else units(price),
    )


def replace(order: str, quantity: float, price: float, account: str = "ann", symbol: str = "ADAUSDT") -> ReplaceOrder:
    return ReplaceOrder(
        order_id=order, account_id=account, symbol=symbol, quantity=units(quantity), limit_price=units(price)
    )


def take_out(order: str, account: str = "ann", symbol: str = "ADAUSDT") -> CancelRestingOrder:
    return CancelRestingOrder(order_id=order, account_id=account, symbol=symbol)


def accounts_with(*given: Any, **instrument: Any) -> Machine:
    """A shard of accounts that knows ADAUSDT, after what is given."""
    machine = Machine("accounts")
    machine.run_all([listed(**instrument), *given])
    return machine


def book_with(*given: Any, **instrument: Any) -> Machine:
    """A shard of books with ADAUSDT, after what is given."""
    machine = Machine("order_books")
    machine.run_all([listing(**instrument), *given])
    return machine


def balance(machine: Machine, account: str = "ann", asset: str = "USDT") -> tuple[float, float]:
    """Total and reserved, in units."""
    row = machine.state.balance(account, asset)
    return row.total / NANOS, row.reserved / NANOS


def levels(machine: Machine, symbol: str = "ADAUSDT") -> list[tuple[str, float, float, list[str]]]:
    """The book: side, price, open quantity, ids in order of priority; bids from the best, then asks."""
    book = machine.state.book(symbol)
    return [
        (name, price / NANOS, sum(order.leaves for order in level.values()) / NANOS, list(level))
        for name, side in (("buy", book.bids), ("sell", book.asks))
        for price, level in side.from_best()
    ]
