"""Gemini, market data v2: l2_updates, of which the first for a symbol is a snapshot with the last trades; and trades.

Books are neither numbered nor timed: what is missing cannot be told.
"""

import msgspec

from app.feeds.frames import Fault, FaultCode, Frame, Observation, Passed
from app.feeds.venue import SIDES, Changes, Found, Venue

MILLISECOND_NS = 1_000_000


class _Head(msgspec.Struct):
    type: str = ""
    result: str = ""
    timestamp: int = 0


class _Trade(msgspec.Struct):
    symbol: str
    event_id: int
    timestamp: int
    price: str
    quantity: str
    side: str


class _Update(msgspec.Struct):
    symbol: str
    changes: list[tuple[str, str, str]]
    trades: list[_Trade] | None = None
    """Only in a snapshot: newest first."""


class Gemini(Venue):
    """Its socket."""

    name = "gemini"
    quotes_from_depth = True

    _heads = msgspec.json.Decoder(_Head)
    _updates = msgspec.json.Decoder(_Update)
    _trades = msgspec.json.Decoder(_Trade)

    def read(self, frame: Frame) -> Found:
        """What the frame says."""
        head = self._heads.decode(frame.text)
        if head.type == "l2_updates":
            return self._read_update(frame)
        if head.type == "trade":
            trade = self._trades.decode(frame.text)
            self.heard(frame, trade.timestamp * MILLISECOND_NS)
            return [self._told(trade)]
        if head.type == "heartbeat":
            self.heard(frame, head.timestamp * MILLISECOND_NS)
            return Passed.HEARTBEAT
        if head.type.startswith("auction_"):
            return Passed.STATUS
        code = FaultCode.VENUE_ERROR if head.result == "error" else FaultCode.UNKNOWN_FRAME
        raise Fault(code, frame.text[:200].decode(errors="replace"))

    def _read_update(self, frame: Frame) -> Found:
        update = self._updates.decode(frame.text)
        name, is_snapshot = update.symbol, update.trades is not None
        terms = self.symbols[name]
        sides: dict[str, list[tuple[int, int]]] = {"buy": [], "sell": []}
        for side, price, quantity in update.changes:
            sides[side].append((terms.price(price), terms.quantity(quantity)))
        number = self.number(name, frame.at, is_snapshot=is_snapshot)
        at = self.clock.theirs(frame.at)
        changes = Changes(terms, at, sides["buy"], sides["sell"], number, number, is_snapshot)
        found = self.change(name, changes)
        if isinstance(found, Passed) or not update.trades:
            return found
        trades: list[Observation] = [
            self._told(trade) for trade in sorted(update.trades, key=lambda each: each.event_id)
        ]
        return trades + found

    def _told(self, trade: _Trade) -> Observation:
        terms, at = self.symbols[trade.symbol], trade.timestamp * MILLISECOND_NS
        price, quantity = terms.price(trade.price), terms.quantity(trade.quantity)
        return self.trade(terms, at, price, quantity, SIDES[trade.side], str(trade.event_id), trade.event_id)
