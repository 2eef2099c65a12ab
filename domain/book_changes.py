"""Amending and cancelling what rests in a book, and listing what may be traded."""

from collections.abc import Iterator

import msgspec

from domain.book_rows import (
    Booked,
    Event,
    ResetAsked,
    State,
)
from domain.books import RestingOrder
from domain.instruments import from_listing, has_units_of, listing_fault
from domain.matching import can_go_on, cancelled, match, pause
from schemas.accounts import ResetAccounts
from schemas.enums import ReasonCode
from schemas.order_books import (
    CancelRefused,
    CancelRestingOrder,
    InstrumentListed,
    InstrumentRefused,
    ListInstrument,
    OrderReplaced,
    ReplaceOrder,
    ReplaceRefused,
    ResetBooks,
)
from schemas.positions import ResetPositions


def replace(state: State, command: ReplaceOrder) -> Iterator[Event]:
    """Same price and not larger keeps its place; anything else goes to the back, and trades if it crosses."""
    book = state.book(command.symbol)
    order = book.orders.get(command.order_id)
    if order is None or order.account_id != command.account_id:
        yield ReplaceRefused(
            order_id=command.order_id,
            account_id=command.account_id,
            symbol=command.symbol,
            reason_code=ReasonCode.TOO_LATE,
        )
        return
    filled = order.quantity - order.leaves
    quantity = max(command.quantity, filled)
    yield OrderReplaced(
        order_id=order.order_id,
        account_id=order.account_id,
        symbol=order.symbol,
        quantity=quantity,
        limit_price=command.limit_price,
        leaves_quantity=quantity - filled,
    )
    if quantity > filled and not keeps_place(order, command):
        changed = msgspec.structs.replace(
            order, limit_price=command.limit_price, quantity=quantity, leaves=quantity - filled
        )
        changed = yield from match(state, book, changed)
        if can_go_on(state, changed):
            yield from pause(changed, None)
        elif changed.leaves:
            yield Booked(msgspec.structs.replace(changed, priority=state.row(order.symbol).sequence + 1))


def keeps_place(order: RestingOrder, command: ReplaceOrder | OrderReplaced) -> bool:
    """Same price and not larger: the order stays where it stands in its queue."""
    return command.limit_price == order.limit_price and command.quantity <= order.quantity


def cancel(state: State, command: CancelRestingOrder) -> Iterator[Event]:
    """Takes an order out, if it is still there."""
    order = state.book(command.symbol).orders.get(command.order_id)
    if order is None or order.account_id != command.account_id:
        yield CancelRefused(
            order_id=command.order_id,
            account_id=command.account_id,
            symbol=command.symbol,
            reason_code=ReasonCode.TOO_LATE,
        )
        return
    yield cancelled(order, order.leaves, ReasonCode.REQUESTED)


def list_instrument(state: State, command: ListInstrument) -> Iterator[Event]:
    """Lists an instrument. Listed again, it may have other fees: orders on their way to us bring theirs.

    Ticks, lots and assets stay: orders on their way and positions are made of them.
    """
    fault = listing_fault(command)
    known = state.instruments.get(command.symbol)
    if fault is None and known is not None and not has_units_of(known, from_listing(command)):
        fault = ReasonCode.NO_CHANGE, "base, quote, tick, lot and multiplier stay as they were listed"
    if fault is not None:
        yield InstrumentRefused(symbol=command.symbol, reason_code=fault[0], detail=fault[1])
        return
    instrument = from_listing(command)
    yield InstrumentListed(**{name: getattr(instrument, name) for name in instrument.__struct_fields__})


def reset(state: State, command: ResetBooks) -> Iterator[Event]:
    """Cancels all once all account shards asked, so that no order is on its way any more; and tells everybody."""
    if state.resets.get(f"{command.reset_id}|{command.source}") is not None:
        return
    yield ResetAsked(command.reset_id, command.source)
    asked = sum(1 for _ in state.resets.scan(f"{command.reset_id}|"))
    if asked < state.account_shards:
        return
    for symbol in sorted(state.by_symbol):
        for order_id in sorted(state.by_symbol[symbol].orders):
            order = state.by_symbol[symbol].orders[order_id]
            yield cancelled(order, order.leaves, ReasonCode.RESET)
    source = str(state.partition)
    yield ResetAccounts(reset_id=command.reset_id, source=source)
    yield ResetPositions(reset_id=command.reset_id, source=source)
