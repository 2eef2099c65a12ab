"""The reader makes batches of what brokers answer: they know the range over which its position moved."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaConnectionError
from scripted_broker import (
    ABORT,
    ANEW,
    INCONSISTENT_TOPIC_ID,
    LAZY,
    NO_SUCH_SESSION,
    NOT_LEADER,
    ONE,
    OUT_OF_RANGE,
    PAUSE_S,
    PRODUCER,
    TOPIC_IDS,
    TRANSACTIONAL,
    TWO,
    UNKNOWN_PARTITION,
    UNKNOWN_TOPIC_ID,
    Reading,
    batch_of,
    corrupt,
    marker,
    records,
)
from small_shards import steps

from app.exactly_once import reader as reader_module
from app.exactly_once.log import NOWHERE
from app.exactly_once.reader import FETCH_BYTES_MAX, FETCH_WAIT_MS, PARTITION_FETCH_BYTES_MAX


@pytest.fixture
async def reading(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reading]:
    """Tries again at once; what it hears of by accident only, it does not hear of."""
    monkeypatch.setattr(reader_module, "RETRY_S", 0.0)
    monkeypatch.setattr(reader_module, "LOOK_AGAIN_S", 3_600.0)
    reading = Reading()
    yield reading
    await reading.close()
    assert reading.ended == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time that passes when the test says so."""
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(reader_module, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def looks_again(monkeypatch: pytest.MonkeyPatch, reading: Reading) -> None:
    """Every pause is over."""
    monkeypatch.setattr(reader_module, "LOOK_AGAIN_S", 0.0)


# --- what is in a batch -----------------------------------------------------------------------------------------------


async def test_a_batch_covers_records_and_the_markers_between_and_behind_them(reading: Reading) -> None:
    reading.seek(ONE)
    raw = records(0, 2, TRANSACTIONAL) + marker(2) + records(3, 2) + marker(5)
    (await reading.question()).answer({ONE: raw})
    assert await reading.take() == (ONE, 0, 6, [0, 1, 3, 4])
    assert (await reading.question()).asked == {ONE: 6}


async def test_markers_alone_make_a_batch_without_records(reading: Reading) -> None:
    reading.seek(ONE, 4)
    (await reading.question()).answer({ONE: marker(4) + marker(5)})
    assert await reading.take() == (ONE, 4, 6, [])
    assert (await reading.question()).asked == {ONE: 6}


async def test_records_below_the_position_of_a_fetched_batch_are_not_in_the_range(reading: Reading) -> None:
    reading.seek(ONE, 3)
    (await reading.question()).answer({ONE: records(0, 5)})  # the broker sends whole batches
    assert await reading.take() == (ONE, 3, 5, [3, 4])


async def test_aborted_records_are_skipped_and_their_range_is_covered(reading: Reading) -> None:
    reading.seek(ONE)
    raw = records(0, 2, TRANSACTIONAL) + marker(2, ABORT) + records(3, 1, TRANSACTIONAL) + marker(4)
    (await reading.question()).answer({ONE: raw}, aborted=[(PRODUCER, 0)])
    assert await reading.take() == (ONE, 0, 5, [3])


async def test_aborted_records_alone_make_a_batch_without_records(reading: Reading) -> None:
    reading.seek(ONE)
    (await reading.question()).answer({ONE: records(0, 2, TRANSACTIONAL)}, aborted=[(PRODUCER, 0)])
    assert await reading.take() == (ONE, 0, 2, [])


async def test_a_batch_that_was_cut_off_is_asked_for_again(reading: Reading) -> None:
    reading.seek(ONE)
    (await reading.question()).answer({ONE: records(0, 2) + records(2, 2)[:-3]})
    assert await reading.take() == (ONE, 0, 2, [0, 1])
    assert (await reading.question()).asked == {ONE: 2}


async def test_a_piece_of_a_batch_is_nothing(reading: Reading) -> None:
    reading.seek(ONE)
    (await reading.question()).answer({ONE: records(0, 2)[:-3]})
    assert (await reading.question()).asked == {ONE: 0}
    assert await reading.has_nothing()


async def test_a_record_has_all_that_shards_ask_of_one(reading: Reading) -> None:
    reading.seek(ONE)
    raw = batch_of(0, (b"key", b"value"), (None, None), headers=[("one", b"1"), ("two", b"2")])
    (await reading.question()).answer({ONE: raw})
    first, second = (await reading.batch())[1].records
    assert (first.offset, first.timestamp, first.key, first.value) == (0, 1_000, b"key", b"value")
    assert (second.offset, second.timestamp, second.key, second.value) == (1, 1_001, None, None)
    assert list(first.headers) == [("one", b"1"), ("two", b"2")]


async def test_what_arrives_while_the_agent_is_late_is_in_one_batch(reading: Reading) -> None:
    reading.seek(ONE)
    for raw in (records(0, 2), marker(2), records(3, 1)):
        (await reading.question()).answer({ONE: raw})
    assert (await reading.question()).asked == {ONE: 4}
    assert await reading.take() == (ONE, 0, 4, [0, 1, 3])
    assert await reading.has_nothing()


async def test_what_is_taken_is_not_added_to_any_more(reading: Reading) -> None:
    reading.seek(ONE)
    (await reading.question()).answer({ONE: records(0, 2)})
    _, batch = await reading.batch()
    (await reading.question()).answer({ONE: records(2, 2)})
    assert await reading.take() == (ONE, 2, 4, [2, 3])
    assert [record.offset for record in batch.records] == [0, 1]


async def test_partitions_are_handed_over_in_the_order_in_which_they_came(reading: Reading) -> None:
    reading.seek(ONE)
    reading.seek(TWO)
    (await reading.question()).answer({TWO: records(0, 1)})
    (await reading.question()).answer({ONE: records(0, 2), TWO: records(1, 1)})
    assert (await reading.question()).asked == {ONE: 2, TWO: 2}
    assert await reading.take() == (TWO, 0, 2, [0, 1])
    assert await reading.take() == (ONE, 0, 2, [0, 1])
    assert await reading.has_nothing()


async def test_who_got_something_is_last_in_the_next_request(reading: Reading) -> None:
    """A broker fills an answer from the front: what never fits would never come."""
    reading.seek(ONE)
    reading.seek(TWO)
    question = await reading.question()
    assert list(question.asked) == [ONE, TWO]
    question.answer({ONE: records(0, 1)})
    question = await reading.question()
    assert list(question.asked) == [TWO, ONE]
    question.answer({TWO: records(0, 1)})
    assert list((await reading.question()).asked) == [ONE, TWO]


async def test_others_have_a_turn_between_two_batches(reading: Reading) -> None:
    reading.seek(ONE)
    reading.seek(TWO)
    (await reading.question()).answer({ONE: records(0, 1), TWO: records(0, 1)})
    await reading.question()
    turns: list[str] = []

    async def agent() -> None:
        async for partition, _ in reading.reader.batches("inbox"):
            turns.append(str(partition))

    async def other() -> None:
        while len(turns) < 20:
            turns.append("other")
            await asyncio.sleep(0)

    taking = asyncio.create_task(agent())
    await other()
    taking.cancel()
    with suppress(asyncio.CancelledError):
        await taking
    between = turns[turns.index("inbox-0") + 1 : turns.index("inbox-1")]
    assert set(between) == {"other"}


# --- what is asked for ------------------------------------------------------------------------------------------------


async def test_a_request_waits_for_a_while_and_asks_for_no_more_than_may_come_at_once(reading: Reading) -> None:
    reading.seek(ONE, 3)
    reading.seek(LAZY, 5)
    question = await reading.question()
    assert question.asked == {ONE: 3, LAZY: 5}
    assert (question.wait_ms, question.bytes_max) == (FETCH_WAIT_MS, FETCH_BYTES_MAX)
    assert question.partition_bytes_max == {PARTITION_FETCH_BYTES_MAX}


async def test_there_is_one_request_to_each_broker_at_a_time_and_none_waits_for_another(reading: Reading) -> None:
    reading.client.leaders[TWO] = 2
    reading.seek(ONE)
    reading.seek(TWO)
    assert (await reading.question(1)).asked == {ONE: 0}
    for offset in range(3):
        question = await reading.question(2)
        assert question.asked == {TWO: offset}
        question.answer({TWO: records(offset, 1)})
    assert await reading.take() == (TWO, 0, 3, [0, 1, 2])
    assert await reading.asks_nothing(1)


async def test_a_partition_of_which_too_much_waits_is_asked_for_when_it_was_taken(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "RECORDS_AHEAD_MAX", 3)
    reading.seek(ONE)
    reading.seek(TWO)
    (await reading.question()).answer({ONE: records(0, 2)})
    question = await reading.question()
    assert question.asked == {ONE: 2, TWO: 0}
    question.answer({ONE: records(2, 2)})  # what one fetch brings comes on top
    for _ in range(3):
        question = await reading.question()
        assert question.asked == {TWO: 0}
        question.answer()
    assert await reading.take() == (ONE, 0, 4, [0, 1, 2, 3])
    (await reading.question()).answer()
    assert (await reading.question()).asked == {ONE: 4, TWO: 0}


async def test_a_reader_without_room_for_anything_goes_on_when_something_was_taken(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "RECORDS_AHEAD_MAX", 2)
    reading.seek(ONE)
    (await reading.question()).answer({ONE: records(0, 2)})
    assert await reading.asks_nothing()
    assert await reading.take() == (ONE, 0, 2, [0, 1])
    assert await reading.has_nothing()  # it was delivered
    assert (await reading.question()).asked == {ONE: 2}


async def test_a_topic_with_a_pause_is_left_out_until_it_is_over_and_no_request_waits_longer(
    reading: Reading, clock: SimpleNamespace
) -> None:
    reading.seek(ONE)
    reading.seek(LAZY)
    (await reading.question()).answer({ONE: records(0, 1)})
    question = await reading.question()
    assert question.asked == {ONE: 1, LAZY: 0}  # nothing came of it, so there is nothing to gather
    question.answer({ONE: records(1, 1), LAZY: records(0, 1)})
    question = await reading.question()
    assert (question.asked, question.wait_ms) == ({ONE: 2}, int(PAUSE_S * 1_000))
    clock.now += PAUSE_S / 2
    question.answer()
    question = await reading.question()
    assert (question.asked, question.wait_ms) == ({ONE: 2}, int(PAUSE_S * 500))
    clock.now += PAUSE_S / 2
    question.answer()
    question = await reading.question()
    assert (question.asked, question.wait_ms) == ({ONE: 2, LAZY: 1}, FETCH_WAIT_MS)
    assert await reading.take("lazy-inbox") == (LAZY, 0, 1, [0])  # not held back for the pause
    assert await reading.take() == (ONE, 0, 2, [0, 1])


async def test_a_pause_that_is_longer_than_a_request_may_wait_makes_it_wait_no_longer(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading.reader, "_pauses_s", {"inbox": 0.0, "lazy-inbox": 3_600.0})
    reading.seek(ONE)
    reading.seek(LAZY)
    (await reading.question()).answer({LAZY: records(0, 1)})
    question = await reading.question()
    assert (question.asked, question.wait_ms) == ({ONE: 0}, FETCH_WAIT_MS)


async def test_a_pause_ends_where_nothing_else_is_asked_for(reading: Reading, clock: SimpleNamespace) -> None:
    reading.seek(LAZY)
    (await reading.question()).answer({LAZY: records(0, 2)})
    assert await reading.asks_nothing()
    clock.now += PAUSE_S
    assert (await reading.question()).asked == {LAZY: 2}


# --- put elsewhere ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [records(0, 3), OUT_OF_RANGE, NOT_LEADER], ids=["records", "nowhere", "error"])
async def test_what_was_asked_before_a_seek_is_thrown_away_when_it_arrives_after(
    reading: Reading, late: bytes | int
) -> None:
    reading.seek(ONE)
    reading.seek(TWO)
    question = await reading.question()
    reading.seek(ONE, 5)
    question.answer({ONE: late})
    question = await reading.question()
    assert question.asked == {ONE: 5, TWO: 0}
    assert reading.client.refreshed == 0
    assert await reading.has_nothing()
    question.answer({ONE: records(5, 1)})
    assert await reading.take() == (ONE, 5, 6, [5])


async def test_a_seek_to_where_the_reader_is_throws_away_what_was_asked_before_it(reading: Reading) -> None:
    reading.seek(ONE)
    question = await reading.question()
    reading.seek(ONE)  # the log may be another one
    question.answer({ONE: records(0, 3)})
    question = await reading.question()
    assert question.asked == {ONE: 0}
    question.answer({ONE: records(0, 2)})
    assert await reading.take() == (ONE, 0, 2, [0, 1])
    assert await reading.has_nothing()


async def test_what_was_read_before_a_seek_is_forgotten(reading: Reading) -> None:
    reading.seek(ONE)
    (await reading.question()).answer({ONE: records(0, 3)})
    question = await reading.question()
    reading.seek(ONE, 1)
    assert await reading.has_nothing()
    question.answer()
    question = await reading.question()
    assert question.asked == {ONE: 1}
    question.answer({ONE: records(0, 3)})
    assert await reading.take() == (ONE, 1, 3, [1, 2])


async def test_a_paused_partition_gives_nothing_and_is_not_asked_for(reading: Reading) -> None:
    reading.seek(ONE)
    reading.seek(TWO)
    (await reading.question()).answer({ONE: records(0, 2), TWO: records(0, 1)})
    question = await reading.question()
    reading.pause(ONE)
    question.answer({ONE: records(2, 2), TWO: records(1, 1)})
    question = await reading.question()
    assert question.asked == {TWO: 2}
    assert await reading.take() == (TWO, 0, 2, [0, 1])
    assert await reading.has_nothing()
    reading.seek(ONE, 2)
    question.answer()
    assert (await reading.question()).asked == {TWO: 2, ONE: 2}


async def test_a_partition_that_is_not_read_may_be_paused(reading: Reading) -> None:
    reading.pause(ONE)
    assert await reading.asks_nothing()


async def test_after_clear_nothing_is_read_until_a_seek(reading: Reading) -> None:
    reading.seek(ONE)
    reading.seek(TWO)
    (await reading.question()).answer({ONE: records(0, 2)})
    question = await reading.question()
    reading.reader.clear()
    question.answer({ONE: records(2, 2), TWO: records(0, 1)})
    assert await reading.has_nothing()
    assert await reading.asks_nothing()
    reading.seek(TWO, 1)
    assert (await reading.question()).asked == {TWO: 1}


@pytest.mark.parametrize("code", [OUT_OF_RANGE, UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID])
async def test_a_log_that_is_not_where_it_was_gives_nowhere_once_and_is_not_asked_for_until_the_next_seek(
    reading: Reading, code: int
) -> None:
    reading.seek(ONE, 50)
    reading.seek(TWO)
    (await reading.question()).answer({ONE: code, TWO: records(0, 1)})
    tp, batch = await reading.batch()
    assert tp == ONE
    assert batch is NOWHERE
    assert await reading.take() == (TWO, 0, 1, [0])
    for _ in range(3):
        question = await reading.question()
        assert question.asked == {TWO: 1}
        question.answer()
    assert await reading.has_nothing()
    assert reading.client.refreshed == 0
    reading.seek(ONE)
    (await reading.question()).answer()
    question = await reading.question()
    assert question.asked == {ONE: 0, TWO: 1}
    question.answer({ONE: records(0, 1)})
    assert await reading.take() == (ONE, 0, 1, [0])


async def test_a_topic_is_asked_for_by_the_id_that_it_had_when_its_inbox_was_looked_at(reading: Reading) -> None:
    reading.seek(ONE, 5)
    question = await reading.question()
    assert question.topic_ids == {"inbox": TOPIC_IDS["inbox"]}
    question.answer({ONE: UNKNOWN_TOPIC_ID})
    assert (await reading.batch())[1] is NOWHERE
    reading.seek(ONE, 0, ANEW)
    question = await reading.question()
    assert (question.topic_ids, question.asked) == ({"inbox": ANEW}, {ONE: 0})
    question.answer({ONE: records(0, 1)})
    assert await reading.take() == (ONE, 0, 1, [0])


async def test_two_partitions_of_which_one_was_looked_at_before_the_topic_was_made_anew_are_told_apart(
    reading: Reading,
) -> None:
    reading.seek(ONE, 5)
    reading.seek(TWO, 5, ANEW)
    question = await reading.question()
    assert question.topics == [(TOPIC_IDS["inbox"], 0, 5), (ANEW, 1, 5)]
    question.answer({ONE: UNKNOWN_TOPIC_ID, TWO: records(5, 1)})
    assert (await reading.batch())[1] is NOWHERE
    assert await reading.take() == (TWO, 5, 6, [5])


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [NOT_LEADER, UNKNOWN_PARTITION, 9_999])
async def test_an_error_of_one_partition_is_tried_again_with_new_metadata_and_others_are_handed_over(
    reading: Reading, code: int
) -> None:
    reading.seek(ONE)
    reading.seek(TWO)
    (await reading.question()).answer({ONE: code, TWO: records(0, 2)})
    assert await reading.take() == (TWO, 0, 2, [0, 1])
    question = await reading.question()
    assert question.asked == {ONE: 0, TWO: 2}
    assert reading.client.refreshed == 1
    question.answer({ONE: records(0, 1)})
    assert await reading.take() == (ONE, 0, 1, [0])
    assert (await reading.question()).asked == {ONE: 1, TWO: 2}
    assert reading.client.refreshed == 1


