"""What venues send when something is wrong: it is counted under a stable name, and the stream goes on."""

import json
from decimal import Decimal
from pathlib import Path
from random import Random
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import venue

from app.feeds.clock import WINDOW_NS, Clock
from app.feeds.frames import Frame, Kind, Observation
from app.feeds.symbols import Listing, SourcesError, read
from app.feeds.venue import PENDING_MAX, Venue
from app.feeds.venues import VENUES
from domain.depth import LEVELS_MAX
from schemas.enums import Side
from schemas.feeds import DepthUpdate, MarketDataEvent, TradePrint
from schemas.wire import NANOS

SECOND = NANOS
AT = 1_600_000_000 * SECOND


def hear(connection: Venue, *texts: object, at: int = AT) -> list[Observation]:
    """What the connection makes of these frames of its socket."""
    found = []
    for text in texts:
        data = text if isinstance(text, bytes) else json.dumps(text).encode()
        found += connection.take(Frame(at, data))
    return found


def answered(connection: Venue, text: object, address: str = "", at: int = AT) -> list[Observation]:
    return connection.take(Frame(at, json.dumps(text).encode(), Kind.ANSWER, address))


# Binance: numbered changes, a snapshot by request.

ADDRESS = "https://api.binance.com/api/v3/depth?symbol=ADAUSDT&limit=1000"


