"""Which topic of a name there is, asked of any broker."""

from io import BytesIO
from typing import Any

import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaConnectionError

from app.exactly_once.log import Unavailable
from app.exactly_once.topic_ids import Metadata, MetadataRequest, MetadataResponse, topic_id

ID = b"sixteen bytes id"
PARTITION = (0, 3, 1, 7, [1, 2], [1], [], {})
UNKNOWN_TOPIC = 3


def answer(code: int = 0, topic_id: bytes = ID) -> MetadataResponse:
    """As a broker writes it and the connection reads it."""
    topics = [(code, "orders", topic_id, False, [PARTITION, PARTITION], -1, {})]
    encoded = MetadataResponse(0, [(1, "localhost", 9092, None, {})], "cluster", 1, topics, {}).encode()
    return MetadataResponse.decode(BytesIO(encoded))


class Client:
    """One broker with the number 4."""

    def __init__(self, found: Any) -> None:
        self.found, self.asked = found, list[tuple[int, MetadataRequest, ConnectionGroup]]()

    def get_random_node(self) -> int:
        return 4

    async def send(self, node: int, request: MetadataRequest, *, group: ConnectionGroup) -> Any:
        self.asked.append((node, request, group))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


async def test_the_id_of_a_topic_is_asked_for_by_its_name_and_beside_the_fetches() -> None:
    client = Client(answer())
    assert await topic_id(client, "orders") == ID
    ((node, request, group),) = client.asked
    assert (node, group) == (4, ConnectionGroup.COORDINATION)
    sent = request.prepare({MetadataRequest.API_KEY: (0, 13)})
    assert (sent.API_KEY, sent.API_VERSION) == (3, 12)
    assert sent.build_request_header(5, "me").SCHEMA.names[-1] == "tags"
    assert sent.encode() == bytes([2]) + bytes(16) + bytes([7]) + b"orders" + bytes([0, 0, 0, 0])  # creates none


async def test_a_topic_that_is_not_there_is_waited_for() -> None:
    with pytest.raises(Unavailable, match="orders: UnknownTopicOrPartitionError"):
        await topic_id(Client(answer(UNKNOWN_TOPIC, bytes(16))), "orders")


async def test_a_broker_that_is_not_there_is_waited_for() -> None:
    with pytest.raises(Unavailable, match="KafkaConnectionError"):
        await topic_id(Client(KafkaConnectionError("away")), "orders")


def test_an_older_broker_is_refused() -> None:
    with pytest.raises(NotImplementedError):
        MetadataRequest("orders").prepare({Metadata.API_KEY: (0, 11)})
