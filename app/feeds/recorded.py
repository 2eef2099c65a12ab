"""A market of Binance that was recorded, as quotes and trades by the time at which they were received."""

from collections.abc import Iterator
from pathlib import Path

from app.feeds import recording, symbols
from app.feeds.frames import FaultCode, Observation
from app.feeds.recording import RecordingError
from app.feeds.tape import Quote, Trade
from app.feeds.venues import opened
from schemas.enums import Side
from schemas.feeds import MarketDataEvent, TradePrint


def read(path: Path) -> Iterator[Quote | Trade]:
    """Best quotes and trades; books are passed over, with their holes. Raises RecordingError."""
    venue, faulty = opened("binance", symbols.read()), 0
    for frame in recording.read(path):
        messages = venue.take(frame)
        if venue.faulty > faulty:
            faulty, fault = venue.faulty, venue.faults[-1]
            if fault.code is not FaultCode.GAP:
                raise RecordingError(f"{path}:{fault.frame}: {fault.code}: {fault.detail}")
        for message in messages:
            found = _event(message, frame.at)
            if found is not None:
                yield found


def _event(message: Observation, at: int) -> Quote | Trade | None:
    if isinstance(message, TradePrint):
        taker = message.aggressor or Side.UNKNOWN
        return Trade(at, message.symbol, message.sequence, message.price, message.quantity, taker)
    if isinstance(message, MarketDataEvent):
        bid, ask = message.bid_price or 0, message.ask_price or 0
        return Quote(at, message.symbol, bid, message.bid_size or 0, ask, message.ask_size or 0)
    return None
