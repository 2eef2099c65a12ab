"""Rows of the inquiries machine, and the state made of them."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

import msgspec

from domain.desk_credit import Credit
from domain.desk_measures import Measures, fresh
from domain.desk_terms import DEFAULT, DeskTerms
from domain.inquiry_facts import MAY_BE_PENDING, deadline_of, is_looked_at, key_of, pending_of
from domain.inquiry_life import FINAL
from domain.instruments import Instrument
from domain.money import NUMBERS_PER_COUNT
from domain.positions import Position
from domain.state import Table
from schemas.accounts import AccountKindChanged, ExposuresReported, ResetAccounts
from schemas.enums import InquiryOutcome, InquiryReason, InquiryStatus, TradingPhase
from schemas.inquiries import (
    DeskPositionChanged,
    DeskSwitched,
    DeskTermsChanged,
    InquiryBooked,
    InquiryEvent,
    InquiryRefused,
    QuoteDecided,
    ReferencePrice,
    SetDeskSwitch,
    UpdateMarketMeasures,
    UpdateReferencePrices,
)
from schemas.order_books import InstrumentListed, PhaseChanged, TradeExecuted
from schemas.positions import ResetPositions
from schemas.shared import Tick

TRADES_FROM = NUMBERS_PER_COUNT // 2
"""Numbers of trades end in this and the partition: those of books end in less."""
STALE_TIMES_MAX = 256
"""Times that do not hold any more, beside a few for each open inquiry."""
DONE = "done"
TERMS_KNOWN_MAX = 10_000
"""Books and instruments whose terms are remembered."""


class Inquiry(InquiryEvent, frozen=True, omit_defaults=True, gc=False):
    """An inquiry. The row is what was told last: whoever has read all events has the table."""


class Sides(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The best prices of a market elsewhere; zero where there is none."""

    bid: int = 0
    ask: int = 0


class ShardRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Counters of a shard."""

    inquiries: int = 0
    finished: int = 0
    bookings: int = 0
    answers: int = 0


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a command on an inquiry ended: kept for a while, so that asking again gets the same answer."""

    number: int
    inquiry_id: str
    reason_code: InquiryReason | None
    status: InquiryStatus
    outcome: InquiryOutcome | None
    version: int


