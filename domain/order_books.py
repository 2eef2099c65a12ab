"""Price-time matching, one book a symbol. Trades happen at the price of the order that rested."""

from collections.abc import Callable, Iterator
from typing import Any, get_args

import msgspec

from domain import book_changes, matching
from domain.book_evolution import evolve
from domain.book_rows import MARKS_INTERVAL_NS_MIN, Event, State, TurnGiven, TurnTaken
from schemas.order_books import (
    CancelRestingOrder,
    ContinueMatching,
    EnterOrder,
    ListInstrument,
    MarkPrices,
    ReplaceOrder,
    ResetBooks,
)
from schemas.shared import Tick

__all__ = ["Command", "deadline", "decide", "evolve"]

Ordered = EnterOrder | ReplaceOrder | CancelRestingOrder
"""What one book takes in the order in which it comes."""
_ORDERED = frozenset(get_args(Ordered))
Command = Ordered | ContinueMatching | ListInstrument | ResetBooks | Tick


def deadline(state: State) -> int | None:
    """When the shard wants to hear the time; None while nothing is due."""
    return state.shard_row().marks_sent_at + MARKS_INTERVAL_NS_MIN if state.unmarked else None


def decide(state: State, command: Any) -> Iterator[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    if state.busy and _must_wait(state, command):
        yield from _waits(state, command)
    else:
        if type(command) in _ORDERED and command.turn:
            yield TurnTaken(command.symbol)
        yield from _DECIDERS[type(command)](state, command)
    if state.unmarked and state.now >= state.shard_row().marks_sent_at + MARKS_INTERVAL_NS_MIN:
        marks = state.marks()
        if marks:
            yield MarkPrices(marks=marks)


def _must_wait(state: State, command: Any) -> bool:
    """First come, first served: behind an order that is not done, and behind whoever waits already."""
    if isinstance(command, ResetBooks):
        return True
    if type(command) not in _ORDERED:
        return False
    waiting = state.waiting_in(command.symbol)
    turn = waiting.taken + 1 if waiting.taken < waiting.turns else 0
    return waiting.order is not None or bool(command.turn != turn)


def _waits(state: State, command: Any) -> Iterator[Event]:
    """The shard sends the command to itself: it comes back behind everything that is in the inbox now.

    Then others may be in front of it that came later, for they were not in the inbox yet: so it gets a number.
    """
    if isinstance(command, ResetBooks) or command.turn:
        yield command
        return
    yield TurnGiven(command.symbol)
    yield msgspec.structs.replace(command, turn=state.waiting_in(command.symbol).turns)


def _nothing(_state: State, _command: Tick) -> Iterator[Event]:
    return iter(())


_DECIDERS: dict[type, Callable[[State, Any], Iterator[Event]]] = {
    EnterOrder: matching.enter,
    ContinueMatching: matching.go_on,
    ReplaceOrder: book_changes.replace,
    CancelRestingOrder: book_changes.cancel,
    ListInstrument: book_changes.list_instrument,
    ResetBooks: book_changes.reset,
    Tick: _nothing,
}
