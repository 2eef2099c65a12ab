"""Recordings of venues, in the layouts in which they are found, as frames."""

import gzip
import heapq
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from app.feeds.frames import Fault, FaultCode, Frame, Kind
from app.feeds.numbers import from_seconds

MILLISECOND_NS = 1_000_000
NEW_YORK = ZoneInfo("America/New_York")
KINDS = {"in": Kind.SOCKET, "http": Kind.ANSWER, "out": Kind.REQUEST, "connect": Kind.CONNECTED}


class RecordingError(Exception):
    """A recording cannot be read. The message tells which, and why."""


class _Row(msgspec.Struct):
    ts: str = ""
    dir: str = ""
    raw: str = ""
    url: str = ""
    response: msgspec.Raw = msgspec.Raw()


_rows = msgspec.json.Decoder(_Row)


def read(*paths: Path) -> Iterator[Frame]:
    """The frames of all files, by the time of their receipt. Raises RecordingError."""
    return heapq.merge(*map(_read_one, paths), key=lambda frame: frame.at)


def _read_one(path: Path) -> Iterator[Frame]:
    opened = gzip.open if path.suffix == ".gz" else open
    at = 0
    try:
        with opened(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                frame = _frame(path, number, line.rstrip(b"\r\n"))
                at = max(at, frame.at)
                yield frame._replace(at=at)
    except (OSError, EOFError, ValueError, Fault) as error:
        raise RecordingError(f"{path}: {error}") from error


def _frame(path: Path, number: int, line: bytes) -> Frame:
    """One line: of a table of ticks, `receive time in ns, blank, text`, or a row of JSON."""
    if ".csv" in path.suffixes:
        return Frame(_midnight(path.name) + _milliseconds(line) * MILLISECOND_NS, line, source=f"{path.name}:{number}")
    received, _, text = line.partition(b" ")
    if received.isdigit():
        return Frame(int(received), text, Kind.ANSWER if text.startswith(b'{"lastUpdateId"') else Kind.SOCKET)
    try:
        row = _rows.decode(line)
    except msgspec.DecodeError:
        return Frame(0, line)
    if bytes(row.response):
        return Frame(0, bytes(row.response), Kind.ANSWER)
    at = from_seconds(row.ts) if row.ts else 0
    return Frame(at, row.raw.encode(), KINDS.get(row.dir, Kind.NOTE), row.url)


def _milliseconds(line: bytes) -> int:
    first = line.partition(b",")[0]
    return int(first) if first.isdigit() else 0


@lru_cache(maxsize=64)
def _midnight(name: str) -> int:
    parts = name.partition(".")[0].split("_")
    if len(parts) != 3:  # noqa: PLR2004 - symbol, day, kind
        raise Fault(FaultCode.BAD_NAME, "a file of ticks is named symbol_yyyymmdd_kind.csv")
    return int(datetime.strptime(parts[1], "%Y%m%d").replace(tzinfo=NEW_YORK).timestamp()) * 1_000_000_000
