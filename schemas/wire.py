"""What all messages have in common: the envelope, and whole numbers of nanos in place of decimals."""

from collections.abc import Callable
from enum import StrEnum
from struct import Struct
from typing import Any, ClassVar, Protocol, Self, TypeVar

import msgspec

NANOS = 1_000_000_000
"""Nanos in one unit of a price, a quantity or an amount: nothing in the system is a float."""


class Envelope(Protocol):
    """Where a message comes from."""

    @property
    def event_id(self) -> str: ...
    @property
    def command_id(self) -> str: ...
    @property
    def correlation_id(self) -> str: ...
    @property
    def caused_by(self) -> str: ...
    @property
    def actor_id(self) -> str: ...
    @property
    def timestamp(self) -> int: ...


class Sender(Protocol):
    """Whoever sends what a machine made: knows the envelope, already encoded for the most part."""

    @property
    def event_id(self) -> bytes:
        """Of the message that is being encoded, as an Avro string."""

    def __getitem__(self, caused_by: str) -> bytes:
        """What follows the event id in the envelope, by what the message says of its cause: maybe nothing."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """A command or an event. Machines leave the envelope, its last six fields, empty: who sends it fills them in."""

    schema_name: ClassVar[str]

    def encoded(self, sent: Sender | None = None) -> bytes:
        """The Avro bytes; `sent` gives the envelope of a message that a machine made."""
        raise NotImplementedError

    @classmethod
    def decoded(cls, data: bytes, at: int) -> Self:
        """From Avro bytes that were written with today's schema."""
        raise NotImplementedError

    @classmethod
    def from_avro(cls, data: dict[str, Any]) -> Self:
        """From what an Avro library reads, which knows how to read older schemas."""
        raise NotImplementedError


# What the generated encoders and decoders are made of. Tables in place of functions: a look-up costs a fifth of a call.


class _Longs(dict[int, bytes]):
    """Avro's longs: zigzag, then seven bits a byte, the lowest first. Begins anew when it has grown to its bound."""

    def __missing__(self, number: int) -> bytes:
        rest = (number << 1) ^ (number >> 63)
        assert 0 <= rest < 1 << 64, "an Avro long has 64 bits"
        if rest >> 56 and not rest >> 63:
            data = nine_bytes(rest)
            self.remember(number, data)
            remember_time(data, number)
            return data
        found = bytearray()
        while rest > 0x7F:  # noqa: PLR2004 - seven bits
            found.append(rest & 0x7F | 0x80)
            rest >>= 7
        found.append(rest)
        data = bytes(found)
        self.remember(number, data)
        return data

    def remember(self, number: int, data: bytes) -> None:
        """What was read need not be computed when it is written."""
        if len(self) >= ENTRIES_MAX:
            self.clear()
        self[number] = data


class _Nanos(dict[int, bytes]):
    """Avro decimals of scale 9: two's complement, big endian, as short as can be, behind their length."""

    def __missing__(self, nanos: int) -> bytes:
        data = nanos.to_bytes(((nanos if nanos >= 0 else ~nanos).bit_length() >> 3) + 1, "big", signed=True)
        assert len(data) <= NANOS_BYTES_MAX, "more than the 38 digits of the schema"
        if len(self) >= ENTRIES_MAX:
            self.clear()
        found = self[nanos] = LENGTH[len(data)] + data
        return found


class _Strings(dict[str, bytes]):
    """Avro strings behind their length. An id goes into a dozen messages, a symbol into all of them."""

    def __missing__(self, text: str) -> bytes:
        data = text.encode()
        if len(self) >= ENTRIES_MAX:
            self.clear()
        found = LENGTH[len(data)] + data
        if len(data) <= STRING_BYTES_MAX:
            self[text] = found
        return found


class _NanosRead(dict[bytes, int]):
    """Decimals by what stands for them, length included."""

    def __missing__(self, data: bytes) -> int:
        if len(self) >= ENTRIES_MAX:
            self.clear()
        found = self[data] = int.from_bytes(data[1:], "big", signed=True)
        return found


ENTRIES_MAX = 1 << 12
"""What came lately comes again; a larger table would not fit beside everything else in a core's cache."""
NANOS_BYTES_MAX = 16
"""38 digits fit in 127 bits."""
NANOS_SIZE_AT = {size << 1: size + 1 for size in range(NANOS_BYTES_MAX + 1)}
"""Bytes of a decimal, its length included, by that length: there is no longer one."""
STRING_BYTES_MAX = 100
"""Longer ones are not remembered."""
LONG = LENGTH = COUNT = _Longs()
NANOS_BYTES = _Nanos()
NANOS_FROM = _NanosRead()
STRING = _Strings()
PRESENT = {2: 1}
"""Bytes of the branch of ["null", type] that is not null, by what they hold: another branch there is not."""
BOOLEAN = (b"\0", b"\1")


class Run:
    """Fields that stand together in a message: as they usually are, and as they were in the last one that was encoded.

    An inquiry is told of several times in a row, and what was asked for is always the same.
    """

    __slots__ = ("last", "usual", "usual_bytes")

    def __init__(self, usual: tuple[Any, ...], usual_bytes: bytes) -> None:
        self.usual, self.usual_bytes = usual, usual_bytes
        self.last: tuple[tuple[Any, ...], bytes] = ((), b"")
        """Values and bytes in one: they are read in one step, whoever else encodes meanwhile."""


DOUBLE = Struct("<d")


TIME_AT: dict[bytes, int] = {}
"""Times by their bytes: what belongs together has the same time."""
TIMES_MAX = 1 << 14
TIME_SIZE = 9
"""Bytes of a time between 1971 and 2116."""


_EIGHT = Struct("<Q")
_MORE = 0x8080808080808080
"""The bits that say that another byte follows, of eight bytes."""


def nine_bytes(rest: int) -> bytes:
    """Zigzag of a time as an Avro long: 56 bits are spread over eight bytes, twice 28, four times 14, eight times 7."""
    spread = (rest & 0xFFFFFFF) | (rest & 0xFFFFFFF0000000) << 4
    spread = (spread & 0x3FFF00003FFF) | (spread & 0xFFFC0000FFFC000) << 2
    spread = (spread & 0x7F007F007F007F) | (spread & 0x3F803F803F803F80) << 1
    return _EIGHT.pack(spread | _MORE) + bytes((rest >> 56,))


def read_time(data: bytes, at: int) -> tuple[int, int]:
    """A long that comes again soon, most of them times -> it, and where the next field begins.

    One that takes nine bytes without need is remembered by nobody: what is written is as short as can be.
    """
    end = at + TIME_SIZE
    found = data[at:end]
    (spread,) = _EIGHT.unpack_from(found) if len(found) == TIME_SIZE and 0 < found[-1] < 0x80 else (0,)  # noqa: PLR2004
    if spread & _MORE != _MORE:
        return read_long(data, at)
    spread ^= _MORE
    spread = (spread & 0x7F007F007F007F) | (spread & 0x7F007F007F007F00) >> 1
    spread = (spread & 0x3FFF00003FFF) | (spread & 0x3FFF00003FFF0000) >> 2
    rest = (spread & 0xFFFFFFF) | (spread & 0xFFFFFFF00000000) >> 4 | found[-1] << 56
    time = (rest >> 1) ^ -(rest & 1)
    remember_time(found, time)
    LONG.remember(time, found)
    return time, end


def remember_time(data: bytes, time: int) -> None:
    """A shard writes the time that it read, and the next one reads it again."""
    if len(TIME_AT) >= TIMES_MAX:
        TIME_AT.clear()
    TIME_AT[data] = time


def envelope_bytes(message: Any) -> bytes:
    """The envelope that a message has itself."""
    strings = (message.event_id, message.command_id, message.correlation_id, message.caused_by, message.actor_id)
    return b"".join([STRING[text] for text in strings]) + LONG[message.timestamp]


def bytes_to_nanos(data: bytes) -> int:
    """The unscaled value of an Avro decimal of scale 9."""
    if len(data) > NANOS_BYTES_MAX:
        raise ValueError("more than the 38 digits of the schema")
    return int.from_bytes(data, "big", signed=True)


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """-> an Avro long, and where the next field begins."""
    byte = data[at]
    at += 1
    number, shift = byte & 0x7F, 7
    while byte & 0x80:
        if shift > 63:  # noqa: PLR2004 - nine bytes of seven bits; a tenth may follow, and not a million
            raise ValueError("a long of more than ten bytes")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
    if number >> 64:
        raise ValueError("a long of more than 64 bits")
    return (number >> 1) ^ -(number & 1), at


def read_double(data: bytes, at: int) -> tuple[float, int]:
    """-> an Avro double, and where the next field begins."""
    if at + DOUBLE.size > len(data):
        raise ValueError("a double that is cut off")
    (number,) = DOUBLE.unpack_from(data, at)
    return number, at + DOUBLE.size


def long_size(data: bytes, at: int) -> tuple[int, int]:
    """A length of more than one byte -> twice the length, and where its bytes begin."""
    size, at = read_long(data, at)
    if size < 0:
        raise ValueError("a length below zero")
    return size << 1, at


Item = TypeVar("Item")


def read_items(data: bytes, at: int, decoded: Callable[[bytes, int], tuple[Item, int]]) -> tuple[tuple[Item, ...], int]:
    """An Avro array: blocks of items, then an empty block."""
    found: list[Item] = []
    while True:
        count, at = read_long(data, at)
        if count == 0:
            return tuple(found), at
        if count < 0:  # its size in bytes follows
            count = -count
            _, at = read_long(data, at)
        for _ in range(count):
            item, at = decoded(data, at)
            found.append(item)


Symbol = TypeVar("Symbol", bound=StrEnum)


def positions(enum: type[Symbol]) -> tuple[dict[int, Symbol], dict[Symbol, bytes]]:
    """The symbols of an enum by the byte that stands for them, and the other way round."""
    assert len(enum) <= 64, "more symbols than one byte tells apart"  # noqa: PLR2004
    by_byte = {number << 1: symbol for number, symbol in enumerate(enum)}
    return by_byte, {symbol: bytes([byte]) for byte, symbol in by_byte.items()}
