"""Kraken, socket API v1: book, trade, ticker, spread.

Books are not numbered, but each update carries a CRC-32 of the ten best levels: asks, then bids, best first, price and
volume without point and leading zeros. Trades have no ids: their time, in steps of a microsecond, numbers them. The
last price of a ticker is left out: trades tell it.
"""

from typing import Any
from zlib import crc32

import msgspec

from app.feeds.frames import Fault, FaultCode, Frame, Observation, Passed
from app.feeds.numbers import from_seconds
from app.feeds.symbols import DIGITS, Terms
from app.feeds.venue import Changes, Found, Venue
from domain.depth import CHECKSUM_LEVELS, Depth
from schemas.enums import Side

PASSED = {
    "heartbeat": Passed.HEARTBEAT,
    "pong": Passed.HEARTBEAT,
    "systemStatus": Passed.STATUS,
    "subscriptionStatus": Passed.SUBSCRIPTION,
}
SIDES = {"b": Side.BUY, "s": Side.SELL}
QUANTITY_DECIMALS = 8
PARTS_MIN = 4
"""Channel, one or two pieces of data, name of the channel, pair."""
Rows = list[list[str]]


class _Event(msgspec.Struct):
    event: str
    status: str = ""


class _Book(msgspec.Struct, rename={"ask_rows": "as", "bid_rows": "bs"}):
    ask_rows: Rows | None = None
    bid_rows: Rows | None = None
    a: Rows = []
    b: Rows = []
    c: str = ""


class _Ticker(msgspec.Struct):
    a: tuple[str, int | str, str]
    b: tuple[str, int | str, str]
    v: tuple[str, str]


class Kraken(Venue):
    """Its socket."""

    name = "kraken"
    shows_gaps = True

    _events = msgspec.json.Decoder(_Event)
    _lists = msgspec.json.Decoder(list[msgspec.Raw])
    _texts = msgspec.json.Decoder(str)
    _books = msgspec.json.Decoder(_Book)
    _trades = msgspec.json.Decoder(Rows)
    _tickers = msgspec.json.Decoder(_Ticker)
    _spreads = msgspec.json.Decoder(list[str])

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._decimals: dict[str, int] = {}
        """Of the prices of each pair, as the venue writes them."""
        self._checksum = ""
        """That the update which is being read carries."""

    def read(self, frame: Frame) -> Found:
        """What the frame says."""
        if frame.text[:1] != b"[":
            return self._read_event(frame)
        parts = self._lists.decode(frame.text)
        if len(parts) < PARTS_MIN:
            raise Fault(FaultCode.BAD_FIELD, f"{len(parts)} parts")
        channel, pair = (self._texts.decode(part) for part in parts[-2:])
        data, terms = parts[1:-2], self.symbols[pair]
        kind = channel.partition("-")[0]
        if kind == "book":
            return self._read_book(frame, pair, terms, [self._books.decode(part) for part in data])
        if kind == "ohlc":
            return Passed.BAR
        readers = {"trade": self._read_trades, "ticker": self._read_ticker, "spread": self._read_spread}
        if kind not in readers:
            raise Fault(FaultCode.UNKNOWN_FRAME, f"channel {channel[:100]!r}")
        return readers[kind](frame, terms, data[0])

    def _read_event(self, frame: Frame) -> Found:
        event = self._events.decode(frame.text)
        if event.event == "error" or event.status == "error":
            raise Fault(FaultCode.VENUE_ERROR, frame.text[:200].decode(errors="replace"))
        if event.event not in PASSED:
            raise Fault(FaultCode.UNKNOWN_FRAME, f"event {event.event[:100]!r}")
        return PASSED[event.event]

    def _read_book(self, frame: Frame, pair: str, terms: Terms, books: list[_Book]) -> Found:
        """A snapshot, or one update in one or two pieces."""
        is_snapshot = books[0].ask_rows is not None or books[0].bid_rows is not None
        bids = [row for book in books for row in book.bid_rows or book.b]
        asks = [row for book in books for row in book.ask_rows or book.a]
        rows = [*bids, *asks]
        if is_snapshot:
            at = self.clock.theirs(frame.at)
        elif rows:
            at = self.heard(frame, max(from_seconds(row[2]) for row in rows))
        else:
            raise Fault(FaultCode.BAD_FIELD, f"{pair}: a change without levels")
        if rows:
            self._decimals[pair] = len(rows[0][0].partition(".")[2])
        self._checksum = books[-1].c
        number = self.number(pair, frame.at, is_snapshot=is_snapshot)
        sides = terms.levels(bids), terms.levels(asks)
        return self.change(pair, Changes(terms, at, *sides, number, number, is_snapshot))

    def check(self, name: str, depth: Depth) -> None:
        """Whether ours is the book whose checksum came with the update."""
        if not self._checksum:
            return
        unit = 10 ** (DIGITS - min(self._decimals[name], DIGITS))
        quantity_unit = 10 ** (DIGITS - QUANTITY_DECIMALS)
        levels = [*depth.asks.top(CHECKSUM_LEVELS), *depth.bids.top(CHECKSUM_LEVELS)]
        text = "".join(f"{price // unit}{quantity // quantity_unit}" for price, quantity in levels)
        if str(crc32(text.encode())) != self._checksum:
            self.lose(name)
            raise Fault(FaultCode.BAD_CHECKSUM, f"{name}: {self._checksum} there, {crc32(text.encode())} here")

    def _read_trades(self, frame: Frame, terms: Terms, data: msgspec.Raw) -> Found:
        found: list[Observation] = []
        before = 0
        for price, quantity, time, side, order_type, *rest in self._trades.decode(data):
            at = from_seconds(time)
            before = number = max(at, before + 1)
            sizes = terms.price(price), terms.quantity(quantity)
            conditions = "".join((order_type, *rest))
            found.append(self.trade(terms, at, *sizes, SIDES[side], "", number, conditions))
        self.heard(frame, before)
        return found

    def _read_ticker(self, frame: Frame, terms: Terms, data: msgspec.Raw) -> Found:
        ticker = self._tickers.decode(data)
        bid, ask = terms.price(ticker.b[0]), terms.price(ticker.a[0])
        sizes = terms.quantity(ticker.b[2]), terms.quantity(ticker.a[2])
        volume = terms.quantity(ticker.v[0])
        return [self.quote(terms, self.clock.theirs(frame.at), frame.at, bid, ask, *sizes, volume=volume)]

    def _read_spread(self, frame: Frame, terms: Terms, data: msgspec.Raw) -> Found:
        bid, ask, time, bid_size, ask_size = self._spreads.decode(data)
        at = self.heard(frame, from_seconds(time))
        sizes = terms.quantity(bid_size), terms.quantity(ask_size)
        return [self.quote(terms, at, frame.at, terms.price(bid), terms.price(ask), *sizes)]
