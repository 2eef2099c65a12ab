"""Rows and events of what watches over accounts: their states, kill switches and limits."""

import msgspec

from domain.instruments import Instrument
from domain.owners import Owners
from domain.state import Table
from schemas.accounts import (
    AccountKindChanged,
    AccountStateChanged,
    ExposuresReported,
    LimitsChanged,
    MarginRatesChanged,
    RiskChecked,
    WatchAccounts,
)
from schemas.enums import AccountState, ReasonCode, Side
from schemas.wire import NANOS

EVERYBODY = ""
"""Under this name lies what holds for all accounts of the shard."""

RISK_REASON_TEXTS = {
    ReasonCode.KILL_SWITCH: "The kill switch is on",
    ReasonCode.ACCOUNT_HALTED: "The account is halted",
    ReasonCode.ACCOUNT_REDUCE_ONLY: "The account may only reduce its positions",
    ReasonCode.REDUCE_ONLY_WOULD_INCREASE: "Reduce-only: it would do more than make the position smaller",
    ReasonCode.RATE_LIMITED: "Too many orders in a short time",
    ReasonCode.POSITION_LIMIT: "The position would exceed its limit",
    ReasonCode.CONCENTRATION: "Too much of the account would be in one symbol",
}


class AccountRisk(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was laid down for an account. Most accounts have no such row."""

    state: AccountState = AccountState.ACTIVE
    is_killed: bool = False
    is_tracked: bool = False
    """Whether the open units of its orders are counted: from its first limit on."""
    assets: tuple[str, ...] = ()
    """Of which it has a balance, where it is tracked."""
    concentration_limit: int | None = None
    margin_asset: str = ""
    """In which equity and margin of a margin account are counted; empty for a cash account."""
    loss_limit: int | None = None
    loss_asset: str = ""
    loss_state: AccountState = AccountState.HALTED
    """What it may do once it has lost so much on a day."""
    day: int = 0
    """The day since which losses count, since the epoch."""
    baseline: int = 0
    """What it was worth when that began, and what came in since, less what went out."""
    orders_per_second: int = 0
    burst: int = 0
    """New orders that it may place: on average, and at once. Zero where there is no limit."""
    unpriced: tuple[str, ...] = ()
    """Assets that are not in the baseline, for they had no price when it was counted, or when they came."""

    @property
    def is_guarded(self) -> bool:
        """Whether prices alone may change what it may do."""
        return self.loss_limit is not None or bool(self.margin_asset)


class Exposure(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Open units of all orders of an account in a symbol."""

    buys: int = 0
    sells: int = 0

    def of(self, side: Side) -> int:
        """The units of one side."""
        return self.buys if side is Side.BUY else self.sells


class PositionLimit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Most units that an account may come to own; None where a limit was taken away."""

    units: int | None = None


class Bucket(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account may place: a billion tokens an order."""

    tokens: int
    at: int
    """When they were counted; they grow by `orders_per_second` a nanosecond."""


class MarginRates(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Parts of the value of a position, in billionths."""

    initial: int
    """What an order must find free."""
    maintenance: int
    """Below which the equity may not fall without a margin call."""


DEFAULT_RATES = MarginRates(NANOS // 2, NANOS // 4)
"""Where no others were laid down: a half, and a quarter, as in Regulation T and FINRA rule 4210."""


class TrackingBegun(msgspec.Struct, frozen=True, gc=False):
    """Open units are counted from now on, of an account or, where that is empty, of a symbol: those there are now."""

    account_id: str
    assets: tuple[str, ...]
    exposures: tuple[tuple[str, Exposure], ...]
    symbol: str = ""
    counted_to: str = ""
    """The account up to which those of a symbol are counted; empty where all are."""


class DayBegun(msgspec.Struct, frozen=True, gc=False):
    """Losses of an account count from here."""

    account_id: str
    day: int
    baseline: int
    unpriced: tuple[str, ...] = ()


class WatchMoved(msgspec.Struct, frozen=True, gc=False):
    """Those who own what a symbol prices are looked at, once or twice more; zero where no more."""

    symbol: str
    rounds: int


class TokensTaken(msgspec.Struct, frozen=True, gc=False):
    """An account placed an order of those that it may place."""

    account_id: str
    bucket: Bucket


class BookingCounted(msgspec.Struct, frozen=True, gc=False):
    """A booking of the desk is in the balances of the shard."""

    desk_shard: str
    count: int


RiskEvent = (
    AccountStateChanged
    | AccountKindChanged
    | LimitsChanged
    | MarginRatesChanged
    | RiskChecked
    | TrackingBegun
    | DayBegun
    | TokensTaken
    | WatchMoved
    | WatchAccounts
    | ExposuresReported
    | BookingCounted
)


class RiskTables:
    """The rows of one shard, and what is known of them without looking: plain orders pay for nothing more."""

    def __init__(
        self,
        instruments: Table[Instrument],
        risks: Table[AccountRisk],
        exposures: Table[Exposure],
        position_limits: Table[PositionLimit],
        margin_rates: Table[MarginRates],
        reducing: Table[tuple[str, ...]],
        buckets: Table[Bucket],
        watching: Table[int],
        counting: Table[str],
        net_paid: Table[int],
        unreported: Table[int],
        bookings: Table[int],
    ) -> None:
        self.risks, self.exposures, self.position_limits = risks, exposures, position_limits
        self.margin_rates, self._instruments = margin_rates, instruments
        self.net_paid, self.unreported, self.bookings = net_paid, unreported, bookings
        """What margin accounts have paid in trades, of whom the desk does not know yet, its bookings that are in."""
        self.counting = counting
        """Up to which account the open units of everybody in a symbol are counted, where that has begun."""
        self.watching = watching
        """How often those who own what a symbol prices are still looked at."""
        self.buckets, self.reducing = buckets, reducing
        """Ids of open reduce-only orders by account and symbol, the oldest first."""
        self.rebuild()

    def rebuild(self) -> None:
        """Derives anew what is known without looking."""
        rows = dict(self.risks.scan())
        self.watched = set(rows)
        """Accounts that have a row."""
        self.tracked = {account_id for account_id, row in rows.items() if row.is_tracked}
        """Accounts whose open units are counted."""
        self.margin_accounts = {account_id for account_id, row in rows.items() if row.margin_asset}
        """Accounts that may owe."""
        self.guarded = {account_id for account_id, row in rows.items() if row.is_guarded}
        """Accounts that are looked at when prices change."""
        self.owners = Owners(rows.items())
        self.tracked_symbols = {key[1:] for key, _ in self.position_limits.scan("|")}
        """Symbols in which the open units of everybody are counted."""
        self.counted_to = dict(self.counting.scan())
        self.counts = bool(self.tracked or self.tracked_symbols or self.counted_to)
        """Whether open units of anybody are counted, or were: else `is_limited` need not be asked."""
        self.symbols: dict[tuple[str, str], tuple[str, ...]] = {}
        """The symbols in which an asset is priced in another one, by name."""
        for _, instrument in self._instruments.scan():
            self.listed(instrument)

    def listed(self, instrument: Instrument) -> None:
        """An instrument is there, or was listed anew."""
        pair = (instrument.base, instrument.quote)
        self.symbols[pair] = tuple(sorted({instrument.symbol, *self.symbols.get(pair, ())}))

    def is_limited(self, account_id: str, symbol: str) -> bool:
        """Whether limits may have to be looked at: no more than this is asked of a plain order."""
        return account_id in self.tracked or symbol in self.tracked_symbols or symbol in self.counted_to

    def is_counted(self, account_id: str, symbol: str) -> bool:
        """Whether open units are counted already."""
        if account_id in self.tracked or symbol in self.tracked_symbols:
            return True
        return account_id <= self.counted_to.get(symbol, "")

    def of(self, account_id: str) -> AccountRisk:
        """What was laid down for an account."""
        return self.risks.get(account_id) or AccountRisk()

    def put(self, account_id: str, row: AccountRisk) -> None:
        """Writes the row of an account."""
        self.owners.move(account_id, self.of(account_id), row)
        self.risks.put(account_id, row)
        self.watched.add(account_id)
        if row.is_tracked:
            self.tracked.add(account_id)
            self.counts = True
        for is_member, members in ((bool(row.margin_asset), self.margin_accounts), (row.is_guarded, self.guarded)):
            (members.add if is_member else members.discard)(account_id)

    def exposure(self, account_id: str, symbol: str) -> Exposure:
        """Open units of an account in a symbol."""
        return self.exposures.get(f"{account_id}|{symbol}") or Exposure()

    def clear(self) -> None:
        """Forgets everything."""
        rows = (self.risks, self.exposures, self.position_limits, self.margin_rates, self.reducing, self.buckets)
        for table in (*rows, self.watching, self.counting, self.net_paid, self.unreported):
            for key, _ in list(table.scan()):
                table.delete(key)
        self.rebuild()
