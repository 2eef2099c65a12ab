"""Accounts that are looked at whenever what they own changes its price: breakers of losses, and margin calls.

A loss is counted from the beginning of the day of the shard's clock, UTC: by how much the equity fell, money that came
in or went out apart. So it is what was lost by trades, by prices and in fees, realised or not. At exactly the limit the
breaker trips. It is armed again by hand, and counts from then on.
"""

from collections.abc import Iterable, Iterator

from domain import book_reports, inquiry_trades, margin
from domain.account_rows import Event, State
from domain.exposures import equity_of, has_price, told, unpriced, value_in
from domain.orders import NO_MARK
from domain.risk_rows import AccountRisk, DayBegun
from schemas.accounts import AccountStateChanged
from schemas.enums import AccountState, ReasonCode, Venue
from schemas.inquiries import InquiryBooked
from schemas.order_books import Mark, MarkPrices, TradeExecuted
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


def traded(state: State, command: TradeExecuted) -> Iterator[Event]:
    """A trade: its accounts may have lost by it."""
    both = dict.fromkeys((command.buy_account_id, command.sell_account_id))
    ours = [account_id for account_id in both if account_id in state.risk.guarded]
    yield from _begun_at(state, ours, command.symbol, command.price, is_last=command.venue != Venue.SIM)
    yield from _exchanged(state, ours, command)
    yield from book_reports.traded(state, command)
    yield from look(state, ours)


def booked(state: State, command: InquiryBooked) -> Iterator[Event]:
    """A trade that was agreed on an inquiry: the same."""
    both = dict.fromkeys((command.buy_account_id, command.sell_account_id))
    ours = [account_id for account_id in both if account_id in state.risk.guarded]
    yield from _begun_at(state, ours, command.instrument_id, command.price, is_last=False)
    yield from _exchanged(state, ours, command)
    yield from inquiry_trades.booked(state, command)
    yield from look(state, ours)


def _begun_at(state: State, account_ids: list[str], symbol: str, price: int, *, is_last: bool) -> Iterator[Event]:
    """Some accounts are about to trade at a price, which is newer than what the shard has heard.

    What they get is worth that price from the trade on, and not what it was worth when prices were told last, nor
    nothing: they would have lost or won what nobody did. `is_last`: else it counts only where no price is known.
    """
    mark = state.marks.get(symbol) or NO_MARK
    is_news = mark.last is None or (is_last and mark.last != price)
    yield from days_begun(state, account_ids)
    if account_ids and is_news:
        yield from days_begun(state, owners(state, symbol, "", ACCOUNTS_PER_RECORD_MAX))  # at the price of before
        yield MarkPrices((Mark(symbol, mark.bid, mark.ask, price),))
    for account_id in account_ids:
        yield from _priced(state, account_id)


def _exchanged(state: State, account_ids: list[str], trade: TradeExecuted | InquiryBooked) -> Iterator[Event]:
    """Some accounts give something that counts for something of which nobody knows what it is worth, or get it so.

    Then what counts has gone out, or come in, and was neither lost nor won.
    """
    for account_id in account_ids:
        row = state.risk.of(account_id)
        if row.loss_limit is None or trade.buy_account_id == trade.sell_account_id:
            continue
        sign = 1 if account_id == trade.buy_account_id else -1
        legs = ((trade.base, sign * trade.quantity), (trade.quote, -sign * trade.value))
        known = [leg for leg in legs if has_price(state, leg[0], row.loss_asset)]
        if len(known) == 1:
            moved = value_in(state, *known[0], row.loss_asset)
            yield DayBegun(account_id, row.day, row.baseline + moved, row.unpriced)


def owners(state: State, symbol: str, after: str, count: int) -> list[str]:
    """Guarded accounts that own, or owe, something that the symbol prices: so many, by name, from behind one on."""
    instrument = state.instruments.get(symbol)
    return [] if instrument is None else state.risk.owners.after(instrument.base, instrument.quote, after, count)


def look(state: State, account_ids: list[str]) -> Iterator[Event]:
    """What became of some accounts."""
    yield from days_begun(state, account_ids)
    for account_id in account_ids:
        yield from _priced(state, account_id)
        yield from fallen(state, account_id)


def _priced(state: State, account_id: str) -> Iterator[Event]:
    """Something has its first price: it was worth something before, too, and is no gain."""
    row = state.risk.of(account_id)
    if row.unpriced and row.loss_limit is not None:
        left = unpriced(state, row.unpriced, row.loss_asset)
        if left != row.unpriced:
            new = [asset for asset in row.unpriced if asset not in left]
            worth = (value_in(state, asset, state.balance(account_id, asset).total, row.loss_asset) for asset in new)
            yield DayBegun(account_id, row.day, row.baseline + sum(worth), left)


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
    equity = equity_of(state, account_id, row, row.loss_asset)
    return DayBegun(account_id, state.now // DAY_NS, equity, unpriced(state, row.assets, row.loss_asset))


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
