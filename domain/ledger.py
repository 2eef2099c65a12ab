"""Money of an account: entries with two sides, deposits and withdrawals, and the memory of how commands ended."""

from collections.abc import Iterator

from domain import margin, orders
from domain.account_rows import (
    EXTERNAL,
    NO_BALANCE,
    Answered,
    Balance,
    Contra,
    Event,
    Order,
    Outcome,
    State,
)
from domain.money import AMOUNT_MAX
from domain.names import is_name
from schemas.accounts import (
    AccountOpened,
    BalanceEvent,
    DepositFunds,
    WithdrawFunds,
)
from schemas.enums import BalanceReason, ReasonCode


def entry(
    state: State,
    account_id: str,
    asset: str,
    change: int,
    reserved_change: int,
    reason: BalanceReason,
    order_id: str | None = None,
    trade_id: str | None = None,
) -> BalanceEvent:
    """One side of an entry: the balance after it."""
    balance = moved(state, account_id, asset, change, reserved_change)
    return told(account_id, asset, balance, change, reason, order_id, trade_id)


def moved(state: State, account_id: str, asset: str, change: int, reserved_change: int) -> Balance:
    """A balance after a change of what there is, and of what is reserved of it."""
    before = state.balances.get(f"{account_id}|{asset}") or NO_BALANCE
    total, reserved = before.total + change, before.reserved + reserved_change
    assert 0 <= reserved <= total or (reserved >= 0 and account_id in state.risk.margin_accounts), (
        f"{account_id} {asset}: {reserved} reserved of {total}"
    )
    return Balance(total, reserved, before.version + 1)


def told(
    account_id: str,
    asset: str,
    balance: Balance,
    change: int,
    reason: BalanceReason,
    order_id: str | None = None,
    trade_id: str | None = None,
) -> BalanceEvent:
    """What the world hears of a balance after a change."""
    total, reserved = balance.total, balance.reserved
    return BalanceEvent(
        account_id,
        asset,
        total,
        total - reserved,
        reserved,
        change,
        reason,
        balance.version,
        order_id,
        trade_id,
        caused_by=trade_id or "",
    )


def release(state: State, before: Order, after: Order) -> Iterator[Event]:
    """Gives back what is held too much."""
    released = before.held - after.held
    if released:
        yield entry(state, after.account_id, after.held_asset, 0, -released, BalanceReason.RELEASE, after.order_id)


def open_account(state: State, account_id: str) -> Iterator[Event]:
    """Opens an account, unless it is open."""
    if is_name(account_id) and state.accounts.get(account_id) is None:
        yield AccountOpened(account_id=account_id)


def deposit(state: State, command: DepositFunds) -> Iterator[Event]:
    """Funds come in from outside."""
    if state.outcomes.get(command.command_id) is not None:
        return
    reason = _amount_fault(state, command)
    if reason is None:
        yield from open_account(state, command.account_id)
        account_id, asset, amount = command.account_id, command.asset, command.amount
        yield entry(state, account_id, asset, amount, 0, BalanceReason.DEPOSIT)
        yield Contra(EXTERNAL, asset, -amount)
    yield from answer(state, command.command_id, "", reason, body=body_of(command))


def withdraw(state: State, command: WithdrawFunds) -> Iterator[Event]:
    """Funds leave, as far as they are available."""
    if state.outcomes.get(command.command_id) is not None:
        return
    account_id, asset, amount = command.account_id, command.asset, command.amount
    reason = _amount_fault(state, command)
    if reason is None and state.accounts.get(account_id) is None:
        reason = ReasonCode.UNKNOWN_ACCOUNT
    if reason is None and not orders.can_pay(state.balance(account_id, asset), amount):
        reason = ReasonCode.BUYING_POWER
    if reason is None and account_id in state.risk.margin_accounts:
        reason = margin.withdrawal_fault(state, account_id, asset, amount)
    if reason is None:
        yield entry(state, account_id, asset, -amount, 0, BalanceReason.WITHDRAWAL)
        yield Contra(EXTERNAL, asset, amount)
    yield from answer(state, command.command_id, "", reason, body=body_of(command))


def _amount_fault(state: State, command: DepositFunds | WithdrawFunds) -> ReasonCode | None:
    if not (is_name(command.account_id) and is_name(command.asset)):
        return ReasonCode.UNKNOWN_ACCOUNT
    if not 0 < command.amount <= AMOUNT_MAX:
        return ReasonCode.AMOUNT_OUT_OF_RANGE
    return ReasonCode.RESET_IN_PROGRESS if state.shard_row().reset_id else None


def is_of_another(state: State, command_id: str, order_id: str) -> bool:
    """Whether somebody waits under this command for what becomes of another order: this one only made room for it."""
    asked = state.outcomes.get(command_id)
    return asked is not None and asked.is_pending and asked.order_id != order_id


def answer(
    state: State, command_id: str, order_id: str, reason: ReasonCode | None, quantity: int = 0, body: str = ""
) -> Iterator[Event]:
    """Remembers how a command ended; those of nobody need no answer."""
    if command_id:
        known = state.outcomes.get(command_id)
        number = state.shard_row().outcomes + 1 if known is None else known.number
        body = body or ("" if known is None else known.body)
        outcome = Outcome(number, is_pending=False, reason_code=reason, order_id=order_id, quantity=quantity, body=body)
        yield Answered(command_id, outcome)


def body_of(command: DepositFunds | WithdrawFunds) -> str:
    """What makes two movements of money under one id the same."""
    return f"{command.asset}|{command.amount}"
