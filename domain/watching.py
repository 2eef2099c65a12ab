"""When a price moves, those are looked at who own what it prices: so many a record, and each price once at a time.

A price that moves again while its owners are still looked at begins no second round beside the first one: there is one
more when that has ended. So however often prices move, the shard has at most one record of each symbol on its way.
"""

from collections.abc import Generator, Iterator
from enum import IntEnum

from domain import guards
from domain.account_rows import Event, State
from domain.guards import ACCOUNTS_PER_RECORD_MAX, owners
from domain.risk_rows import WatchMoved
from schemas.accounts import WatchAccounts
from schemas.order_books import MarkPrices


class Round(IntEnum):
    """How far those who own what a symbol prices were looked at."""

    OVER = 0
    ON_ITS_WAY = 1
    AND_ONCE_MORE = 2


def marked(state: State, command: MarkPrices) -> Iterator[Event]:
    """Prices changed: those look different now who own something of it."""
    if not state.risk.guarded:
        yield command
        return
    symbols = [mark.symbol for mark in command.marks if owners(state, mark.symbol, "", 1)]
    yield from guards.days_begun(state, _first(state, symbols))  # at the prices of before
    yield command
    left = ACCOUNTS_PER_RECORD_MAX
    for symbol in symbols:
        if state.risk.watching.get(symbol) is None:
            left = yield from _look(state, symbol, "", left)
        else:
            yield WatchMoved(symbol, Round.AND_ONCE_MORE)


def _first(state: State, symbols: list[str]) -> list[str]:
    """At whom the record of a price looks."""
    found: dict[str, None] = {}
    for symbol in symbols:
        if len(found) >= ACCOUNTS_PER_RECORD_MAX:
            break
        found |= dict.fromkeys(owners(state, symbol, "", ACCOUNTS_PER_RECORD_MAX))
    return list(found)[:ACCOUNTS_PER_RECORD_MAX]


def watch(state: State, command: WatchAccounts) -> Iterator[Event]:
    """Goes on with those who were too many for the record before."""
    if state.risk.watching.get(command.symbol) is not None:  # else there was a reset
        yield from _look(state, command.symbol, command.after, ACCOUNTS_PER_RECORD_MAX)


def _look(state: State, symbol: str, after: str, left: int) -> Generator[Event, None, int]:
    """Looks at so many, from one name on -> at how many more the record may look."""
    names = owners(state, symbol, after, left + 1)
    some, before = names[:left], state.risk.watching.get(symbol)
    yield from guards.look(state, some)
    if len(names) > len(some):
        if before is None:
            yield WatchMoved(symbol, Round.ON_ITS_WAY)
        yield WatchAccounts(after=some[-1] if some else after, symbol=symbol)
    elif before == Round.AND_ONCE_MORE:
        yield WatchMoved(symbol, Round.ON_ITS_WAY)
        yield WatchAccounts(after="", symbol=symbol)
    elif before is not None:
        yield WatchMoved(symbol, Round.OVER)
    return left - len(some)
