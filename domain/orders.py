"""The life of an order in its account: checks before it goes out, what is held for it, and what is told of it."""

import msgspec

from domain import order_life, order_terms
from domain.account_rows import FINAL, Balance, Mark, Order, State, Terms
from domain.instruments import Instrument
from domain.money import AMOUNT_MAX, fee_of, value_of
from domain.names import is_name
from domain.order_life import EXEC_TYPES, Step
from domain.reasons import reason_text
from domain.trades import Fill
from schemas.accounts import OrderEvent, PlaceOrder
from schemas.enums import InstrumentType, OrderStatus, OrderType, ReasonCode, Side, TimeInForce, Venue
from schemas.wire import NANOS

COLLAR_PERCENT = 5
"""How far above the best ask a market buy may go: what is held for it, and where it stops (D11)."""

NO_MARK = Mark(None, None, None)
_NO_TERMS = Instrument("", InstrumentType.UNKNOWN, "", "", 0, 0, 0, 0, 0, Venue.INTERNAL)
_NOTHING_YET = (0, 0, 0)
"""Cap price, what is held, version."""
_NOTHING_FILLED = ((0, 0, 0, 0), ((), None))
"""What is filled, its value and fees; amends, and the reason of its end."""

PENDING = order_life.after(None, Step.PLACED)
VALIDATED = order_life.after(PENDING, Step.VALIDATED)
APPROVED = order_life.after(VALIDATED, Step.APPROVED)
TIMES_IN_FORCE = frozenset(TimeInForce) - {TimeInForce.UNKNOWN}


def body_of(command: PlaceOrder) -> str:
    """What makes two orders under one client id the same."""
    body = _usual(command)
    return body if order_terms.is_plain(command) else f"{body}|{'|'.join(map(str, order_terms.special_of(command)))}"


def asked_for(order: Order) -> str:
    """The same of an order that is there: the row says it, as long as nothing special was asked for or has changed."""
    return order.body or _usual(order)


def _usual(order: PlaceOrder | Order) -> str:
    return (
        f"{order.symbol}|{order.side}|{order.order_type}|{order.quantity}|{order.limit_price}|"
        f"{order.stop_price}|{order.time_in_force}"
    )


def validation_fault(state: State, command: PlaceOrder, instrument: Instrument | None) -> ReasonCode | None:
    """What is wrong with the order itself; None where nothing is."""
    if state.accounts.get(command.account_id) is None:
        return ReasonCode.UNKNOWN_ACCOUNT
    if instrument is None:
        return ReasonCode.UNKNOWN_SYMBOL
    if instrument.expires_at and instrument.has_expired(state.now):
        return ReasonCode.INSTRUMENT_EXPIRED
    if instrument.venue is Venue.EXTERNAL:  # until somebody speaks to it: app.venue_port
        return ReasonCode.VENUE_UNAVAILABLE
    return (
        _word_fault(command)
        or (None if command.notional is not None else order_terms.quantity_fault(instrument, command.quantity))
        or order_terms.fault(instrument, command)
    )


def _word_fault(command: PlaceOrder) -> ReasonCode | None:
    if command.order_type is OrderType.UNKNOWN or command.side is Side.UNKNOWN:
        return ReasonCode.UNSUPPORTED_ORDER_TYPE
    if command.time_in_force not in TIMES_IN_FORCE:
        return ReasonCode.UNSUPPORTED_TIME_IN_FORCE
    if command.client_order_id is not None and not is_name(command.client_order_id):
        return ReasonCode.TOO_LARGE
    return None


