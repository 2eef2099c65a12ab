"""Version 13 of Kafka's Fetch in aiokafka's language of descriptions, after the protocol guide: slow, easily read."""

from collections.abc import Mapping
from io import BytesIO

from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
    UnsignedVarInt32,
)

from app.exactly_once.topic_ids import Uuid


class Tags:
    """aiokafka reads them, but forgets to write their sizes."""

    @staticmethod
    def encode(tags: Mapping[int, bytes]) -> bytes:
        number = UnsignedVarInt32.encode
        return b"".join([number(len(tags)), *(number(tag) + number(len(data)) + data for tag, data in tags.items())])

    @staticmethod
    def decode(data: BytesIO) -> dict[int, bytes]:
        return TaggedFields.decode(data)


FETCH_REQUEST = Schema(
    ("replica_id", Int32),
    ("max_wait_ms", Int32),
    ("min_bytes", Int32),
    ("max_bytes", Int32),
    ("isolation_level", Int8),
    ("session_id", Int32),
    ("session_epoch", Int32),
    (
        "topics",
        CompactArray(
            ("topic_id", Uuid),
            (
                "partitions",
                CompactArray(
                    ("partition", Int32),
                    ("current_leader_epoch", Int32),
                    ("fetch_offset", Int64),
                    ("last_fetched_epoch", Int32),
                    ("log_start_offset", Int64),
                    ("partition_max_bytes", Int32),
                    ("tags", Tags),
                ),
            ),
            ("tags", Tags),
        ),
    ),
    ("forgotten_topics", CompactArray(("topic_id", Uuid), ("partitions", CompactArray(Int32)), ("tags", Tags))),
    ("rack_id", CompactString("utf-8")),
    ("tags", Tags),
)

FETCH_RESPONSE = Schema(
    ("throttle_time_ms", Int32),
    ("error_code", Int16),
    ("session_id", Int32),
    (
        "responses",
        CompactArray(
            ("topic_id", Uuid),
            (
                "partitions",
                CompactArray(
                    ("partition", Int32),
                    ("error_code", Int16),
                    ("high_watermark", Int64),
                    ("last_stable_offset", Int64),
                    ("log_start_offset", Int64),
                    (
                        "aborted_transactions",
                        CompactArray(("producer_id", Int64), ("first_offset", Int64), ("tags", Tags)),
                    ),
                    ("preferred_read_replica", Int32),
                    ("records", CompactBytes),
                    ("tags", Tags),
                ),
            ),
            ("tags", Tags),
        ),
    ),
    ("tags", Tags),
)
