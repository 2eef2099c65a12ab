"""How a trade changes the rows of a shard of books, and its book."""

from msgspec.structs import replace

from domain import auction_order_evolution
from domain.book_rows import BookRow, State
from domain.books import Book
from domain.reference_prices import taken
from domain.trades import TRADES_KEPT_MAX, Traded
from schemas.enums import Side, TradingPhase

_BUY, _CONTINUOUS = Side.BUY, TradingPhase.CONTINUOUS


def traded(state: State, event: Traded) -> None:
    """Both orders have less left. The one that came in is not in the book, but for auctions."""
    row, maker = event.row, event.maker
    symbol, price = row.symbol, row.price
    count = state.trade_count = state.trade_count + 1
    state.trades.put(f"{count % TRADES_KEPT_MAX}", row)
    book = state.by_symbol[symbol]
    number = book.sequence = event.number
    if not event.is_plain:
        _fill_both(state, book, event)
    else:  # `Book.rest` and `Book.remove`, without the calls
        book.last, leaves, order_id, left = price, event.maker_leaves, maker.order_id, None
        side = book.bids if maker.side is _BUY else book.asks
        level = side.levels[price]
        if leaves:
            left = replace(maker, leaves=leaves, fee_accrued=event.maker_fee_accrued)
            level[order_id] = book.orders[order_id] = left
            state.orders.put(f"{symbol}|{order_id}", left)
        else:
            del level[order_id], book.orders[order_id]
            if not level:
                side.end(price)
            state.orders.delete(f"{symbol}|{order_id}")
        if side.units:
            side.count(price, maker, left)
    if event.taker_leaves or (not event.is_plain and (event.is_auction or book.breaker is not None)):
        state.moved[symbol] = book
    else:  # mostly the end of its command
        state.books.put(symbol, BookRow(number, book.last, count, book.conditions))
        state.unmarked.add(symbol)
        if state.moved:
            state.moved.pop(symbol, None)


def _fill_both(state: State, book: Book, event: Traded) -> None:
    """The same where something special goes on."""
    row, maker, taker = event.row, event.maker, event.taker
    if book.quote is None:
        book.last = row.price
        if book.breaker is not None:
            (book.breaker.begin if event.is_auction else book.breaker.take)(row.price, state.now)
    else:  # the last price is that of the market elsewhere
        taken(state, book, row)
    _fill(state, book, maker.order_id, row.quantity, event.maker_leaves, event.maker_fee_accrued)
    if event.is_auction:
        _fill(state, book, taker.order_id, row.quantity, event.taker_leaves, event.taker_fee_accrued)


def _fill(state: State, book: Book, order_id: str, quantity: int, leaves: int, fee_accrued: int) -> None:
    """An order that rests has less left; the house's is not in the book."""
    order = book.orders.get(order_id)
    if order is None:
        if book.gatherings:
            auction_order_evolution.filled(state, book, order_id, leaves, fee_accrued)
        return
    if not leaves:
        book.remove(order)
        state.orders.delete(f"{order.symbol}|{order_id}")
        return
    if order.shown:
        shown = order.shown - quantity
        if shown <= 0 or book.phase is not _CONTINUOUS:  # spent, or left by an uncross
            assert order.instructions is not None
            shown = min(order.instructions.display_quantity, leaves)
        order = replace(order, leaves=leaves, fee_accrued=fee_accrued, shown=shown)
    else:
        order = replace(order, leaves=leaves, fee_accrued=fee_accrued)
    book.rest(order)
    state.orders.put(f"{order.symbol}|{order_id}", order)
