"""What a book remembers of work that is not done, and of commands that queue up behind it."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.book_events import MatchingEnded, TurnGiven, TurnTaken, UncrossPaused
from domain.book_rows import Paused, State, Waiting


def _paused(state: State, event: Paused) -> None:
    row = state.waiting_in(event.symbol)
    _wait(
        state,
        event.symbol,
        msgspec.structs.replace(
            row, is_paused=True, order=event.order, reason=event.reason, sharing=state.book(event.symbol).sharing
        ),
    )


def _uncross_paused(state: State, event: UncrossPaused) -> None:
    row = state.waiting_in(event.symbol)
    _wait(state, event.symbol, msgspec.structs.replace(row, is_paused=True, price=event.price, filled=event.filled))


def _matching_ended(state: State, event: MatchingEnded) -> None:
    row = state.waiting_in(event.symbol)
    _wait(state, event.symbol, Waiting(turns=row.turns, taken=row.taken))


def _turn_given(state: State, event: TurnGiven) -> None:
    row = state.waiting_in(event.symbol)
    _wait(state, event.symbol, msgspec.structs.replace(row, turns=row.turns + 1))


def _turn_taken(state: State, event: TurnTaken) -> None:
    row = state.waiting_in(event.symbol)
    _wait(state, event.symbol, msgspec.structs.replace(row, taken=row.taken + 1))


def _wait(state: State, symbol: str, row: Waiting) -> None:
    assert row.taken <= row.turns, f"{symbol}: more commands came back than were sent"
    if not row.is_paused and row.taken == row.turns:
        state.waiting.delete(symbol)
        state.busy.discard(symbol)
    else:
        state.waiting.put(symbol, row)
        state.busy.add(symbol)


WAITING_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    Paused: _paused,
    UncrossPaused: _uncross_paused,
    MatchingEnded: _matching_ended,
    TurnGiven: _turn_given,
    TurnTaken: _turn_taken,
}
