"""What may be asked for in an order: which prices each type takes, and which instructions go together."""

from typing import NamedTuple

from domain.instruments import Instrument
from domain.money import AMOUNT_MAX, value_of
from domain.names import NAME_LENGTH_MAX
from schemas.accounts import PlaceOrder
from schemas.enums import OrderType, ReasonCode, SelfTradePrevention, TimeInForce

WITH_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
WITH_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT})
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
FOR_AUCTIONS = frozenset({TimeInForce.OPG, TimeInForce.CLS})
SLICES_MAX = 1_000
"""Of an iceberg."""


class Special(NamedTuple):
    """What most orders do not ask for."""

    trail: int | None
    display_quantity: int | None
    slippage: int | None
    expires_at: int
    self_trade_prevention: SelfTradePrevention
    oco_group: str
    is_post_only: bool
    is_reduce_only: bool
    notional: int | None = None
    take_profit_price: int | None = None
    stop_loss_price: int | None = None
    stop_loss_limit_price: int | None = None


NOTHING_SPECIAL = Special(None, None, None, 0, SelfTradePrevention.NONE, "", False, False)
_LIMIT, _NO_PREVENTION = OrderType.LIMIT, SelfTradePrevention.NONE


def leg_ids(command: PlaceOrder) -> tuple[str, ...]:
    """Ids of the exits of an order: its stop-loss, its take-profit."""
    loss = () if command.stop_loss_price is None else (f"{command.order_id}.sl",)
    return loss if command.take_profit_price is None else (*loss, f"{command.order_id}.tp")


def special_of(command: PlaceOrder) -> Special:
    """What the order asks for beside type, prices and quantity."""
    return Special(
        command.trail,
        command.display_quantity,
        command.slippage,
        command.expires_at,
        command.self_trade_prevention,
        command.oco_group,
        command.is_post_only,
        command.is_reduce_only,
        command.notional,
        command.take_profit_price,
        command.stop_loss_price,
        command.stop_loss_limit_price,
    )


def is_plain(command: PlaceOrder) -> bool:
    """Whether the order asks for nothing special: what nearly all do, so it is found out without a tuple."""
    return (
        command.trail is None
        and command.display_quantity is None
        and command.slippage is None
        and not command.expires_at
        and command.self_trade_prevention is _NO_PREVENTION
        and not command.oco_group
        and not command.is_post_only
        and not command.is_reduce_only
        and command.notional is None
        and command.take_profit_price is None
        and command.stop_loss_price is None
        and command.stop_loss_limit_price is None
    )


def fault(instrument: Instrument, command: PlaceOrder) -> ReasonCode | None:
    """What is wrong with prices and instructions; None where nothing is."""
    found = _prices_fault(instrument, command)
    if found is None and command.time_in_force in FOR_AUCTIONS:
        found = _auction_fault(instrument, command)
    if found is None and not is_plain(command):
        found = _instructions_fault(instrument, command)
    if found is None and (command.time_in_force is TimeInForce.GTD) is not (command.expires_at > 0):
        return ReasonCode.EXPIRE_IN_PAST
    return found


def _auction_fault(instrument: Instrument, command: PlaceOrder) -> ReasonCode | None:
    """What is wrong with an order for one auction alone: it is a limit or a market order that may wait until then."""
    is_opening = command.time_in_force is TimeInForce.OPG
    if not (instrument.opening_auction_ns if is_opening else instrument.closing_auction_ns):
        return ReasonCode.NO_AUCTION
    has_exits = command.take_profit_price is not None or command.stop_loss_price is not None
    if command.notional is not None or (has_exits and not is_opening):  # exits would go to a book that is closed
        return ReasonCode.UNSUPPORTED_TIME_IN_FORCE
    is_possible = command.order_type in (OrderType.LIMIT, OrderType.MARKET)
    is_possible = is_possible and command.slippage is None and not command.is_post_only
    return None if is_possible else ReasonCode.UNSUPPORTED_ORDER_TYPE