async def test_an_answer_that_is_an_error_as_a_whole_is_tried_again(reading: Reading) -> None:
    reading.seek(ONE)
    (await reading.question()).answer(code=NO_SUCH_SESSION)
    assert (await reading.question()).asked == {ONE: 0}
    assert reading.client.refreshed == 1


async def test_a_request_that_failed_is_tried_again(reading: Reading) -> None:
    reading.seek(ONE, 3)
    question = await reading.question()
    for failures in (1, 2):
        question.response.set_exception(KafkaConnectionError("away"))
        question = await reading.question()
        assert question.asked == {ONE: 3}
        assert reading.client.refreshed == failures
    question.answer({ONE: records(3, 1)})
    assert await reading.take() == (ONE, 3, 4, [3])


@pytest.mark.parametrize("sound", [b"", records(0, 2)], ids=["at once", "behind a sound one"])
async def test_a_corrupt_batch_is_not_taken_and_is_read_again(reading: Reading, sound: bytes) -> None:
    reading.seek(ONE)
    reading.seek(TWO)
    start = 2 if sound else 0
    (await reading.question()).answer({ONE: sound + corrupt(records(start, 2)), TWO: records(0, 1)})
    assert await reading.take() == (TWO, 0, 1, [0])
    question = await reading.question()
    assert question.asked == {ONE: 0, TWO: 1}
    assert await reading.has_nothing()
    assert reading.client.refreshed == 1
    question.answer({ONE: sound + records(start, 2)})
    assert await reading.take() == (ONE, 0, start + 2, list(range(start + 2)))


