"""What comes from a venue, piece by piece, and why a piece makes no message."""

from enum import StrEnum
from typing import NamedTuple

from schemas.feeds import DepthUpdate, MarketDataEvent, TradePrint

Observation = MarketDataEvent | TradePrint | DepthUpdate
"""What goes onto the topic `market-data`."""


class Kind(StrEnum):
    """How a piece came."""

    SOCKET = "socket"
    ANSWER = "answer"
    """To a request, whose address is known."""
    REQUEST = "request"
    """Ours: recorded, and of no interest."""
    CONNECTED = "connected"
    NOTE = "note"
    """Of whoever made the recording."""


class Frame(NamedTuple):
    """One piece."""

    at: int
    """When it was received, in ns since the epoch; of a file without such times, when it was so at the market."""
    text: bytes
    kind: Kind = Kind.SOCKET
    source: str = ""
    """Address that was asked, or name of the file."""


class Passed(StrEnum):
    """Why a piece that was understood makes no message."""

    REQUEST = "request"
    CONNECTED = "connected"
    NOTE = "note"
    HEARTBEAT = "heartbeat"
    SUBSCRIPTION = "subscription"
    STATUS = "status"
    BAR = "bar"
    """Bars are made here, from trades."""
    AGGREGATE = "aggregate"
    """Trades in one, which come one by one, too."""
    BUFFERED = "buffered"
    """Changes of a book whose snapshot has not come yet."""
    COVERED = "covered"
    """Changes that the snapshot has already, or that came twice."""
    AWAITS_SNAPSHOT = "awaits_snapshot"
    TRADING = "trading"
    """Orders, positions and accounts: no market data."""
    EMPTY = "empty"
    SUSPICIOUS = "suspicious"
    """Marked as such by who recorded it."""
    HEADER = "header"


class FaultCode(StrEnum):
    """What is wrong with a piece."""

    UNREADABLE = "UNREADABLE"
    """No JSON: truncated, or something else."""
    UNKNOWN_FRAME = "UNKNOWN_FRAME"
    BAD_FIELD = "BAD_FIELD"
    """A field is missing, or of another type."""
    BAD_NUMBER = "BAD_NUMBER"
    BAD_NAME = "BAD_NAME"
    BAD_CHECKSUM = "BAD_CHECKSUM"
    """The venue's book is another one than ours."""
    GAP = "GAP"
    """Changes are missing."""
    VENUE_ERROR = "VENUE_ERROR"
    """The venue says that something is wrong."""


class Fault(Exception):  # noqa: N818 - what it is
    """A piece that makes no message, and should."""

    def __init__(self, code: FaultCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail
