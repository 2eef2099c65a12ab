"""Entering an order and trading it: best price first, then oldest, at the price of the order that rested."""

from collections.abc import Generator, Iterator

import msgspec

from domain.book_rows import (
    Booked,
    Event,
    MatchingEnded,
    Paused,
    State,
)
from domain.books import Book, RestingOrder, crosses
from domain.instruments import Instrument
from domain.money import NUMBERS_PER_COUNT, fee_of, value_of
from schemas.enums import Liquidity, OrderType, ReasonCode, Side, TimeInForce
from schemas.order_books import (
    ContinueMatching,
    EnterOrder,
    OrderCancelled,
    OrderFilled,
    OrderRested,
    TradeExecuted,
)

TRADES_PER_RECORD_MAX = 250
"""One record does a bounded amount of work; an order that trades more often goes on in a record of its own."""


def enter(state: State, command: EnterOrder) -> Iterator[Event]:
    """An order comes in: trades what it can, then rests or leaves, as its time in force says."""
    if state.instruments.get(command.symbol) is None:
        yield cancelled(command, command.quantity, ReasonCode.UNKNOWN_SYMBOL)
        return
    # A market order carries the price up to which it is covered; selling, it takes any.
    limit = 0 if command.limit_price is None else command.limit_price
    order = RestingOrder(
        command.order_id,
        command.account_id,
        command.symbol,
        command.order_number,
        command.side,
        limit,
        command.quantity,
        command.quantity,
        0,
        command.maker_fee_rate,
        command.taker_fee_rate,
        0,
    )
    book = state.book(command.symbol)
    if order.order_id in book.orders:  # of another account: its own shard knows what it sent
        yield cancelled(order, order.quantity, ReasonCode.DUPLICATE_ORDER_ID)
        return
    if command.time_in_force is TimeInForce.FOK and _reachable(book, order) < order.quantity:
        yield cancelled(order, order.quantity, ReasonCode.FOK_UNFILLABLE)
        return
    order = yield from match(state, book, order)
    if order.leaves:
        yield from _settle(state, order, _reason_not_to_rest(command))


def go_on(state: State, command: ContinueMatching) -> Iterator[Event]:
    """The order that was paused trades on."""
    waiting = state.waiting_in(command.symbol)
    assert waiting.order is not None, f"{command.symbol}: nothing to go on with"
    order = yield from match(state, state.book(command.symbol), waiting.order)
    if not can_go_on(state, order):
        yield MatchingEnded(command.symbol)
    if order.leaves:
        yield from _settle(state, order, waiting.reason)


def pause(order: RestingOrder, reason: ReasonCode | None) -> Iterator[Event]:
    """The shard takes other books' commands before it goes on with this order."""
    yield Paused(order, reason)
    yield ContinueMatching(symbol=order.symbol)


def can_go_on(state: State, order: RestingOrder) -> bool:
    """Is there still somebody with whom the order trades?"""
    best = state.book(order.symbol).opposite(order.side).best_price()
    return bool(order.leaves) and best is not None and crosses(order.side, order.limit_price, best)


def _settle(state: State, order: RestingOrder, reason: ReasonCode | None) -> Iterator[Event]:
    """What becomes of an order that has not traded all: it pauses, leaves for that reason, or rests."""
    if can_go_on(state, order):
        yield from pause(order, reason)
    elif reason is not None:
        yield cancelled(order, order.leaves, reason)
    else:
        yield from _rest(state, order)


def _reason_not_to_rest(command: EnterOrder) -> ReasonCode | None:
    if command.order_type is OrderType.MARKET:
        return ReasonCode.MARKET_REMAINDER
    return ReasonCode.IOC_REMAINDER if command.time_in_force is TimeInForce.IOC else None


def _rest(state: State, order: RestingOrder) -> Iterator[Event]:
    yield Booked(msgspec.structs.replace(order, priority=state.row(order.symbol).sequence + 1))
    if order.leaves == order.quantity:
        yield OrderRested(order_id=order.order_id, account_id=order.account_id, symbol=order.symbol)


