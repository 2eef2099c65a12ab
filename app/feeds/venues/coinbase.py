"""Coinbase Exchange: level2, ticker and matches by socket, trades and ticker by REST.

The side of a match is that of the maker. The last price of a ticker by socket is left out: matches tell it. Books are
not numbered: what is missing cannot be told.
"""

import msgspec

from app.feeds.frames import Fault, FaultCode, Frame, Kind, Observation, Passed
from app.feeds.numbers import from_rfc3339
from app.feeds.symbols import Terms
from app.feeds.venue import Changes, Found, Venue
from schemas.enums import Side

AGGRESSORS = {"buy": Side.SELL, "sell": Side.BUY}
PASSED = {
    "subscriptions": Passed.SUBSCRIPTION,
    "heartbeat": Passed.HEARTBEAT,
    "status": Passed.STATUS,
}


class _Head(msgspec.Struct):
    type: str


class _Snapshot(msgspec.Struct):
    product_id: str
    bids: list[list[str]]
    asks: list[list[str]]


class _Update(msgspec.Struct):
    product_id: str
    changes: list[tuple[str, str, str]]
    time: str


class _Ticker(msgspec.Struct):
    product_id: str
    time: str = ""
    """Absent in the first one after a subscription to a market where nothing happens."""
    best_bid: str = ""
    best_ask: str = ""
    volume_24h: str = ""
    sequence: int = 0


class _AskedTicker(msgspec.Struct):
    bid: str
    ask: str
    price: str
    volume: str
    time: str
    trade_id: int | str


class _Match(msgspec.Struct):
    trade_id: int | str
    side: str
    size: str
    price: str
    time: str
    product_id: str = ""


class Coinbase(Venue):
    """Its socket."""

    name = "coinbase"

    _heads = msgspec.json.Decoder(_Head)
    _snapshots = msgspec.json.Decoder(_Snapshot)
    _updates = msgspec.json.Decoder(_Update)
    _tickers = msgspec.json.Decoder(_Ticker)
    _matches = msgspec.json.Decoder(_Match)
    _asked_tickers = msgspec.json.Decoder(_AskedTicker)
    _asked_trades = msgspec.json.Decoder(list[_Match])

    def read(self, frame: Frame) -> Found:
        """What the frame says."""
        if frame.kind is Kind.ANSWER:
            return self._read_answer(frame)
        kind = self._heads.decode(frame.text).type
        readers = {
            "l2update": self._read_update,
            "match": self._read_match,
            "last_match": self._read_last_match,
            "ticker": self._read_ticker,
            "snapshot": self._read_snapshot,
        }
        if kind in readers:
            return readers[kind](frame)
        if kind in PASSED:
            return PASSED[kind]
        code = FaultCode.VENUE_ERROR if kind == "error" else FaultCode.UNKNOWN_FRAME
        raise Fault(code, frame.text[:200].decode(errors="replace"))

    def _read_snapshot(self, frame: Frame) -> Found:
        snapshot = self._snapshots.decode(frame.text)
        name = snapshot.product_id
        terms = self.symbols[name]
        number = self.number(name, frame.at, is_snapshot=True)
        sides = terms.levels(snapshot.bids), terms.levels(snapshot.asks)
        at = self.clock.theirs(frame.at)
        return self.change(name, Changes(terms, at, *sides, number, number, is_snapshot=True))

    def _read_update(self, frame: Frame) -> Found:
        update = self._updates.decode(frame.text)
        name = update.product_id
        terms = self.symbols[name]
        at = self.heard(frame, from_rfc3339(update.time))
        sides: dict[str, list[tuple[int, int]]] = {"buy": [], "sell": []}
        for side, price, quantity in update.changes:
            sides[side].append((terms.price(price), terms.quantity(quantity)))
        number = self.number(name, frame.at, is_snapshot=False)
        return self.change(name, Changes(terms, at, sides["buy"], sides["sell"], number, number))

    def _read_match(self, frame: Frame) -> Found:
        match = self._matches.decode(frame.text)
        self.heard(frame, from_rfc3339(match.time))
        return [self._told(self.symbols[match.product_id], match)]

    def _read_last_match(self, frame: Frame) -> Found:
        """The trade before the subscription: perhaps known already, and old."""
        match = self._matches.decode(frame.text)
        return [self._told(self.symbols[match.product_id], match)]

    def _told(self, terms: Terms, match: _Match) -> Observation:
        number, at = int(match.trade_id), from_rfc3339(match.time)
        price, quantity = terms.price(match.price), terms.quantity(match.size)
        return self.trade(terms, at, price, quantity, AGGRESSORS[match.side], str(number), number)

    def _read_ticker(self, frame: Frame) -> Found:
        ticker = self._tickers.decode(frame.text)
        terms = self.symbols[ticker.product_id]
        at = from_rfc3339(ticker.time) if ticker.time else self.clock.theirs(frame.at)
        bid, ask = terms.price(ticker.best_bid or "0"), terms.price(ticker.best_ask or "0")
        return [self.quote(terms, at, ticker.sequence, bid, ask, volume=terms.quantity(ticker.volume_24h or "0"))]

    def _read_answer(self, frame: Frame) -> Found:
        product, _, what = frame.source.partition("/products/")[2].partition("?")[0].partition("/")
        terms = self.symbols[product]
        if what == "trades":
            matches = self._asked_trades.decode(frame.text)
            return [self._told(terms, match) for match in sorted(matches, key=lambda match: int(match.trade_id))]
        if what == "ticker":
            ticker = self._asked_tickers.decode(frame.text)
            bid, ask = terms.price(ticker.bid), terms.price(ticker.ask)
            last, volume = terms.price(ticker.price), terms.quantity(ticker.volume)
            return [
                self.quote(
                    terms,
                    from_rfc3339(ticker.time),
                    0,
                    bid,
                    ask,
                    last=last,
                    volume=volume,
                    event_id=f"{self.name}-{terms.symbol}-q-t{ticker.trade_id}",
                )
            ]
        if what == "candles":
            return Passed.BAR
        raise Fault(FaultCode.UNKNOWN_FRAME, f"answer of {frame.source[:100]!r}")
