"""Recorded days of every venue: each frame ends as messages or under a reason, and books are those of the venue."""

import csv
import gzip
from bisect import bisect_right
from collections import defaultdict

import msgspec
import pytest
from recordings import path, played, venue

from app.feeds.frames import Frame, Kind, Observation
from app.feeds.recording import read
from domain.depth import Depth, Outcome, checksum, levels_of
from schemas.enums import Side
from schemas.feeds import DepthUpdate, MarketDataEvent, TradePrint
from schemas.wire import NANOS

TICKS = ("us_equity_ticks/ibm_20131007_trade.csv.gz", "us_equity_ticks/ibm_20131007_quote.csv.gz")
Counts = dict[str, int]
ALL: list[tuple[str, tuple[str, ...], Counts, Counts, Counts]] = [
    (
        "binance",
        ("binance_spot_ethusdt_20240808.gz",),
        {"messages": 33_616, "buffered": 2},
        {"MarketDataEvent": 24_077, "DepthUpdate": 3_433, "TradePrint": 6_106},
        {"covered": 2},
    ),
    (
        "binance",
        ("feeds/binance_combined_ws.jsonl.gz",),
        {"messages": 262, "buffered": 4, "covered": 1, "bar": 2, "note": 1, "connected": 1},
        {"DepthUpdate": 176, "MarketDataEvent": 84, "TradePrint": 2},
        {"covered": 4},
    ),
    (
        "coinbase",
        ("feeds/coinbase_exchange_ws.jsonl.gz",),
        {"messages": 9_943, "subscription": 3, "request": 3, "note": 1, "connected": 1},
        {"DepthUpdate": 9_729, "MarketDataEvent": 107, "TradePrint": 107},
        {},
    ),
    (
        "kraken",
        ("feeds/kraken_ws_book1000.jsonl.gz",),
        {"messages": 1_914, "subscription": 5, "status": 1, "note": 1},
        {"DepthUpdate": 1_914},
        {},
    ),
    (
        "kraken",
        ("feeds/kraken_ws_trade_ticker.jsonl",),
        {"messages": 26, "heartbeat": 61, "subscription": 20, "status": 2, "request": 2, "note": 1, "connected": 2},
        {"MarketDataEvent": 18, "TradePrint": 10},
        {},
    ),
    (
        "bitstamp",
        ("feeds/bitstamp_ws.jsonl.gz",),
        {"messages": 635, "covered": 102, "subscription": 20, "request": 20, "note": 1, "connected": 1},
        {"DepthUpdate": 625, "MarketDataEvent": 182, "TradePrint": 10},
        {},
    ),
    (
        "gemini",
        ("feeds/gemini_ws.jsonl.gz",),
        {"messages": 671, "heartbeat": 7, "request": 1, "note": 1, "connected": 1},
        {"TradePrint": 516, "DepthUpdate": 655, "MarketDataEvent": 232},
        {"rounded": 2, "out_of_band": 6},
    ),
    (
        "alpaca",
        ("feeds/alpaca_rest.jsonl",),
        {"messages": 13, "bar": 7, "empty": 8, "trading": 16},
        {"MarketDataEvent": 11, "TradePrint": 13},
        {"crossed": 4, "out_of_band": 2},
    ),
    (
        "us-equity",
        TICKS,
        {"messages": 133_359, "header": 2, "suspicious": 1},
        {"MarketDataEvent": 109_066, "TradePrint": 24_293},
        {},
    ),
]


@pytest.mark.parametrize(("name", "files", "frames", "messages", "flags"), ALL, ids=[case[1][0] for case in ALL])
def test_every_frame_of_every_recording_is_accounted_for(
    name: str, files: tuple[str, ...], frames: Counts, messages: Counts, flags: Counts
) -> None:
    connection = venue(name)
    found = list(played(connection, *files))
    assert dict(connection.frames) == frames
    assert (dict(connection.messages), dict(connection.flags)) == (messages, flags)
    assert (list(connection.faults), connection.lost) == ([], set())
    assert sum(frames.values()) == sum(1 for _ in read(*map(path, files)))
    assert len(found) == sum(messages.values())


