"""How each event changes the rows of a shard of accounts."""

from collections.abc import Callable
from typing import Any, get_args

import msgspec

from domain import cancel_marks, desk_exposures, exposures
from domain.account_rows import (
    BEGUN,
    CLEARING,
    FEES,
    FINAL,
    NO_BALANCE,
    Account,
    Answered,
    Balance,
    BookEmptied,
    Cleared,
    Contra,
    Event,
    Filled,
    Finished,
    GroupRow,
    Mark,
    Numbered,
    Order,
    Placed,
    ResetBegun,
    ShardRow,
    State,
    Stepped,
    Stored,
)
from domain.cancel_marks import CancelMarked
from domain.fees import FEE_EVOLVERS
from domain.instruments import from_listing
from domain.oco_groups import group_key
from domain.risk_evolution import RISK_EVOLVERS
from domain.risk_rows import BookingCounted
from domain.timers import TimerSet
from schemas.accounts import (
    AccountOpened,
    BalanceEvent,
    ExposuresReported,
)
from schemas.enums import BalanceReason, OrderStatus, Side
from schemas.order_books import (
    InstrumentListed,
    MarkPrices,
)

_BUY = Side.BUY
FINISHED_ORDERS_KEPT_MAX = 50_000
"""Of one shard: older ones are forgotten, with their client ids; the topics keep them."""
OUTCOMES_KEPT_MAX = 20_000


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state."""
    _EVOLVERS[type(event)](state, event)


def _unchanged(_state: State, _event: Event) -> None:
    """It only tells."""


def _balance(state: State, event: BalanceEvent) -> None:
    state.balances.put(f"{event.account_id}|{event.asset}", Balance(event.total, event.reserved, event.version))
    if event.account_id in state.risk.tracked:
        exposures.follow_money(state, event)
        if event.reason is BalanceReason.TRADE and event.account_id in state.risk.margin_accounts:
            desk_exposures.follow(state, event.account_id, event.asset, -event.change)


def _contra(state: State, event: Contra) -> None:
    _gain(state, event.account_id, event.asset, event.amount)


def _gain(state: State, system_account: str, asset: str, amount: int) -> None:
    key = f"{system_account}|{asset}"
    balance = state.balances.get(key) or NO_BALANCE
    state.balances.put(key, Balance(balance.total + amount, 0, balance.version + 1))


def _placed(state: State, event: Placed) -> None:
    order, balance, row = event.order, event.balance, state.shard_row()
    state.shard.put("", ShardRow(row.orders + 1, row.finished, row.outcomes, row.reset_id, row.resets_open))
    if balance is not None:
        account_id, asset = order.account_id, order.held_asset
        state.balances.put(f"{account_id}|{asset}", balance)
        if account_id in state.risk.tracked:
            exposures.remember(state, account_id, asset)
    _store(state, order)


def _stepped(state: State, event: Stepped) -> None:
    order = event.order
    if state.risk.counts or order.is_reduce_only:
        _follow(state, order)
    state.orders.put(order.order_id, order)


def _filled(state: State, event: Filled) -> None:
    order, fill = event.order, event.fill
    account_id, base, quote = order.account_id, order.base, order.quote
    is_buy = order.side is _BUY
    state.balances.put(f"{account_id}|{quote}", event.spent if is_buy else event.gained)
    state.balances.put(f"{account_id}|{base}", event.gained if is_buy else event.spent)
    if not event.is_within:
        sign = 1 if is_buy else -1
        _gain(state, CLEARING, quote, sign * fill.value)
        _gain(state, CLEARING, base, -sign * fill.quantity)
    if fill.fee:
        _gain(state, FEES, quote, fill.fee)
    if account_id in state.risk.watched:
        desk_exposures.watch(state, event)
    if state.risk.counts or order.is_reduce_only:
        _follow(state, order)
    state.orders.put(order.order_id, order)
    if order.status in FINAL:
        _finish(state, order)


def _follow(state: State, order: Order) -> None:
    """Counts open units, where a limit needs it."""
    if state.risk.is_limited(order.account_id, order.symbol):
        exposures.follow(state, order)
    if order.is_reduce_only:
        exposures.follow_reducing(state, order)


def _store(state: State, order: Order) -> None:
    if state.risk.counts or order.is_reduce_only:
        _follow(state, order)
    state.orders.put(order.order_id, order)
    if order.client_order_id is not None and order.status in (OrderStatus.RISK_APPROVED, OrderStatus.REJECTED):
        state.client_orders.put(f"{order.account_id}|{order.client_order_id}", order.order_id)
    if order.oco_group and order.status is OrderStatus.RISK_APPROVED:
        _join(state, order)


def _join(state: State, order: Order) -> None:
    key = group_key(order)
    row = state.groups.get(key) or GroupRow()
    if order.order_id not in row.legs:
        state.groups.put(key, GroupRow((*row.legs, order.order_id)))


def _leave(state: State, order: Order) -> None:
    key = group_key(order)
    row = state.groups.get(key) or GroupRow()
    legs = tuple(each for each in row.legs if each != order.order_id)
    if legs:
        state.groups.put(key, GroupRow(legs))
    elif row.legs:
        state.groups.delete(key)


def _numbered(state: State, _event: Numbered) -> None:
    _count(state, orders=1)


def _account_opened(state: State, event: AccountOpened) -> None:
    state.accounts.put(event.account_id, Account(state.now))


def _instrument_listed(state: State, event: InstrumentListed) -> None:
    instrument = from_listing(event)
    state.instruments.put(event.symbol, instrument)
    state.risk.listed(instrument)


def _marked(state: State, event: MarkPrices) -> None:
    """Quotes alone take no last price away: not every market tells its trades, and what one owns stays worth something.

    A book without any price, as after a reset, has none.
    """
    for mark in event.marks:
        last = mark.last
        if last is None and (mark.bid is not None or mark.ask is not None):
            before = state.marks.get(mark.symbol)
            last = None if before is None else before.last
        state.marks.put(mark.symbol, Mark(mark.bid, mark.ask, last))


def _reset_begun(state: State, event: ResetBegun) -> None:
    row = state.shard_row()
    state.shard.put("", msgspec.structs.replace(row, reset_id=event.reset_id, resets_open=row.resets_open + 1))
    state.resets.put(f"{BEGUN}|{event.reset_id}", 1)


def _book_emptied(state: State, event: BookEmptied) -> None:
    state.resets.put(f"{event.reset_id}|{event.source}", 1)


def _count(state: State, *, orders: int = 0, outcomes: int = 0) -> ShardRow:
    row = state.shard_row()
    row = ShardRow(row.orders + orders, row.finished, row.outcomes + outcomes, row.reset_id, row.resets_open)
    state.shard.put("", row)
    return row


def _finished(state: State, event: Finished) -> None:
    _finish(state, event.order)


def _finish(state: State, order: Order) -> None:
    if order.oco_group:
        _leave(state, order)
    row = state.shard_row()
    count = row.finished + 1
    state.shard.put("", ShardRow(row.orders, count, row.outcomes, row.reset_id, row.resets_open))
    state.finished.put(f"{count:012d}", order.order_id)
    if count > FINISHED_ORDERS_KEPT_MAX:
        _forget(state, f"{count - FINISHED_ORDERS_KEPT_MAX:012d}")


def _forget(state: State, oldest: str) -> None:
    order_id = state.finished.get(oldest)
    if order_id is None:
        return
    state.finished.delete(oldest)
    forgotten = state.orders.get(order_id)
    if forgotten is not None:
        state.orders.delete(order_id)
        if forgotten.client_order_id is not None:
            state.client_orders.delete(f"{forgotten.account_id}|{forgotten.client_order_id}")


def _answered(state: State, event: Answered) -> None:
    command_id, outcome = event.command_id, event.outcome
    is_new = state.outcomes.get(command_id) is None
    state.outcomes.put(command_id, outcome)
    if not is_new:
        return
    count = _count(state, outcomes=1).outcomes
    state.outcome_log.put(f"{count:012d}", command_id)
    oldest = f"{count - OUTCOMES_KEPT_MAX:012d}"
    forgotten = state.outcome_log.get(oldest) if count > OUTCOMES_KEPT_MAX else None
    if forgotten is not None:
        state.outcome_log.delete(oldest)
        state.outcomes.delete(forgotten)


def _timer_set(state: State, event: TimerSet) -> None:
    state.timers.set(event.account_id, event.at)


def _cancel_marked(state: State, event: CancelMarked) -> None:
    cancel_marks.put(state.cancel_marks, event)


def _cleared(state: State, _event: Cleared) -> None:
    for table in (
        state.accounts,
        state.orders,
        state.client_orders,
        state.finished,
        state.groups,
        state.traded_values,
        state.cancel_marks,
    ):  # balances are zero, and stay
        for key, _ in list(table.scan()):
            table.delete(key)
    for symbol, mark in list(state.marks.scan()):
        state.marks.put(symbol, Mark(mark.bid, mark.ask, None))
    state.risk.clear()
    state.timers.clear()
    row = state.shard_row()
    still_open = row.resets_open - 1
    reset_id = row.reset_id if still_open else ""
    state.shard.put("", msgspec.structs.replace(row, reset_id=reset_id, resets_open=still_open))


_EVOLVERS: dict[type, Callable[[State, Any], None]] = dict.fromkeys(get_args(Event), _unchanged) | {
    BalanceEvent: _balance,
    Contra: _contra,
    Placed: _placed,
    Stepped: _stepped,
    Filled: _filled,
    Stored: lambda state, event: _store(state, event.order),
    Numbered: _numbered,
    Finished: _finished,
    Answered: _answered,
    AccountOpened: _account_opened,
    InstrumentListed: _instrument_listed,
    MarkPrices: _marked,
    TimerSet: _timer_set,
    CancelMarked: _cancel_marked,
    ResetBegun: _reset_begun,
    BookEmptied: _book_emptied,
    Cleared: _cleared,
    ExposuresReported: desk_exposures.reported,
    BookingCounted: desk_exposures.count,
    **RISK_EVOLVERS,
    **FEE_EVOLVERS,
}
