"""Alpaca's data and trading API by REST: trades, quotes, order books, snapshots; bars are known and passed over.

Sizes of quotes of equities are in round lots. Quotes have no numbers; ids of trades grow at each exchange alone.
"""

from decimal import Decimal
from typing import Any

import msgspec

from app.feeds.frames import Fault, FaultCode, Frame, Observation, Passed
from app.feeds.numbers import from_rfc3339
from app.feeds.venue import Changes, Found, Venue
from domain.trade_conditions import effect_of
from schemas.enums import Side

ROUND_LOT = 100
AGGRESSORS = {"B": Side.BUY, "S": Side.SELL}
ACCOUNT_FIELDS = frozenset(("account_number", "trade_confirm_email", "client_order_id", "asset_id", "status", "body"))
"""Of which an answer of the trading API has one at least."""


class _Trade(msgspec.Struct):
    t: str
    p: Decimal
    s: Decimal
    i: int
    x: str = ""
    z: str = ""
    c: list[str] = []
    tks: str = ""


class _Quote(msgspec.Struct):
    t: str
    bp: Decimal
    bs: Decimal
    ap: Decimal
    as_: Decimal = msgspec.field(name="as")
    z: str = ""
    """Tape: only equities have one."""


class _Level(msgspec.Struct, array_like=False):
    p: Decimal
    s: Decimal


class _Book(msgspec.Struct):
    t: str
    a: list[_Level]
    b: list[_Level]


class _Snapshot(msgspec.Struct):
    latestTrade: _Trade | None = None  # noqa: N815 - their name
    latestQuote: _Quote | None = None  # noqa: N815


class _Answer(msgspec.Struct):
    trades: dict[str, list[_Trade] | _Trade] | None = None
    quotes: dict[str, list[_Quote] | _Quote] | None = None
    orderbooks: dict[str, _Book] | None = None
    snapshots: dict[str, _Snapshot] | None = None
    bars: dict[str, Any] | None = None


class Alpaca(Venue):
    """Its answers."""

    name = "alpaca"

    _answers = msgspec.json.Decoder(_Answer)
    _shapes = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[dict[str, msgspec.Raw]])
    _bare_snapshots = msgspec.json.Decoder(dict[str, _Snapshot])

    def read(self, frame: Frame) -> Found:
        """What the answer says."""
        shape = self._shapes.decode(frame.text)
        records = shape if isinstance(shape, list) else [shape]
        if any(ACCOUNT_FIELDS & record.keys() for record in records):
            return Passed.TRADING
        if not shape:
            return Passed.EMPTY
        if isinstance(shape, list):
            raise Fault(FaultCode.UNKNOWN_FRAME, frame.text[:200].decode(errors="replace"))
        if not shape.keys() & set(_Answer.__struct_fields__):
            if not all(b'"latest' in bytes(value) for value in shape.values()):
                raise Fault(FaultCode.UNKNOWN_FRAME, frame.text[:200].decode(errors="replace"))
            return self._told(_Answer(snapshots=self._bare_snapshots.decode(frame.text)), frame)
        answer = self._answers.decode(frame.text)
        found = self._told(answer, frame)
        return Passed.BAR if answer.bars and not found else found

    def _told(self, answer: _Answer, frame: Frame) -> Found:
        found: list[Observation] = []
        for name, trades in (answer.trades or {}).items():
            found += [self._trade(name, trade) for trade in (trades if isinstance(trades, list) else [trades])]
        for name, quotes in (answer.quotes or {}).items():
            listed = quotes if isinstance(quotes, list) else [quotes]
            found += [self._quote(name, quote, count) for count, quote in enumerate(listed)]
        for name, snapshot in (answer.snapshots or {}).items():
            found += [] if snapshot.latestTrade is None else [self._trade(name, snapshot.latestTrade)]
            found += [] if snapshot.latestQuote is None else [self._quote(name, snapshot.latestQuote, 0)]
        for name, book in (answer.orderbooks or {}).items():
            told = self.change(name, self._book(name, book, frame))
            found += [] if isinstance(told, Passed) else told
        return found

    def _trade(self, name: str, trade: _Trade) -> Observation:
        terms, at = self.symbols[name], from_rfc3339(trade.t)
        effect = effect_of(trade.c, trade.z)
        trade_id, conditions = f"{trade.x}{trade.i}", ",".join(trade.c)
        price, quantity = terms.price(trade.p), terms.quantity(trade.s)
        return self.trade(terms, at, price, quantity, AGGRESSORS.get(trade.tks), trade_id, 0, conditions, *effect)

    def _quote(self, name: str, quote: _Quote, count: int) -> Observation:
        """`count` tells quotes of the same time apart."""
        terms, at = self.symbols[name], from_rfc3339(quote.t)
        lot = ROUND_LOT if quote.z else 1
        sizes = terms.quantity(quote.bs * lot), terms.quantity(quote.as_ * lot)
        event_id = f"{self.name}-{terms.symbol}-q{at}.{count}"
        return self.quote(terms, at, 0, terms.price(quote.bp), terms.price(quote.ap), *sizes, event_id=event_id)

    def _book(self, name: str, book: _Book, frame: Frame) -> Changes:
        terms, at = self.symbols[name], from_rfc3339(book.t)
        number = self.number(name, frame.at or at, is_snapshot=True)
        bids, asks = ([(terms.price(row.p), terms.quantity(row.s)) for row in side] for side in (book.b, book.a))
        return Changes(terms, at, bids, asks, number, number, is_snapshot=True)
