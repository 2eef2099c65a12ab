"""How an account pays, and at which rates margin is bound: laid down by operators."""

from collections.abc import Iterator

from domain.account_rows import Event, State
from domain.ledger import answer
from domain.limits import tracked
from domain.money import AMOUNT_MAX
from schemas.accounts import AccountKindChanged, ChangeAccountKind, MarginRatesChanged, SetMarginRates
from schemas.enums import AccountKind, InstrumentType, ReasonCode


def change_kind(state: State, command: ChangeAccountKind) -> Iterator[Event]:
    """An operator says how an account pays. Orders that are open hold what they held."""
    if state.outcomes.get(command.command_id) is not None:
        return
    reason = _kind_fault(state, command)
    row = state.risk.of(command.account_id)
    if reason is None and row.margin_asset != command.margin_asset:
        yield from tracked(state, command.account_id)
        yield AccountKindChanged(command.account_id, command.kind, command.margin_asset)
    yield from answer(state, command.command_id, "", reason)


def _kind_fault(state: State, command: ChangeAccountKind) -> ReasonCode | None:
    account_id, is_margin = command.account_id, command.kind is AccountKind.MARGIN
    if state.accounts.get(account_id) is None:
        return ReasonCode.UNKNOWN_ACCOUNT
    if command.kind is AccountKind.UNKNOWN or is_margin is not bool(command.margin_asset):
        return ReasonCode.NO_CHANGE
    row = state.risk.of(account_id)
    if not row.margin_asset or row.margin_asset == command.margin_asset:
        return None
    if any(state.balance(account_id, asset).available < 0 for asset in row.assets):
        return ReasonCode.BUYING_POWER
    is_busy = any(True for _ in state.risk.exposures.scan(f"{account_id}|"))
    return ReasonCode.OPEN_ORDERS if is_busy else None


def set_rates(state: State, command: SetMarginRates) -> Iterator[Event]:
    """An operator lays down rates of a symbol, or of a class of instruments."""
    if state.outcomes.get(command.command_id) is not None:
        return
    is_class = command.instrument_type is not InstrumentType.UNKNOWN
    reason = None if is_class or state.instruments.get(command.symbol) is not None else ReasonCode.UNKNOWN_SYMBOL
    if not 0 < command.maintenance <= command.initial <= AMOUNT_MAX:
        reason = ReasonCode.AMOUNT_OUT_OF_RANGE
    if reason is None:
        yield MarginRatesChanged(command.initial, command.maintenance, command.symbol, command.instrument_type)
    yield from answer(state, command.command_id, "", reason)
