"""Self-trade prevention: an order does not trade with one of its own account. The mode of the one that comes in counts.

Modes: decisions.md D12 and D31, after the common ones of exchanges.
"""

from collections.abc import Callable, Generator

import msgspec

from domain.book_rows import Booked, Event
from domain.books import Book
from domain.resting import RestingOrder, with_slice
from schemas.enums import ReasonCode, SelfTradePrevention
from schemas.order_books import OrderCancelled, OrderReduced

Prevented = Generator[Event, None, RestingOrder]


def prevent(book: Book, maker: RestingOrder, taker: RestingOrder, quantity: int, value: int) -> Prevented:
    """They would trade so much -> what the order that came in leaves: nothing, where it is gone."""
    assert taker.instructions is not None
    mode = taker.instructions.self_trade_prevention
    if mode is SelfTradePrevention.DECREMENT:
        return _decrement(book, maker, taker, quantity, value)
    return _MODES[mode](book, maker, taker)


def _cancel_newest(book: Book, _maker: RestingOrder, taker: RestingOrder) -> Prevented:
    yield _gone(book, taker, 0 if taker.money is not None else taker.leaves)
    return msgspec.structs.replace(taker, leaves=0, money=None)


def _cancel_oldest(book: Book, maker: RestingOrder, taker: RestingOrder) -> Prevented:
    yield _gone(book, maker, maker.leaves)
    return taker


def _cancel_both(book: Book, maker: RestingOrder, taker: RestingOrder) -> Prevented:
    yield _gone(book, maker, maker.leaves)
    yield _gone(book, taker, 0 if taker.money is not None else taker.leaves)
    return msgspec.structs.replace(taker, leaves=0, money=None)


def _decrement(book: Book, maker: RestingOrder, taker: RestingOrder, quantity: int, value: int) -> Prevented:
    """Both lose what they would have traded; who has nothing left is gone."""
    for order in (maker, taker):
        if order.leaves == quantity or (order is taker and taker.money == value):
            yield _gone(book, order, 0)
        else:
            yield OrderReduced(
                order.order_id,
                order.account_id,
                order.symbol,
                order.quantity - quantity,
                order.leaves - quantity,
                ReasonCode.SELF_TRADE_PREVENTION,
                book.sequence + 1,
            )
    if maker.shown == quantity < maker.leaves:  # its slice is spent
        yield Booked(with_slice(book.orders[maker.order_id], book.sequence + 1))
    if taker.leaves == quantity or taker.money == value:
        return msgspec.structs.replace(taker, leaves=0, money=None)
    money = None if taker.money is None else taker.money - value
    return msgspec.structs.replace(
        taker, quantity=taker.quantity - quantity, leaves=taker.leaves - quantity, money=money
    )


def _gone(book: Book, order: RestingOrder, quantity: int) -> OrderCancelled:
    return OrderCancelled(
        order.order_id,
        order.account_id,
        order.symbol,
        quantity,
        ReasonCode.SELF_TRADE_PREVENTION,
        book.sequence + 1,
    )


_MODES: dict[SelfTradePrevention, Callable[[Book, RestingOrder, RestingOrder], Prevented]] = {
    SelfTradePrevention.CANCEL_NEWEST: _cancel_newest,
    SelfTradePrevention.CANCEL_OLDEST: _cancel_oldest,
    SelfTradePrevention.CANCEL_BOTH: _cancel_both,
}
