"""Limits that an operator lays down. The first one of an account, or of a symbol, looks through the orders once."""

from collections.abc import Generator, Iterator

from domain import exposures, guards
from domain.account_rows import Event, State
from domain.ledger import answer
from domain.money import AMOUNT_MAX
from domain.names import is_name
from domain.risk_rows import TrackingBegun
from schemas.accounts import LimitsChanged, SetLimits
from schemas.enums import AccountState, ReasonCode

ACCOUNTS_PER_RECORD_MAX = 5_000
"""Whose open units in a symbol one record counts."""
RATE_MAX = 1_000_000
"""Orders in a second that a limit may speak of."""


def set_limits(state: State, command: SetLimits) -> Iterator[Event]:
    """What holds from now on, for orders to come; those that are open stay."""
    if state.outcomes.get(command.command_id) is not None:
        return
    reason = _fault(state, command)
    if reason is None and not (yield from tracked(state, command.account_id, command.symbol)):
        yield command  # behind what came meanwhile
        return
    row = state.risk.of(command.account_id)
    is_new = row.loss_limit is None or row.loss_asset != command.loss_asset
    if reason is None:
        yield LimitsChanged(
            account_id=command.account_id,
            symbol=command.symbol,
            position_limit=command.position_limit,
            concentration_limit=command.concentration_limit,
            loss_limit=command.loss_limit,
            loss_asset=command.loss_asset,
            loss_state=command.loss_state,
            orders_per_second=command.orders_per_second,
            burst=command.burst,
        )
        if command.loss_limit is not None and is_new:
            yield guards.counted_from_now(state, command.account_id)
    yield from answer(state, command.command_id, "", reason)


def tracked(state: State, account_id: str, symbol: str = "") -> Generator[Event, None, bool]:
    """Open units are counted from now on, if they were not before -> whether all are: one record counts so many.

    Of an account with nothing reserved there are none, and no need to look through all orders of the shard: so it is
    where an operator lays down limits for thousands of accounts before they trade.
    """
    if account_id and account_id not in state.risk.tracked:
        balances = {key.partition("|")[2]: row for key, row in state.balances.scan(f"{account_id}|")}
        has_open = any(row.reserved for row in balances.values())
        found = exposures.counted(state, account_id, "") if has_open else ()
        assets = set(balances)
        assets |= {exposures.base_of(state, key) for key, _ in found}
        yield TrackingBegun(account_id, tuple(sorted(assets)), found)
    elif not account_id and symbol not in state.risk.tracked_symbols:
        return (yield from _counted(state, symbol))
    return True


def _counted(state: State, symbol: str) -> Generator[Event, None, bool]:
    """Those of everybody in a symbol, by account."""
    after = state.risk.counted_to.get(symbol, "")
    found = [(key.partition("|")[0], exposure) for key, exposure in exposures.counted(state, "", symbol)]
    left = sorted((each for each in found if each[0] > after), key=lambda each: each[0])
    some = left[:ACCOUNTS_PER_RECORD_MAX]
    is_done = len(some) == len(left)
    rows = tuple((f"{account_id}|{symbol}", exposure) for account_id, exposure in some)
    yield TrackingBegun("", (), rows, symbol, "" if is_done else some[-1][0])
    return is_done


def _fault(state: State, command: SetLimits) -> ReasonCode | None:
    if command.account_id and state.accounts.get(command.account_id) is None:
        return ReasonCode.UNKNOWN_ACCOUNT
    if command.symbol and state.instruments.get(command.symbol) is None:
        return ReasonCode.UNKNOWN_SYMBOL
    if not (command.account_id or command.symbol):
        return ReasonCode.UNKNOWN_ACCOUNT
    amounts = (command.position_limit, command.concentration_limit)
    is_wrong = any(amount is not None and not 0 <= amount <= AMOUNT_MAX for amount in amounts)
    return ReasonCode.AMOUNT_OUT_OF_RANGE if is_wrong or _has_bad_breaker(command) or _has_bad_rate(command) else None


def _has_bad_breaker(command: SetLimits) -> bool:
    if command.loss_limit is None:
        return False
    is_state = command.loss_state in (AccountState.HALTED, AccountState.REDUCE_ONLY)
    return not (0 < command.loss_limit <= AMOUNT_MAX and is_name(command.loss_asset) and is_state)


def _has_bad_rate(command: SetLimits) -> bool:
    if command.orders_per_second is None:
        return command.burst is not None
    return not all(0 < number <= RATE_MAX for number in (command.orders_per_second, command.burst or 1))
