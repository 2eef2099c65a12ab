"""Our packed requests are, byte for byte, what their descriptions make, and our answers say what those would say."""

from io import BytesIO
from typing import Any

import pytest
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol import produce
from fetch_13 import FETCH_REQUEST, FETCH_RESPONSE
from hypothesis import given
from hypothesis import strategies as st

from app.exactly_once.requests import (
    Asked,
    Fetch,
    Fetched,
    FetchRequest,
    FetchResponse,
    Produce,
    ProduceResponse,
    QuickProduceRequest,
)

READ_COMMITTED = 1
WAIT_MS, BYTES_MAX, PARTITION_BYTES_MAX = 100, 16 << 20, 256 << 10


def whole(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)


NAMES = st.text(max_size=30)
BATCHES = st.lists(st.tuples(NAMES, st.lists(st.tuples(whole(32), st.binary(max_size=50)), max_size=4)), max_size=4)


# --- Produce ----------------------------------------------------------------------------------------------------------


def assert_is_packed_alike(*arguments: Any) -> None:
    ours = QuickProduceRequest(*arguments).build(produce.ProduceRequest_v7)
    theirs = produce.ProduceRequest(*arguments).build(produce.ProduceRequest_v7)
    assert isinstance(ours, Produce)
    assert ours.encode() == theirs.encode()
    assert ours.build_request_header(5, "me").encode() == theirs.build_request_header(5, "me").encode()


@pytest.mark.parametrize(
    "topics",
    [
        [],
        [("out", [(0, b"batch")])],
        [("out", [(2, b"batch" * 100), (0, b"")]), ("größe-出", [(1, bytearray(b"another"))]), ("empty", [])],
    ],
    ids=["nothing", "one", "several"],
)
def test_a_produce_request_has_the_bytes_of_aiokafkas(topics: list[tuple[str, list[tuple[int, bytes]]]]) -> None:
    assert_is_packed_alike(None, -1, 40_000, topics)


@given(acks=whole(16), timeout_ms=whole(32), topics=BATCHES)
def test_every_produce_request_has_the_bytes_of_aiokafkas(
    acks: int, timeout_ms: int, topics: list[tuple[str, list[tuple[int, bytes]]]]
) -> None:
    assert_is_packed_alike(None, acks, timeout_ms, topics)


OTHER_VERSIONS = [getattr(produce, f"ProduceRequest_v{number}") for number in range(7)]


@pytest.mark.parametrize("version", OTHER_VERSIONS)
def test_a_broker_without_our_version_gets_aiokafkas_request(version: type[Any]) -> None:
    arguments = (None, -1, 40_000, [("out", [(0, b"batch")])])
    built = QuickProduceRequest(*arguments).build(version)
    assert type(built) is version
    assert built.encode() == produce.ProduceRequest(*arguments).build(version).encode()


@pytest.mark.parametrize("transactional_id", ["shard-7", ""])
def test_a_transactions_request_is_aiokafkas(transactional_id: str) -> None:
    arguments = (transactional_id, -1, 40_000, [("out", [(0, b"batch")])])
    built = QuickProduceRequest(*arguments).build(produce.ProduceRequest_v7)
    assert type(built) is produce.ProduceRequest_v7
    assert built.encode() == produce.ProduceRequest(*arguments).build(produce.ProduceRequest_v7).encode()


def test_a_transactions_request_is_refused_where_aiokafka_refuses_it() -> None:
    with pytest.raises(IncompatibleBrokerVersion):
        QuickProduceRequest("shard-7", -1, 40_000, []).build(produce.ProduceRequest_v2)


@pytest.mark.parametrize(("newest", "wanted"), [(6, produce.ProduceRequest_v6), (7, Produce), (12, Produce)])
def test_the_newest_version_that_both_know_is_taken(newest: int, wanted: type[Any]) -> None:
    request = QuickProduceRequest(None, -1, 40_000, [("out", [(0, b"batch")])])
    assert request.required_acks == -1  # the client looks at it
    assert type(request.prepare({request.API_KEY: (0, newest)})) is wanted


