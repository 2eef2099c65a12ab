"""Rules 7 to 9 of architecture.md: outputs first, then one changelog record with all that waited, and its digest."""

import asyncio

import msgspec
import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.producer.message_accumulator import MessageAccumulator
from memory_log import MemoryLog
from small_shards import INBOX, OUT, Balance, Ended, Process, fatal, from_shard, records_of, shard_of, steps

from app import main
from app.exactly_once import journal as journal_module
from app.exactly_once.changelog import RECORD_BYTES_MAX, Claim, Data, Follower, changelog_of, topic_of
from app.exactly_once.kafka import KafkaLog
from app.exactly_once.log import Message, Partition
from app.exactly_once.producer import Producer, WrappingSequences
from app.exactly_once.rows import Rows, row_hash
from app.exactly_once.shard import CURSOR, SEEN
from app.settings import Profile
from app.topics import INBOXES, TOPICS, config_of


class ProducerOfNothing:
    """A producer whose batches nobody fetches: the test says what becomes of them."""

    def __init__(self) -> None:
        self._message_accumulator = MessageAccumulator(ClusterMetadata(), 1_000, 0, 30.0)

    @property
    def waiting(self) -> list[object]:
        return [batch for batches in self._message_accumulator._batches.values() for batch in batches]


async def test_rule_07_every_failed_send_ends_the_process_though_nobody_awaits_it() -> None:
    ended: list[str] = []
    producer = ProducerOfNothing()
    log = KafkaLog({}, lambda: producer, ended.append, {})  # type: ignore[arg-type]
    acknowledgements = log.send(OUT, [Message(None, b"x" * 600, []), Message(None, b"y" * 600, [])])
    assert len(acknowledgements) == 2  # two batches: each has its own fate
    producer.waiting[0].failure(ConnectionError("refused"))  # type: ignore[attr-defined]
    await steps()
    assert ended == ["the broker refused a batch: ConnectionError('refused')"]
    for acknowledgement in acknowledgements:
        acknowledgement.cancel()  # type: ignore[attr-defined]


async def test_rule_07_nothing_is_sent_through_a_producer_that_has_failed() -> None:
    producer = ProducerOfNothing()
    log = KafkaLog({}, lambda: producer, fatal, {})
    producer._message_accumulator._exception = ConnectionError("fenced")
    with pytest.raises(Ended, match="the producer has failed"):
        log.send(OUT, [Message(None, b"x", [])])
    assert producer.waiting == []


async def test_rule_07_outputs_leave_at_once_and_do_not_wait_for_the_journal() -> None:
    log = MemoryLog()
    process = Process(log, commit_interval_s=60.0)
    await process.owner.assign([INBOX])
    await process.take("add alice")
    await process.owner.shards[INBOX].journal.is_idle()
    await process.take("add alice")
    assert log.values(OUT) == [b"alice 1", b"alice 2"]
    assert [(data.start, data.end) for data in log.data(INBOX)] == [(0, 1)]  # the next round is far away
    process.kill()


def test_rule_07_the_producer_is_idempotent_waits_for_all_copies_and_never_lingers() -> None:
    extra = Producer._settings_extra(None)  # type: ignore[arg-type]
    assert extra["enable_idempotence"] is True
    assert extra["acks"] == "all"
    assert 10 <= extra["retry_backoff_ms"] <= 20
    conf = main.app.conf
    assert conf.producer_acks == -1
    assert conf.producer_linger == 0
    assert conf.producer_max_request_size >= RECORD_BYTES_MAX


async def test_rule_07_sequence_numbers_go_round_at_2_to_the_31() -> None:
    sequences, tp = WrappingSequences(None, 60_000), Partition("out", 0)
    sequences._sequence_numbers[tp] = (1 << 31) - 2
    sequences.increment_sequence_number(tp, 1)
    assert sequences.sequence_number(tp) == (1 << 31) - 1
    sequences.increment_sequence_number(tp, 1)
    assert sequences.sequence_number(tp) == 0
    sequences._sequence_numbers[tp] = (1 << 31) - 2
    sequences.increment_sequence_number(tp, 5)
    assert sequences.sequence_number(tp) == 3


async def test_rule_08_outputs_are_durable_before_the_changelog_record() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    log.hold(OUT)
    await process.take("add alice")
    await process.take("add alice")
    await steps()
    assert log.data(INBOX) == []
    assert process.owner.shards[INBOX].journal.durable == 0
    log.let_land(OUT)
    await process.settle()
    assert log.data(INBOX)[-1].end == 2
    assert process.owner.shards[INBOX].journal.durable == 2


async def test_rule_08_an_output_that_is_never_acknowledged_keeps_its_sub_batch_out_of_the_changelog() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.take("add alice")
    await process.settle()
    log.hold(OUT)
    await process.take("add alice")
    await steps()
    log.refuse(OUT)
    with pytest.raises(Ended):
        await process.owner.shards[INBOX].task  # type: ignore[misc]
    assert "refused" in process.ended[0]
    assert log.data(INBOX)[-1].end == 1


async def test_rule_08_state_and_position_go_into_one_record_with_absolute_values() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.take("add alice 5", "add bob 1", "remove bob", "add alice 2")
    await process.settle()
    claim, data = log.changelog(INBOX)
    assert isinstance(claim, Claim)
    assert isinstance(data, Data)
    assert (data.epoch, data.start, data.end) == (claim.epoch, 0, 4)
    assert data.rows["balances"] == {"alice": b'{"amount":7}'}  # bob came and went within it
    assert data.digest == process.owner.shards[INBOX].shard.rows.digest
    await process.take("remove alice")
    await process.settle()
    assert log.data(INBOX)[-1].rows["balances"] == {"alice": None}


