"""Stop orders: they wait for a price of the last trade, then trade like any other.

A buy waits for the last trade at its stop price or above, a sell for one at it or below; a take-profit the other way
round. Those whose price has come act after the order that brought it has ended: the farthest from the last price first,
then the oldest; behind those whose price came earlier (decisions.md D31).
"""

from collections.abc import Generator, Iterator

import msgspec

from domain.book_rows import Event, State, StopArmed
from domain.books import Book
from domain.levels import Stops
from domain.resting import StopOrder
from schemas.enums import OrderType

MOVES_PER_STEP = 10
"""Stops that follow a price, or are found to be due, for what one trade costs."""


def elect(state: State, book: Book) -> Generator[Event, None, bool]:
    """Finds the stops whose price has come -> whether all of them: one record does a bounded amount of work."""
    last = book.last
    if last is None:
        return True
    room = state.steps_left * MOVES_PER_STEP
    found = [stop for stops in (book.rises, book.falls) for stop in stops.armed.until(last, room + 1)]
    found.sort(key=lambda stop: (-abs(_price(stop) - last), stop.number))  # levels come in this order already
    some = found[:room]
    state.steps_left -= len(some) // MOVES_PER_STEP
    place = next(reversed(book.elected.values())).elected if book.elected else 0
    for number, stop in enumerate(some, place + 1):
        yield StopArmed(msgspec.structs.replace(stop, elected=number))
    return len(some) == len(found)


def follow(state: State, book: Book) -> Generator[Event, None, bool]:
    """Trailing stops follow the last price, in their favour only -> whether all did, as far as one record may go.

    Where some did not, the record may do nothing more: they go on before there is another price.
    """
    last = book.last
    if last is None or not book.has_trailing_stops:
        return True
    room = left = state.steps_left * MOVES_PER_STEP
    for stops in (book.rises, book.falls):
        for event in _moved(stops, last):
            if not left:
                state.steps_left = 0
                return False
            left -= 1
            yield event
    state.steps_left -= (room - left) // MOVES_PER_STEP
    return True


def stop_price_of(stop: StopOrder, last: int | None) -> int | None:
    """Where a stop begins that follows the last trade."""
    if stop.trail is None or last is None:
        return stop.stop_price
    return last + stop.trail if stop.waits_for_rise else last - stop.trail


def _price(stop: StopOrder) -> int:
    assert stop.stop_price is not None
    return stop.stop_price


def _moved(stops: Stops, price: int) -> Iterator[Event]:
    sign = stops.sign
    while (followed := stops.followed.best_price) is not None and sign * followed > sign * price:
        for stop in list(stops.followed.levels[followed].values()):
            assert stop.trail is not None
            yield StopArmed(msgspec.structs.replace(stop, stop_price=price + sign * stop.trail))


def is_market(order_type: OrderType) -> bool:
    """Whether what it does not trade at once is cancelled."""
    return order_type not in (OrderType.LIMIT, OrderType.STOP_LIMIT)
