"""Accounts that are looked at whenever what they own changes its price: breakers of losses, and margin calls.

A loss is counted from the beginning of the day of the shard's clock, UTC: by how much the equity fell, money that came
in or went out apart. So it is what was lost by trades, by prices and in fees, realised or not. At exactly the limit the
breaker trips. It is armed again by hand, and counts from then on.
"""

from collections.abc import Iterable, Iterator

from domain import book_reports, margin
from domain.account_rows import Event, State
from domain.exposures import equity_of, told, value_in
from domain.risk_rows import AccountRisk, DayBegun
from schemas.accounts import AccountStateChanged, WatchAccounts
from schemas.enums import AccountState, ReasonCode
from schemas.order_books import MarkPrices, TradeExecuted
from schemas.wire import NANOS

DAY_NS = 86_400 * NANOS
ACCOUNTS_PER_RECORD_MAX = 200
"""Accounts at which one record looks; the shard sends itself another one for the others."""
STRICTNESS = {
    AccountState.UNKNOWN: 0,
    AccountState.ACTIVE: 0,
    AccountState.REDUCE_ONLY: 1,
    AccountState.HALTED: 2,
    AccountState.INACTIVE: 3,
}


def marked(state: State, command: MarkPrices) -> Iterator[Event]:
    """Prices changed: those look different now who own something of it."""
    if not state.risk.guarded:
        yield command
        return
    symbols = {mark.symbol for mark in command.marks}
    touched = [account_id for account_id in sorted(state.risk.guarded) if owns_any(state, account_id, symbols)]
    yield from days_begun(state, touched[:ACCOUNTS_PER_RECORD_MAX])  # at the prices of before
    new = {mark.symbol for mark in command.marks if mark.last is not None and not _has_price(state, mark.symbol)}
    yield command
    if new:
        yield from _priced(state, touched, new)
    yield from _look(state, touched)


def _has_price(state: State, symbol: str) -> bool:
    mark = state.marks.get(symbol)
    return mark is not None and mark.last is not None


def _had_no_price(state: State, asset: str, quote: str, new: set[str]) -> bool:
    """Whether it was only now that the asset got a price, in one of these symbols."""
    priced = [symbol for symbol in state.risk.symbols.get((asset, quote), ()) if _has_price(state, symbol)]
    return bool(priced) and new.issuperset(priced)


def _priced(state: State, account_ids: list[str], symbols: set[str]) -> Iterator[Event]:
    """Symbols have their first price: what an account owns there was worth something before, too, and is no gain."""
    for account_id in account_ids:
        row = state.risk.of(account_id)
        worth_before = sum(
            value_in(state, asset, state.balance(account_id, asset).total, row.loss_asset)
            for asset in row.assets
            if _had_no_price(state, asset, row.loss_asset, symbols)
        )
        if row.loss_limit is not None and worth_before:
            yield DayBegun(account_id, row.day, row.baseline + worth_before)


def watch(state: State, command: WatchAccounts) -> Iterator[Event]:
    """Goes on with those who were too many for the record before."""
    yield from _look(state, [account_id for account_id in sorted(state.risk.guarded) if account_id > command.after])


def traded(state: State, command: TradeExecuted) -> Iterator[Event]:
    """A trade: its accounts may have lost by it."""
    both = dict.fromkeys((command.buy_account_id, command.sell_account_id))
    ours = [account_id for account_id in both if account_id in state.risk.guarded]
    yield from days_begun(state, ours)
    yield from book_reports.traded(state, command)
    yield from _look(state, ours)


def owns_any(state: State, account_id: str, symbols: set[str]) -> bool:
    """Whether one of its assets has its price in one of the symbols."""
    row = state.risk.of(account_id)
    quotes = (row.loss_asset, row.margin_asset)
    pairs = [(asset, quote) for asset in row.assets for quote in quotes]
    return any(symbol in symbols for pair in pairs for symbol in state.risk.symbols.get(pair, ()))


def _look(state: State, account_ids: list[str]) -> Iterator[Event]:
    some = account_ids[:ACCOUNTS_PER_RECORD_MAX]
    yield from days_begun(state, some)
    for account_id in some:
        yield from fallen(state, account_id)
    if len(account_ids) > len(some):
        yield WatchAccounts(after=some[-1])


def fallen(state: State, account_id: str) -> Iterator[AccountStateChanged]:
    """What becomes of an account that lost too much, or whose equity is too small; nothing of any other."""
    row = state.risk.of(account_id)
    found = _loss(state, account_id, row) or _call(state, account_id, row)
    if found is not None:
        yield found


def days_begun(state: State, account_ids: Iterable[str]) -> Iterator[Event]:
    """A day begins for accounts that were not looked at on it yet."""
    today = state.now // DAY_NS
    for account_id in account_ids:
        row = state.risk.of(account_id)
        if row.loss_limit is not None and row.day != today:
            yield counted_from_now(state, account_id)


def counted_from_now(state: State, account_id: str) -> DayBegun:
    """Losses count from what the account is worth now."""
    row = state.risk.of(account_id)
    return DayBegun(account_id, state.now // DAY_NS, equity_of(state, account_id, row, row.loss_asset))


def _loss(state: State, account_id: str, row: AccountRisk) -> AccountStateChanged | None:
    """The breaker of losses, where it trips."""
    if row.loss_limit is None or STRICTNESS[row.state] >= STRICTNESS[row.loss_state]:
        return None
    equity = equity_of(state, account_id, row, row.loss_asset)
    loss = row.baseline - equity
    if loss < row.loss_limit:
        return None
    figures = (row.loss_asset, told(equity), row.loss_limit, told(loss))
    return AccountStateChanged(account_id, row.loss_state, row.is_killed, ReasonCode.LOSS_LIMIT, *figures)


def _call(state: State, account_id: str, row: AccountRisk) -> AccountStateChanged | None:
    """The margin call, where the equity is below what must be maintained."""
    if not row.margin_asset or STRICTNESS[row.state] >= STRICTNESS[AccountState.REDUCE_ONLY]:
        return None
    found = margin.maintained(state, account_id, row)
    if found.equity >= found.bound:
        return None
    figures = (row.margin_asset, told(found.equity), told(found.bound))
    return AccountStateChanged(account_id, AccountState.REDUCE_ONLY, row.is_killed, ReasonCode.MARGIN_CALL, *figures)
