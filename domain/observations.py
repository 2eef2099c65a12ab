"""What markets elsewhere told, as the door hands it on: quotes, trades and levels of books.

Prices and quantities in nanos, times in nanoseconds since the epoch. They travel as JSON arrays, many in one record:
Avro would cost ten times as much, and nobody but the noun `market_data` reads them. A field that is added goes to the
end, with a default.
"""

import msgspec

from schemas.enums import Side
from schemas.feeds import DepthUpdate, MarketDataEvent, TradePrint

AGGRESSOR_SIGN = {None: 0, Side.BUY: 1, Side.SELL: -1}


class Quoted(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """Best prices at one market. What is None stays as it was; a price of zero says that there is none."""

    symbol: str
    exchange: str
    at: int
    bid: int | None
    ask: int | None
    bid_size: int | None
    ask_size: int | None
    last: int | None
    volume: int | None
    """Units that were traded in the session so far."""
    sequence: int
    event_id: str


class Printed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """One trade at one market."""

    symbol: str
    exchange: str
    at: int
    price: int
    quantity: int
    aggressor: int
    """1 where the order that came later bought, -1 where it sold, 0 where nobody knows."""
    sequence: int
    trade_id: str
    sets_price: bool
    adds_volume: bool
    event_id: str


class DepthChanged(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Levels of one market's book that changed, or all of them. A level is a price and a quantity."""

    symbol: str
    exchange: str
    at: int
    is_snapshot: bool
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    first_sequence: int
    sequence: int
    checksum: int | None
    event_id: str


Observation = Quoted | Printed | DepthChanged
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[Observation, ...]).decode


def packed(observations: tuple[Observation, ...]) -> bytes:
    """Their bytes."""
    return _encode(observations)


def unpacked(data: bytes) -> tuple[Observation, ...]:
    """From those bytes."""
    return _decode(data)


def quoted(message: MarketDataEvent, at: int) -> Quoted:
    """What a message says of prices."""
    return Quoted(
        message.symbol,
        message.exchange,
        at,
        message.bid_price,
        message.ask_price,
        message.bid_size,
        message.ask_size,
        message.last_price,
        message.volume,
        message.sequence,
        message.event_id,
    )


def printed(message: TradePrint, at: int) -> Printed:
    """What a message says of a trade."""
    return Printed(
        message.symbol,
        message.exchange,
        at,
        message.price,
        message.quantity,
        AGGRESSOR_SIGN.get(message.aggressor, 0),
        message.sequence,
        message.trade_id,
        message.sets_price,
        message.adds_volume,
        message.event_id,
    )


def depth_changed(message: DepthUpdate, at: int) -> DepthChanged:
    """What a message says of a book."""
    return DepthChanged(
        message.symbol,
        message.exchange,
        at,
        message.is_snapshot,
        _levels(message, Side.BUY),
        _levels(message, Side.SELL),
        message.first_sequence,
        message.sequence,
        message.checksum,
        message.event_id,
    )


def _levels(message: DepthUpdate, side: Side) -> tuple[tuple[int, int], ...]:
    return tuple([(level.price, level.quantity) for level in message.levels if level.side is side])
