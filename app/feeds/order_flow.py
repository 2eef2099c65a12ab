"""Recorded order flow: every order of a venue's day, and what came of it. Two files of JSON lines, read as streams.

Commands are numbered by `seq` from 0; prices and quantities are whole numbers of whatever the venue counts in. Keys
that are not named here are notes.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from domain.money import AMOUNT_MAX

Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[int, msgspec.Meta(gt=0)]
"""A price or a quantity."""
OrderId = int | str
Level = tuple[Amount, Amount]
"""Price and quantity."""
Parsed = TypeVar("Parsed")


class FlowError(ValueError):
    """A file cannot be played. The message tells which line, and why."""


class _Command(msgspec.Struct, frozen=True, tag_field="op", kw_only=True):
    seq: Count
    t_ns: Count
    """Nanoseconds after midnight."""
    id: OrderId


class Add(_Command, frozen=True, tag="add"):
    """A limit order: trades what it can, and rests with what is left."""

    side: Literal["B", "S"]
    px: Amount
    qty: Amount


class Take(_Command, frozen=True, tag="take"):
    """A limit order that trades all that it asks for, at once."""

    side: Literal["B", "S"]
    px: Amount
    qty: Amount


class Reduce(_Command, frozen=True, tag="reduce"):
    """Takes units off an order, which keeps its place."""

    qty: Amount


class Cancel(_Command, frozen=True, tag="cancel"):
    """Takes an order out."""


class Modify(_Command, frozen=True, tag="modify"):
    """Gives an order another price, or other open units."""

    px: Amount
    qty: Amount
    """Open units from now on."""
    keep: bool
    """Whether it keeps its place: the same price, and not more."""


Command = Add | Take | Reduce | Cancel | Modify


class Fill(msgspec.Struct, frozen=True):
    """One trade of the order that came in: with whom, at which price, and how much."""

    maker: OrderId
    px: Amount
    qty: Amount


class Expected(msgspec.Struct, frozen=True):
    """What is there after a command: its fills, or the book, or both."""

    after_seq: Count
    fills: tuple[Fill, ...] | None = None
    bids: tuple[Level, ...] | None = None
    asks: tuple[Level, ...] | None = None
    """Levels from the best on."""
    top_only: bool = False
    """Whether there may be more levels than these."""


_commands = msgspec.json.Decoder(Command)
_expected = msgspec.json.Decoder(Expected)


def commands(path: Path) -> Iterator[tuple[int, Command]]:
    """Line number and command, one after the other. Raises FlowError."""
    for wanted, (number, command) in enumerate(_read(path, _commands.decode)):
        if command.seq != wanted:
            raise FlowError(f"{path}:{number}: seq {command.seq} where {wanted} comes next")
        largest = max(getattr(command, "px", 0), getattr(command, "qty", 0))
        if largest > AMOUNT_MAX:
            raise FlowError(f"{path}:{number}: {largest} is more than {AMOUNT_MAX}")
        yield number, command


def expectations(path: Path) -> Iterator[tuple[int, Expected]]:
    """Line number and what is expected, in order of the commands. Raises FlowError."""
    last = 0
    for number, expected in _read(path, _expected.decode):
        if expected.after_seq < last:
            raise FlowError(f"{path}:{number}: after_seq {expected.after_seq} comes behind {last}")
        if expected.fills is None and expected.bids is None and expected.asks is None:
            raise FlowError(f"{path}:{number}: neither fills nor bids nor asks")
        last = expected.after_seq
        yield number, expected


def _read(path: Path, decode: Callable[[bytes], Parsed]) -> Iterator[tuple[int, Parsed]]:
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FlowError(f"{path}:{number}: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise FlowError(f"{path}:{number + 1}: cannot be read: {error}") from error
