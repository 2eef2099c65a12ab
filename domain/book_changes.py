"""Amending, reducing and cancelling what is in a book."""

from collections.abc import Iterator

import msgspec

from domain import roll_calls, stops
from domain.book_events import BandSet, LastPriceSet
from domain.book_rows import Event, State
from domain.books import Book, crosses
from domain.entering import SHUT, act, cascade
from domain.matching import cancelled
from domain.money import NUMBERS_PER_COUNT
from domain.order_terms import shows_too_little
from domain.parking import CommandParked
from domain.resting import Instructions, RestingOrder, StopOrder
from schemas.enums import ReasonCode, Side, TradingPhase
from schemas.order_books import (
    CancelAllOrders,
    CancelRefused,
    CancelRestingOrder,
    EndSession,
    OrderReduced,
    OrderReplaced,
    ReduceOrder,
    ReplaceOrder,
    ReplaceRefused,
    SetLastPrice,
    SetPriceBand,
)
from schemas.shared import Tick


def replace(state: State, command: ReplaceOrder) -> Iterator[Event]:
    """Same price and not larger keeps its place; anything else goes to the back, and trades if it crosses."""
    book = state.book(command.symbol)
    order = book.find(command.order_id)
    fault = _replace_fault(state, book, order, command)
    if order is None or fault is not None:
        yield ReplaceRefused(
            order_id=command.order_id,
            account_id=command.account_id,
            symbol=command.symbol,
            reason_code=fault or ReasonCode.TOO_LATE,
            sequence=_number_of_refusal(book),
        )
        return
    stop = book.stops.get(order.order_id)
    rests = order.order_id in book.orders
    filled = order.quantity - order.leaves
    quantity = max(command.quantity, filled)
    yield OrderReplaced(
        order_id=order.order_id,
        account_id=order.account_id,
        symbol=order.symbol,
        quantity=quantity,
        limit_price=command.limit_price,
        leaves_quantity=quantity - filled,
        sequence=book.sequence + 1,
        stop_price=_new_stop_price(stop, command),
        trail=_new_trail(stop, command),
    )
    if quantity > filled and rests and not keeps_place(order, command):
        changed = msgspec.structs.replace(
            order, limit_price=command.limit_price, quantity=quantity, leaves=quantity - filled, shown=0
        )
        yield from act(state, book, changed, None)
    yield from cascade(state, book, command.symbol)


def _replace_fault(state: State, book: Book, order: RestingOrder | None, command: ReplaceOrder) -> ReasonCode | None:
    if order is None or order.account_id != command.account_id or book.has_expired(state.now):
        return ReasonCode.TOO_LATE
    stop = book.stops.get(order.order_id)
    if stop is None and not (command.stop_price is None and command.trail is None):
        return ReasonCode.ALREADY_TRIGGERED
    is_limit = stop is None or not stops.is_market(stop.order_type)
    if is_limit and command.limit_price != order.limit_price and not book.allows(command.limit_price):
        return ReasonCode.PRICE_BAND
    if book.phase in SHUT and not (book.phase is TradingPhase.CLOSED and book.gathered(order.order_id)):
        return SHUT[book.phase]
    return None if order.instructions is None else _instructions_fault(book, order, order.instructions, command)


def _instructions_fault(
    book: Book, order: RestingOrder, asked: Instructions, command: ReplaceOrder
) -> ReasonCode | None:
    if shows_too_little(command.quantity, asked.display_quantity):
        return ReasonCode.BAD_QUANTITY
    if asked.is_post_only and book.phase is TradingPhase.CONTINUOUS and order.order_id not in book.stops:
        best = book.best_against(order.side)
        if best is not None and crosses(order.side, command.limit_price, best):
            return ReasonCode.POST_ONLY_WOULD_CROSS
    return None


def _new_stop_price(stop: StopOrder | None, command: ReplaceOrder) -> int | None:
    """A trailing stop that gets another trail goes on from the best price that it has followed."""
    if stop is None:
        return None
    if stop.trail is None or stop.stop_price is None or command.trail is None:
        return stop.stop_price if command.stop_price is None else command.stop_price
    wider = command.trail - stop.trail
    return stop.stop_price + wider if stop.waits_for_rise else stop.stop_price - wider


def _new_trail(stop: StopOrder | None, command: ReplaceOrder) -> int | None:
    if stop is None or stop.trail is None or command.trail is None:
        return None if stop is None else stop.trail
    return command.trail


def keeps_place(order: RestingOrder, command: ReplaceOrder | OrderReplaced) -> bool:
    """Same price and not larger: the order stays where it stands in its queue."""
    return command.limit_price == order.limit_price and command.quantity <= order.quantity


