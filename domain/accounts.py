"""Accounts: balances and holds, the life of every order in its owner's words, and the checks before an order goes out.

Double entry: whatever an account gains or loses, a system account of the same shard loses or gains, in the same step.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from domain import (
    account_states,
    amending,
    book_reports,
    cancelling,
    fees,
    guards,
    ledger,
    limits,
    margin_terms,
    placing,
    watching,
)
from domain.account_evolution import evolve
from domain.account_rows import BEGUN, BookEmptied, Cleared, Contra, Event, ResetBegun, State
from schemas.accounts import (
    AmendOrder,
    AssignFeeSchedule,
    CancelOpenOrders,
    CancelOrder,
    ChangeAccountKind,
    ChangeAccountState,
    DepositFunds,
    OpenAccount,
    PlaceOrder,
    ResetAccounts,
    SetCancelTimer,
    SetFeeSchedule,
    SetKillSwitch,
    SetLimits,
    SetMarginRates,
    WatchAccounts,
    WithdrawFunds,
)
from schemas.enums import BalanceReason
from schemas.inquiries import InquiryBooked, ResetInquiries
from schemas.order_books import (
    CancelRefused,
    InstrumentListed,
    MarkPrices,
    OrderArmed,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    OrderRested,
    OrderTriggered,
    ReplaceRefused,
    ResetBooks,
    TradeExecuted,
)
from schemas.shared import Tick

__all__ = ["Command", "deadline", "decide", "evolve"]

Command = (
    OpenAccount
    | DepositFunds
    | WithdrawFunds
    | SetFeeSchedule
    | AssignFeeSchedule
    | PlaceOrder
    | AmendOrder
    | CancelOrder
    | CancelOpenOrders
    | SetCancelTimer
    | OrderRested
    | TradeExecuted
    | OrderCancelled
    | OrderReplaced
    | OrderReduced
    | OrderArmed
    | OrderTriggered
    | ReplaceRefused
    | CancelRefused
    | InstrumentListed
    | MarkPrices
    | ResetAccounts
    | ChangeAccountState
    | SetKillSwitch
    | SetLimits
    | ChangeAccountKind
    | SetMarginRates
    | WatchAccounts
    | InquiryBooked
    | Tick
)


def deadline(state: State) -> int | None:
    """When the shard wants to hear the time; None while nothing is due."""
    first = state.timers.first()
    return None if first is None else first[0]


def decide(state: State, command: Command) -> Iterable[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    return _DECIDERS[type(command)](state, command)


def _open(state: State, command: OpenAccount) -> Iterator[Event]:
    return ledger.open_account(state, command.account_id)


def _taken_over(_state: State, command: InstrumentListed) -> Iterator[Event]:
    yield command


def _tick(state: State, _command: Tick) -> Iterator[Event]:
    return cancelling.ring(state)


def _traded(state: State, command: TradeExecuted) -> Iterable[Event]:
    return guards.traded(state, command) if state.risk.guarded else book_reports.traded(state, command)


def _reset(state: State, command: ResetAccounts) -> Iterator[Event]:
    """Compensates every balance once no book shard has an order of ours any more. The log keeps everything."""
    if not command.source:
        if state.resets.get(f"{BEGUN}|{command.reset_id}") is None:
            yield ResetBegun(command.reset_id)
            yield ResetBooks(reset_id=command.reset_id, source=str(state.partition))
            yield ResetInquiries(reset_id=command.reset_id, source=str(state.partition))
        return
    if state.resets.get(f"{command.reset_id}|{command.source}") is not None:
        return
    yield BookEmptied(command.reset_id, command.source)
    if sum(1 for _ in state.resets.scan(f"{command.reset_id}|")) < state.book_shards:
        return
    for key, balance in list(state.balances.scan()):
        account_id, _, asset = key.partition("|")
        assert balance.reserved == 0, f"{key} still has {balance.reserved} reserved"
        if not account_id.startswith("@"):
            yield ledger.entry(state, account_id, asset, -balance.total, 0, BalanceReason.RESET)
        else:
            yield Contra(account_id, asset, -balance.total)
    yield Cleared(command.reset_id)
    yield ResetInquiries(reset_id=command.reset_id, source=str(state.partition), is_done=True)


_DECIDERS: dict[type, Callable[[State, Any], Iterable[Event]]] = {
    PlaceOrder: placing.place,
    OrderRested: book_reports.rested,
    TradeExecuted: _traded,
    OrderCancelled: book_reports.cancelled,
    AmendOrder: amending.amend,
    OrderReplaced: amending.replaced,
    OrderReduced: book_reports.reduced,
    OrderArmed: book_reports.armed,
    OrderTriggered: book_reports.triggered,
    ReplaceRefused: amending.replace_refused,
    CancelOrder: amending.cancel,
    CancelRefused: amending.cancel_refused,
    CancelOpenOrders: cancelling.cancel_all,
    DepositFunds: ledger.deposit,
    WithdrawFunds: ledger.withdraw,
    OpenAccount: _open,
    SetFeeSchedule: fees.set_schedule,
    AssignFeeSchedule: fees.assign,
    InstrumentListed: _taken_over,
    MarkPrices: watching.marked,
    ResetAccounts: _reset,
    ChangeAccountState: account_states.change,
    SetKillSwitch: account_states.switch,
    SetLimits: limits.set_limits,
    ChangeAccountKind: margin_terms.change_kind,
    SetMarginRates: margin_terms.set_rates,
    SetCancelTimer: cancelling.set_timer,
    WatchAccounts: watching.watch,
    InquiryBooked: guards.booked,
    Tick: _tick,
}
