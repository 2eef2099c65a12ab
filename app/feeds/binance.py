"""Recordings of Binance's raw combined stream: best quotes and trades. Depth is passed over."""

import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from domain.money import AMOUNT_MAX
from schemas.enums import Side


class Quote(NamedTuple):
    """The best bid and ask of a moment. Times in ns of the recording's clock, prices and quantities in nanos."""

    at: int
    symbol: str
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


class Trade(NamedTuple):
    """One trade, as the venue told it."""

    at: int
    symbol: str
    trade_id: int
    price: int
    quantity: int
    taker: Side
    """The side of the order that came later."""


class FeedError(ValueError):
    """A line of a recording cannot be read. The message tells which, and why."""


class _BookTicker(msgspec.Struct):
    s: str
    b: str
    B: str
    a: str
    A: str


class _Trade(msgspec.Struct):
    s: str
    t: int
    p: str
    q: str
    m: bool
    """Whether the buyer was there first."""


class _Frame(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()


_frames = msgspec.json.Decoder(_Frame)
_book_tickers = msgspec.json.Decoder(_BookTicker)
_trades = msgspec.json.Decoder(_Trade)


def read(path: Path) -> Iterator[Quote | Trade]:
    """Quotes and trades in the order in which they were received. Raises FeedError, and OSError for the file."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                found = parse(line)
            except (ValueError, ArithmeticError) as error:
                raise FeedError(f"{path}:{number}: {error}") from error
            if found is not None:
                yield found


def parse(line: bytes) -> Quote | Trade | None:
    """One line, `receive time in ns, blank, frame`; None for frames of other kinds. Raises ValueError."""
    received, _, text = line.partition(b" ")
    at = int(received)
    frame = _frames.decode(text)
    _, _, kind = frame.stream.partition("@")
    if kind == "bookTicker":
        ticker = _book_tickers.decode(frame.data)
        return Quote(at, ticker.s, _nanos(ticker.b), _nanos(ticker.B), _nanos(ticker.a), _nanos(ticker.A))
    if kind == "trade":
        trade = _trades.decode(frame.data)
        taker = Side.SELL if trade.m else Side.BUY
        return Trade(at, trade.s, trade.t, _nanos(trade.p), _nanos(trade.q), taker)
    return None


def _nanos(text: str) -> int:
    scaled = Decimal(text).scaleb(9)
    if not (scaled.is_finite() and 0 < scaled <= AMOUNT_MAX and scaled == scaled.to_integral_value()):
        raise ValueError(f"{text!r} is no price or quantity")
    return int(scaled)
