"""Kafka's two requests of every moment, packed and read in one go: aiokafka walks through a description of each field.

Fetch in version 11 (Kafka 2.3 and newer), Produce in version 7, the newest that aiokafka knows. Layouts: the protocol
guide of Apache Kafka, "Messages: Produce (0), Fetch (1)".
"""

import struct
from collections import defaultdict
from collections.abc import Iterable
from io import BytesIO
from typing import Any, NamedTuple, Self

from aiokafka.protocol.api import Request
from aiokafka.protocol.fetch import FetchRequest_v11, FetchResponse_v11
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7, ProduceResponse_v7

_LENGTH, _COUNT = struct.Struct(">h"), struct.Struct(">i")
_FETCH_HEAD, _FETCH_PARTITION = struct.Struct(">iiiibii"), struct.Struct(">iiqqi")
_FETCHED_HEAD, _FETCHED_PARTITION = struct.Struct(">ihii"), struct.Struct(">ihqqqi")
_ABORTED = struct.Struct(">qq")
_PRODUCE_HEAD, _PRODUCED_PARTITION = struct.Struct(">hhii"), struct.Struct(">ihqqq")
_BATCH = struct.Struct(">ii")
_NO_SESSION = (0, -1)
_UNKNOWN = -1


class Asked(NamedTuple):
    """From where on a partition is asked for."""

    topic: str
    partition: int
    offset: int


class Fetched(NamedTuple):
    """What a broker says of a partition."""

    topic: str
    partition: int
    error_code: int
    aborted: list[tuple[int, int]]
    """Producer id and first offset of each transaction that was aborted in what follows."""
    data: bytes
    """Record batches; the last one may be cut off."""


class FetchResponse(FetchResponse_v11):  # type: ignore[misc]
    """The answer to `Fetch`."""

    error_code: int
    found: list[Fetched]

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> Self:
        """From the bytes behind the header."""
        raw = data if isinstance(data, bytes) else data.read()
        answer = cls()
        _, answer.error_code, _, topics = _FETCHED_HEAD.unpack_from(raw)
        answer.found, at = [], _FETCHED_HEAD.size
        for _ in range(topics):
            topic, partitions, at = _topic(raw, at)
            for _ in range(partitions):
                found, at = cls._partition(raw, at, topic)
                answer.found.append(found)
        return answer

    @staticmethod
    def _partition(raw: bytes, at: int, topic: str) -> tuple[Fetched, int]:
        number, code, _, _, _, aborted_count = _FETCHED_PARTITION.unpack_from(raw, at)
        at += _FETCHED_PARTITION.size
        aborted = [_ABORTED.unpack_from(raw, at + n * _ABORTED.size) for n in range(aborted_count)]
        at += len(aborted) * _ABORTED.size + _COUNT.size  # the replica that it would prefer
        (size,) = _COUNT.unpack_from(raw, at)
        at += _COUNT.size
        end = at + max(size, 0)
        return Fetched(topic, number, code, aborted, raw[at:end]), end


class Fetch(FetchRequest_v11):  # type: ignore[misc]
    """`FetchRequest` on its way."""

    RESPONSE_TYPE = FetchResponse

    def __init__(self, encoded: bytes) -> None:
        super().__init__()
        self._encoded = encoded

    def encode(self) -> bytes:
        """The bytes behind the header."""
        return self._encoded


class FetchRequest(Request[FetchRequest_v11]):  # type: ignore[misc]
    """Asks a broker for what comes next of some partitions."""

    API_KEY = FetchRequest_v11.API_KEY

    def __init__(self, wait_ms: int, bytes_max: int, partition_bytes_max: int, asked: Iterable[Asked]) -> None:
        by_topic: defaultdict[str, list[Asked]] = defaultdict(list)
        for place in asked:
            by_topic[place.topic].append(place)
        parts = [_FETCH_HEAD.pack(_UNKNOWN, wait_ms, 1, bytes_max, 1, *_NO_SESSION), _COUNT.pack(len(by_topic))]
        for topic, places in by_topic.items():
            name = topic.encode()
            parts += [_LENGTH.pack(len(name)), name, _COUNT.pack(len(places))]
            parts += [
                _FETCH_PARTITION.pack(place.partition, _UNKNOWN, place.offset, _UNKNOWN, partition_bytes_max)
                for place in places
            ]
        parts += [_COUNT.pack(0), _LENGTH.pack(0)]  # forgotten topics, rack
        self._encoded = b"".join(parts)

    def build(self, request_struct_class: type[FetchRequest_v11]) -> FetchRequest_v11:  # noqa: ARG002 - there is one
        """For the connection."""
        return Fetch(self._encoded)


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
