"""What a book remembers of work that is not done, and of commands that queue up behind it."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.auction_rows import GroupHit
from domain.book_events import GroupEnded, GroupWasHit, MatchingEnded, TurnGiven, TurnTaken, UncrossPaused
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
    changed = msgspec.structs.replace(row, is_paused=True, price=event.price, hits=event.hits, ended=event.ended)
    _wait(state, event.symbol, changed)


def _group_hit(state: State, event: GroupWasHit) -> None:
    state.group_hits.put(_hit_key(event.symbol, event.number), event.hit)


def _group_ended(state: State, event: GroupEnded) -> None:
    state.group_hits.delete(_hit_key(event.symbol, event.number))


def hit_of(state: State, symbol: str, number: int) -> GroupHit:
    """The order of a group that was hit under this number."""
    hit = state.group_hits.get(_hit_key(symbol, number))
    assert hit is not None, f"{symbol}: hit {number} is not known"
    return hit


def _hit_key(symbol: str, number: int) -> str:
    return f"{symbol}|{number:012d}"


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
    GroupWasHit: _group_hit,
    GroupEnded: _group_ended,
    MatchingEnded: _matching_ended,
    TurnGiven: _turn_given,
    TurnTaken: _turn_taken,
}