def cap_price(instrument: Instrument, command: PlaceOrder | Order, mark: Mark | None) -> int | None:
    """Up to which price the order may buy, and down to which it may sell; None where no price says it.

    A limit says so itself. A market buy may go so much beyond the best ask, one for an auction so much beyond the last
    price, one that waits for its trigger so much beyond its stop price; a trailing stop's stop price only falls from
    where it begins. A market sale takes any price, but one by money: its price says how much it may sell.
    """
    if command.order_type in order_terms.WITH_LIMIT:
        return command.limit_price
    if command.side is Side.SELL:
        return 0 if command.notional is None else _floor_price(instrument, mark)
    reference = command.stop_price
    if command.order_type is OrderType.MARKET:
        reference = None if mark is None else mark.ask
        if mark is not None and mark.last is not None and command.time_in_force in order_terms.FOR_AUCTIONS:
            reference = mark.last
    elif command.trail is not None:
        reference = None if mark is None or mark.last is None else mark.last + command.trail
    if reference is None:
        return None
    price = min(reference * (100 + COLLAR_PERCENT) // 100, AMOUNT_MAX)
    return price - price % instrument.tick_at(price)


def _floor_price(instrument: Instrument, mark: Mark | None) -> int | None:
    """So much below the best bid, up to the next tick."""
    if mark is None or mark.bid is None:
        return None
    price = mark.bid * (100 - COLLAR_PERCENT) // 100
    return max(price + -price % instrument.tick_at(price), instrument.tick)


def hold_of(order: Order) -> int:
    """What must be reserved for what may still be filled: a buyer's worst value and worst fees, a seller's units.

    No fill spends more than it frees, however fills and the answers to amends follow each other.
    """
    if order.is_margin:
        return 0
    if order.notional is not None:
        return _hold_of_money(order, order.notional - order.filled_value, order.cap_price)
    amends = order.amends if order.leaves else ()
    if order.side is Side.SELL:
        return max(order.quantity, *(terms.quantity for terms in amends)) - order.filled if amends else order.leaves
    value = _worst_value(order) if amends else value_of(order.leaves, order.cap_price, order.multiplier)
    return value + _fees_of(order, value)


def hold_at(order: Order, cap_price: int) -> int:
    """The same for an order that has just come in, with nothing filled, and funds to be held up to that price."""
    if order.notional is not None:
        return _hold_of_money(order, order.notional, cap_price)
    if order.side is Side.SELL:
        return order.quantity
    value = value_of(order.quantity, cap_price, order.multiplier)
    return value + _fees_of(order, value)


def _hold_of_money(order: Order, left: int, cap_price: int) -> int:
    """A buyer's money that is left and its worst fees; the units that a seller must sell for it at the lowest price."""
    if order.side is Side.BUY:
        return left + _fees_of(order, left)
    return left * NANOS * NANOS // (cap_price * order.multiplier)


def _fees_of(order: Order, value: int) -> int:
    """The most that fills of that value can cost in fees."""
    return fee_of(order.fee_accrued + value * order.fee_rate_max) - fee_of(order.fee_accrued)


def _worst_value(order: Order) -> int:
    """The most that fills can still cost: under the terms as they are, then under each that was asked for."""
    chain = (Terms(order.quantity, order.cap_price), *order.amends)
    starts = [order.filled, *(terms.quantity for terms in chain)]
    worst = dict.fromkeys(starts, 0)
    for terms in reversed(chain):
        values = {start: value_of(max(0, terms.quantity - start), terms.price, order.multiplier) for start in starts}
        worst = {start: max(worst[start], values[start] + worst[max(start, terms.quantity)]) for start in starts}
    return worst[order.filled]


def new_order(
    state: State, command: PlaceOrder, instrument: Instrument | None, order_number: int, fee_schedule: str
) -> Order:
    """The row of an order that has just come in. By position, for the same reason as `told_as`."""
    mark = state.marks.get(command.symbol) or NO_MARK
    terms = _NO_TERMS if instrument is None else instrument
    return Order(
        command.order_id,
        command.account_id,
        command.symbol,
        order_number,
        command.side,
        command.order_type,
        command.quantity,
        command.limit_price,
        command.time_in_force,
        PENDING,
        state.now,
        command.command_id,
        terms.base,
        terms.quote,
        terms.multiplier,
        terms.venue,
        terms.fee_rate_max,
        *_NOTHING_YET,
        *(mark.bid, mark.ask),
        state.now,
        terms.exchange,
        command.client_order_id,
        command.stop_price,
        "" if order_terms.is_plain(command) else body_of(command),
        *_NOTHING_FILLED[0],
        *_NOTHING_FILLED[1],
        *(command.oco_group, ""),
        command.trail,
        fee_schedule,
        command.notional,
        "",
        order_terms.leg_ids(command),
    )


def after_fill(order: Order, fill: Fill, now: int) -> Order:
    """The order after one more trade. Its status follows from what is left."""
    filled = order.filled + fill.quantity
    is_done = filled == order.quantity
    filled_order = msgspec.structs.replace(
        order,
        held=0 if is_done else order.held,
        filled=filled,
        filled_value=order.filled_value + fill.value,
        fee=order.fee + fill.fee,
        fee_accrued=fill.fee_accrued,
        status=order_life.after(order.status, Step.FILLED if is_done else Step.FILLED_IN_PART),
        version=order.version + 1,
        updated_at=now,
    )
    if order.notional is not None:  # the book knows how much money is left, and says when it ends
        return with_hold(msgspec.structs.replace(filled_order, quantity=filled))
    assert order.quantity - filled == fill.leaves_quantity, "book and account count the same fills"
    return filled_order if is_done else with_hold(filled_order)


def with_hold(order: Order) -> Order:
    """The order with what must be held for it now."""
    held = hold_of(order)
    return order if held == order.held else msgspec.structs.replace(order, held=held)


def told(order: Order, step: Step, fill: Fill | None = None) -> OrderEvent:
    """What the world hears of an order after a step."""
    return told_as(order, order.status, step, order.version, order.held, fill)


def told_as(
    order: Order, status: OrderStatus, step: Step, version: int, held: int, fill: Fill | None = None
) -> OrderEvent:
    """The same as it was in between. By position (schemas/message_code.py): built five times an order."""
    reason = order.reason_code
    return OrderEvent(
        order.order_id,
        order.account_id,
        order.symbol,
        order.order_type,
        order.side,
        order.quantity,
        status,
        EXEC_TYPES[step],
        order.order_number,
        order.time_in_force,
        order.filled,
        0 if status in FINAL else order.quantity - order.filled,
        order.filled_value,
        order.fee,
        held,
        order.quote if order.side is Side.BUY else order.base,
        version,
        order.venue,
        order.created_at,
        order.limit_price,
        order.stop_price,
        None if reason is None else reason_text(reason),
        reason,
        order.client_order_id,
        None if fill is None else fill.quantity,
        None if fill is None else fill.price,
        None if fill is None else fill.trade_id,
        None if fill is None else fill.liquidity,
        order.best_bid,
        order.best_ask,
        order.notional,
        order.parent_id or None,
        order.exchange,
    )


def can_pay(balance: Balance, amount: int) -> bool:
    """Is so much free?"""
    return balance.available >= amount
