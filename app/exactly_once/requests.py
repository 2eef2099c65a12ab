"""Kafka's two requests of every moment, packed and read in one go: aiokafka walks through a description of each field.

Fetch in version 13 (Kafka 3.1 and newer), which names topics by their ids; Produce in version 7, the newest that
aiokafka knows. Layouts: the protocol guide of Apache Kafka, "Messages: Produce (0), Fetch (1)".
"""

import struct
from collections import defaultdict
from collections.abc import Iterable
from io import BytesIO
from typing import Any, NamedTuple, Self

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7, ProduceResponse_v7
from aiokafka.protocol.types import Schema, UnsignedVarInt32

from app.exactly_once.log import TopicId

_LENGTH, _COUNT = struct.Struct(">h"), struct.Struct(">i")
_FETCH_HEAD, _FETCH_PARTITION = struct.Struct(">iiiibii"), struct.Struct(">iiqiqiB")
_FETCHED_HEAD, _FETCHED_PARTITION = struct.Struct(">ihi"), struct.Struct(">ihqqq")
_ABORTED, _ABORTED_SIZE = struct.Struct(">qq"), 17
_TOPIC_ID_SIZE, _REPLICA_SIZE = 16, 4
_PRODUCE_HEAD, _PRODUCED_PARTITION = struct.Struct(">hhii"), struct.Struct(">ihqqq")
_BATCH = struct.Struct(">ii")
_NO_SESSION = (0, -1)
_UNKNOWN = -1
_NO_TAGS = 0
_NOTHING_FORGOTTEN_NO_RACK_NO_TAGS = b"\1\1\0"
_VARINT_MORE, _VARINT_BITS = 0x80, 7


class Asked(NamedTuple):
    """From where on a partition is asked for."""

    topic_id: TopicId
    partition: int
    offset: int


class Fetched(NamedTuple):
    """What a broker says of a partition."""

    topic_id: TopicId
    partition: int
    error_code: int
    aborted: list[tuple[int, int]]
    """Producer id and first offset of each transaction that was aborted in what follows."""
    data: bytes
    """Record batches; the last one may be cut off."""


class FetchResponse(Response):  # type: ignore[misc]
    """The answer to `Fetch`."""

    API_KEY, API_VERSION, SCHEMA = 1, 13, Schema()
    error_code: int
    found: list[Fetched]

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> Self:
        """From the bytes behind the header."""
        raw = data if isinstance(data, bytes) else data.read()
        answer = cls()
        _, answer.error_code, _ = _FETCHED_HEAD.unpack_from(raw)
        answer.found = []
        topics, at = _size(raw, _FETCHED_HEAD.size)
        for _ in range(topics):
            topic_id = raw[at : at + _TOPIC_ID_SIZE]
            partitions, at = _size(raw, at + _TOPIC_ID_SIZE)
            for _ in range(partitions):
                found, at = cls._partition(raw, at, topic_id)
                answer.found.append(found)
            at = _behind_tags(raw, at)
        return answer

    @staticmethod
    def _partition(raw: bytes, at: int, topic_id: TopicId) -> tuple[Fetched, int]:
        number, code, _, _, _ = _FETCHED_PARTITION.unpack_from(raw, at)
        count, at = _size(raw, at + _FETCHED_PARTITION.size)
        aborted = [_ABORTED.unpack_from(raw, at + n * _ABORTED_SIZE) for n in range(count)]
        size, at = _size(raw, at + count * _ABORTED_SIZE + _REPLICA_SIZE)
        end = at + size
        return Fetched(topic_id, number, code, aborted, raw[at:end]), _behind_tags(raw, end)


class Fetch(RequestStruct):  # type: ignore[misc]
    """`FetchRequest` on its way."""

    API_KEY, API_VERSION, FLEXIBLE_VERSION = FetchResponse.API_KEY, FetchResponse.API_VERSION, True
    RESPONSE_TYPE, SCHEMA = FetchResponse, Schema()

    def __init__(self, encoded: bytes) -> None:
        super().__init__()
        self._encoded = encoded

    def encode(self) -> bytes:
        """The bytes behind the header."""
        return self._encoded


