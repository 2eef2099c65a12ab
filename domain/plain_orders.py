"""What most new orders are: plain limit orders that their account can pay, and that nothing else must be asked about.

They are accepted without looking at everything that could have been asked for. Whatever is not so goes the long way,
with the same outcome.
"""

from domain import orders
from domain.account_rows import NO_BALANCE, Balance, Event, Order, Placed, State
from domain.instruments import Instrument
from domain.money import AMOUNT_MAX, NUMBERS_PER_COUNT, fee_of, value_of
from domain.order_terms import is_plain
from domain.risk_rows import EVERYBODY
from schemas.accounts import PlaceOrder
from schemas.enums import OrderType, Side, TimeInForce, Venue
from schemas.order_books import EnterLimitOrder

_LIMIT, _GTC, _BUY, _SELL, _EXTERNAL = OrderType.LIMIT, TimeInForce.GTC, Side.BUY, Side.SELL, Venue.EXTERNAL
_APPROVED_VERSION = 3
"""It was received, validated and approved."""


def place(state: State, command: PlaceOrder) -> tuple[Event, ...] | None:
    """A plain order that is accepted; None where it is anything else."""
    price, quantity, side = command.limit_price, command.quantity, command.side
    instrument = state.instruments.get(command.symbol)
    if price is None or instrument is None or command.client_order_id is not None:
        return None
    if not asks_for_a_limit_alone(command) or not _is_open(state, command, instrument):
        return None
    if not (0 < quantity <= AMOUNT_MAX and 0 < price <= AMOUNT_MAX) or not (side is _BUY or side is _SELL):
        return None
    tick = instrument.tick if instrument.tick_from_one is None else instrument.tick_at(price)
    if quantity % instrument.lot or price % tick:
        return None
    value = value_of(quantity, price, instrument.multiplier)
    held, asset, rate = quantity, instrument.base, instrument.fee_rate_max
    if side is _BUY:
        held, asset = value + fee_of(value * rate) if rate else value, instrument.quote
    before = state.balances.get(f"{command.account_id}|{asset}") or NO_BALANCE
    shard = state.shard_row()
    if value > AMOUNT_MAX or shard.reset_id or held > before.total - before.reserved:
        return None
    number = (shard.orders + 1) * NUMBERS_PER_COUNT + state.partition
    order = _approved(state, command, instrument, price, held, number, rate)
    balance = Balance(before.total, before.reserved + held, before.version + 1)
    return Placed(order, balance), entered(order, price, instrument)


def asks_for_a_limit_alone(command: PlaceOrder) -> bool:
    """Whether it asks its book for nothing but to trade or rest."""
    return (
        command.order_type is _LIMIT
        and command.time_in_force is _GTC
        and command.stop_price is None
        and is_plain(command)
    )


def _is_open(state: State, command: PlaceOrder, instrument: Instrument) -> bool:
    """Whether the account and the instrument take orders, and nobody laid down anything for them."""
    account_id, risk = command.account_id, state.risk
    account = state.accounts.get(account_id)
    return (
        account is not None
        and not account.fee_schedule
        and state.orders.get(command.order_id) is None
        and not (risk.watched and (account_id in risk.watched or EVERYBODY in risk.watched))
        and not (risk.counts and risk.is_limited(account_id, command.symbol))
        and not instrument.expires_at
        and instrument.quantity_max is None
        and instrument.notional_max is None
        and instrument.venue is not _EXTERNAL
    )


def _approved(
    state: State, command: PlaceOrder, instrument: Instrument, price: int, held: int, number: int, rate: int
) -> Order:
    """Its row. By position: by keyword it takes 16 times as long."""
    mark = state.marks.get(command.symbol) or orders.NO_MARK
    return Order(
        command.order_id,
        command.account_id,
        command.symbol,
        number,
        command.side,
        _LIMIT,
        command.quantity,
        price,
        _GTC,
        orders.APPROVED,
        state.now,
        command.command_id,
        instrument.base,
        instrument.quote,
        instrument.multiplier,
        instrument.venue,
        rate,
        price,
        held,
        _APPROVED_VERSION,
        mark.bid,
        mark.ask,
        state.now,
        instrument.exchange,
    )


def entered(order: Order, price: int, instrument: Instrument) -> EnterLimitOrder:
    """The order for its book."""
    return EnterLimitOrder(
        order.order_id,
        order.account_id,
        order.symbol,
        order.order_number,
        order.side,
        price,
        order.quantity,
        instrument.maker_fee_rate,
        instrument.taker_fee_rate,
    )
