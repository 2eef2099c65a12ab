"""How orders for one auction alone change the rows of a shard of books."""

import msgspec

from domain.auction_books import AuctionOrder
from domain.book_rows import AuctionOrderRested, State
from domain.books import Book
from domain.resting import RestingOrder
from schemas.order_books import OrderReplaced


def rested(state: State, event: AuctionOrderRested) -> None:
    """It waits for its auction."""
    order = event.entry.order
    book = state.book(order.symbol)
    book.gather(event.entry)
    state.auction_orders.put(_key(order), event.entry)
    book.sequence += 1
    state.moved[order.symbol] = book


def drop(state: State, book: Book, order_id: str) -> None:
    """It is gone, if it was one."""
    entry = book.gathered(order_id)
    if entry is not None:
        book.ungather(entry)
        state.auction_orders.delete(_key(entry.order))


def change(state: State, book: Book, order_id: str, **changed: int) -> None:
    """Other numbers of one that stays where it stands."""
    entry = book.gathered(order_id)
    if entry is not None:
        _put(state, book, msgspec.structs.replace(entry, order=msgspec.structs.replace(entry.order, **changed)))


def filled(state: State, book: Book, order_id: str, leaves: int, fee_accrued: int) -> None:
    """It has traded."""
    if leaves:
        change(state, book, order_id, leaves=leaves, fee_accrued=fee_accrued)
    else:
        drop(state, book, order_id)


def replaced(state: State, book: Book, entry: AuctionOrder, event: OrderReplaced, *, keeps: bool) -> None:
    """Its terms are others; at the back of its queue, or where it stands."""
    changed = {"quantity": event.quantity, "leaves": event.leaves_quantity}
    if keeps:
        change(state, book, event.order_id, **changed)
        return
    drop(state, book, event.order_id)
    order = msgspec.structs.replace(entry.order, limit_price=event.limit_price, priority=event.sequence, **changed)
    _put(state, book, msgspec.structs.replace(entry, order=order))


def _put(state: State, book: Book, entry: AuctionOrder) -> None:
    book.gather(entry)
    state.auction_orders.put(_key(entry.order), entry)


def _key(order: RestingOrder) -> str:
    return f"{order.symbol}|{order.order_id}"