# Events that stay inside.


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A command got its answer."""

    command_id: str
    answer: Answer


class TermsSet(msgspec.Struct, frozen=True, gc=False):
    """A book quotes by these terms."""

    key: str
    terms: DeskTerms


class SidesMoved(msgspec.Struct, frozen=True, gc=False):
    """The best prices of a market elsewhere changed."""

    symbol: str
    sides: Sides


class Switched(msgspec.Struct, frozen=True, gc=False):
    """A kill switch is on or off."""

    book_id: str
    is_on: bool


class Cleared(msgspec.Struct, frozen=True, gc=False):
    """A shard of accounts said a word of a reset; at the first one everything is forgotten."""

    reset_id: str
    key: str
    is_first: bool


Event = (
    Inquiry
    | QuoteDecided
    | InquiryRefused
    | InquiryBooked
    | DeskPositionChanged
    | TradeExecuted
    | InstrumentListed
    | PhaseChanged
    | AccountKindChanged
    | ExposuresReported
    | UpdateReferencePrices
    | UpdateMarketMeasures
    | DeskTermsChanged
    | DeskSwitched
    | SetDeskSwitch
    | ResetAccounts
    | ResetPositions
    | Answered
    | TermsSet
    | SidesMoved
    | Switched
    | Cleared
    | Tick
)


class State:
    """Rows of one shard."""

    def __init__(
        self,
        inquiries: Table[Inquiry],
        finished: Table[str],
        answers: Table[Answer],
        answer_log: Table[str],
        positions: Table[Position],
        credits: Table[Credit],  # noqa: A002 - it is the name of a table
        instruments: Table[Instrument],
        phases: Table[TradingPhase],
        accounts: Table[str],
        prices: Table[ReferencePrice],
        terms: Table[DeskTerms],
        switches: Table[bool],
        sides: Table[Sides],
        measures: Table[Measures],
        resets: Table[int],
        shard: Table[ShardRow],
        partition: int,
        account_shards: int,
        owns: Callable[[str], bool],
    ) -> None:
        self.inquiries, self.finished = inquiries, finished
        self.answers, self.answer_log = answers, answer_log
        self.positions, self.credits, self.instruments, self.phases = positions, credits, instruments, phases
        self.accounts, self.prices, self.terms, self.switches = accounts, prices, terms, switches
        self.resets, self.shard, self.sides, self.measures = resets, shard, sides, measures
        self.partition, self.account_shards, self.owns = partition, account_shards, owns
        assert partition < TRADES_FROM, "no two trades have the same number"
        self.now = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Derives anew which inquiries are open, when they are due, and what open quotes would do."""
        self.open: dict[str, Inquiry] = {}
        self._due: list[tuple[int, str]] = []
        self._pending: dict[str, tuple[int, int]] = {}
        self.looked_at: dict[str, dict[str, None]] = {}
        """Inquiries in a last look, by instrument."""
        for _, inquiry in self.inquiries.scan():
            self.follow(None, inquiry)
        heapify(self._due)
        self.killed = {book_id for book_id, is_on in self.switches.scan() if is_on}
        """Books whose kill switch is on; the empty name stands for all."""
        self._terms: dict[tuple[str, str], DeskTerms] = {}
        """Terms that were looked up."""
        self.resetting: set[str] = set()
        """Resets that are going on: nothing is dealt meanwhile."""
        for key, _ in self.resets.scan():
            self.follow_reset(key.partition("|")[0])

    def follow_reset(self, reset_id: str) -> None:
        """A shard of accounts said a word of a reset."""
        done = sum(1 for _ in self.resets.scan(f"{reset_id}|{DONE}|"))
        (self.resetting.discard if done == self.account_shards else self.resetting.add)(reset_id)

    def follow(self, before: Inquiry | None, inquiry: Inquiry) -> None:
        """Keeps what is derived up with an inquiry that changed."""
        if before is not None and before.status in MAY_BE_PENDING:
            self._is_pending(before, -1)
        if inquiry.status in MAY_BE_PENDING:
            self._is_pending(inquiry, 1)
        if inquiry.look_until:
            self._follow_look(inquiry)
        if inquiry.status in FINAL:
            self.open.pop(inquiry.inquiry_id, None)
            return
        self.open[inquiry.inquiry_id] = inquiry
        deadline = deadline_of(inquiry)
        if before is not None and deadline_of(before) == deadline:
            return  # it is there already
        heappush(self._due, (deadline, inquiry.inquiry_id))
        if len(self._due) > 4 * len(self.open) + STALE_TIMES_MAX:
            self._due = [(deadline_of(each), inquiry_id) for inquiry_id, each in self.open.items()]
            heapify(self._due)

    def _is_pending(self, inquiry: Inquiry, sign: int) -> None:
        buys, sells = pending_of(inquiry)
        if buys or sells:
            key = key_of(inquiry)
            known = self._pending.get(key, (0, 0))
            self._pending[key] = (known[0] + sign * buys, known[1] + sign * sells)

    def _follow_look(self, inquiry: Inquiry) -> None:
        names = self.looked_at.setdefault(inquiry.instrument_id, {})
        if is_looked_at(inquiry):
            names[inquiry.inquiry_id] = None
        else:
            names.pop(inquiry.inquiry_id, None)
        if not names:
            del self.looked_at[inquiry.instrument_id]

    def first_due(self) -> tuple[int, str] | None:
        """The open inquiry whose time is over first; of equal ones the id that sorts first."""
        due, is_open = self._due, self.open
        while due and (due[0][1] not in is_open or deadline_of(is_open[due[0][1]]) != due[0][0]):
            heappop(due)
        return due[0] if due else None

    def pending(self, key: str) -> tuple[int, int]:
        """Units that the book would buy, and sell, if all its open quotes in the instrument were taken."""
        return self._pending.get(key, (0, 0))

    def shard_row(self) -> ShardRow:
        """The row of this shard."""
        return self.shard.get("") or ShardRow()

    def position(self, key: str) -> Position:
        """What a book has of an instrument."""
        return self.positions.get(key) or Position()

    def measures_of(self, instrument_id: str) -> Measures:
        """What market data measured of an instrument lately."""
        return fresh(self.measures.get(instrument_id), self.now)

    def net_paid(self, account_id: str) -> int:
        """What an account has paid in trades of all kinds, less received; in quote units."""
        row = self.credits.get(account_id)
        return 0 if row is None else row.net

    def terms_of(self, book_id: str, instrument_id: str) -> DeskTerms:
        """The terms of a book in an instrument: its own, those of the book, those of all, the usual ones."""
        known = self._terms.get((book_id, instrument_id))
        if known is not None:
            return known
        if len(self._terms) >= TERMS_KNOWN_MAX:
            self._terms.clear()
        terms = self.terms
        found = terms.get(f"{book_id}|{instrument_id}") or terms.get(f"{book_id}|")
        found = found or terms.get(f"|{instrument_id}") or terms.get("|") or DEFAULT
        self._terms[book_id, instrument_id] = found
        return found

    def set_terms(self, key: str, terms: DeskTerms) -> None:
        """Lays down terms."""
        self.terms.put(key, terms)
        self._terms.clear()

    def is_killed(self, book_id: str) -> bool:
        """Whether a kill switch is on for the book."""
        return bool(self.killed) and ("" in self.killed or book_id in self.killed)
