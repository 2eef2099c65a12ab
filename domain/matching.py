"""Trading an order with the book: best price first, then oldest, at the price of the order that rested."""

from collections.abc import Generator, Iterator

from domain import breakers, stops
from domain.book_rows import Booked, Event, State
from domain.books import Book, crosses
from domain.instruments import Instrument
from domain.money import NUMBERS_PER_COUNT, fee_of, value_of
from domain.pro_rata import Shares
from domain.resting import RestingOrder, changed, with_slice
from domain.self_trades import prevent
from schemas.enums import Allocation, ReasonCode, SelfTradePrevention, Side, TradingPhase
from schemas.order_books import OrderCancelled, TradeExecuted
from schemas.wire import NANOS

NO_PREVENTION, CONTINUOUS = SelfTradePrevention.NONE, TradingPhase.CONTINUOUS
PRO_RATA = Allocation.PRO_RATA
BUY = Side.BUY


def match(state: State, book: Book, taker: RestingOrder) -> Generator[Event, None, RestingOrder]:
    """Trades with the best until nothing is left that crosses, or a record has done enough -> what the order leaves."""
    instrument = book.instrument
    assert instrument is not None
    opposite, is_buy, limit = book.opposite(taker.side), taker.side is BUY, taker.limit_price
    asked = taker.instructions
    prevention = NO_PREVENTION if asked is None else asked.self_trade_prevention
    is_shared = instrument.allocation is PRO_RATA
    while taker.leaves and state.steps_left and book.phase is CONTINUOUS:
        level = opposite.best
        if level is None:
            break
        maker = level[next(iter(level))]
        price = maker.limit_price
        if limit < price if is_buy else limit > price:
            break
        state.steps_left -= 1
        wanted = taker.leaves if taker.money is None else min(taker.leaves, affordable(instrument, taker.money, price))
        if not wanted:
            break
        units = maker.shown or maker.leaves
        if is_shared:
            shares = book.sharing = book.sharing or Shares()
            maker, units = shares.next(level, wanted, instrument.lot)
        quantity = min(units, wanted)
        if prevention is not NO_PREVENTION and maker.account_id == taker.account_id:
            taker = yield from prevent(book, maker, taker, quantity, value_of(quantity, price, instrument.multiplier))
            continue
        trade = executed(state, book, maker, taker, quantity, price)
        yield trade
        if book.stops and book.has_trailing_stops:
            yield from stops.follow(state, book)
        taker = after_trade(taker, trade, is_buy=is_buy)
        if asked is not None or maker.instructions is not None:
            taker = yield from _after_special(book, maker, taker, quantity)
        if book.breaker is not None:
            yield from breakers.trip_if_too_far(state, book, trade)
    return taker


def affordable(instrument: Instrument, money: int, price: int) -> int:
    """Units that the money pays at a price, in whole lots."""
    quantity = money * NANOS * NANOS // (price * instrument.multiplier)
    return quantity - quantity % instrument.lot


def can_go_on(book: Book, order: RestingOrder) -> bool:
    """Is there still somebody with whom the order trades?"""
    if book.phase is not CONTINUOUS:
        return False
    best = book.opposite(order.side).best_price
    if not order.leaves or best is None or not crosses(order.side, order.limit_price, best):
        return False
    instrument = book.instrument
    assert instrument is not None
    return order.money is None or affordable(instrument, order.money, best) > 0


def after_trade(order: RestingOrder, trade: TradeExecuted, *, is_buy: bool) -> RestingOrder:
    """The order that came in, with what the trade leaves of it."""
    money = None if order.money is None else order.money - trade.value
    if is_buy:
        return changed(order, trade.buy_leaves_quantity, order.priority, trade.buy_fee_accrued, 0, money)
    return changed(order, trade.sell_leaves_quantity, order.priority, trade.sell_fee_accrued, 0, money)


def _after_special(
    book: Book, maker: RestingOrder, taker: RestingOrder, quantity: int
) -> Generator[Event, None, RestingOrder]:
    """Siblings of OCO groups are cancelled, the taker's first; a spent slice is followed by the next, at the back."""
    yield from cancel_siblings(book, taker)
    has_ended = not (taker.leaves if taker.money is None else taker.money)
    if not has_ended and taker.group and taker.group == maker.group:
        yield cancelled(book, taker, taker.leaves if taker.money is None else 0, ReasonCode.OCO)
        taker = changed(taker, 0, 0, taker.fee_accrued, 0, None)
    if maker.shown == quantity and maker.order_id in book.orders:
        yield Booked(with_slice(book.orders[maker.order_id], book.sequence + 1))
    yield from cancel_siblings(book, maker)
    return taker


def cancel_siblings(book: Book, order: RestingOrder) -> Iterator[Event]:
    """A fill of one order of an OCO group cancels the others."""
    instructions = order.instructions
    if instructions is None or not instructions.oco_group:
        return
    for sibling in book.group(instructions.oco_group):
        if sibling.order_id != order.order_id:
            yield cancelled(book, sibling, sibling.leaves, ReasonCode.OCO)


def executed(
    state: State,
    book: Book,
    maker: RestingOrder,
    taker: RestingOrder,
    quantity: int,
    price: int,
    is_auction: bool = False,
) -> TradeExecuted:
    """A trade of the two, with what it costs each and leaves of it."""
    instrument = book.instrument
    assert instrument is not None
    value = value_of(quantity, price, instrument.multiplier)
    if taker.side is BUY:
        buyer, seller, buy_rate, sell_rate = taker, maker, taker.taker_fee_rate, maker.maker_fee_rate
    else:
        buyer, seller, buy_rate, sell_rate = maker, taker, maker.maker_fee_rate, taker.taker_fee_rate
    buy_accrued, sell_accrued = buyer.fee_accrued, seller.fee_accrued
    buy_fee = sell_fee = 0
    if buy_rate:
        buy_accrued, before = buy_accrued + value * buy_rate, buy_accrued
        buy_fee = fee_of(buy_accrued) - fee_of(before)
    if sell_rate:
        sell_accrued, before = sell_accrued + value * sell_rate, sell_accrued
        sell_fee = fee_of(sell_accrued) - fee_of(before)
    trade_id = str((state.trade_count + 1) * NUMBERS_PER_COUNT + state.partition)
    return TradeExecuted(
        trade_id, taker.order_id, taker.account_id, taker.symbol, taker.side,
        quantity, price, buy_fee if buyer is taker else sell_fee, state.now, instrument.venue,
        price, instrument.base, instrument.quote,
        buyer.order_id, seller.order_id, buyer.account_id, seller.account_id, buyer.order_number, seller.order_number,
        buy_fee, sell_fee, value, instrument.multiplier,
        buyer.leaves - quantity, seller.leaves - quantity, buy_accrued, sell_accrued,
        book.sequence + 1, is_auction,
    )  # fmt: skip


def cancelled(book: Book, order: RestingOrder, quantity: int, reason: ReasonCode) -> OrderCancelled:
    """What was left of an order is gone."""
    return OrderCancelled(order.order_id, order.account_id, order.symbol, quantity, reason, book.sequence + 1)