@pytest.mark.usefixtures("looks_again")
@pytest.mark.parametrize("nobody", [None, -1])
async def test_a_partition_without_a_leader_is_looked_at_again_until_it_has_one(
    reading: Reading, nobody: int | None
) -> None:
    client = reading.client
    reading.seek(ONE)
    question = await reading.question()
    client.leaders[ONE] = nobody
    question.answer()
    await steps()
    reading.seek(ONE, 3)
    await steps()

    def elected() -> None:
        client.leaders[ONE] = 2

    assert client.refreshed > 1
    assert client.questions.keys() == {1}
    client.when_refreshed = elected
    assert (await reading.question(2)).asked == {ONE: 3}
    assert await reading.asks_nothing(1)


async def test_a_partition_whose_leader_moves_is_asked_of_the_new_one(reading: Reading) -> None:
    client = reading.client

    def moved() -> None:
        client.leaders[ONE] = 2

    client.when_refreshed = moved
    reading.seek(ONE)
    reading.seek(TWO)
    (await reading.question(1)).answer({ONE: NOT_LEADER})
    question = await reading.question(2)
    assert question.asked == {ONE: 0}
    assert (await reading.question(1)).asked == {TWO: 0}
    question.answer({ONE: records(0, 1)})
    assert await reading.take() == (ONE, 0, 1, [0])
    assert (await reading.question(2)).asked == {ONE: 1}
    assert await reading.asks_nothing(1)


