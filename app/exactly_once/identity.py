"""Where a record came from: the key by which a repetition is recognised.

An identity is the source's partition, then (incarnation, offset, index) of the inbox record that caused the output,
then the name of the source's inbox. The middle sorts as bytes like the numbers do: "was accepted before" is one
comparison.
"""

import struct

HEADER = "id"
POSITION = slice(2, 18)
"""Where the bytes of (incarnation, offset, index) stand."""
_RECORD = struct.Struct(">HIQ")
_ALL = struct.Struct(">HIQI")
_INDEX = struct.Struct(">I")


class Ends(dict[int, bytes]):
    """What follows `position` in the identities of one source, by index: computed once."""

    def __init__(self, source: bytes) -> None:
        super().__init__()
        self._source = source

    def __missing__(self, index: int) -> bytes:
        found = self[index] = _INDEX.pack(index) + self._source
        return found


def position(partition: int, incarnation: int, offset: int) -> bytes:
    """The part of an identity that all outputs of one record have in common."""
    return _RECORD.pack(partition, incarnation, offset)


def pack(source: bytes, partition: int, incarnation: int, offset: int, index: int) -> bytes:
    """The identity of the `index`-th output to one topic, caused by the record at `offset` of the source's inbox."""
    return position(partition, incarnation, offset) + _INDEX.pack(index) + source


def unpack(identity: bytes) -> tuple[bytes, int, int, int, int]:
    """-> source, partition, incarnation, offset, index."""
    partition, incarnation, offset, index = _ALL.unpack_from(identity)
    return identity[_ALL.size :], partition, incarnation, offset, index


def source_of(identity: bytes) -> str:
    """The shard that sent it, as the key of its row in `seen`. Raises ValueError where it is no identity."""
    if len(identity) <= _ALL.size:
        raise ValueError(identity)
    return name_of(identity[:2] + identity[_ALL.size :])


def name_of(source: bytes) -> str:
    """The name of a source that is given as identities have it: partition, then inbox."""
    return f"{source[2:].decode()}-{int.from_bytes(source[:2], 'big')}"


def source_in(name: str) -> bytes:
    """The source of that name, as identities have it."""
    inbox, _, partition = name.rpartition("-")
    return int(partition).to_bytes(2, "big") + inbox.encode()
