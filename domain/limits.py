"""Limits that an operator lays down. The first one of an account, or of a symbol, looks through the orders once."""

from collections.abc import Iterator

from domain import exposures
from domain.account_rows import Event, State
from domain.ledger import answer
from domain.money import AMOUNT_MAX
from domain.risk_rows import TrackingBegun
from schemas.accounts import LimitsChanged, SetLimits
from schemas.enums import ReasonCode


def set_limits(state: State, command: SetLimits) -> Iterator[Event]:
    """What holds from now on, for orders to come; those that are open stay."""
    if state.outcomes.get(command.command_id) is not None:
        return
    reason = _fault(state, command)
    if reason is None:
        yield from tracked(state, command.account_id, command.symbol)
        yield LimitsChanged(
            account_id=command.account_id,
            symbol=command.symbol,
            position_limit=command.position_limit,
            concentration_limit=command.concentration_limit,
        )
    yield from answer(state, command.command_id, "", reason)


def tracked(state: State, account_id: str, symbol: str = "") -> Iterator[Event]:
    """Open units are counted from now on, if they were not before."""
    if account_id and account_id not in state.risk.tracked:
        found = exposures.counted(state, account_id, "")
        assets = {key.partition("|")[2] for key, _ in state.balances.scan(f"{account_id}|")}
        assets |= {exposures.base_of(state, key) for key, _ in found}
        yield TrackingBegun(account_id, tuple(sorted(assets)), found)
    elif not account_id and symbol not in state.risk.tracked_symbols:
        yield TrackingBegun("", (), exposures.counted(state, "", symbol))


def _fault(state: State, command: SetLimits) -> ReasonCode | None:
    if command.account_id and state.accounts.get(command.account_id) is None:
        return ReasonCode.UNKNOWN_ACCOUNT
    if command.symbol and state.instruments.get(command.symbol) is None:
        return ReasonCode.UNKNOWN_SYMBOL
    if not (command.account_id or command.symbol):
        return ReasonCode.UNKNOWN_ACCOUNT
    amounts = (command.position_limit, command.concentration_limit)
    is_wrong = any(amount is not None and not 0 <= amount <= AMOUNT_MAX for amount in amounts)
    return ReasonCode.AMOUNT_OUT_OF_RANGE if is_wrong else None
