"""Price-time matching, one book a symbol. Trades happen at the price of the order that rested."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

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
from domain.book_events import MatchingEnded, Operation
from domain.book_evolution import evolve
from domain.book_rows import BOOKS_MOVED, Event, State
from domain.book_waiting import first_parked
from domain.parking import ORDERED, CommandParked, CommandTaken
from schemas.enums import OrderType, TimeInForce
from schemas.order_books import (
    CancelAllOrders,
    CancelRestingOrder,
    ChangePhase,
    ContinueMatching,
    ContinueReset,
    EndSession,
    EnterLimitOrder,
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
Ordered = EnterOrder | ReplaceOrder | ReduceOrder | CancelRestingOrder | ListInstrument | Operation
Command = Ordered | EnterLimitOrder | ContinueMatching | ScheduleSession | ResetBooks | ContinueReset | Tick


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
    if quick_decider is not None and state.now < state.quiet_until:
        events = quick_decider(state, command)
        if events is not None:
            return events
    return _decided(state, command)


def _decided(state: State, command: Any) -> Iterator[Event]:
    if type(command) is EnterLimitOrder:
        command = _with_all_terms(command)
    going_on = state.busy - {command.symbol} if type(command) is ContinueMatching else set(state.busy)
    if state.now >= state.due_at:
        yield from phases.advance(state)
    if type(command) in ORDERED and _waits(state, command.symbol):
        yield CommandParked(command)
    else:
        yield from _DECIDERS[type(command)](state, command)
    for symbol in sorted(state.busy - going_on):  # each busy book has one such command on its way
        yield ContinueMatching(symbol=symbol)
    if state.moved:
        yield BOOKS_MOVED
    if state.unmarked and state.now >= state.marks_due_at:
        yield from indications.indicate(state)
        marks = state.marks()
        if marks:
            yield MarkPrices(marks=marks)


def _waits(state: State, symbol: str) -> bool:
    """Whether others come first: who is at work in the book, or what should have ended before."""
    return symbol in state.busy or (state.now >= state.due_at and state.is_behind(symbol))


def _with_all_terms(command: EnterLimitOrder) -> EnterOrder:
    """The same order with what it does not ask for."""
    return EnterOrder(
        command.order_id,
        command.account_id,
        command.symbol,
        command.order_number,
        command.side,
        OrderType.LIMIT,
        command.quantity,
        TimeInForce.GTC,
        command.maker_fee_rate,
        command.taker_fee_rate,
        command.limit_price,
        event_id=command.event_id,
        command_id=command.command_id,
        correlation_id=command.correlation_id,
        caused_by=command.caused_by,
        actor_id=command.actor_id,
        timestamp=command.timestamp,
    )


def _go_on(state: State, command: ContinueMatching) -> Iterator[Event]:
    """What was paused goes on: an order, an uncross, or stops that act one after the other; then who waited for it."""
    symbol = command.symbol
    if state.is_paused(symbol):
        yield from _resume(state, symbol)
    while symbol in state.busy and not state.is_paused(symbol) and state.steps_left:
        if state.now >= state.due_at and state.is_behind(symbol):
            return
        row, steps = first_parked(state, symbol), state.steps_left
        parked = row.command
        yield CommandTaken(parked, row.traceparent)
        yield from _DECIDERS[type(parked)](state, parked)
        state.steps_left = min(state.steps_left, steps - 1)  # it costs a step at least


def _resume(state: State, symbol: str) -> Iterator[Event]:
    waiting, book = state.waiting_in(symbol), state.book(symbol)
    if not (yield from stops.follow(state, book)):
        return
    yield MatchingEnded(symbol)
    if waiting.price is not None:
        yield from auctions.uncross(state, book, symbol, waiting.price, waiting.hits, waiting.ended)
        return
    if waiting.order is not None:
        # Whether it is new is not known any more; one that has not traded is told once more that it rests.
        yield from entering.act(state, book, waiting.order, waiting.reason, is_new=True)
    yield from entering.cascade(state, book, symbol)


def _tick(_state: State, _command: Tick) -> Iterator[Event]:
    """It tells the time: what is due has been done."""
    return iter(())


_QUICK: dict[type, Callable[[State, Any], Iterable[Event] | None]] = {
    EnterLimitOrder: quick.enter,
    EnterOrder: quick.enter_any,
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
    ContinueReset: book_resets.go_on,
    Tick: _tick,
}
