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
from domain.trades import Traded, TradeRow
from schemas.enums import Allocation, ReasonCode, SelfTradePrevention, Side, TradingPhase
from schemas.order_books import OrderCancelled
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
        taker = after_trade(taker, trade)
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


def after_trade(order: RestingOrder, trade: Traded) -> RestingOrder:
    """The order that came in, with what the trade leaves of it."""
    money = None if order.money is None else order.money - trade.value
    return changed(order, trade.taker_leaves, order.priority, trade.taker_fee_accrued, 0, money)


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
) -> Traded:
    """A trade of the two, with what it costs each and leaves of it."""
    return executed_of(state, book, maker, taker, quantity, price, taker.leaves, taker.fee_accrued, False, is_auction)


def executed_of(
    state: State,
    book: Book,
    maker: RestingOrder,
    taker: RestingOrder,
    quantity: int,
    price: int,
    leaves: int,
    accrued: int,
    is_plain: bool,
    is_auction: bool = False,
) -> Traded:
    """The same, where the taker has so much left, and owes so much in fees, whatever its row says."""
    instrument = book.instrument
    assert instrument is not None
    multiplier = instrument.multiplier
    value = quantity * price // NANOS if multiplier == NANOS else value_of(quantity, price, multiplier)
    maker_accrued, maker_fee, taker_fee = maker.fee_accrued, 0, 0
    rate = maker.maker_fee_rate
    if rate:
        before, maker_accrued = maker_accrued, maker_accrued + value * rate
        maker_fee = fee_of(maker_accrued) - fee_of(before)
    rate = taker.taker_fee_rate
    if rate:
        before, accrued = accrued, accrued + value * rate
        taker_fee = fee_of(accrued) - fee_of(before)
    side = taker.side
    buyer, seller = (taker, maker) if side is BUY else (maker, taker)
    row = TradeRow(
        f"{(state.trade_count + 1) * NUMBERS_PER_COUNT + state.partition}", taker.symbol, price, quantity,
        state.now, side, buyer.order_id, seller.order_id, buyer.order_number, seller.order_number,
        buyer.account_id, seller.account_id,
    )  # fmt: skip
    return Traded(
        row, maker, taker, maker.leaves - quantity, leaves - quantity, value, maker_fee, taker_fee, maker_accrued,
        accrued, instrument, book.sequence + 1, is_plain, is_auction,
    )  # fmt: skip


def cancelled(book: Book, order: RestingOrder, quantity: int, reason: ReasonCode) -> OrderCancelled:
    """What was left of an order is gone."""
    return OrderCancelled(order.order_id, order.account_id, order.symbol, quantity, reason, book.sequence + 1)