def reduce(state: State, command: ReduceOrder) -> Iterator[Event]:
    """Takes units off what is open; an order keeps its place, and one with nothing left is gone."""
    book = state.book(command.symbol)
    order = book.find(command.order_id)
    if order is None or order.account_id != command.account_id:
        yield _cancel_refused(book, command)
    elif command.quantity >= order.leaves:
        yield cancelled(book, order, order.leaves, ReasonCode.REQUESTED)
    else:
        yield OrderReduced(
            order.order_id,
            order.account_id,
            order.symbol,
            order.quantity - command.quantity,
            order.leaves - command.quantity,
            ReasonCode.REQUESTED,
            book.sequence + 1,
        )


def cancel(state: State, command: CancelRestingOrder) -> Iterator[Event]:
    """Takes an order out, if it is still there."""
    book = state.book(command.symbol)
    order = book.find(command.order_id)
    if order is None or order.account_id != command.account_id:
        yield _cancel_refused(book, command)
    else:
        yield cancelled(book, order, order.leaves, ReasonCode.REQUESTED)


def _number_of_refusal(book: Book) -> int:
    """The next number, where there is such a book."""
    return 0 if book.instrument is None else book.sequence + 1


def _cancel_refused(book: Book, command: ReduceOrder | CancelRestingOrder) -> CancelRefused:
    return CancelRefused(
        order_id=command.order_id,
        account_id=command.account_id,
        symbol=command.symbol,
        reason_code=ReasonCode.TOO_LATE,
        sequence=_number_of_refusal(book),
    )


def cancel_all(state: State, command: CancelAllOrders) -> Iterator[Event]:
    """Takes out all orders of an account, or of everybody, of one side or both; the oldest number first.

    Up to a number means: of those to whom the shard of accounts gave numbers that speaks here.
    """
    book = state.book(command.symbol)
    cause = (CancelAllOrders, command.account_id, command.side, command.order_number_max)
    found = roll_calls.called(book, cause, lambda: _asked_for(book, command), state.steps_left + 1)
    yield from _cancel_some(state, found, command.reason_code, command)


def _asked_for(book: Book, command: CancelAllOrders) -> Iterator[RestingOrder]:
    newest = command.order_number_max
    for order in book.orders_of(command.account_id) if command.account_id else book.all_orders():
        if command.side in (Side.UNKNOWN, order.side) and (not newest or is_given_by(newest, order.order_number)):
            yield order


def is_given_by(newest: int, order_number: int) -> bool:
    """Whether the number is that one, or an earlier one of the same shard."""
    return order_number <= newest and (newest - order_number) % NUMBERS_PER_COUNT == 0


def end_session(state: State, command: EndSession) -> Iterator[Event]:
    """Orders for the day end."""
    book = state.book(command.symbol)
    found = [order for each in book.days.due(0, state.steps_left + 1) if (order := book.find(each)) is not None]
    yield from _cancel_some(state, found, ReasonCode.EXPIRED, command)


def _cancel_some(
    state: State, found: list[RestingOrder], reason: ReasonCode, command: CancelAllOrders | EndSession
) -> Iterator[Event]:
    """As many as one record may; for the others the command goes on before anybody else has his turn."""
    book = state.book(command.symbol)
    some = found[: state.steps_left]
    state.steps_left -= len(some)  # several books may close in one record
    for order in some:
        yield cancelled(book, order, order.leaves, reason)
    if len(found) > len(some):
        yield CommandParked(command, is_first=True)


def expire(state: State) -> Iterator[Event]:
    """Orders whose time has come end, or their instrument's. What is too much for one record waits for the next.

    A book in which an order trades on in records of its own waits, too: what it counted on when it came stays there.
    """
    for symbol in state.with_ends():
        if state.is_paused(symbol):
            continue
        yield from expire_in(state, state.by_symbol[symbol], state.now)


def expire_in(state: State, book: Book, until: int) -> Iterator[Event]:
    """The same in one book, of those whose time comes until then."""
    if book.has_expired(until):
        due = roll_calls.called(book, (Tick, book.expires_at), book.all_orders, state.steps_left)
    else:
        due = [order for each in book.expiries.due(until, state.steps_left) if (order := book.find(each))]
    state.steps_left -= len(due)
    for order in sorted(due, key=lambda order: order.order_number):
        yield cancelled(book, order, order.leaves, ReasonCode.EXPIRED)


def set_last_price(state: State, command: SetLastPrice) -> Iterator[Event]:
    """A price from elsewhere counts as one of a trade: stops look at it."""
    book = state.book(command.symbol)
    yield LastPriceSet(command.symbol, command.price)
    yield from stops.follow(state, book)
    yield from cascade(state, book, command.symbol)


def set_price_band(state: State, command: SetPriceBand) -> Iterator[Event]:
    """Limits must lie within from now on; orders that are in the book stay."""
    del state
    yield BandSet(command.symbol, command.low, command.high)