def _prices_fault(instrument: Instrument, command: PlaceOrder) -> ReasonCode | None:
    """Each type has its prices, and no other."""
    kind, limit = command.order_type, command.limit_price
    if kind is _LIMIT and limit is not None and command.stop_price is None and command.trail is None:
        return price_fault(instrument, limit, command.quantity)
    wanted = (kind in WITH_LIMIT, kind in WITH_STOP, kind is OrderType.TRAILING_STOP)
    prices = (limit, command.stop_price, command.trail)
    if tuple(price is not None for price in prices) != wanted:
        return ReasonCode.BAD_PRICE
    for price in prices:
        if price is not None and (found := price_fault(instrument, price, command.quantity)) is not None:
            return found
    return None


def _instructions_fault(instrument: Instrument, command: PlaceOrder) -> ReasonCode | None:
    if len(command.oco_group) > NAME_LENGTH_MAX:
        return ReasonCode.TOO_LARGE
    kind, is_at_once = command.order_type, command.time_in_force in AT_ONCE
    is_impossible = (
        command.self_trade_prevention is SelfTradePrevention.UNKNOWN
        or (command.display_quantity is not None and kind not in WITH_LIMIT)
        or (command.is_post_only and (kind is not OrderType.LIMIT or is_at_once))
        or (command.slippage is not None and kind is not OrderType.MARKET)
    )
    if is_impossible:
        return ReasonCode.UNSUPPORTED_ORDER_TYPE
    if command.stop_loss_limit_price is not None and command.stop_loss_price is None:
        return ReasonCode.BAD_PRICE
    return _money_fault(command) or _amounts_fault(instrument, command)


def _money_fault(command: PlaceOrder) -> ReasonCode | None:
    """What is wrong with an order by money: it is a market order that takes what it gets."""
    if command.notional is None:
        return None
    if command.order_type is not OrderType.MARKET or command.oco_group or command.is_reduce_only:
        return ReasonCode.UNSUPPORTED_ORDER_TYPE
    if command.time_in_force is TimeInForce.FOK:
        return ReasonCode.UNSUPPORTED_TIME_IN_FORCE
    if command.quantity or command.notional <= 0:
        return ReasonCode.BAD_QUANTITY
    return ReasonCode.AMOUNT_OUT_OF_RANGE if command.notional > AMOUNT_MAX else None


def _amounts_fault(instrument: Instrument, command: PlaceOrder) -> ReasonCode | None:
    slippage = command.slippage
    if slippage is not None and not 0 <= slippage <= AMOUNT_MAX:
        return ReasonCode.BAD_PRICE
    if slippage is not None and slippage % instrument.tick:
        return ReasonCode.OFF_TICK
    display = command.display_quantity
    if display is None:
        return None
    fault = quantity_fault(instrument, display)
    return ReasonCode.BAD_QUANTITY if fault is None and shows_too_little(command.quantity, display) else fault


def shows_too_little(quantity: int, display_quantity: int) -> bool:
    """Whether an iceberg has too many slices: each is a trade, and whoever takes them all holds up the others."""
    return 0 < display_quantity * SLICES_MAX < quantity


def quantity_fault(instrument: Instrument, quantity: int) -> ReasonCode | None:
    """What is wrong with a quantity."""
    if not 0 < quantity <= AMOUNT_MAX:
        return ReasonCode.BAD_QUANTITY
    return ReasonCode.OFF_LOT if quantity % instrument.lot else None


def price_fault(instrument: Instrument, price: int, quantity: int) -> ReasonCode | None:
    """What is wrong with a limit price."""
    if not 0 < price <= AMOUNT_MAX:
        return ReasonCode.BAD_PRICE
    if price % instrument.tick_at(price):
        return ReasonCode.OFF_TICK
    too_much = value_of(quantity, price, instrument.multiplier) > AMOUNT_MAX
    return ReasonCode.AMOUNT_OUT_OF_RANGE if too_much else None