def changes(first: int, last: int, bids: object = (), asks: object = ()) -> object:
    data = {"e": "depthUpdate", "E": AT // 10**6, "s": "ADAUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return {"stream": "adausdt@depth@100ms", "data": data}


def ticks(kind: str, **data: object) -> object:
    return {"stream": f"adausdt@{kind}", "data": {"s": "ADAUSDT", "E": AT // 10**6, **data}}


BOOK = {"lastUpdateId": 10, "bids": [["1.5", "7"]], "asks": [["1.6", "3"]]}


def test_changes_wait_for_the_snapshot_and_those_that_it_has_are_left_out() -> None:
    binance = venue("binance")
    assert hear(binance, changes(8, 9), changes(10, 12, [["1.5", "0"], ["1.4", "2"]])) == []
    assert binance.lost == {"ADAUSDT"}
    snapshot, change = answered(binance, BOOK, ADDRESS)
    assert isinstance(snapshot, DepthUpdate)
    assert isinstance(change, DepthUpdate)
    assert (snapshot.is_snapshot, snapshot.sequence) == (True, 10)
    assert (change.is_snapshot, change.first_sequence, change.sequence) == (False, 10, 12)
    assert (binance.frames, binance.flags) == ({"buffered": 2, "messages": 1}, {"covered": 1})
    assert binance.lost == set()
    assert binance.books["ADAUSDT"].bids.best() == (1_400_000_000, 2 * NANOS)


def test_a_missing_change_is_a_gap_and_nothing_is_told_until_a_snapshot_repairs_it() -> None:
    binance = venue("binance")
    hear(binance, changes(9, 10))
    answered(binance, BOOK, ADDRESS)
    assert hear(binance, changes(11, 12), changes(14, 15, [["1.3", "1"]]), changes(16, 17)) != []
    assert binance.frames == {"buffered": 2, "messages": 2, "GAP": 1}
    assert "changes 13 to 13 are missing" in binance.faults[0].detail
    assert binance.lost == {"ADAUSDT"}
    repaired = answered(binance, BOOK | {"lastUpdateId": 14}, ADDRESS)
    assert [message.sequence for message in repaired] == [14, 15, 17], "the change that showed the gap is not lost"
    assert binance.lost == set()


def test_a_snapshot_that_is_older_than_what_waits_leaves_the_book_lost() -> None:
    binance = venue("binance")
    hear(binance, changes(20, 21))
    assert len(answered(binance, BOOK, ADDRESS)) == 1
    assert (binance.lost, binance.flags) == ({"ADAUSDT"}, {"GAP": 1})
    assert len(answered(binance, BOOK | {"lastUpdateId": 19}, ADDRESS)) == 2
    assert binance.lost == set()


def test_what_waits_for_a_snapshot_is_bounded() -> None:
    binance = venue("binance")
    hear(binance, *(changes(number, number) for number in range(1, PENDING_MAX + 2)))
    answered(binance, BOOK | {"lastUpdateId": 0}, ADDRESS)
    assert binance.flags == {"GAP": 1}


def test_trades_in_one_are_told_only_where_trades_do_not_come_one_by_one() -> None:
    binance = venue("binance")
    several = ticks("aggTrade", a=4, p="1.5", q="2", T=5, m=True)
    (told,) = hear(binance, several)
    assert isinstance(told, TradePrint)
    assert (told.trade_id, told.aggressor, told.timestamp) == ("a4", Side.SELL, 5_000_000)
    hear(binance, ticks("trade", t=9, p="1.5", q="2", T=5, m=False), several)
    assert binance.frames == {"messages": 2, "aggregate": 1}


# Kraken: a checksum with every update.


def kraken_book(**sides: object) -> object:
    return [1, sides, "book-1000", "ADA/XBT"]


def test_a_book_whose_checksum_differs_is_lost_and_others_are_not() -> None:
    kraken = venue("kraken")
    level = ["0.000022900", "100.00000000", "1600000000.000001"]
    hear(kraken, kraken_book(**{"as": [level], "bs": []}), [2, {"as": [level], "bs": []}, "book-1000", "ADA/EUR"])
    assert hear(kraken, kraken_book(a=[[*level[:1], "99.00000000", *level[2:]]], c="1")) == []
    assert (kraken.lost, kraken.frames["BAD_CHECKSUM"]) == ({"ADA/XBT"}, 1)
    assert hear(kraken, kraken_book(b=[["0.000022800", *level[1:]]], c="2")) == []
    assert kraken.frames["awaits_snapshot"] == 1
    (again,) = hear(kraken, kraken_book(**{"as": [level], "bs": []}), at=AT + 1)
    assert again.symbol == "ADABTC", "the venue's XBT is our BTC"
    assert kraken.lost == set()


def test_a_book_that_is_empty_is_a_book() -> None:
    kraken = venue("kraken")
    (empty,) = hear(kraken, kraken_book(**{"as": [], "bs": []}))
    assert isinstance(empty, DepthUpdate)
    assert (empty.is_snapshot, empty.levels) == (True, ())
    (first,) = hear(
        kraken, kraken_book(b=[["0.000022800", "1.00000000", "1600000000.000001"]], c=str(crc32(b"22800100000000")))
    )
    assert first.sequence == empty.sequence + 1


def test_trades_of_one_moment_are_numbered_by_it() -> None:
    rows = [["1.5", "2", "1600000000.000001", side, "l", ""] for side in "bs"]
    found = hear(venue("kraken"), [1, rows, "trade", "ADA/USDT"])
    assert [message.event_id for message in found] == [f"kraken-ADAUSDT-t{AT + 1000}", f"kraken-ADAUSDT-t{AT + 1001}"]


def test_a_spread_is_a_quote() -> None:
    (quote,) = hear(venue("kraken"), [1, ["1.5", "1.6", "1600000000.5", "2", "3"], "spread", "ADA/USDT"])
    assert isinstance(quote, MarketDataEvent)
    assert (quote.bid_price, quote.ask_size, quote.timestamp) == (1_500_000_000, 3 * NANOS, AT + SECOND // 2)


# Coinbase and Gemini: nothing tells that something is missing.

SNAPSHOT = {"type": "snapshot", "product_id": "ADA-USD", "bids": [["1.5", "7"]], "asks": [["1.6", "3"]]}
UPDATE = {
    "type": "l2update",
    "product_id": "ADA-USD",
    "changes": [["buy", "1.4", "1"]],
    "time": "2020-09-13T12:26:40.000001Z",
}
MATCH = {
    "type": "match",
    "trade_id": 7,
    "side": "sell",
    "size": "2",
    "price": "1.5",
    "product_id": "ADA-USD",
    "time": "2020-09-13T12:26:40Z",
}


def test_with_an_unreadable_frame_all_books_are_lost_where_nothing_would_tell() -> None:
    coinbase = venue("coinbase")
    assert len(hear(coinbase, SNAPSHOT, UPDATE)) == 2
    assert hear(coinbase, json.dumps(UPDATE).encode()[:-20], UPDATE) == []
    assert coinbase.frames == {"messages": 2, "UNREADABLE": 1, "awaits_snapshot": 1}
    assert coinbase.lost == {"ADA-USD"}
    assert len(hear(coinbase, MATCH)) == 1, "trades go on"
    first, second = hear(coinbase, SNAPSHOT, UPDATE, at=AT + SECOND)
    assert (first.sequence, second.sequence) == (AT + SECOND, AT + SECOND + 1), "numbers grow over holes"


def test_a_frame_of_a_kind_that_nobody_knows_costs_no_book() -> None:
    coinbase = venue("coinbase")
    hear(coinbase, SNAPSHOT, {"type": "auction"}, MATCH | {"product_id": "A|B"})
    assert coinbase.lost == set()
    assert len(hear(coinbase, UPDATE)) == 1


def test_the_side_of_a_match_is_that_of_the_maker() -> None:
    (trade,) = hear(venue("coinbase"), MATCH)
    assert isinstance(trade, TradePrint)
    assert trade.aggressor is Side.BUY


def test_a_snapshot_tells_no_more_levels_than_are_kept() -> None:
    bids = [[str(price), "1"] for price in range(1, LEVELS_MAX + 500)]
    (told,) = hear(venue("coinbase"), SNAPSHOT | {"bids": bids, "asks": []})
    assert isinstance(told, DepthUpdate)
    assert (len(told.levels), told.levels[0].price) == (LEVELS_MAX, (LEVELS_MAX + 499) * NANOS)


def test_a_new_connection_waits_for_new_snapshots() -> None:
    coinbase = venue("coinbase")
    hear(coinbase, SNAPSHOT)
    coinbase.reconnected()
    assert hear(coinbase, UPDATE) == []
    assert coinbase.frames == {"messages": 1, "awaits_snapshot": 1}


# Frames of every kind, as they came, and what is wrong with others.

L2 = {"type": "l2_updates", "symbol": "ADAUSD", "changes": [["buy", "1.5", "7"]], "trades": [], "auction_events": []}
DIFF = {"microtimestamp": "1600000000000000", "timestamp": "1600000000", "bids": [["1.5", "7"]], "asks": []}
DEAL = {"id": 7, "amount_str": "2", "price_str": "1.5", "type": 0, "microtimestamp": "1600000000000000"}
ALPACA_TRADE = {"t": "2020-09-13T12:26:40Z", "x": "D", "p": 1.5, "s": 2, "c": ["@", "I"], "i": 7, "z": "C"}
ALPACA_QUOTE = {"t": "2020-09-13T12:26:40Z", "ax": "K", "ap": 1.6, "as": 3, "bx": "Q", "bp": 1.5, "bs": 7, "z": "C"}
SAMPLES: dict[str, list[object]] = {
    "binance": [
        changes(11, 12, [["1.5", "2"]]),
        ticks("bookTicker", u=4, b="1.5", B="2", a="1.6", A="3"),
        ticks("trade", t=9, p="1.5", q="2", T=5, m=False),
        ticks("aggTrade", a=4, p="1.5", q="2", T=5, m=True),
        ticks("kline_1m", k={}),
        {"result": None, "id": 1},
    ],
    "coinbase": [SNAPSHOT, UPDATE, MATCH, {"type": "heartbeat"}, {"type": "subscriptions", "channels": []}],
    "kraken": [
        kraken_book(**{"as": [["1.5", "2", "1.0"]], "bs": []}),
        [1, [["1.5", "2", "1600000000.000001", "b", "l", ""]], "trade", "ADA/USDT"],
        {"event": "heartbeat"},
        [1, [], "ohlc-5", "ADA/USDT"],
    ],
    "bitstamp": [
        {"event": "data", "channel": "diff_order_book_adausd", "data": DIFF},
        {"event": "trade", "channel": "live_trades_adausd", "data": DEAL},
        {"event": "bts:heartbeat"},
    ],
    "gemini": [
        L2,
        {
            "type": "trade",
            "symbol": "ADAUSD",
            "event_id": 1,
            "timestamp": 5,
            "price": "1",
            "quantity": "1",
            "side": "buy",
        },
        {"type": "heartbeat", "timestamp": 5},
    ],
    "alpaca": [{"trades": {"AAPL": [ALPACA_TRADE]}}, {"quotes": {"AAPL": ALPACA_QUOTE}}, {"bars": {"AAPL": [{}]}}],
}
WRONG: list[tuple[str, object, str]] = [
    ("binance", {"stream": "adausdt@miniTicker", "data": {}}, "UNKNOWN_FRAME"),
    ("binance", {"error": {"code": 2, "msg": "Invalid request"}}, "VENUE_ERROR"),
    ("binance", ticks("trade", t=9, p="1.5", q="2", m=False), "BAD_FIELD"),
    ("binance", ticks("trade", t=9, p="NaN", q="2", T=5, m=False), "BAD_NUMBER"),
    ("binance", ticks("trade", t=9, p="-1.5", q="2", T=5, m=False), "BAD_NUMBER"),
    ("binance", ticks("trade", t=9, p="1e30", q="2", T=5, m=False), "BAD_NUMBER"),
    ("binance", ticks("trade", t=9, p="1.5", q="0", T=5, m=False), "BAD_NUMBER"),
    ("binance", ticks("trade", t=9, p="ten", q="2", T=5, m=False), "BAD_NUMBER"),
    ("binance", ticks("trade", t=10**30, p="1.5", q="2", T=5, m=False), "BAD_NUMBER"),
    ("binance", ticks("trade", t=9, p="1.5", q="2", T=10**30, m=False), "BAD_NUMBER"),
    ("coinbase", SNAPSHOT | {"bids": [["0", "1"]]}, "BAD_NUMBER"),
    ("coinbase", MATCH | {"product_id": "A" * 22}, "BAD_NAME"),
    ("binance", {"stream": "a@trade", "data": {"s": "A|B", "t": 9}}, "BAD_FIELD"),
    ("coinbase", MATCH | {"product_id": "A|B"}, "BAD_NAME"),
    ("coinbase", {"type": "auction"}, "UNKNOWN_FRAME"),
    ("coinbase", {"type": "error", "message": "no"}, "VENUE_ERROR"),
    ("coinbase", MATCH | {"side": "both"}, "BAD_FIELD"),
    ("coinbase", MATCH | {"time": "yesterday"}, "BAD_NUMBER"),
    ("kraken", {"event": "subscriptionStatus", "status": "error", "errorMessage": "no"}, "VENUE_ERROR"),
    ("kraken", [1, {}, "depth", "ADA/USDT"], "UNKNOWN_FRAME"),
    ("kraken", [1], "BAD_FIELD"),
    ("bitstamp", {"event": "bts:error", "data": {}}, "VENUE_ERROR"),
    ("bitstamp", {"event": "data", "channel": "order_book_adausd", "data": {}}, "UNKNOWN_FRAME"),
    ("gemini", {"result": "error", "reason": "no"}, "VENUE_ERROR"),
    ("gemini", L2 | {"changes": [["bid", "1", "1"]]}, "BAD_FIELD"),
    ("alpaca", {"news": []}, "UNKNOWN_FRAME"),
    ("us-equity", b"14430270,1815200", "BAD_FIELD"),
]


@pytest.mark.parametrize(("name", "text", "code"), WRONG)
def test_what_is_wrong_with_a_frame_has_a_stable_code_and_the_stream_goes_on(
    name: str, text: object, code: str
) -> None:
    connection = venue(name)
    assert hear(connection, text) == []
    assert connection.frames == {code: 1}
    assert (connection.faults[0].frame, connection.faults[0].code) == (1, code)
    for sample in SAMPLES.get(name, []):
        hear(connection, sample)
    assert connection.faulty == 1


@given(st.sampled_from(sorted(SAMPLES)), st.randoms(use_true_random=False), st.integers(1, 30))
def test_whatever_comes_every_frame_is_counted_once(name: str, random: Random, count: int) -> None:
    connection = venue(name)
    for _ in range(count):
        text = bytearray(json.dumps(random.choice(SAMPLES[name])).encode())
        if random.random() < 0.5:
            del text[random.randrange(len(text)) :]
        for _ in range(random.randrange(3) if text else 0):
            text[random.randrange(len(text))] = random.randrange(256)
        connection.take(Frame(AT, bytes(text), random.choice((Kind.SOCKET, Kind.ANSWER))))
    assert connection.frames.total() == count


def test_all_venues_have_a_sample_or_a_file() -> None:
    assert VENUES.keys() == SAMPLES.keys() | {"us-equity"}


# Names, units, flags.


def test_two_sources_with_other_names_and_units_tell_the_same() -> None:
    """One counts in pence and in thousands, the other in pounds and in units."""
    pence = venue("binance", symbols={"VOD": Listing("VODGBP", Decimal("0.01"), Decimal(1000))})
    pounds = venue("coinbase", parted_by="-")
    trade = {"s": "VOD", "E": 5, "t": 7, "p": "7150.5", "q": "0.25", "T": AT // 10**6, "m": False}
    (first,) = hear(pence, {"stream": "vod@trade", "data": trade})
    (second,) = hear(pounds, MATCH | {"product_id": "VOD-GBP", "price": "71.505", "size": "250"})
    assert isinstance(first, TradePrint)
    assert isinstance(second, TradePrint)
    fields = ("symbol", "price", "quantity", "aggressor", "trade_id", "timestamp", "sequence")
    assert [getattr(first, name) for name in fields] == [getattr(second, name) for name in fields]


@pytest.mark.parametrize(
    "text",
    [
        "[binance",
        "[binance]\nunit = 1",
        '[binance]\nprice_unit = "0"',
        '[binance]\nband = "none"',
        "[binance.symbols.A]\n",
    ],
)
def test_a_file_of_sources_that_cannot_be_is_told_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(text)
    with pytest.raises(SourcesError, match=r"sources\.toml: "):
        read(path)


def test_what_is_finer_than_a_nano_is_rounded_half_even_and_counted() -> None:
    binance = venue("binance")
    prices = ("1.0000000005", "1.0000000015", "1.00000000250000000001", "1.000000002000")
    found = hear(binance, *(ticks("trade", t=1, p=price, q="1", T=5, m=False) for price in prices))
    assert [message.price - NANOS for message in found if isinstance(message, TradePrint)] == [0, 2, 3, 2]
    assert binance.flags == {"rounded": 3}


def test_quotes_that_are_crossed_or_far_from_the_last_trade_are_flagged_and_told() -> None:
    binance = venue("binance")
    quotes = [("100", "101"), ("102", "101"), ("88", "100"), ("100", "112"), ("100", "100")]
    hear(binance, ticks("trade", t=1, p="100", q="1", T=5, m=False))
    found = hear(binance, *(ticks("bookTicker", u=4, b=bid, B="2", a=ask, A="3") for bid, ask in quotes))
    assert len(found) == len(quotes)
    assert binance.flags == {"crossed": 1, "out_of_band": 2}


def test_what_took_longer_than_all_others_is_stale() -> None:
    binance = venue("binance")
    trade = ticks("trade", t=1, p="100", q="1", T=5, m=False)
    hear(binance, trade, at=AT - 2 * SECOND)
    hear(binance, trade, at=AT + 3 * SECOND)
    assert binance.flags == {}
    hear(binance, trade, at=AT + 3 * SECOND + 1)
    assert binance.flags == {"stale": 1}
    assert binance.clock.skew == -2 * SECOND


def test_skew_forgets_what_is_older_than_two_windows() -> None:
    clock = Clock()
    assert clock.skew is None
    assert clock.theirs(5) == 5
    clock.hear(0, 10)
    clock.hear(WINDOW_NS + 1, WINDOW_NS + 1)
    assert clock.skew == -10
    clock.hear(2 * WINDOW_NS + 2, 2 * WINDOW_NS)
    assert clock.skew == 0


def test_a_quote_without_a_time_has_that_of_the_venue_as_far_as_it_is_known() -> None:
    binance = venue("binance")
    ticker = ticks("bookTicker", u=4, b="1", B="2", a="1", A="3")
    hear(binance, ticks("trade", t=1, p="1", q="1", T=5, m=False), at=AT - SECOND)
    (quote,) = hear(binance, ticker, at=AT)
    assert quote.timestamp == AT + SECOND
    (earlier,) = hear(binance, ticker, at=AT - SECOND // 2)
    assert earlier.timestamp == AT + SECOND, "time never goes back"


def test_odd_lots_of_a_tape_add_volume_and_sizes_of_its_quotes_are_round_lots() -> None:
    (trade,) = answered(venue("alpaca"), {"trades": {"AAPL": [ALPACA_TRADE]}})
    (quote,) = answered(venue("alpaca"), {"quotes": {"AAPL": [ALPACA_QUOTE]}})
    assert isinstance(trade, TradePrint)
    assert isinstance(quote, MarketDataEvent)
    assert (trade.sets_price, trade.adds_volume, trade.conditions) == (False, True, "@,I")
    assert (quote.bid_size, quote.ask_size) == (700 * NANOS, 300 * NANOS)