PRODUCED = st.lists(
    st.tuples(NAMES, st.lists(st.tuples(whole(32), whole(16), whole(64), whole(64), whole(64)), max_size=4)),
    max_size=4,
)


@given(topics=PRODUCED, throttle_ms=whole(32))
def test_an_answer_to_a_produce_request_is_read_as_aiokafka_reads_it(topics: list[Any], throttle_ms: int) -> None:
    raw = produce.ProduceResponse_v7(topics, throttle_ms).encode()
    for data in (raw, BytesIO(raw)):
        answer = ProduceResponse.decode(data)
        assert answer.topics == topics == produce.ProduceResponse_v7.decode(raw).topics
    assert answer.API_VERSION == 7  # the sender looks at it


# --- Fetch ------------------------------------------------------------------------------------------------------------

ORDERS, ACCOUNTS = b"orders topic id.", b"accounts topicid"
TOPIC_IDS = st.binary(min_size=16, max_size=16)
TAGS = st.dictionaries(st.integers(0, 1 << 21), st.binary(max_size=300), max_size=3).map(
    lambda tags: dict(sorted(tags.items()))
)


def request_for(asked: list[Asked]) -> Fetch:
    return FetchRequest(WAIT_MS, BYTES_MAX, PARTITION_BYTES_MAX, asked).build(Fetch)


def assert_is_asked(asked: list[Asked], topics: list[tuple[bytes, list[tuple[int, int]]]]) -> None:
    """The bytes are those of the description, for a reader without a session, of committed records only."""
    described = [
        (topic_id, [(number, -1, offset, -1, -1, PARTITION_BYTES_MAX, {}) for number, offset in places], {})
        for topic_id, places in topics
    ]
    wanted = (-1, WAIT_MS, 1, BYTES_MAX, READ_COMMITTED, 0, -1, described, [], "", {})
    assert request_for(asked).encode() == FETCH_REQUEST.encode(wanted)


def test_a_fetch_request_names_topics_in_the_order_in_which_they_came() -> None:
    asked = [Asked(ORDERS, 3, 7), Asked(ACCOUNTS, 1, 1 << 40), Asked(ORDERS, 0, 0)]
    assert_is_asked(asked, [(ORDERS, [(3, 7), (0, 0)]), (ACCOUNTS, [(1, 1 << 40)])])


def test_a_fetch_request_for_nothing_names_no_topic() -> None:
    assert_is_asked([], [])


@given(topics=st.dictionaries(TOPIC_IDS, st.lists(st.tuples(whole(32), whole(64)), min_size=1, max_size=200)))
def test_every_fetch_request_has_the_bytes_of_its_description(topics: dict[bytes, list[tuple[int, int]]]) -> None:
    asked = [Asked(topic_id, *place) for topic_id, places in topics.items() for place in places]
    assert_is_asked(asked, list(topics.items()))


def test_a_fetch_request_takes_any_iterable_of_places_and_its_limits_are_its_own() -> None:
    request = FetchRequest(7, 1_000, 500, (Asked(ORDERS, number, 3) for number in range(2)))
    places = [(number, -1, 3, -1, -1, 500, {}) for number in range(2)]
    wanted = (-1, 7, 1, 1_000, READ_COMMITTED, 0, -1, [(ORDERS, places, {})], [], "", {})
    assert request.build(Fetch).encode() == FETCH_REQUEST.encode(wanted)


def test_a_broker_that_takes_our_version_gets_it() -> None:
    request = FetchRequest(WAIT_MS, BYTES_MAX, PARTITION_BYTES_MAX, [Asked(ORDERS, 0, 0)])
    built = request.prepare({request.API_KEY: (4, 17)})
    assert isinstance(built, Fetch)
    assert (built.API_KEY, built.API_VERSION) == (1, 13)
    assert built.RESPONSE_TYPE is FetchResponse


def test_a_broker_that_does_not_take_our_version_is_refused() -> None:
    request = FetchRequest(WAIT_MS, BYTES_MAX, PARTITION_BYTES_MAX, [Asked(ORDERS, 0, 0)])
    with pytest.raises(NotImplementedError):
        request.prepare({request.API_KEY: (0, 12)})


