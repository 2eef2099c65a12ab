"""Binance, spot: combined stream of depth, bookTicker, trade, aggTrade; and the depth that is asked for by REST.

Their documentation: "How to manage a local order book correctly". Changes are numbered from `U` to `u`; a snapshot has
all up to `lastUpdateId`; the first changes to apply are those with `U` <= `lastUpdateId` + 1 <= `u`.
"""

from urllib.parse import parse_qs, urlsplit

import msgspec

from app.feeds.frames import Fault, FaultCode, Frame, Kind, Passed
from app.feeds.venue import Changes, Found, Venue
from schemas.enums import Side

MILLISECOND_NS = 1_000_000
Levels = list[list[str]]


class _Frame(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _Depth(msgspec.Struct):
    E: int
    s: str
    U: int
    u: int
    b: Levels
    a: Levels


class _BookTicker(msgspec.Struct):
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class _Trade(msgspec.Struct):
    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    """Whether the buyer was there first."""


class _AggregateTrade(msgspec.Struct):
    E: int
    s: str
    a: int
    p: str
    q: str
    T: int
    m: bool


class _Snapshot(msgspec.Struct):
    lastUpdateId: int  # noqa: N815 - their name
    bids: Levels
    asks: Levels


class Binance(Venue):
    """Its combined stream."""

    name = "binance"
    shows_gaps = True

    _frames = msgspec.json.Decoder(_Frame)
    _depths = msgspec.json.Decoder(_Depth)
    _tickers = msgspec.json.Decoder(_BookTicker)
    _trades = msgspec.json.Decoder(_Trade)
    _aggregates = msgspec.json.Decoder(_AggregateTrade)
    _snapshots = msgspec.json.Decoder(_Snapshot)
    _has_trades = False
    """Whether trades come one by one: then their aggregates are the same again."""

    def read(self, frame: Frame) -> Found:
        """What the frame says."""
        if frame.kind is Kind.ANSWER:
            return self._read_snapshot(frame)
        outer = self._frames.decode(frame.text)
        kind = outer.stream.partition("@")[2].partition("@")[0].partition("_")[0]
        readers = {
            "depth": self._read_depth,
            "bookTicker": self._read_ticker,
            "trade": self._read_trade,
            "aggTrade": self._read_aggregate,
        }
        if kind in readers:
            return readers[kind](frame, outer.data)
        if kind == "kline":
            return Passed.BAR
        if bytes(outer.error):
            raise Fault(FaultCode.VENUE_ERROR, frame.text[:200].decode(errors="replace"))
        if not kind and b'"result"' in frame.text:
            return Passed.SUBSCRIPTION
        raise Fault(FaultCode.UNKNOWN_FRAME, f"stream {outer.stream[:100]!r}")

    def _read_depth(self, frame: Frame, data: msgspec.Raw) -> Found:
        depth = self._depths.decode(data)
        terms = self.symbols[depth.s]
        at = self.heard(frame, depth.E * MILLISECOND_NS)
        sides = terms.levels(depth.b), terms.levels(depth.a)
        return self.await_snapshot(depth.s, Changes(terms, at, *sides, depth.U, depth.u))

    def _read_snapshot(self, frame: Frame) -> Found:
        snapshot = self._snapshots.decode(frame.text)
        name = self._asked_for(frame)
        terms = self.symbols[name]
        sides = terms.levels(snapshot.bids), terms.levels(snapshot.asks)
        number = snapshot.lastUpdateId
        return self.snapshot(
            name, Changes(terms, self.clock.theirs(frame.at), *sides, number, number, is_snapshot=True)
        )

    def _asked_for(self, frame: Frame) -> str:
        """The answer does not name its instrument: the address does; recordings without it are of one alone."""
        asked = parse_qs(urlsplit(frame.source).query).get("symbol")
        names = asked or sorted({*self.awaited, *self.books})
        if len(names) != 1:
            raise Fault(FaultCode.UNKNOWN_FRAME, f"a snapshot of one of {names}")
        return names[0]

    def _read_ticker(self, frame: Frame, data: msgspec.Raw) -> Found:
        ticker = self._tickers.decode(data)
        terms = self.symbols[ticker.s]
        bid, ask = terms.price(ticker.b), terms.price(ticker.a)
        sizes = terms.quantity(ticker.B), terms.quantity(ticker.A)
        return [self.quote(terms, self.clock.theirs(frame.at), ticker.u, bid, ask, *sizes)]

    def _read_trade(self, frame: Frame, data: msgspec.Raw) -> Found:
        trade = self._trades.decode(data)
        self._has_trades = True
        return self._told(frame, trade, str(trade.t), trade.t)

    def _read_aggregate(self, frame: Frame, data: msgspec.Raw) -> Found:
        trade = self._aggregates.decode(data)
        return Passed.AGGREGATE if self._has_trades else self._told(frame, trade, f"a{trade.a}", trade.a)

    def _told(self, frame: Frame, trade: _Trade | _AggregateTrade, trade_id: str, number: int) -> Found:
        terms = self.symbols[trade.s]
        self.heard(frame, trade.E * MILLISECOND_NS)
        aggressor = Side.SELL if trade.m else Side.BUY
        price, quantity = terms.price(trade.p), terms.quantity(trade.q)
        return [self.trade(terms, trade.T * MILLISECOND_NS, price, quantity, aggressor, trade_id, number)]
