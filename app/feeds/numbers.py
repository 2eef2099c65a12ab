"""Times as venues write them, in nanoseconds since the epoch."""

from datetime import UTC, datetime

from app.feeds.frames import Fault, FaultCode
from schemas.wire import NANOS

SECOND_LENGTH = len("2021-04-17T16:43:37")
DIGITS = 9


def from_rfc3339(text: str) -> int:
    """RFC 3339 with up to nine decimals, in UTC. Raises Fault."""
    head, zone, rest = text[:SECOND_LENGTH], text[-1:], text[SECOND_LENGTH:-1]
    decimals = rest.removeprefix(".")
    if zone != "Z" or len(decimals) > DIGITS or (rest and not (rest[0] == "." and decimals.isdigit())):
        raise Fault(FaultCode.BAD_NUMBER, f"time {text[:50]!r}")
    second = datetime.strptime(head, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int(second.timestamp()) * NANOS + int((decimals or "0").ljust(DIGITS, "0"))


def from_seconds(text: str) -> int:
    """Seconds since the epoch as a decimal. Raises Fault."""
    whole, _, decimals = text.partition(".")
    if not (whole + decimals).isdigit() or not whole:
        raise Fault(FaultCode.BAD_NUMBER, f"time {text[:50]!r}")
    return int(whole) * NANOS + int(decimals[:DIGITS].ljust(DIGITS, "0"))
