"""What an account may do: active, reducing only, halted, inactive; and the kill switch, of one account or of all.

A kill switch does not count open orders. The account's shard tells every book to cancel what it has of the account:
records of one shard reach a book in the order in which they were sent, so no order that went out before is missed, and
none goes out after. How many a book cancels in one record is the book's business.
"""

from collections.abc import Generator, Iterator

import msgspec

from domain import guards
from domain.account_rows import Event, State
from domain.ledger import answer
from domain.risk_rows import EVERYBODY, AccountRisk, Bucket, TokensTaken
from schemas.accounts import AccountStateChanged, ChangeAccountState, PlaceOrder, SetKillSwitch
from schemas.enums import AccountState, ReasonCode, Side
from schemas.order_books import CancelAllOrders
from schemas.wire import NANOS

SYMBOLS_PER_RECORD_MAX = 250
"""Books that one record of a kill switch tells; the shard sends itself another one for the others."""


def admitted(state: State, command: PlaceOrder) -> Generator[Event, None, ReasonCode | None]:
    """Whether the account may place orders now: None where it may, or why not."""
    account_id = command.account_id
    reason = trading_fault(state, account_id, is_reducing=command.is_reduce_only)
    row = state.risk.of(account_id)
    if reason is not None or not row.orders_per_second:
        return reason
    tokens = _tokens(state, account_id, row)
    if tokens < NANOS:
        return ReasonCode.RATE_LIMITED
    yield TokensTaken(account_id, Bucket(tokens - NANOS, state.now))
    return None


def _tokens(state: State, account_id: str, row: AccountRisk) -> int:
    """What the account may place now, a billion tokens an order: as many as come in since, and no more than a burst."""
    bucket = state.risk.buckets.get(account_id)
    if bucket is None:
        return row.burst * NANOS
    return min(row.burst * NANOS, bucket.tokens + (state.now - bucket.at) * row.orders_per_second)


def trading_fault(state: State, account_id: str, *, is_reducing: bool) -> ReasonCode | None:
    """Why the account may not trade now, or not but to reduce; None where it may."""
    row = state.risk.of(account_id)
    if row.is_killed or state.risk.of(EVERYBODY).is_killed:
        return ReasonCode.KILL_SWITCH
    if row.state is AccountState.INACTIVE:
        return ReasonCode.ACCOUNT_INACTIVE
    if row.state is AccountState.HALTED:
        return ReasonCode.ACCOUNT_HALTED
    is_wrong = row.state is AccountState.REDUCE_ONLY and not is_reducing
    return ReasonCode.ACCOUNT_REDUCE_ONLY if is_wrong else None


def change(state: State, command: ChangeAccountState) -> Iterator[Event]:
    """An operator says what an account may do; saying the same again changes nothing."""
    if state.outcomes.get(command.command_id) is not None:
        return
    reason = None if state.accounts.get(command.account_id) is not None else ReasonCode.UNKNOWN_ACCOUNT
    if command.state is AccountState.UNKNOWN:
        reason = ReasonCode.NO_CHANGE
    row = state.risk.of(command.account_id)
    if reason is None and row.state is not command.state:
        yield AccountStateChanged(command.account_id, command.state, row.is_killed, ReasonCode.REQUESTED)
        if row.loss_limit is not None:
            yield guards.counted_from_now(state, command.account_id)
    yield from answer(state, command.command_id, "", reason)


def switch(state: State, command: SetKillSwitch) -> Iterator[Event]:
    """An operator sets a kill switch on or off. On once more, it cancels once more."""
    if command.after:
        yield from _cancel_orders(state, command)
        return
    if state.outcomes.get(command.command_id) is not None:
        return
    account_id = command.account_id
    is_known = account_id == EVERYBODY or state.accounts.get(account_id) is not None
    if is_known:
        row = state.risk.of(account_id)
        if row.is_killed is not command.is_on:
            yield AccountStateChanged(account_id, row.state, command.is_on, ReasonCode.KILL_SWITCH)
        if command.is_on:
            yield from _cancel_orders(state, command)
    yield from answer(state, command.command_id, "", None if is_known else ReasonCode.UNKNOWN_ACCOUNT)


def _cancel_orders(state: State, command: SetKillSwitch) -> Iterator[Event]:
    """Tells as many books as one record may, in order of their symbols."""
    symbols = [symbol for symbol, _ in state.instruments.scan() if symbol > command.after]
    for symbol in symbols[:SYMBOLS_PER_RECORD_MAX]:
        yield CancelAllOrders(symbol, command.account_id, Side.UNKNOWN, ReasonCode.KILL_SWITCH)
    if len(symbols) > SYMBOLS_PER_RECORD_MAX:
        yield msgspec.structs.replace(command, after=symbols[SYMBOLS_PER_RECORD_MAX - 1])
