"""What a book remembers of work that is not done, and of commands that queue up behind it."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.auction_rows import GroupHit
from domain.book_events import GroupEnded, GroupWasHit, MatchingEnded, UncrossPaused
from domain.book_rows import Paused, State
from domain.parking import CommandParked, CommandTaken, ParkedCommand, key_of
from domain.waiting_rows import Waiting


def _paused(state: State, event: Paused) -> None:
    row, sharing = state.waiting_in(event.symbol), state.book(event.symbol).sharing
    _wait(
        state,
        event.symbol,
        msgspec.structs.replace(
            row,
            is_paused=True,
            order=event.order,
            reason=event.reason,
            sharing=None if sharing is None else sharing.row,
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
    _wait(state, event.symbol, Waiting(parked=row.parked, taken=row.taken))


def _command_parked(state: State, event: CommandParked) -> None:
    command = event.command
    row = state.waiting_in(command.symbol)
    if event.is_first:
        number, row = row.taken, msgspec.structs.replace(row, taken=row.taken - 1)
    else:
        number, row = row.parked + 1, msgspec.structs.replace(row, parked=row.parked + 1)
    state.parked.put(key_of(command.symbol, number), ParkedCommand.of(command, state.traceparent))
    _wait(state, command.symbol, row)


def _command_taken(state: State, event: CommandTaken) -> None:
    symbol = event.command.symbol
    state.traceparent = event.traceparent
    row = state.waiting_in(symbol)
    state.parked.delete(key_of(symbol, row.taken + 1))
    _wait(state, symbol, msgspec.structs.replace(row, taken=row.taken + 1))


def first_parked(state: State, symbol: str) -> ParkedCommand:
    """The command that has waited longest."""
    row = state.parked.get(key_of(symbol, state.waiting_in(symbol).taken + 1))
    assert row is not None, f"{symbol}: a command that waits is not known"
    return row


def _wait(state: State, symbol: str, row: Waiting) -> None:
    assert row.taken <= row.parked, f"{symbol}: more commands were taken up than waited"
    if not row.is_paused and row.taken == row.parked:
        state.waiting.delete(symbol)
        state.busy.discard(symbol)
    else:
        state.waiting.put(symbol, row)
        state.busy.add(symbol)
    state.settle()


WAITING_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    Paused: _paused,
    UncrossPaused: _uncross_paused,
    GroupWasHit: _group_hit,
    GroupEnded: _group_ended,
    MatchingEnded: _matching_ended,
    CommandParked: _command_parked,
    CommandTaken: _command_taken,
}