ABORTED = st.none() | st.lists(st.tuples(whole(64), whole(64), st.just({})), max_size=200)
PARTITIONS = st.tuples(
    *(whole(32), whole(16), whole(64), whole(64), whole(64)),
    *(ABORTED, whole(32), st.none() | st.binary(max_size=50), TAGS),
)
FETCHED = st.lists(st.tuples(TOPIC_IDS, st.lists(PARTITIONS, max_size=4), TAGS), max_size=4)


def found_in(topics: list[Any]) -> list[Fetched]:
    return [
        Fetched(topic_id, number, code, [transaction[:2] for transaction in aborted or []], data or b"")
        for topic_id, partitions, _ in topics
        for number, code, _, _, _, aborted, _, data, _ in partitions
    ]


@pytest.mark.parametrize("aborted", [None, [], [(7, 3)], [(7, 3), (8, 4), (7, 9)]])
@pytest.mark.parametrize("data", [None, b"", b"batches", b"batch" * 5_000])
def test_an_answer_to_a_fetch_request_says_what_it_found(aborted: list[tuple[int, int]] | None, data: bytes) -> None:
    transactions = None if aborted is None else [(*transaction, {}) for transaction in aborted]
    one, two = (1, 0, 20, 19, 5, transactions, -1, data, {}), (0, 6, -1, -1, -1, None, -1, None, {1: b"leader"})
    topics = [(ORDERS, [one, two], {}), (bytes(16), [], {}), (ACCOUNTS, [two, one], {})]
    answer = FetchResponse.decode(FETCH_RESPONSE.encode((0, 0, 0, topics, {})))
    found = (0, aborted or [], data or b"")
    assert answer.found == [
        (ORDERS, 1, *found),
        (ORDERS, 0, 6, [], b""),
        (ACCOUNTS, 0, 6, [], b""),
        (ACCOUNTS, 1, *found),
    ]
    assert answer.error_code == 0


@given(topics=FETCHED, throttle_ms=whole(32), code=whole(16), session=whole(32), tags=TAGS)
def test_every_answer_to_a_fetch_request_is_read_as_described(
    topics: list[Any], throttle_ms: int, code: int, session: int, tags: dict[int, bytes]
) -> None:
    raw = FETCH_RESPONSE.encode((throttle_ms, code, session, topics, tags))
    for data in (raw, BytesIO(raw)):
        answer = FetchResponse.decode(data)
        assert answer.found == found_in(topics)
        assert answer.error_code == code


@pytest.mark.parametrize("topics", [None, []])
def test_an_answer_without_topics_has_found_nothing(topics: list[Any] | None) -> None:
    answer = FetchResponse.decode(FETCH_RESPONSE.encode((0, 70, 0, topics, {})))
    assert (answer.error_code, answer.found) == (70, [])


# --- the connection ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "raw"),
    [
        (FetchResponse, FETCH_RESPONSE.encode((0, 6, 0, [], {}))),
        (ProduceResponse, produce.ProduceResponse_v7([("out", [(0, 0, 1, 2, 3)])], 0).encode()),
    ],
)
def test_an_answer_begins_where_its_header_ended(ours: Any, raw: bytes) -> None:
    behind_header = BytesIO(b"head" + raw)
    behind_header.read(4)
    assert vars(ours.decode(behind_header)) == vars(ours.decode(raw))


def test_what_the_connection_writes_into_its_debug_log_can_be_written() -> None:
    fetched = FetchResponse.decode(FETCH_RESPONSE.encode((0, 0, 0, [(ORDERS, [], {})], {})))
    produced = ProduceResponse.decode(produce.ProduceResponse_v7([("out", [(0, 0, 1, 2, 3)])], 0).encode())
    asked = request_for([])
    sent = QuickProduceRequest(None, -1, 40_000, []).build(produce.ProduceRequest_v7)
    written = [str(each) for each in (fetched, produced, asked, sent)]
    assert [text.split("(")[0] for text in written] == ["FetchResponse", "ProduceResponse", "Fetch", "Produce"]
