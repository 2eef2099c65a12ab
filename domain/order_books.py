"""Price-time matching, one book a symbol. Trades happen at the price of the order that rested."""

from collections.abc import Callable, Iterator
from typing import Any

from domain import book_changes, matching
from domain.book_evolution import evolve
from domain.book_rows import MARKS_INTERVAL_NS_MIN, Event, State
from schemas.order_books import (
    CancelRestingOrder,
    EnterOrder,
    ListInstrument,
    MarkPrices,
    ReplaceOrder,
    ResetBooks,
)
from schemas.shared import Tick

__all__ = ["Command", "deadline", "decide", "evolve"]

Command = EnterOrder | ReplaceOrder | CancelRestingOrder | ListInstrument | ResetBooks | Tick


def deadline(state: State) -> int | None:
    """When the shard wants to hear the time; None while nothing is due."""
    return state.shard_row().marks_sent_at + MARKS_INTERVAL_NS_MIN if state.unmarked else None


def decide(state: State, command: Command) -> Iterator[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    yield from _DECIDERS[type(command)](state, command)
    if state.unmarked and state.now >= state.shard_row().marks_sent_at + MARKS_INTERVAL_NS_MIN:
        marks = state.marks()
        if marks:
            yield MarkPrices(marks=marks)


def _nothing(_state: State, _command: Tick) -> Iterator[Event]:
    return iter(())


_DECIDERS: dict[type, Callable[[State, Any], Iterator[Event]]] = {
    EnterOrder: matching.enter,
    ReplaceOrder: book_changes.replace,
    CancelRestingOrder: book_changes.cancel,
    ListInstrument: book_changes.list_instrument,
    ResetBooks: book_changes.reset,
    Tick: _nothing,
}