def _reachable(book: Book, order: RestingOrder) -> int:
    """Units that the order could trade now, up to its own quantity."""
    found = 0
    for price, level in book.opposite(order.side).from_best():
        if not crosses(order.side, order.limit_price, price):
            break
        found += sum(maker.leaves for maker in level.values())
        if found >= order.quantity:
            break
    return found


def match(state: State, book: Book, taker: RestingOrder) -> Generator[Event, None, RestingOrder]:
    """Trades with the best until nothing is left that crosses, or a record has done enough -> what the order leaves."""
    opposite = book.opposite(taker.side)
    for _ in range(TRADES_PER_RECORD_MAX):
        if not taker.leaves:
            break
        level = opposite.best()
        if level is None:
            break
        maker = next(iter(level.values()))
        if not crosses(taker.side, taker.limit_price, maker.limit_price):
            break
        taker = yield from _trade(state, maker, taker)
    return taker


def _trade(state: State, maker: RestingOrder, taker: RestingOrder) -> Generator[Event, None, RestingOrder]:
    instrument = state.instruments.get(taker.symbol)
    assert instrument is not None
    quantity, price = min(maker.leaves, taker.leaves), maker.limit_price
    value = value_of(quantity, price, instrument.multiplier)
    filled_maker, maker_fee = _filled(maker, quantity, value, maker.maker_fee_rate)
    filled_taker, taker_fee = _filled(taker, quantity, value, taker.taker_fee_rate)
    count = state.shard_row().trades + 1
    trade_id = str(count * NUMBERS_PER_COUNT + state.partition)
    sequence = state.row(taker.symbol).sequence + 1
    yield _execution(state, instrument, trade_id, sequence, (maker, maker_fee), (taker, taker_fee), quantity, price)
    about = (trade_id, quantity, price, value)
    yield _fill(filled_maker, Liquidity.MAKER, maker_fee, instrument.multiplier, *about)
    yield _fill(filled_taker, Liquidity.TAKER, taker_fee, instrument.multiplier, *about)
    return filled_taker


def _filled(order: RestingOrder, quantity: int, value: int, rate: int) -> tuple[RestingOrder, int]:
    """-> the order after a fill, and what the fill costs it."""
    accrued = order.fee_accrued + value * rate
    fee = fee_of(accrued) - fee_of(order.fee_accrued)
    return msgspec.structs.replace(order, leaves=order.leaves - quantity, fee_accrued=accrued), fee


def _execution(
    state: State,
    instrument: Instrument,
    trade_id: str,
    sequence: int,
    maker: tuple[RestingOrder, int],
    taker: tuple[RestingOrder, int],
    quantity: int,
    price: int,
) -> TradeExecuted:
    incoming, commission = taker
    (buyer, buy_fee), (seller, sell_fee) = (taker, maker) if incoming.side is Side.BUY else (maker, taker)
    return TradeExecuted(
        trade_id,
        incoming.order_id,
        incoming.account_id,
        incoming.symbol,
        incoming.side,
        quantity,
        price,
        commission,
        state.now,
        instrument.venue.value,
        price,
        instrument.base,
        instrument.quote,
        buyer.order_id,
        seller.order_id,
        buyer.account_id,
        seller.account_id,
        buyer.order_number,
        seller.order_number,
        buy_fee,
        sell_fee,
        sequence,
        caused_by=incoming.order_id,
    )


def _fill(
    order: RestingOrder,
    liquidity: Liquidity,
    fee: int,
    multiplier: int,
    trade_id: str,
    quantity: int,
    price: int,
    value: int,
) -> OrderFilled:
    return OrderFilled(
        order.order_id,
        order.account_id,
        order.symbol,
        trade_id,
        order.side,
        quantity,
        price,
        value,
        order.leaves,
        liquidity,
        fee,
        order.fee_accrued,
        multiplier,
        caused_by=trade_id,
    )


def cancelled(order: RestingOrder | EnterOrder, quantity: int, reason: ReasonCode) -> OrderCancelled:
    """What was left of an order is gone."""
    return OrderCancelled(
        order_id=order.order_id,
        account_id=order.account_id,
        symbol=order.symbol,
        quantity=quantity,
        reason_code=reason,
    )
