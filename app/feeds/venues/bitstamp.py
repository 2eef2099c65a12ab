"""Bitstamp, socket v2: diff order books and trades; and the order book that is asked for by REST.

Changes are told with the time of the book in microseconds. That orders them, but what is missing cannot be told.
"""

import msgspec

from app.feeds.frames import Fault, FaultCode, Frame, Kind, Passed
from app.feeds.venue import Changes, Found, Venue
from schemas.enums import Side

MICROSECOND_NS = 1_000
AGGRESSORS = (Side.BUY, Side.SELL)
"""By the type of a trade."""
PASSED = {
    "bts:subscription_succeeded": Passed.SUBSCRIPTION,
    "bts:unsubscription_succeeded": Passed.SUBSCRIPTION,
    "bts:heartbeat": Passed.HEARTBEAT,
}


class _Frame(msgspec.Struct):
    event: str
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw()


class _Book(msgspec.Struct):
    microtimestamp: str
    bids: list[list[str]]
    asks: list[list[str]]


class _Trade(msgspec.Struct):
    id: int
    amount_str: str
    price_str: str
    type: int
    microtimestamp: str


class Bitstamp(Venue):
    """Its socket."""

    name = "bitstamp"
    quotes_from_depth = True

    _frames = msgspec.json.Decoder(_Frame)
    _depths = msgspec.json.Decoder(_Book)
    _trades = msgspec.json.Decoder(_Trade)

    def read(self, frame: Frame) -> Found:
        """What the frame says."""
        if frame.kind is Kind.ANSWER:
            name = frame.source.partition("?")[0].rstrip("/").rpartition("/")[2]
            return self.snapshot(name, self._changes(frame, name, frame.text, is_snapshot=True))
        outer = self._frames.decode(frame.text)
        channel, _, name = outer.channel.rpartition("_")
        if outer.event == "data" and channel == "diff_order_book":
            return self.await_snapshot(name, self._changes(frame, name, bytes(outer.data), is_snapshot=False))
        if outer.event == "trade" and channel == "live_trades":
            return self._read_trade(frame, name, outer.data)
        if outer.event in PASSED:
            return PASSED[outer.event]
        code = FaultCode.VENUE_ERROR if outer.event == "bts:error" else FaultCode.UNKNOWN_FRAME
        raise Fault(code, frame.text[:200].decode(errors="replace"))

    def _changes(self, frame: Frame, name: str, data: bytes, *, is_snapshot: bool) -> Changes:
        book = self._depths.decode(data)
        terms, number = self.symbols[name], int(book.microtimestamp)
        at = number * MICROSECOND_NS
        if not is_snapshot:
            self.heard(frame, at)
        return Changes(terms, at, terms.levels(book.bids), terms.levels(book.asks), 0, number, is_snapshot)

    def _read_trade(self, frame: Frame, name: str, data: msgspec.Raw) -> Found:
        trade = self._trades.decode(data)
        terms = self.symbols[name]
        at = self.heard(frame, int(trade.microtimestamp) * MICROSECOND_NS)
        price, quantity = terms.price(trade.price_str), terms.quantity(trade.amount_str)
        return [self.trade(terms, at, price, quantity, AGGRESSORS[trade.type], str(trade.id), trade.id)]
