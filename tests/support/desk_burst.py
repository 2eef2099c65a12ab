"""A burst of inquiries from outside, and what was promised of them, read off the topics alone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
from desk import by_hand, terms
from examples import BUY, SELL, deposit, listing, units

from domain.inquiry_life import ANSWERS, FINAL
from domain.money import NUMBERS_PER_COUNT
from schemas.accounts import ChangeAccountKind
from schemas.enums import AccountKind, DeskPolicy, InquiryResponse, InquirySide
from schemas.inquiries import DeskPositionChanged, InquiryEvent, InquiryRefused
from schemas.inquiry_commands import InquiryQuote, InquiryReply, NewInquiry
from schemas.order_books import TradeExecuted
from schemas.wire import NANOS

BOOKS = tuple(f"BOOK{n}" for n in range(5))
INSTRUMENTS = tuple(f"I{n:02d}" for n in range(20))
CLIENTS = ("cpt1", "cpt2", "cpt3")
MANUAL = BOOKS[-1]
"""Quotes by hand."""
LEGAL = {(before, after) for answers in ANSWERS.values() for before, after in answers.items()}
NEVER_SEEN = (7, 9)
"""Versions that no inquiry of these has when it is asked something: who says that it saw one is wrong."""
TOPICS = ("inquiry-events", "trade-events")


def opening() -> Iterator[Any]:
    """Whom and what the burst speaks of."""
    for symbol in INSTRUMENTS:
        yield msgspec.structs.replace(
            listing(symbol=symbol, base=symbol, quote="USD", lot=NANOS), command_id=f"list {symbol}"
        )
    for name in (*BOOKS, *CLIENTS):
        yield deposit(1, "USD", name)
        yield ChangeAccountKind(name, AccountKind.MARGIN, "USD", command_id=f"margin {name}")
    yield msgspec.structs.replace(terms(DeskPolicy.MOCK), command_id="terms")
    yield msgspec.structs.replace(by_hand(book_id=MANUAL), command_id="by hand")


def commands(rng: Random, count: int) -> Iterator[list[Any]]:
    """What is said of one inquiry after the other; a twentieth comes twice, and some saw a version that never was."""
    sent: list[Any] = []
    for number in range(count):
        key = (str(number), rng.choice(BOOKS), rng.choice(INSTRUMENTS))
        side = rng.choice((InquirySide.BUY, InquirySide.SELL))
        asked = NewInquiry(rng.choice(CLIENTS), key[1], key[2], side, units(rng.randint(1, 50)), inquiry_id=key[0])
        said: list[Any] = [msgspec.structs.replace(asked, requested_price=units(100), command_id=f"n{number}")]
        if key[1] == MANUAL:
            prices = (None, units(101)) if side is InquirySide.BUY else (units(99), None)
            seen = rng.choice((0, 2, NEVER_SEEN[0]))
            said.append(InquiryQuote(*key, *prices, expected_version=seen, command_id=f"q{number}"))
            seen = rng.choice((0, 3, NEVER_SEEN[1]))
            accept = InquiryReply(*key, InquiryResponse.ACCEPT, expected_version=seen)
            said.append(msgspec.structs.replace(accept, command_id=f"a{number}"))
        sent += said
        if rng.random() < 0.05:
            said = [*said, rng.choice(sent[-40:])]
        yield said


def check(streams: Iterable[list[Any]], asked: list[Any]) -> None:
    """Every promise, of events in the order of each partition, repetitions dropped, and of what was asked."""
    streams = list(streams)
    events = [event for stream in streams for event in stream]
    names = {command.inquiry_id for command in asked}
    assert _check_inquiries([event for event in events if isinstance(event, InquiryEvent)]) == len(names)
    for stream in streams:
        _check_order(stream)
    _check_bookings(events)
    _check_answers([event for event in events if isinstance(event, InquiryRefused)], asked)


def _check_inquiries(events: list[InquiryEvent]) -> int:
    """(1) Versions come in order and have no gap, paths are legal."""
    by_inquiry: defaultdict[str, list[InquiryEvent]] = defaultdict(list)
    for event in events:
        by_inquiry[event.inquiry_id].append(event)
    for found in by_inquiry.values():
        assert [event.version for event in found] == list(range(1, len(found) + 1))
        states = [None, *[event.status for event in found]]
        assert set(pairwise(states)) <= LEGAL
        assert found[-1].status in FINAL or found[-1].book_id == MANUAL
    return len(by_inquiry)


def _check_order(stream: list[Any]) -> None:
    """(2) Each enrichment has all bookings of its book and instrument before it, and none after."""
    positions: defaultdict[str, int] = defaultdict(int)
    counts: defaultdict[str, int] = defaultdict(int)
    bookings = 0
    for event in stream:
        if not isinstance(event, InquiryEvent | DeskPositionChanged):
            continue
        key = f"{event.book_id}|{event.instrument_id}"
        if isinstance(event, DeskPositionChanged):
            assert (event.position_qty, event.version) == (positions[key], counts[key])
        elif event.status == "BOOKED":
            positions[key] += (-1 if event.client_side == "BUY" else 1) * event.quantity
            counts[key] += 1
            bookings += 1
            assert int(event.trade_id or 0) // NUMBERS_PER_COUNT == bookings
        elif event.version == 2:
            assert (event.position_qty, event.position_version) == (positions[key], counts[key])
            assert event.as_of_offset == bookings


def _check_bookings(events: list[Any]) -> None:
    """One trade and one position a booking; versions of positions have no gap."""
    booked = [event.trade_id for event in events if isinstance(event, InquiryEvent) and event.trade_id]
    trades = [event for event in events if isinstance(event, TradeExecuted)]
    assert sorted(trade.trade_id for trade in trades) == sorted(booked)
    assert len(set(booked)) == len(booked) > 30
    assert {trade.side for trade in trades} == {BUY, SELL}
    moved: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        if isinstance(event, DeskPositionChanged):
            moved[f"{event.book_id}|{event.instrument_id}"].append(event.version)
    assert sum(map(len, moved.values())) == len(booked)
    assert all(versions == list(range(1, len(versions) + 1)) for versions in moved.values())


def _check_answers(refused: list[InquiryRefused], asked: list[Any]) -> None:
    """(5) Who saw a version that never was is refused; the same command has the same answer, however often it comes."""
    answers: defaultdict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for event in refused:
        answers[event.command_id].add((event.reason_code, event.status, event.version, event.outcome))
    assert all(len(found) == 1 for found in answers.values())
    stale = {command.command_id for command in asked if getattr(command, "expected_version", 0) in NEVER_SEEN}
    reasons = [reason for name in stale for reason, *_ in answers[name]]
    assert len(reasons) == len(stale) > 0
    assert {"VERSION_CONFLICT"} <= set(reasons) <= {"VERSION_CONFLICT", "FINISHED"}