async def test_a_partition_whose_leader_moves_to_a_broker_that_has_nothing_to_do_is_asked_of_it(
    reading: Reading,
) -> None:
    client = reading.client

    def moved() -> None:
        client.leaders[ONE] = 2

    client.leaders[TWO] = 2
    client.when_refreshed = moved
    reading.seek(ONE)
    reading.seek(TWO)
    question = await reading.question(2)
    reading.pause(TWO)
    question.answer()
    assert await reading.asks_nothing(2)
    (await reading.question(1)).answer({ONE: NOT_LEADER})
    assert (await reading.question(2)).asked == {ONE: 0}


@pytest.mark.usefixtures("looks_again")
async def test_a_partition_whose_leader_moves_without_an_error_is_asked_of_the_new_one(reading: Reading) -> None:
    reading.seek(ONE)
    (await reading.question(1)).answer()
    question = await reading.question(1)
    reading.client.leaders[ONE] = 2
    assert (await reading.question(2)).asked == {ONE: 0}
    question.answer()
    assert await reading.asks_nothing(1)
    assert reading.client.refreshed == 0


async def test_a_broker_that_is_gone_leaves_its_partitions_to_the_next(reading: Reading) -> None:
    client = reading.client

    def moved() -> None:
        client.leaders |= {ONE: 2, TWO: 2}

    reading.seek(ONE)
    reading.seek(TWO)
    client.when_refreshed = moved
    (await reading.question(1)).response.set_exception(KafkaConnectionError("gone"))
    assert (await reading.question(2)).asked == {ONE: 0, TWO: 0}
    assert await reading.asks_nothing(1)


