"""A venue that drops the connection, leaves frames out, cuts them, falls silent: no hole in a book stays."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fake_venue import FakeVenue, eventually, opened, truncated, until, whole, without
from recordings import path, venue

from app.feeds import symbols
from app.feeds.frames import Kind, Observation
from app.feeds.live import ENDPOINTS, Endpoint, Live, Pace, run
from app.feeds.playing import Report
from app.feeds.recording import read
from domain.depth import Depth, Outcome, checksum
from schemas.feeds import DepthUpdate

QUICK = Pace(backoff_s=0.01, backoff_s_max=0.02, snapshot_s=0.01)


@asynccontextmanager
async def living(
    name: str, fake: FakeVenue, silence_s: float = 5.0, pace: Pace = QUICK
) -> AsyncIterator[tuple[Live, list[Observation]]]:
    """A feed of the fake venue, and what it sends."""
    found: list[Observation] = []

    async def send(message: Observation) -> None:
        found.append(message)

    async with opened(fake):
        template = ENDPOINTS[name]
        snapshot = f"http://{fake.address}/book?symbol={{name}}" if template.snapshot else ""
        endpoint = Endpoint(f"ws://{fake.address}/socket", template.subscriptions, snapshot, silence_s)
        live = Live(venue(name), ["ADAUSDT"], endpoint, send, pace)
        task = asyncio.create_task(live.run())
        try:
            yield live, found
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def change(number: int) -> bytes:
    data = {"E": number, "s": "ADAUSDT", "U": number, "u": number, "b": [["1.5", str(number)]], "a": []}
    return json.dumps({"stream": "adausdt@depth@100ms", "data": data}).encode()


def book(number: int) -> bytes:
    return json.dumps({"lastUpdateId": number, "bids": [["1.4", "7"]], "asks": [["1.6", "3"]]}).encode()


CHANGES = [change(number) for number in range(1, 21)]


def followed(found: list[Observation]) -> Depth:
    """The book that somebody has who follows the messages; a snapshot may come at any time."""
    depth = Depth()
    for message in found:
        if isinstance(message, DepthUpdate):
            if message.is_snapshot:
                depth.lose()
            assert depth.apply(message).outcome is Outcome.APPLIED
            assert checksum(depth) == message.checksum
    return depth


async def test_a_book_is_asked_for_and_the_changes_that_waited_follow() -> None:
    async with living("binance", FakeVenue(CHANGES, answers=[book(3)])) as (live, found):
        await eventually(lambda: followed(found).sequence == 20)
        assert followed(found).bids.best() == (1_500_000_000, 20 * 10**9)
        assert live.venue.lost == set()
        assert (live.connections, live.venue.faulty) == (1, 0)


async def test_a_gap_is_found_and_the_book_is_asked_for_again() -> None:
    fake = FakeVenue(CHANGES, [without(9, 10)], [book(0), book(11)])
    async with living("binance", fake) as (live, found):
        await eventually(lambda: followed(found).sequence == 20)
        assert fake.requests >= 2
        assert live.connections == 1
        assert live.venue.lost == set()


async def test_a_truncated_frame_is_a_gap_like_any_other() -> None:
    fake = FakeVenue(CHANGES, [truncated(9)], [book(0), book(12)])
    async with living("binance", fake) as (live, found):
        await eventually(lambda: followed(found).sequence == 20)
        assert live.venue.frames["UNREADABLE"] == 1


async def test_a_snapshot_that_is_refused_is_asked_for_until_it_is_there() -> None:
    fake = FakeVenue(CHANGES)
    async with living("binance", fake) as (live, found):
        await eventually(lambda: fake.requests == 1)
        assert found == []
        assert live.venue.lost == {"ADAUSDT"}
        fake.answers.append(book(0))
        await eventually(lambda: bool(found) and followed(found).sequence == 20)
        assert live.connections == 1


async def test_a_connection_that_ends_is_opened_again_and_ids_stay_those_of_the_events() -> None:
    fake = FakeVenue(CHANGES, [until(4), until(11), whole], [book(0)])
    async with living("binance", fake) as (live, found):
        await eventually(lambda: bool(found) and followed(found).sequence == 20)
        assert live.connections == 3
        by_id = {message.event_id: message for message in found}
        assert all(by_id[message.event_id].sequence == message.sequence for message in found)


async def test_a_venue_that_says_nothing_any_more_is_connected_to_again() -> None:
    fake = FakeVenue([b'{"type":"heartbeat","timestamp":5}'])
    async with living("gemini", fake, silence_s=0.1) as (live, _):
        await eventually(lambda: live.connections >= 3)
        assert live.venue.frames["heartbeat"] >= 2


async def test_a_venue_that_speaks_often_enough_is_left_alone_however_long() -> None:
    fake = FakeVenue(CHANGES, answers=[book(0)], pause_s=0.15)
    async with living("binance", fake, silence_s=2.0) as (live, found):
        await eventually(lambda: bool(found) and followed(found).sequence == 20, 20)
        assert live.connections == 1


async def test_a_feed_ends_when_its_time_is_over_and_has_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, report, found = FakeVenue(CHANGES, answers=[book(0)]), Report(), list[Observation]()

    async def send(message: Observation) -> None:
        found.append(message)

    async with opened(fake):
        here = Endpoint(f"ws://{fake.address}/socket", snapshot=f"http://{fake.address}/book?symbol={{name}}")
        monkeypatch.setitem(ENDPOINTS, "binance", here)
        await run("binance", ["ADAUSDT"], symbols.read(), send, report, 1.0)
    assert found
    assert report.now().messages == {"DepthUpdate": len(found)}


async def test_what_is_wanted_is_said_after_connecting() -> None:
    fake = FakeVenue([])
    async with living("kraken", fake):
        await eventually(lambda: len(fake.subscriptions) == 3)
    assert json.loads(fake.subscriptions[0]) == {
        "event": "subscribe",
        "pair": ["ADAUSDT"],
        "subscription": {"name": "book", "depth": 1000},
    }


async def test_attempts_become_rare_and_never_rarer_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async def send(_message: Observation) -> None:
        raise AssertionError

    endpoint = Endpoint("ws://127.0.0.1:1/socket")
    live = Live(venue("kraken"), ["ADA/USDT"], endpoint, send, Pace(backoff_s=1, backoff_s_max=5))
    monkeypatch.setattr("app.feeds.live.asyncio.sleep", noted)
    task = asyncio.create_task(live.run())
    async with asyncio.timeout(10):
        while len(pauses) < 5:
            await sleep(0.01)
    task.cancel()
    assert pauses[:5] == [1, 2, 4, 5, 5]


@pytest.mark.parametrize(
    ("name", "file"), [("kraken", "feeds/kraken_ws_book1000.jsonl.gz"), ("gemini", "feeds/gemini_ws.jsonl.gz")]
)
async def test_a_recorded_market_with_holes_ends_in_the_same_books(name: str, file: str) -> None:
    """A cut frame, a frame that is missing, a connection that ends: in the end the books are those of the recording."""
    recorded = [frame.text for frame in read(path(file)) if frame.kind is Kind.SOCKET]
    clean = venue(name)
    for frame in read(path(file)):
        clean.take(frame)
    fake = FakeVenue(recorded, [truncated(60), without(100), until(300), whole])
    if name == "gemini":  # nothing would tell that a frame is missing
        fake.ways = [truncated(60), until(300), whole]
    async with living(name, fake) as (live, found):
        await eventually(lambda: fake.connections == len(fake.ways), 30)
        heard = live.venue.frames
        total = clean.frames["messages"]
        await eventually(lambda: heard["messages"] >= total and not live.venue.lost, 60)

        def is_equal() -> bool:
            ours, theirs = live.venue.books, clean.books
            return all(
                (ours[key].bids.levels, ours[key].asks.levels) == (theirs[key].bids.levels, theirs[key].asks.levels)
                for key in theirs
            )

        await eventually(is_equal, 60)
        assert live.venue.faulty > 0
        assert found
