"""Which topic of a name there is: Kafka gives each an id, and a topic that is made anew gets another one.

Metadata in version 12 (Kafka 3.1 and newer); aiokafka's own, version 5, knows no ids. Layout: the protocol guide of
Apache Kafka, "Messages: Metadata (3)".
"""

from io import BytesIO
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import KafkaError, NoError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from app.exactly_once.log import TopicId, Unavailable


class Uuid:
    """Sixteen bytes."""

    @staticmethod
    def encode(value: bytes) -> bytes:
        """As they are."""
        return value

    @staticmethod
    def decode(data: BytesIO) -> bytes:
        """As they are."""
        return data.read(16)


NO_ID = bytes(16)
_TAGS = ("tags", TaggedFields)


class MetadataResponse(Response):  # type: ignore[misc]
    """The answer to `Metadata`."""

    API_KEY, API_VERSION = 3, 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                *(("node_id", Int32), ("host", CompactString("utf-8")), ("port", Int32)),
                *(("rack", CompactString("utf-8")), _TAGS),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                *(("error_code", Int16), ("name", CompactString("utf-8")), ("topic_id", Uuid)),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        *(("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32)),
                        *(("replicas", CompactArray(Int32)), ("isr", CompactArray(Int32))),
                        *(("offline_replicas", CompactArray(Int32)), _TAGS),
                    ),
                ),
                *(("authorized_operations", Int32), _TAGS),
            ),
        ),
        _TAGS,
    )
    topics: list[tuple[Any, ...]]


class Metadata(RequestStruct):  # type: ignore[misc]
    """`MetadataRequest` on its way."""

    API_KEY, API_VERSION, FLEXIBLE_VERSION = MetadataResponse.API_KEY, MetadataResponse.API_VERSION, True
    RESPONSE_TYPE = MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("name", CompactString("utf-8")), _TAGS)),
        *(("may_create", Boolean), ("with_authorized_operations", Boolean), _TAGS),
    )


class MetadataRequest(Request[Metadata]):  # type: ignore[misc]
    """Asks a broker for one topic, which it must not create."""

    API_KEY = Metadata.API_KEY

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[Metadata]) -> Metadata:
        """For the connection."""
        return request_struct_class([(NO_ID, self._topic, {})], False, False, {})


async def topic_id(client: AIOKafkaClient, topic: str) -> TopicId:
    """The id of the topic that has this name now. Raises Unavailable where there is none, or no broker answers."""
    try:
        # A connection of its own: behind a fetch it would wait for records.
        answer = await client.send(client.get_random_node(), MetadataRequest(topic), group=ConnectionGroup.COORDINATION)
    except KafkaError as error:
        raise Unavailable(f"{topic}: {error!r}") from error
    ((code, _, found, *_),) = answer.topics
    if code != NoError.errno:
        raise Unavailable(f"{topic}: {for_code(code).__name__}")
    assert isinstance(found, bytes)
    return found
