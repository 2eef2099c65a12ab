"""Trading an order with the book: best price first, then oldest, at the price of the order that rested."""

from collections.abc import Generator, Iterator

from domain import stops
from domain.book_rows import Booked, Event, State
from domain.books import Book, crosses
from domain.instruments import Instrument
from domain.money import NUMBERS_PER_COUNT, fee_of, value_of
from domain.resting import RestingOrder, changed, with_slice
from domain.self_trades import prevent
from schemas.enums import ReasonCode, SelfTradePrevention, Side
from schemas.order_books import OrderCancelled, TradeExecuted
from schemas.wire import NANOS

NO_PREVENTION = SelfTradePrevention.NONE
Party = tuple[RestingOrder, int, int, int]
"""An order, what it leaves after the trade, what the trade costs it, and its fees so far, unrounded."""


def match(state: State, book: Book, taker: RestingOrder) -> Generator[Event, None, RestingOrder]:
    """Trades with the best until nothing is left that crosses, or a record has done enough -> what the order leaves."""
    instrument = state.instruments.get(taker.symbol)
    assert instrument is not None
    opposite, is_buy, limit = book.opposite(taker.side), taker.side is Side.BUY, taker.limit_price
    asked = taker.instructions
    prevention = NO_PREVENTION if asked is None else asked.self_trade_prevention
    while taker.leaves and state.steps_left:
        level = opposite.best()
        if level is None:
            break
        maker = next(iter(level.values()))
        price = maker.limit_price
        if limit < price if is_buy else limit > price:
            break
        state.steps_left -= 1
        quantity = min(maker.shown or maker.leaves, taker.leaves)
        if taker.money is not None:
            quantity = min(quantity, affordable(instrument, taker.money, price))
            if not quantity:
                break
        if prevention is not NO_PREVENTION and maker.account_id == taker.account_id:
            taker = yield from prevent(book, maker, taker, quantity, value_of(quantity, price, instrument.multiplier))
            continue
        taker = yield from trade(state, book, instrument, maker, taker, quantity, price)
    return taker


def affordable(instrument: Instrument, money: int, price: int) -> int:
    """Units that the money pays at a price, in whole lots."""
    quantity = money * NANOS * NANOS // (price * instrument.multiplier)
    return quantity - quantity % instrument.lot


def can_go_on(state: State, book: Book, order: RestingOrder) -> bool:
    """Is there still somebody with whom the order trades?"""
    best = book.opposite(order.side).best_price()
    if not order.leaves or best is None or not crosses(order.side, order.limit_price, best):
        return False
    instrument = state.instruments.get(order.symbol)
    assert instrument is not None
    return order.money is None or affordable(instrument, order.money, best) > 0


def trade(
    state: State,
    book: Book,
    instrument: Instrument,
    maker: RestingOrder,
    taker: RestingOrder,
    quantity: int,
    price: int,
    *,
    is_auction: bool = False,
) -> Generator[Event, None, RestingOrder]:
    """One trade -> what the order that came in leaves."""
    value = value_of(quantity, price, instrument.multiplier)
    maker_accrued = maker.fee_accrued + value * maker.maker_fee_rate
    taker_accrued = taker.fee_accrued + value * taker.taker_fee_rate
    maker_fee = fee_of(maker_accrued) - fee_of(maker.fee_accrued) if maker.maker_fee_rate else 0
    taker_fee = fee_of(taker_accrued) - fee_of(taker.fee_accrued) if taker.taker_fee_rate else 0
    maker_side = (maker, maker.leaves - quantity, maker_fee, maker_accrued)
    taker_side = (taker, taker.leaves - quantity, taker_fee, taker_accrued)
    yield _execution(state, book, instrument, maker_side, taker_side, quantity, price, value, is_auction)
    if book.has_trailing_stops:
        yield from stops.follow(book, price)
    money = None if taker.money is None else taker.money - value
    rest = changed(taker, taker.leaves - quantity, taker.priority, taker_accrued, 0, money)
    if is_auction or (maker.instructions is None and taker.instructions is None):
        return rest
    return (yield from _after_trade(book, maker, rest, quantity))


def _after_trade(
    book: Book, maker: RestingOrder, taker: RestingOrder, quantity: int
) -> Generator[Event, None, RestingOrder]:
    """Siblings of OCO groups are cancelled, the taker's first; a spent slice is followed by the next, at the back."""
    yield from cancel_siblings(book, taker)
    has_ended = not taker.leaves or taker.money == 0
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


def _execution(
    state: State,
    book: Book,
    instrument: Instrument,
    maker: Party,
    taker: Party,
    quantity: int,
    price: int,
    value: int,
    is_auction: bool,
) -> TradeExecuted:
    incoming = taker[0]
    buy, sell = (taker, maker) if incoming.side is Side.BUY else (maker, taker)
    (buyer, buy_leaves, buy_fee, buy_accrued), (seller, sell_leaves, sell_fee, sell_accrued) = buy, sell
    return TradeExecuted(
        str((state.trade_count + 1) * NUMBERS_PER_COUNT + state.partition),
        incoming.order_id,
        incoming.account_id,
        incoming.symbol,
        incoming.side,
        *(quantity, price, taker[2], state.now, instrument.venue.value, price, instrument.base, instrument.quote),
        buyer.order_id,
        seller.order_id,
        buyer.account_id,
        seller.account_id,
        buyer.order_number,
        seller.order_number,
        *(buy_fee, sell_fee, value, instrument.multiplier, buy_leaves, sell_leaves, buy_accrued, sell_accrued),
        book.sequence + 1,
        is_auction,
        caused_by=incoming.order_id,
    )


def cancelled(book: Book, order: RestingOrder, quantity: int, reason: ReasonCode) -> OrderCancelled:
    """What was left of an order is gone."""
    return OrderCancelled(order.order_id, order.account_id, order.symbol, quantity, reason, book.sequence + 1)