@pytest.mark.usefixtures("looks_again")
async def test_partitions_none_of_which_has_a_leader_are_looked_at_again_until_they_have_one(reading: Reading) -> None:
    client = reading.client

    def elected() -> None:
        client.leaders[ONE] = 1

    client.leaders[ONE] = -1
    client.when_refreshed = elected
    reading.seek(ONE)
    assert not await reading.asks_nothing(1)


@pytest.mark.usefixtures("looks_again")
async def test_a_partition_without_a_leader_is_looked_at_again_while_others_are_read(reading: Reading) -> None:
    client = reading.client

    def elected() -> None:
        client.leaders[ONE] = 2

    client.leaders[ONE] = -1
    client.when_refreshed = elected
    reading.seek(ONE)
    reading.seek(TWO)
    for offset in range(10):
        (await reading.question(1)).answer({TWO: records(offset, 1)})
    assert not await reading.asks_nothing(2)


async def test_a_log_that_is_lost_while_something_of_it_waits_gives_nowhere_once(reading: Reading) -> None:
    reading.seek(ONE)
    (await reading.question()).answer({ONE: records(0, 2)})
    (await reading.question()).answer({ONE: OUT_OF_RANGE})
    assert await reading.asks_nothing()
    _, batch = await reading.batch()
    assert batch is NOWHERE
    assert await reading.has_nothing()


