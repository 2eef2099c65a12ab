import json
from collections import defaultdict
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from recordings import venue

from app.feeds import symbols
from app.feeds.feed_metrics import FeedCollector
from app.feeds.frames import Frame, Kind, Observation
from app.feeds.playing import PAUSE_NS, Report, play
from app.feeds.publishing import Digest, shifted
from app.feeds.recording import RecordingError, read
from app.feeds.simulator import simulate
from domain.depth import Depth, Outcome, checksum
from schemas.feeds import DepthUpdate, MarketDataEvent, TradePrint
from schemas.wire import NANOS

BEGAN = 1_600_000_000 * NANOS


def trade(number: int) -> bytes:
    data = {"s": "ADAUSDT", "E": 5, "t": number, "p": "1.5", "q": "2", "T": BEGAN // 10**6 + number, "m": False}
    return json.dumps({"stream": "adausdt@trade", "data": data}).encode()


def recorded(folder: Path, *seconds: float) -> Path:
    """A recording with a trade at each of these times."""
    path = folder / "recording"
    lines = [b"%d %s\n" % (BEGAN + int(at * NANOS), trade(number)) for number, at in enumerate(seconds, 1)]
    path.write_bytes(b"".join(lines))
    return path


async def sent(path: Path, **how: float | None) -> tuple[Report, list[Observation]]:
    found: list[Observation] = []

    async def send(message: Observation) -> None:
        found.append(message)

    report = Report()
    await play([path], "binance", symbols.read(), send, report, **how)  # type: ignore[arg-type]
    return report, found


async def test_each_time_a_recording_is_played_its_events_are_others_that_follow_on(tmp_path: Path) -> None:
    path = recorded(tmp_path, 0, 0.25)
    report, found = await sent(path, count=3)
    assert report.messages == {"TradePrint": 6}
    span = NANOS // 4 + PAUSE_NS
    assert [message.timestamp - found[0].timestamp for message in found[::2]] == [0, span, 2 * span]
    numbers = [message.sequence for message in found]
    assert numbers == sorted(numbers)
    assert len({message.event_id for message in found}) == 6


async def test_what_is_played_twice_has_the_same_ids(tmp_path: Path) -> None:
    path = recorded(tmp_path, 0, 0.25)
    assert (await sent(path, count=2))[1] == (await sent(path, count=2))[1]


async def test_as_if_it_began_now_the_first_event_is_now(tmp_path: Path) -> None:
    start = BEGAN + 10**9 * NANOS
    _, found = await sent(recorded(tmp_path, 0, 0.25), start=start)
    assert [message.timestamp - start for message in found] == [1_000_000, 2_000_000]
    assert all(len(message.event_id) <= 64 for message in found)


async def test_at_double_speed_now_passes_twice_as_fast(tmp_path: Path) -> None:
    start, number = BEGAN + 10**9 * NANOS, NANOS // 4 + PAUSE_NS
    _, found = await sent(recorded(tmp_path, 0, 0.25), start=start, speed=2, count=2)
    assert [message.timestamp - start for message in found[::2]] == [500_000, 500_000 + number // 2]
    assert found[2].sequence - found[0].sequence == number


async def test_speed_is_in_times_the_recorded_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def noted(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("app.feeds.playing.asyncio.sleep", noted)
    await sent(recorded(tmp_path, 0, 20, 50), speed=10, count=2)
    assert pauses == pytest.approx([0, 2, 5, 5, 7, 10], abs=0.5)


async def test_what_cannot_be_used_is_told_with_its_place_and_the_rest_is_played(tmp_path: Path) -> None:
    path = recorded(tmp_path, 0, 0.25)
    path.write_bytes(b"17 {\n" + path.read_bytes() + b"nonsense\n1. Nonsense\n")
    report, found = await sent(path)
    assert (len(found), report.faulty) == (2, 3)
    assert [(fault.frame, fault.code) for fault in report.faults] == [
        (1, "UNREADABLE"),
        (4, "UNREADABLE"),
        (5, "UNREADABLE"),
    ]


async def test_what_is_counted_can_be_scraped_while_it_is_played(tmp_path: Path) -> None:
    scraped: list[str] = []
    report = Report()
    registry = CollectorRegistry()
    registry.register(FeedCollector("binance", report))

    async def send(_message: Observation) -> None:
        scraped.append(generate_latest(registry).decode())

    await play([recorded(tmp_path, 0, 1)], "binance", symbols.read(), send, report, count=2)
    counts = [f'feed_frames_total{{outcome="messages",source="binance"}} {count}.0' for count in (1, 2, 3, 4)]
    assert all(count in text for count, text in zip(counts, scraped, strict=True))
    assert 'feed_books_lost{source="binance"} 0.0' in scraped[0]
    assert "feed_clock_skew_seconds" in scraped[0]


@pytest.mark.parametrize(
    ("name", "text"), [("ticks.csv", b"1,2"), ("broken.gz", b"no zip"), ("ibm_2013_trade.csv", b"1")]
)
def test_a_recording_that_is_none_is_told_with_its_name(tmp_path: Path, name: str, text: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(text)
    with pytest.raises(RecordingError, match=name):
        list(read(path))


def test_recordings_are_played_side_by_side_in_the_order_of_their_receipt(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    origin = {"origin": "here"}
    rows.write_text("\n".join(map(json.dumps, (origin, {"ts": "1600000001.5", "dir": "in", "raw": "[]"}))) + "\n")
    frames = list(read(rows, recorded(tmp_path, 0, 3)))
    assert [frame.at for frame in frames] == [0, BEGAN, BEGAN + 1_500_000_000, BEGAN + 3 * NANOS]
    assert frames[0].kind is Kind.NOTE
    assert frames[2] == Frame(BEGAN + 1_500_000_000, b"[]")


def test_times_of_ticks_are_those_of_new_york(tmp_path: Path) -> None:
    path = tmp_path / "ibm_20131007_trade.csv"
    path.write_text("34200000,1821400,64,Q,4000000,0\n")
    (frame,) = read(path)
    (found,) = venue("us-equity").take(frame)
    assert isinstance(found, TradePrint)
    assert found.timestamp == 1_381_152_600 * NANOS  # 13:30 UTC
    assert (found.symbol, found.price, found.exchange) == ("IBM", 182_140_000_000, "XNAS")


def test_a_digest_minds_the_order_within_a_symbol_alone() -> None:
    def digest(*told: tuple[str, bytes]) -> str:
        found = Digest()
        for symbol, value in told:
            found.add(symbol, value)
        return found.hexdigest()

    assert digest(("A", b"1"), ("B", b"2"), ("A", b"3")) == digest(("A", b"1"), ("A", b"3"), ("B", b"2"))
    assert digest(("A", b"1"), ("A", b"3")) != digest(("A", b"3"), ("A", b"1"))
    assert digest(("A", b"1"), ("A", b"3")) != digest(("A", b"13"))


def simulated(seed: int) -> list[Observation]:
    return list(simulate(seed, ["AAA", "BBB"], 200, 3))


def test_a_simulated_market_is_the_same_for_the_same_seed() -> None:
    def digest(seed: int) -> str:
        found = Digest()
        for message in simulated(seed):
            found.add(message.symbol, message.encoded())
        return found.hexdigest()

    assert digest(7) == digest(7) != digest(8)


@pytest.mark.parametrize("seed", range(5))
def test_a_simulated_market_makes_sense(seed: int) -> None:
    """Books follow on and are never crossed; quotes are the best levels; trades are at one of them."""
    books, before = defaultdict[str, Depth](Depth), 0
    messages = simulated(seed)
    assert len(messages) == 2 + 200 * 3
    for message in messages:
        book = books[message.symbol]
        assert before <= message.timestamp
        before = message.timestamp
        if isinstance(message, DepthUpdate):
            assert book.apply(message).outcome is Outcome.APPLIED
            assert checksum(book) == message.checksum
            assert not book.is_crossed
            continue
        bid, ask = book.bids.best(), book.asks.best()
        assert bid is not None
        assert ask is not None
        if isinstance(message, MarketDataEvent):
            assert (message.bid_price, message.bid_size, message.ask_price, message.ask_size) == (*bid, *ask)
        else:
            assert message.price in (bid[0], ask[0])
            assert message.quantity > 0


def test_a_shifted_event_is_another_one() -> None:
    update = next(iter(simulated(1)))
    later = shifted(update, 5 * NANOS)
    assert isinstance(later, DepthUpdate)
    assert (later.sequence, later.first_sequence) == (update.sequence + 5 * NANOS, 1 + 5 * NANOS)
    assert later.event_id == f"{update.event_id}+1388"
    assert shifted(update, 0) is update