@pytest.mark.parametrize(("name", "files"), [(case[0], case[1][:1]) for case in ALL], ids=[case[1][0] for case in ALL])
def test_ids_are_those_of_the_event_and_the_same_when_it_is_played_again(name: str, files: tuple[str, ...]) -> None:
    once, again = list(played(venue(name), *files)), list(played(venue(name), *files))
    assert once == again
    by_id: dict[str, Observation] = {}
    for message in once:
        known = by_id.setdefault(message.event_id, message)
        assert known == message, "one id, one event"
        assert len(message.event_id) <= 64
    numbers: dict[tuple[str, type], int] = defaultdict(int)
    for message in once:
        if message.sequence:
            key = (message.symbol, type(message))
            assert message.sequence > numbers[key], "numbers grow for each symbol"
            numbers[key] = message.sequence


WITH_BOOKS = [case[:2] for case in ALL if case[3].get("DepthUpdate")]


@pytest.mark.parametrize(("name", "files"), WITH_BOOKS, ids=[case[1][0] for case in WITH_BOOKS])
def test_whoever_follows_the_messages_has_the_book_of_the_venue(name: str, files: tuple[str, ...]) -> None:
    connection, books = venue(name), defaultdict[str, Depth](Depth)
    for message in played(connection, *files):
        if isinstance(message, DepthUpdate):
            book = books[message.symbol]
            assert book.apply(message).outcome is Outcome.APPLIED
            assert checksum(book) == message.checksum
            assert not book.is_crossed
    for theirs in connection.books.values():
        assert any(
            (ours.bids.levels, ours.asks.levels) == (theirs.bids.levels, theirs.asks.levels) for ours in books.values()
        )


