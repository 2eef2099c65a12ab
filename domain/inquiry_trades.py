"""A trade that was agreed on an inquiry, brought into its accounts. The desk deals for margin accounts alone (D22)."""

from collections.abc import Iterator

from domain.account_rows import CLEARING, Contra, Event, State
from domain.desk_exposures import booking_of
from domain.ledger import entry, open_account
from domain.limits import tracked
from schemas.accounts import AccountKindChanged
from schemas.enums import AccountKind, BalanceReason
from schemas.inquiries import InquiryBooked


def booked(state: State, command: InquiryBooked) -> Iterator[Event]:
    """Books what each of our accounts gains and owes: nothing was held for it, and nothing can refuse it any more."""
    for account_id, sign in ((command.buy_account_id, 1), (command.sell_account_id, -1)):
        if not state.owns(account_id):
            continue
        yield from _may_owe(state, account_id, command.quote)
        about = (BalanceReason.TRADE, command.inquiry_id, command.trade_id)
        for asset, gain in ((command.quote, -sign * command.value), (command.base, sign * command.quantity)):
            yield entry(state, account_id, asset, gain, 0, *about)
            yield Contra(CLEARING, asset, -gain)
    yield booking_of(command)


def _may_owe(state: State, account_id: str, asset: str) -> Iterator[Event]:
    """An account that was margin when the desk dealt for it, and was changed or forgotten since, is so again."""
    yield from open_account(state, account_id)
    if account_id not in state.risk.margin_accounts:
        yield from tracked(state, account_id)
        yield AccountKindChanged(account_id, AccountKind.MARGIN, asset)