async def test_rule_08_what_waits_goes_out_in_one_record_and_each_begins_where_the_last_ended() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    log.hold(OUT)
    for _ in range(5):
        await process.take("add alice", "add alice")
        await steps(3)
    log.let_land(OUT)
    await process.settle()
    ranges = [(data.start, data.end) for data in log.data(INBOX)]
    assert ranges == [(0, 2), (2, 10)]  # the first was on its way already
    await process.take("add alice")
    await process.settle()
    assert (log.data(INBOX)[-1].start, log.data(INBOX)[-1].end) == (10, 11)


async def test_rule_08_no_more_than_half_a_megabyte_is_merged_into_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "GROUP_BYTES_MAX", 1_000)
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    log.hold(changelog_of(INBOX))
    for number in range(6):
        await process.take(f"note account{number} 400")
    await steps()
    while process.owner.shards[INBOX].journal.durable < 6:
        log.let_land(changelog_of(INBOX))
        await steps()
    weights = [sum(len(data or b"") for data in entry.rows.get("notes", {}).values()) for entry in log.data(INBOX)]
    assert sum(weights) == 2_400
    assert max(weights) <= 1_000
    assert len(weights) == 3


async def test_rule_08_a_sub_batch_that_changed_only_clock_and_seen_may_wait_for_company() -> None:
    log = MemoryLog()
    process = Process(log, quiet_s=3_600.0)
    await process.owner.assign([INBOX])
    shard = process.owner.shards[INBOX].shard
    log.logs[INBOX].end = 2
    journal = process.owner.shards[INBOX].journal
    quiet = [from_shard("time 5", 0, (0, 1, 0)), from_shard("nothing", 1, (0, 1, 1))]
    for record in quiet:
        journal.add(shard.take([record], record.offset + 1), [])
    await steps()
    assert log.data(INBOX) == []  # nobody waits for it
    journal.add(shard.take([from_shard("add alice", 2, (0, 1, 2))], 3), [])
    await process.settle()
    assert [(data.start, data.end) for data in log.data(INBOX)] == [(0, 3)]
    assert set(log.data(INBOX)[0].rows) == {CURSOR, SEEN, "balances"}


async def test_rule_08_a_command_from_outside_never_waits() -> None:
    log = MemoryLog()
    process = Process(log, quiet_s=3_600.0)
    await process.owner.assign([INBOX])
    await process.take("nothing")
    await process.settle()
    assert [(data.start, data.end) for data in log.data(INBOX)] == [(0, 1)]


async def test_rule_08_what_is_quiet_is_written_after_its_time_at_the_latest() -> None:
    log = MemoryLog()
    process = Process(log, quiet_s=0.01)
    await process.owner.assign([INBOX])
    owned = process.owner.shards[INBOX]
    owned.journal.add(owned.shard.take([], 3), [])
    async with asyncio.timeout(10):
        await process.settle()
    assert log.data(INBOX)[0].end == 3


def test_rule_08_changelog_topics_allow_16_mb() -> None:
    for inbox in INBOXES.values():
        for profile in Profile:
            assert int(config_of(TOPICS[topic_of(inbox)], profile)["max.message.bytes"]) >= 16 << 20


def test_rule_09_the_digest_is_the_sum_of_the_hashes_of_all_live_rows() -> None:
    shard = shard_of()
    digests = []
    for number in range(40):
        words = f"add account{number % 7} {number}", f"remove account{number % 5}", f"note account{number % 3} {number}"
        digests.append(shard.take(records_of(words[number % 3], start=number), number + 1).digest)
        assert digests[-1] == shard.rows.full_digest()
    rows = {(t, k): shard.rows[t].peek(k) for t, k in shard.rows.keys()}  # noqa: SIM118
    assert digests[-1] == sum(row_hash(t, k, data) for (t, k), data in rows.items() if data is not None) % (1 << 64)
    assert len(set(digests)) == 40


def test_rule_09_the_digest_speaks_of_stored_bytes_which_are_never_encoded_anew() -> None:
    rows = Rows({"balances": Balance})
    old_form = b'{ "dropped_field": 1, "amount": 7 }'  # as an older version wrote it
    rows.apply({"balances": {"alice": old_form}})
    assert rows["balances"].get("alice") == Balance(7)
    assert rows.digest == row_hash("balances", "alice", old_form) == rows.full_digest()
    rows["balances"].put("bob", Balance(1))
    rows.collect(1 << 20)
    assert rows["balances"].peek("alice") == old_form
    assert rows.digest == rows.full_digest()


def test_rule_09_a_reader_whose_rows_have_another_digest_hears_of_it() -> None:
    follower = Follower(Rows({"balances": Balance}))
    row = msgspec.json.encode(Balance(7))
    follower.rows.apply({"balances": {"alice": row}})
    follower.next, follower.digest = 1, follower.rows.digest
    follower.check()
    follower.rows["balances"].warm["alice"] = msgspec.json.encode(Balance(8))
    follower.rows.digest = follower.rows.full_digest()
    with pytest.raises(Exception, match="digest"):
        follower.check()
