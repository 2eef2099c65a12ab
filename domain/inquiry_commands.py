"""The door for inquiries of other systems: names those without a name, and hands them to the shard of their book.

Inquiries in the form of the older system are turned into ours: there the side is the book's, and prices are in
hundredths.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from domain.ingress import AHEAD_NS_MAX, Refused
from domain.money import AMOUNT_MAX
from domain.names import NAME_LENGTH_MAX, is_name
from domain.state import Table
from schemas.enums import DealerDecision, InquirySide, OldInquiryStatus, Side
from schemas.inquiries import DecideInquiry, OpenInquiry, QuoteInquiry, RespondToInquiry
from schemas.inquiry_commands import Inquiry, InquiryQuote, InquiryReply, InquiryVerdict, NewInquiry
from schemas.shared import Tick
from schemas.wire import NANOS

NAMED_HERE = re.compile(r"q\d+-\d+")
"""Ids of inquiries that this machine gives: nobody else may."""
MINOR_UNIT = NANOS // 100
MILLISECOND_NS = 1_000_000
_TEXTS = ("client_tier", "trader", "isin", "currency", "settle_date", "source")

Command = NewInquiry | InquiryQuote | InquiryReply | InquiryVerdict | Inquiry | Tick


class Named(msgspec.Struct, frozen=True, gc=False):
    """Another inquiry got its name here."""


Event = OpenInquiry | QuoteInquiry | RespondToInquiry | DecideInquiry | Named | Refused


class State:
    """Rows of one shard: how many inquiries it named."""

    def __init__(self, counts: Table[int], partition: int) -> None:
        self.counts, self.partition = counts, partition
        self.now = 0

    def rebuild(self) -> None:
        """Nothing is derived from the rows."""

    def named(self) -> int:
        """How many inquiries were named."""
        return self.counts.get("named") or 0


def deadline(state: State) -> int | None:  # noqa: ARG001 - nothing is due at a time
    """When the shard wants to hear the time; None while nothing is due."""
    return None


def decide(state: State, command: Command) -> Iterator[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    if isinstance(command, Tick):
        return
    sent_at = command.event_time * MILLISECOND_NS if isinstance(command, Inquiry) else command.sent_at
    if sent_at is not None and sent_at > state.now + AHEAD_NS_MAX:
        yield Refused("SENT_TOO_FAR_AHEAD", f"sent at {sent_at}, received at {state.now}")
    elif not _has_good_names(command):
        yield Refused("BAD_NAME", f"book {command.book_id!r:.80}, inquiry {command.inquiry_id!r:.80}")
    else:
        yield from _HANDED_ON[type(command)](state, command)


def _has_good_names(command: Any) -> bool:
    """Whether the parts of keys may be some, and no text is longer than any can be."""
    inquiry_id = command.inquiry_id
    if not (is_name(command.book_id) and is_name(command.instrument_id)):
        return False
    if isinstance(command, Inquiry):
        return is_name(command.counterparty) and inquiry_id >= 0
    if not (inquiry_id is None or is_name(inquiry_id)):
        return False
    if not isinstance(command, NewInquiry):
        return True
    is_ours = NAMED_HERE.fullmatch(inquiry_id or "") is not None
    longest = max(len(getattr(command, text)) for text in _TEXTS)
    return is_name(command.client_id) and not is_ours and longest <= NAME_LENGTH_MAX


def _new(state: State, command: NewInquiry) -> Iterator[Event]:
    if command.inquiry_id is None:
        yield Named()
    values = {name: getattr(command, name) for name in _FIELDS[NewInquiry]}
    values["inquiry_id"] = command.inquiry_id or f"q{state.partition}-{state.named()}"
    yield OpenInquiry(**values | {"source": command.source or "kafka"})


def _same(kind: type[Any]) -> Callable[[State, Any], Iterator[Event]]:
    def hand_on(_state: State, command: Any) -> Iterator[Event]:
        yield kind(**{name: getattr(command, name) for name in _FIELDS[type(command)]})

    return hand_on


def _older(_state: State, command: Inquiry) -> Iterator[Event]:
    """NEW is an inquiry; DONE and NOT_DONE are what a trader of the other system decided on one."""
    key = (str(command.inquiry_id), command.book_id, command.instrument_id)
    quantity, price = command.quantity * NANOS, command.price * MINOR_UNIT
    if max(abs(quantity), abs(price)) > AMOUNT_MAX or command.side is Side.UNKNOWN:
        yield Refused("BAD_VALUE", f"inquiry {key[0]}: {command.side} {command.quantity} at {command.price}")
    elif command.status is OldInquiryStatus.NEW:
        client_side = InquirySide.SELL if command.side is Side.BUY else InquirySide.BUY
        yield OpenInquiry(key[0], command.counterparty, key[1], key[2], client_side, quantity, price, source="S0")
    elif command.status in (OldInquiryStatus.DONE, OldInquiryStatus.NOT_DONE):
        is_done = command.status is OldInquiryStatus.DONE
        decision = DealerDecision.ACCEPT if is_done else DealerDecision.PASS
        seen = command.version - 1 if command.version > 0 else 0
        yield DecideInquiry(*key, decision, expected_version=seen)
    else:
        yield Refused("ENRICHED_ELSEWHERE", f"inquiry {key[0]}: positions are looked up here")


_ENVELOPE = ("event_id", "command_id", "correlation_id", "caused_by", "actor_id", "timestamp")
_FIELDS = {
    kind: tuple(name for name in kind.__struct_fields__ if name not in _ENVELOPE)
    for kind in (NewInquiry, InquiryQuote, InquiryReply, InquiryVerdict)
}
_HANDED_ON: dict[type, Callable[[State, Any], Iterator[Event]]] = {
    NewInquiry: _new,
    InquiryQuote: _same(QuoteInquiry),
    InquiryReply: _same(RespondToInquiry),
    InquiryVerdict: _same(DecideInquiry),
    Inquiry: _older,
}


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state."""
    if isinstance(event, Named):
        state.counts.put("named", state.named() + 1)