class FetchRequest(Request[Fetch]):  # type: ignore[misc]
    """Asks a broker for what comes next of some partitions."""

    API_KEY = Fetch.API_KEY

    def __init__(self, wait_ms: int, bytes_max: int, partition_bytes_max: int, asked: Iterable[Asked]) -> None:
        by_topic: defaultdict[TopicId, list[Asked]] = defaultdict(list)
        for place in asked:
            by_topic[place.topic_id].append(place)
        parts = [_FETCH_HEAD.pack(_UNKNOWN, wait_ms, 1, bytes_max, 1, *_NO_SESSION), _counted(len(by_topic))]
        for topic_id, places in by_topic.items():
            parts += [topic_id, _counted(len(places))]
            parts += [
                _FETCH_PARTITION.pack(
                    *(place.partition, _UNKNOWN, place.offset, _UNKNOWN, _UNKNOWN, partition_bytes_max, _NO_TAGS)
                )
                for place in places
            ]
            parts.append(bytes([_NO_TAGS]))
        self._encoded = b"".join([*parts, _NOTHING_FORGOTTEN_NO_RACK_NO_TAGS])

    def build(self, request_struct_class: type[Fetch]) -> Fetch:
        """For the connection."""
        return request_struct_class(self._encoded)


class ProduceResponse(ProduceResponse_v7):  # type: ignore[misc]
    """The answer to `Produce`."""

    topics: list[tuple[str, list[tuple[Any, ...]]]]

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> Self:
        """From the bytes behind the header."""
        raw = data if isinstance(data, bytes) else data.read()
        answer = cls()
        (topics,) = _COUNT.unpack_from(raw)
        answer.topics, at = [], _COUNT.size
        for _ in range(topics):
            topic, count, at = _topic(raw, at)
            size = _PRODUCED_PARTITION.size
            answer.topics.append((topic, [_PRODUCED_PARTITION.unpack_from(raw, at + n * size) for n in range(count)]))
            at += count * size
        return answer


class Produce(ProduceRequest_v7):  # type: ignore[misc]
    """`QuickProduceRequest` on its way."""

    RESPONSE_TYPE = ProduceResponse

    def __init__(self, acks: int, timeout_ms: int, topics: list[tuple[str, list[tuple[int, bytes]]]]) -> None:
        super().__init__()
        self._acks, self._timeout_ms, self._topics = acks, timeout_ms, topics

    def encode(self) -> bytes:
        """The bytes behind the header."""
        parts: list[bytes] = [_PRODUCE_HEAD.pack(_UNKNOWN, self._acks, self._timeout_ms, len(self._topics))]
        for topic, batches in self._topics:
            name = topic.encode()
            parts += [_LENGTH.pack(len(name)), name, _COUNT.pack(len(batches))]
            for number, batch in batches:
                parts += [_BATCH.pack(number, len(batch)), batch]
        return b"".join(parts)


class QuickProduceRequest(ProduceRequest):  # type: ignore[misc]
    """aiokafka's request; where the broker takes version 7 and there is no transaction, packed by us."""

    def build(self, request_struct_class: Any) -> Any:
        """For the connection."""
        if request_struct_class is not ProduceRequest_v7 or self._transactional_id is not None:
            return super().build(request_struct_class)
        return Produce(self._required_acks, self._timeout, self._topics)


def _topic(raw: bytes, at: int) -> tuple[str, int, int]:
    """-> a topic's name, how many partitions follow, and where they begin."""
    (length,) = _LENGTH.unpack_from(raw, at)
    at += _LENGTH.size
    end = at + length
    (count,) = _COUNT.unpack_from(raw, end)
    return raw[at:end].decode(), count, end + _COUNT.size


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """-> an unsigned number, and where it ends."""
    value, shift = raw[at] & ~_VARINT_MORE, _VARINT_BITS
    while raw[at] & _VARINT_MORE:
        at += 1
        value |= (raw[at] & ~_VARINT_MORE) << shift
        shift += _VARINT_BITS
    return value, at + 1


def _size(raw: bytes, at: int) -> tuple[int, int]:
    """-> how many follow, none where there is null, and where they begin."""
    value, at = _varint(raw, at)
    return max(value - 1, 0), at


def _counted(count: int) -> bytes:
    encoded: bytes = UnsignedVarInt32.encode(count + 1)
    return encoded


def _behind_tags(raw: bytes, at: int) -> int:
    """Where the fields end that newer brokers may add."""
    count, at = _varint(raw, at)
    for _ in range(count):
        _, at = _varint(raw, at)
        size, at = _varint(raw, at)
        at += size
    return at
