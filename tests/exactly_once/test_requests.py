"""Our packed requests are, byte for byte, those of aiokafka, and our answers say what its own would say."""

from io import BytesIO
from typing import Any

import pytest
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol import fetch, produce
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


def assert_is_asked_alike(asked: list[Asked], topics: list[tuple[str, list[tuple[int, int, int]]]]) -> None:
    ours = FetchRequest(WAIT_MS, BYTES_MAX, PARTITION_BYTES_MAX, asked).build(fetch.FetchRequest_v11)
    theirs = fetch.FetchRequest(WAIT_MS, 1, BYTES_MAX, READ_COMMITTED, topics).build(fetch.FetchRequest_v11)
    assert ours.encode() == theirs.encode()
    assert ours.build_request_header(5, "me").encode() == theirs.build_request_header(5, "me").encode()


def test_a_fetch_request_has_the_bytes_of_aiokafkas_with_topics_in_the_order_in_which_they_came() -> None:
    asked = [Asked("größe-出", 3, 7), Asked("orders", 1, 1 << 40), Asked("größe-出", 0, 0), Asked("accounts", 2, 5)]
    assert_is_asked_alike(
        asked,
        [
            ("größe-出", [(3, 7, PARTITION_BYTES_MAX), (0, 0, PARTITION_BYTES_MAX)]),
            ("orders", [(1, 1 << 40, PARTITION_BYTES_MAX)]),
            ("accounts", [(2, 5, PARTITION_BYTES_MAX)]),
        ],
    )


def test_a_fetch_request_for_nothing_has_the_bytes_of_aiokafkas() -> None:
    assert_is_asked_alike([], [])


@given(topics=st.dictionaries(NAMES, st.lists(st.tuples(whole(32), whole(64)), min_size=1, max_size=4), max_size=4))
def test_every_fetch_request_has_the_bytes_of_aiokafkas(topics: dict[str, list[tuple[int, int]]]) -> None:
    assert_is_asked_alike(
        [Asked(topic, number, offset) for topic, places in topics.items() for number, offset in places],
        [(topic, [(*place, PARTITION_BYTES_MAX) for place in places]) for topic, places in topics.items()],
    )


def test_a_fetch_request_takes_any_iterable_of_places_and_its_limits_are_its_own() -> None:
    request = FetchRequest(7, 1_000, 500, (Asked("orders", number, 3) for number in range(2)))
    theirs = fetch.FetchRequest(7, 1, 1_000, READ_COMMITTED, [("orders", [(0, 3, 500), (1, 3, 500)])])
    assert request.build(fetch.FetchRequest_v11).encode() == theirs.build(fetch.FetchRequest_v11).encode()


def test_a_broker_that_takes_our_version_gets_it() -> None:
    request = FetchRequest(WAIT_MS, BYTES_MAX, PARTITION_BYTES_MAX, [Asked("orders", 0, 0)])
    built = request.prepare({request.API_KEY: (4, 17)})
    assert isinstance(built, Fetch)
    assert (built.API_KEY, built.API_VERSION) == (1, 11)
    assert built.RESPONSE_TYPE is FetchResponse


def test_a_broker_that_does_not_take_our_version_is_refused() -> None:
    request = FetchRequest(WAIT_MS, BYTES_MAX, PARTITION_BYTES_MAX, [Asked("orders", 0, 0)])
    with pytest.raises(NotImplementedError):
        request.prepare({request.API_KEY: (0, 10)})


ABORTED = st.none() | st.lists(st.tuples(whole(64), whole(64)), max_size=4)
FETCHED = st.lists(
    st.tuples(
        NAMES,
        st.lists(
            st.tuples(
                *(whole(32), whole(16), whole(64), whole(64), whole(64)),
                *(ABORTED, whole(32), st.none() | st.binary(max_size=50)),
            ),
            max_size=4,
        ),
    ),
    max_size=4,
)


def found_in(topics: list[Any]) -> list[Fetched]:
    return [
        Fetched(topic, number, code, aborted or [], data or b"")
        for topic, partitions in topics
        for number, code, _, _, _, aborted, _, data in partitions
    ]


@pytest.mark.parametrize("aborted", [None, [], [(7, 3)], [(7, 3), (8, 4), (7, 9)]])
@pytest.mark.parametrize("data", [None, b"", b"batches"])
def test_an_answer_to_a_fetch_request_says_what_it_found(aborted: list[tuple[int, int]] | None, data: bytes) -> None:
    one, two = (1, 0, 20, 19, 5, aborted, -1, data), (0, 6, -1, -1, -1, None, -1, None)
    topics = [("orders", [one, two]), ("größe-出", [one]), ("none", []), ("accounts", [two, one])]
    answer = FetchResponse.decode(fetch.FetchResponse_v11(0, 0, 0, topics).encode())
    found = (0, aborted or [], data or b"")
    assert answer.found == [
        ("orders", 1, *found),
        ("orders", 0, 6, [], b""),
        ("größe-出", 1, *found),
        ("accounts", 0, 6, [], b""),
        ("accounts", 1, *found),
    ]
    assert answer.error_code == 0


@given(topics=FETCHED, throttle_ms=whole(32), code=whole(16), session=whole(32))
def test_an_answer_to_a_fetch_request_is_read_as_aiokafka_reads_it(
    topics: list[Any], throttle_ms: int, code: int, session: int
) -> None:
    raw = fetch.FetchResponse_v11(throttle_ms, code, session, topics).encode()
    theirs = fetch.FetchResponse_v11.decode(raw)
    for data in (raw, BytesIO(raw)):
        answer = FetchResponse.decode(data)
        assert answer.found == found_in(topics) == found_in(theirs.topics)
        assert answer.error_code == code == theirs.error_code


@pytest.mark.parametrize("topics", [None, []])
def test_an_answer_without_topics_has_found_nothing(topics: list[Any] | None) -> None:
    answer = FetchResponse.decode(fetch.FetchResponse_v11(0, 70, 0, topics).encode())
    assert (answer.error_code, answer.found) == (70, [])


# --- the connection ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "raw"),
    [
        (FetchResponse, fetch.FetchResponse_v11(0, 6, 0, []).encode()),
        (ProduceResponse, produce.ProduceResponse_v7([("out", [(0, 0, 1, 2, 3)])], 0).encode()),
    ],
)
def test_an_answer_begins_where_its_header_ended(ours: Any, raw: bytes) -> None:
    behind_header = BytesIO(b"head" + raw)
    behind_header.read(4)
    assert vars(ours.decode(behind_header)) == vars(ours.decode(raw))


def test_what_the_connection_writes_into_its_debug_log_can_be_written() -> None:
    fetched = FetchResponse.decode(fetch.FetchResponse_v11(0, 0, 0, [("orders", [])]).encode())
    produced = ProduceResponse.decode(produce.ProduceResponse_v7([("out", [(0, 0, 1, 2, 3)])], 0).encode())
    asked = FetchRequest(WAIT_MS, BYTES_MAX, PARTITION_BYTES_MAX, []).build(fetch.FetchRequest_v11)
    sent = QuickProduceRequest(None, -1, 40_000, []).build(produce.ProduceRequest_v7)
    written = [str(each) for each in (fetched, produced, asked, sent)]
    assert [text.split("(")[0] for text in written] == ["FetchResponse", "ProduceResponse", "Fetch", "Produce"]
