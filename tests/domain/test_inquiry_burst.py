"""A burst of inquiries through real shards that die, in bytes; and what was promised, read off the topics alone."""

from collections import defaultdict
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from desk import by_hand, terms
from effort import seeds
from examples import BUY, SELL, deposit, listing, units
from venues import ByteVenue

from domain.inquiry_life import ANSWERS, FINAL
from schemas.accounts import ChangeAccountKind
from schemas.enums import AccountKind, DeskPolicy, InquiryResponse, InquirySide
from schemas.inquiries import DeskPositionChanged, InquiryEvent
from schemas.inquiry_commands import InquiryQuote, InquiryReply, NewInquiry
from schemas.order_books import TradeExecuted
from schemas.wire import NANOS

BOOKS = tuple(f"BOOK{n}" for n in range(5))
INSTRUMENTS = tuple(f"I{n:02d}" for n in range(20))
CLIENTS = ("cpt1", "cpt2", "cpt3")
MANUAL = BOOKS[-1]
"""Quotes by hand."""
LEGAL = {(before, after) for answers in ANSWERS.values() for before, after in answers.items()}


def opened(rng: Random) -> ByteVenue:
    venue = ByteVenue(rng, crashes=0.004)
    for symbol in INSTRUMENTS:
        venue.send(listing(symbol=symbol, base=symbol, quote="USD", lot=NANOS))
    for name in (*BOOKS, *CLIENTS):
        venue.send(deposit(1, "USD", name))
        venue.send(ChangeAccountKind(name, AccountKind.MARGIN, "USD", command_id=f"margin {name}"))
    venue.send(msgspec.structs.replace(terms(DeskPolicy.MOCK), command_id="terms"))
    venue.send(msgspec.structs.replace(by_hand(book_id=MANUAL), command_id="by hand"))
    venue.settle()
    return venue


def burst(venue: ByteVenue, count: int) -> None:
    """Inquiries without a pause; a twentieth comes twice, and some speak of a version that was never there."""
    rng, sent = venue.rng, []
    for number in range(count):
        key = (str(number), rng.choice(BOOKS), rng.choice(INSTRUMENTS))
        side = rng.choice((InquirySide.BUY, InquirySide.SELL))
        asked = NewInquiry(rng.choice(CLIENTS), key[1], key[2], side, units(rng.randint(1, 50)), inquiry_id=key[0])
        commands: list[Any] = [msgspec.structs.replace(asked, requested_price=units(100), command_id=f"n{number}")]
        if key[1] == MANUAL:
            prices = (None, units(101)) if side is InquirySide.BUY else (units(99), None)
            commands.append(
                InquiryQuote(*key, *prices, expected_version=rng.choice((0, 2, 7)), command_id=f"q{number}")
            )
            accept = InquiryReply(*key, InquiryResponse.ACCEPT, expected_version=rng.choice((0, 3, 9)))
            commands.append(msgspec.structs.replace(accept, command_id=f"a{number}"))
        for command in commands:
            sent.append(command)
            venue.send(command)
        if rng.random() < 0.05:
            venue.send(rng.choice(sent[-40:]))
        venue.steps(rng.choice((0, 2, 9)))
    venue.settle()


def told(venue: ByteVenue) -> list[Any]:
    """What an outside consumer reads off the topics: by partition and place, repetitions dropped."""
    found = []
    for (destination, name), value in venue.sent.items():
        if destination.topic in ("inquiry-events", "trade-events"):
            found.append((destination, name, venue.codec.decode(value)))
    return [event for _, _, event in found]


@pytest.mark.parametrize(
    ("seed", "count"), [*((seed, 700) for seed in seeds(3)), pytest.param(0, 10_000, marks=pytest.mark.slow)]
)
def test_a_burst_with_duplicates_stale_versions_and_crashes_keeps_every_promise(seed: int, count: int) -> None:
    venue = opened(Random(seed))
    burst(venue, count)
    events = told(venue)
    assert venue.crashed > 5
    assert venue.lost > 0
    inquiries = _check_inquiries([event for event in events if isinstance(event, InquiryEvent)])
    assert inquiries == count
    _check_positions(events)
    _check_replay(venue)


def _check_inquiries(events: list[InquiryEvent]) -> int:
    """(1) Versions have no gap, paths are legal; (2) each enrichment is the sum of all bookings before it."""
    by_inquiry: defaultdict[str, list[InquiryEvent]] = defaultdict(list)
    for event in events:
        by_inquiry[event.inquiry_id].append(event)
    for found in by_inquiry.values():
        found.sort(key=lambda event: event.version)
        assert [event.version for event in found] == list(range(1, len(found) + 1))
        states = [None, *[event.status for event in found]]
        assert set(pairwise(states)) <= LEGAL
    bookings: defaultdict[str, list[tuple[int, InquiryEvent]]] = defaultdict(list)
    for found in by_inquiry.values():
        last = found[-1]
        assert last.status in FINAL or last.book_id == MANUAL
        if last.status == "BOOKED":
            bookings[f"{last.book_id}|{last.instrument_id}"].append((int(last.trade_id or 0) // 100, last))
    for found in by_inquiry.values():
        enriched = found[1]
        before = [
            event
            for count, event in bookings[f"{enriched.book_id}|{enriched.instrument_id}"]
            if count <= (enriched.as_of_offset or 0)
        ]
        expected = sum((-1 if event.client_side == "BUY" else 1) * event.quantity for event in before)
        assert (enriched.position_qty, enriched.position_version) == (expected, len(before))
    return len(by_inquiry)


def _check_positions(events: list[Any]) -> None:
    """One trade and one position a booking; versions of positions have no gap."""
    booked = {event.trade_id for event in events if isinstance(event, InquiryEvent) and event.trade_id}
    trades = [event for event in events if isinstance(event, TradeExecuted)]
    assert sorted(trade.trade_id for trade in trades) == sorted(booked)
    assert {trade.side for trade in trades} == {BUY, SELL}
    moved: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        if isinstance(event, DeskPositionChanged):
            moved[f"{event.book_id}|{event.instrument_id}"].append(event.version)
    assert sum(map(len, moved.values())) == len(booked) > 30
    assert all(sorted(versions) == list(range(1, len(versions) + 1)) for versions in moved.values())


def _check_replay(venue: ByteVenue) -> None:
    """(6) The inbox alone gives the same rows and the same bytes."""
    for shard, calm, sent in venue.folded():
        assert shard.shard.rows.digest == calm.shard.rows.digest
        for name, value in sent.items():
            assert venue.sent[name] == value
