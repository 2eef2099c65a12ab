"""A stage that is added without an edit elsewhere: compliance, which withdraws quotes that are too large.

All of it is here: a machine, its noun, and the lines of the catalogue that name its inbox and say what goes there.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import machines
import msgspec
import pytest
import venues
from desk import AAPL, BOOK, inquire, market, terms
from examples import deposit, listing, units
from venues import ByteVenue

from app.machine import Noun, Place
from app.topics import DESK_KEY, FOREVER, INBOXES, INQUIRIES, ROUTES, TOPICS, Route, Topic
from schemas.accounts import ChangeAccountKind
from schemas.enums import AccountKind, DealerDecision, InquiryStatus
from schemas.inquiries import DecideInquiry, InquiryEvent
from schemas.shared import Tick
from schemas.wire import NANOS

NAME, INBOX = "compliance_holds", "compliance-holds-inbox"
LARGEST = units(1_000)


class State:
    def __init__(self, tables: Mapping[str, Any]) -> None:
        self.held, self.now = tables["held"], 0

    def rebuild(self) -> None:
        pass


def decide(state: State, command: InquiryEvent | Tick) -> Iterator[DecideInquiry]:
    if isinstance(command, InquiryEvent) and command.status is InquiryStatus.QUOTED and command.quantity > LARGEST:
        key = (command.inquiry_id, command.book_id, command.instrument_id)
        yield DecideInquiry(*key, DealerDecision.WITHDRAW, expected_version=command.version)


def evolve(state: State, event: DecideInquiry) -> None:
    state.held.put(event.inquiry_id, state.now)


def state(tables: Mapping[str, Any], _place: Place) -> State:
    return State(tables)


NOUN = Noun(NAME, (InquiryEvent, Tick), {"held": int}, state, decide, evolve, lambda _state: None)


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of the catalogue."""
    monkeypatch.setitem(INBOXES, NAME, INBOX)
    monkeypatch.setitem(TOPICS, INBOX, Topic(INBOX, DESK_KEY, 20, FOREVER, (InquiryEvent, Tick)))
    monkeypatch.setitem(ROUTES, NAME, {DecideInquiry: (Route(INQUIRIES, DESK_KEY),)})
    heard = (*ROUTES["inquiries"][InquiryEvent], Route(INBOX, DESK_KEY))
    monkeypatch.setitem(ROUTES, "inquiries", ROUTES["inquiries"] | {InquiryEvent: heard})
    monkeypatch.setitem(machines.NOUNS, NAME, NOUN)
    monkeypatch.setitem(venues.NOUN_OF, INBOX, NAME)


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("seed", range(3))
def test_a_new_stage_takes_part_exactly_once_as_all_others_do(seed: int) -> None:
    venue = ByteVenue(Random(seed), crashes=0.02)
    venue.send(listing(symbol=AAPL, base=AAPL, quote="USD", lot=NANOS))
    for name in (BOOK, "cpt1"):
        venue.send(deposit(1, "USD", name))
        venue.send(ChangeAccountKind(name, AccountKind.MARGIN, "USD", command_id=f"margin {name}"))
    venue.send(msgspec.structs.replace(terms(ref_age_max_ns=10**15), command_id="terms"))
    venue.send(msgspec.structs.replace(market(100), command_id="market"))
    venue.settle()
    for number in range(40):
        venue.send(inquire(str(number), quantity=100 if number % 2 else 2_000))
    venue.settle()
    rows = [shard.state.inquiries for shard in venue.shards.values() if shard.noun.name == "inquiries"]
    found = {row.inquiry_id: row for table in rows for _, row in table.scan()}
    assert len(found) == 40
    for number in range(40):
        assert found[str(number)].status == ("QUOTED" if number % 2 else "WITHDRAWN")
        assert found[str(number)].version == (3 if number % 2 else 4)
    for shard, calm, sent in venue.folded():
        assert shard.shard.rows.digest == calm.shard.rows.digest
        assert all(venue.sent[name] == value for name, value in sent.items())