async def test_a_log_of_which_two_leaders_say_that_it_is_lost_gives_nowhere_once(reading: Reading) -> None:
    reading.seek(ONE)
    former = await reading.question(1)
    reading.client.leaders[ONE] = 2
    reading.seek(TWO)
    for question in (await reading.question(2), former):
        question.answer({ONE: OUT_OF_RANGE})
    _, batch = await reading.batch()
    assert batch is NOWHERE
    assert await reading.has_nothing()


async def test_what_the_former_leader_says_late_is_thrown_away(reading: Reading) -> None:
    client = reading.client
    reading.seek(ONE)
    late = await reading.question(1)
    client.leaders[ONE] = 2
    reading.seek(TWO)
    (await reading.question(2)).answer({ONE: records(0, 10)})
    question = await reading.question(2)
    assert question.asked == {ONE: 10}
    assert await reading.take() == (ONE, 0, 10, list(range(10)))
    late.answer({ONE: records(0, 5)})
    await steps()
    question.answer()
    question = await reading.question(2)
    assert question.asked == {ONE: 10}
    question.answer({ONE: records(10, 1)})
    assert await reading.take() == (ONE, 10, 11, [10])


async def test_a_fault_of_the_reader_ends_the_process(reading: Reading) -> None:
    reading.seek(ONE)
    (await reading.question()).response.set_exception(RuntimeError("odd"))
    await steps()
    assert reading.ended == ["the reader of the inboxes ended: RuntimeError('odd')"]
    reading.ended.clear()


# --- begin and end ----------------------------------------------------------------------------------------------------


async def test_the_reader_begins_when_the_client_knows_its_topics(reading: Reading) -> None:
    await reading.reader.start()
    calls = reading.client.calls
    assert calls[:2] == [("bootstrap", None), ("topics", {"inbox", "lazy-inbox"})]
    assert sorted(calls[2:]) == [("metadata", "inbox"), ("metadata", "lazy-inbox")]


@pytest.mark.usefixtures("clock")
async def test_stop_ends_all_requests_and_then_the_client(reading: Reading) -> None:
    client, others = reading.client, asyncio.all_tasks()
    client.leaders |= {TWO: 2, LAZY: 3}
    for tp in (ONE, TWO, LAZY):
        reading.seek(tp)
    (await reading.question(3)).answer({LAZY: records(0, 1)})  # this one is in its pause
    questions = [await reading.question(node) for node in (1, 2)]
    await steps()
    assert client.open == questions
    await reading.reader.stop()
    assert client.calls == [("close", [])]
    assert all(question.response.cancelled() for question in questions)
    assert asyncio.all_tasks() == others
    assert await reading.has_nothing("lazy-inbox")
    for node in (1, 2, 3):
        assert await reading.asks_nothing(node)
    assert reading.ended == []
