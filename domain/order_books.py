"""Price-time matching, one book a symbol. Trades happen at the price of the order that rested."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

import msgspec

from domain import (
    auctions,
    book_changes,
    book_resets,
    breakers,
    entering,
    indications,
    phases,
    quick,
    reference_prices,
    stops,
)
from domain.book_events import MatchingEnded, Operation, TurnGiven, TurnTaken
from domain.book_evolution import evolve
from domain.book_rows import BOOKS_MOVED, Event, State
from schemas.order_books import (
    CancelAllOrders,
    CancelRestingOrder,
    ChangePhase,
    ContinueMatching,
    EndSession,
    EnterOrder,
    ListInstrument,
    MarkPrices,
    RearmBreaker,
    ReduceOrder,
    ReplaceOrder,
    ResetBooks,
    ScheduleSession,
    SetBreaker,
    SetLastPrice,
    SetPriceBand,
    SetReferencePrices,
)
from schemas.shared import Tick

__all__ = ["Command", "deadline", "decide", "evolve"]

STEPS_PER_RECORD_MAX = 250
"""Trades, cancels and stops: one record does a bounded amount of work, and what is more goes on in another one."""
Ordered = EnterOrder | ReplaceOrder | ReduceOrder | CancelRestingOrder | Operation
"""What one book takes in the order in which it comes."""
_ORDERED = frozenset(get_args(Ordered))
Command = Ordered | ContinueMatching | ScheduleSession | ListInstrument | ResetBooks | Tick


def deadline(state: State) -> int | None:
    """When the shard wants to hear the time; None while nothing is due."""
    due = [
        first
        for symbol, book in state.by_symbol.items()
        if (first := book.next_expiry()) is not None and not state.is_paused(symbol)
    ]
    due += [ends_at for symbol, ends_at in state.timed.items() if not state.is_paused(symbol)]
    if state.unmarked:
        due.append(state.marks_due_at)
    return min(due, default=None)


def decide(state: State, command: Any) -> Iterable[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    state.steps_left = STEPS_PER_RECORD_MAX
    quick_decider = _QUICK.get(type(command))
    if (
        quick_decider is not None
        and not state.busy
        and state.now < state.marks_due_at
        and state.now < state.phase_due_at
    ):
        events = quick_decider(state, command)
        if events is not None:
            return events
    return _decided(state, command)


def _decided(state: State, command: Any) -> Iterator[Event]:
    if state.now >= state.phase_due_at:
        yield from phases.advance(state)
    if not state.busy:
        yield from _DECIDERS[type(command)](state, command)
    elif _must_wait(state, command):
        yield from _waits(state, command)
    else:
        if type(command) in _ORDERED and command.turn:
            yield TurnTaken(command.symbol)
        yield from _DECIDERS[type(command)](state, command)
    if state.moved:
        yield BOOKS_MOVED
    if state.unmarked and state.now >= state.marks_due_at:
        yield from indications.indicate(state)
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
    return waiting.is_paused or bool(command.turn != turn)


def _waits(state: State, command: Any) -> Iterator[Event]:
    """The shard sends the command to itself: it comes back behind everything that is in the inbox now.

    Then others may be in front of it that came later, for they were not in the inbox yet: so it gets a number.
    """
    if isinstance(command, ResetBooks) or command.turn:
        yield command
        return
    yield TurnGiven(command.symbol)
    yield msgspec.structs.replace(command, turn=state.waiting_in(command.symbol).turns)


def _go_on(state: State, command: ContinueMatching) -> Iterator[Event]:
    """What was paused goes on: an order, an uncross, or stops that act one after the other."""
    symbol = command.symbol
    waiting, book = state.waiting_in(symbol), state.book(symbol)
    assert waiting.is_paused, f"{symbol}: nothing to go on with"
    if not (yield from stops.follow(state, book)):
        yield command
        return
    yield MatchingEnded(symbol)
    if waiting.price is not None:
        yield from auctions.uncross(state, book, symbol, waiting.price, waiting.hits, waiting.ended)
        return
    if waiting.order is not None:
        # Whether it is new is not known any more; one that has not traded is told once more that it rests.
        yield from entering.act(state, book, waiting.order, waiting.reason, is_new=True)
    yield from entering.cascade(state, book, symbol)


def _tick(state: State, _command: Tick) -> Iterator[Event]:
    return book_changes.expire(state)


_QUICK: dict[type, Callable[[State, Any], Iterable[Event] | None]] = {
    EnterOrder: quick.enter,
    CancelRestingOrder: quick.cancel,
}
_DECIDERS: dict[type, Callable[[State, Any], Iterator[Event]]] = {
    EnterOrder: entering.enter,
    ContinueMatching: _go_on,
    ReplaceOrder: book_changes.replace,
    ReduceOrder: book_changes.reduce,
    CancelRestingOrder: book_changes.cancel,
    CancelAllOrders: book_changes.cancel_all,
    ChangePhase: phases.change_phase,
    EndSession: book_changes.end_session,
    SetPriceBand: book_changes.set_price_band,
    SetBreaker: breakers.set_breaker,
    RearmBreaker: phases.rearm_breaker,
    SetLastPrice: book_changes.set_last_price,
    SetReferencePrices: reference_prices.set_prices,
    ScheduleSession: phases.schedule_session,
    ListInstrument: book_resets.list_instrument,
    ResetBooks: book_resets.reset,
    Tick: _tick,
}