@pytest.mark.parametrize(
    ("file", "compared", "skew_ms"),
    [("binance_spot_ethusdt_20240808.gz", 3_433, -1_275), ("feeds/binance_combined_ws.jsonl.gz", 159, -6)],
)
def test_after_each_change_the_best_prices_are_those_of_binance(file: str, compared: int, skew_ms: int) -> None:
    """The book after change `u` has the prices and sizes of the last bookTicker whose `u` is not greater.

    Only changes before the first bookTicker of their instrument cannot be compared: nothing was told yet.
    """
    tickers: dict[str, list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
    books, tops, connection = defaultdict[str, Depth](Depth), [], venue("binance")
    for message in played(connection, file):
        if isinstance(message, MarketDataEvent):
            best = (message.bid_price, message.bid_size, message.ask_price, message.ask_size)
            tickers[message.symbol].append((message.sequence, best))  # type: ignore[arg-type]
        elif isinstance(message, DepthUpdate):
            book = books[message.symbol]
            book.apply(message)
            tops.append((message.symbol, message.sequence, (book.bids.best() or ()) + (book.asks.best() or ())))
    equal, told = 0, {symbol: [number for number, _ in quotes] for symbol, quotes in tickers.items()}
    for symbol, number, top in tops:
        place = bisect_right(told.get(symbol, []), number)
        if place:
            assert top == tickers[symbol][place - 1][1], (symbol, number)
            equal += 1
    assert equal == compared
    assert connection.clock.skew is not None
    assert round(connection.clock.skew / 1_000_000) == skew_ms, "the recorder's clock was behind"


def test_quotes_of_a_book_are_its_best_prices() -> None:
    books = defaultdict[str, Depth](Depth)
    for message in played(venue("gemini"), "feeds/gemini_ws.jsonl.gz"):
        if isinstance(message, DepthUpdate):
            books[message.symbol].apply(message)
        elif isinstance(message, MarketDataEvent):
            book = books[message.symbol]
            assert (message.bid_price, message.bid_size) == (book.bids.best() or (0, 0))
            assert (message.ask_price, message.ask_size) == (book.asks.best() or (0, 0))


def test_bars_of_the_vendor_follow_from_the_ticks_with_odd_lots_for_volume_alone() -> None:
    bars: dict[int, list[int]] = {}
    for message in played(venue("us-equity"), TICKS[0]):
        assert isinstance(message, TradePrint)
        bar = bars.setdefault(message.timestamp // (60 * NANOS), [0, 0, 0, 0, 0])
        bar[4] += message.quantity // NANOS
        if message.sets_price:
            price = message.price
            bar[:4] = [bar[0] or price, max(bar[1], price), min(bar[2] or price, price), price]
    midnight = 1_381_118_400  # 2013-10-07 in New York
    with gzip.open(path("us_equity_ticks/ibm_20131007_minute.csv.gz"), "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["agrees_with_ticks"] == "1"]
    assert len(rows) == 390
    for row in rows:
        bar = bars[(midnight + int(row["time_ms"]) // 1000) // 60]
        prices = [int(row[name]) * NANOS // 10_000 for name in ("open_e4", "high_e4", "low_e4", "close_e4")]
        assert bar == [*prices, int(row["volume"])], row["time_ms"]


def facts() -> dict[tuple[str, str], tuple[bytes, dict[str, object]]]:
    rows = [msgspec.json.decode(line) for line in path("feeds/ccxt_normalised.jsonl").read_bytes().splitlines()]
    return {(row["exchange"], row["method"]): (msgspec.json.encode(row["raw"]), row["normalised"]) for row in rows}


def nanos(number: object) -> int:
    assert isinstance(number, int | float)
    return round(number * NANOS)


@pytest.mark.parametrize(
    ("exchange", "name", "address"),
    [("coinbaseexchange", "coinbase", "https://x/products/BTC-USDT/trades"), ("alpaca", "alpaca", "")],
)
def test_trades_are_what_another_library_makes_of_them(exchange: str, name: str, address: str) -> None:
    raw, facts_found = facts()[exchange, "fetchTrades"]
    (message,) = venue(name).take(Frame(0, raw, Kind.ANSWER, address))
    assert isinstance(message, TradePrint)
    (fact,) = facts_found
    assert isinstance(fact, dict)
    assert message.aggressor is Side[fact["side"].upper()]
    assert (message.trade_id, message.timestamp // 1_000_000) == (fact["id"], fact["timestamp"])
    assert (message.price, message.quantity) == (nanos(fact["price"]), nanos(fact["amount"]))


def test_a_ticker_is_what_another_library_makes_of_it() -> None:
    raw, fact = facts()["coinbaseexchange", "fetchTicker"]
    (message,) = venue("coinbase").take(Frame(0, raw, Kind.ANSWER, "https://x/products/BTC-USDT/ticker"))
    assert isinstance(message, MarketDataEvent)
    assert (message.bid_price, message.ask_price) == (nanos(fact["bid"]), nanos(fact["ask"]))
    assert (message.last_price, message.volume) == (nanos(fact["last"]), nanos(fact["baseVolume"]))
    assert message.timestamp // 1_000_000 == fact["timestamp"]


def test_bars_are_known_and_passed_over() -> None:
    raw, _ = facts()["coinbaseexchange", "fetchOHLCV"]
    connection = venue("coinbase")
    assert connection.take(Frame(0, raw, Kind.ANSWER, "https://x/products/BTC-USDT/candles?granularity=60")) == []
    assert connection.frames == {"bar": 1}


def test_a_book_is_what_another_library_makes_of_it() -> None:
    raw, fact = facts()["alpaca", "fetchOrderBook"]
    (message,) = venue("alpaca").take(Frame(0, raw, Kind.ANSWER))
    assert isinstance(message, DepthUpdate)
    assert message.is_snapshot
    for side, levels in ((Side.BUY, fact["bids"]), (Side.SELL, fact["asks"])):
        assert isinstance(levels, list)
        assert levels_of(message, side) == [(nanos(price), nanos(quantity)) for price, quantity in levels]
    assert message.timestamp // 1_000_000 == fact["timestamp"]
