"""Rules 1 to 3 of architecture.md: which inbox records count."""

import pytest
from memory_log import MemoryLog
from simulated_kafka import SimRecord
from small_shards import (
    INBOX,
    OTHER_INBOX,
    OUT,
    OUT_TOO,
    Process,
    amounts,
    from_shard,
    records_of,
    shard_of,
    steps,
)

from app.exactly_once import identity, intake
from app.exactly_once.changelog import Claim, changelog_of, encode
from app.exactly_once.log import NOWHERE, Batch, Partition
from app.exactly_once.restore import REMEDY


async def test_rule_01_a_batch_that_begins_elsewhere_is_dropped_and_the_reader_is_put_back() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.take("add alice", "add alice", "add alice", "add alice")
    for start in (2, 5):  # in the middle of what the shard took, and beyond a gap
        process.time += 10
        process.inboxes.seeks.clear()
        batch = Batch(records_of("add alice", "add alice", "add alice", start=start), start, start + 3)
        await process.owner.deliver(INBOX, batch)
        assert process.amounts() == {"alice": 4}
        assert process.inboxes.seeks == [(INBOX, 4)]
    assert process.owner.counts["stale batches"] == 2
    assert not process.ended


async def test_rule_01_a_batch_a_little_below_the_shard_is_dropped_and_the_reader_gets_there_by_itself() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.take("add alice", "add alice", "add alice", "add alice")
    process.inboxes.seeks.clear()
    for start in (0, 1):  # one ends below the shard, one ends where it is
        process.time += 10
        batch = Batch(records_of("add alice", "add alice", "add alice", start=start), start, start + 3)
        await process.owner.deliver(INBOX, batch)
    await process.take("add alice")
    assert process.amounts() == {"alice": 5}
    assert process.inboxes.seeks == []


async def test_rule_01_a_batch_far_below_the_shard_is_worth_a_seek() -> None:
    log = MemoryLog()
    process = Process(log)
    log.logs[INBOX].end = 50_000
    await process.owner.assign([INBOX])
    await process.owner.deliver(INBOX, Batch([], 0, 50_000))
    process.time += 10
    await process.owner.deliver(INBOX, Batch([], 0, 10))
    assert process.inboxes.seeks[-1] == (INBOX, 50_000)


async def test_rule_01_while_a_shard_is_stalled_stale_batches_ask_for_no_seek() -> None:
    log = MemoryLog()
    process = Process(log, stall_s=0.0)
    await process.owner.assign([INBOX])
    log.hold(changelog_of(INBOX))
    while process.owner.counts["stalls"] == 0:
        await process.take("add alice")
    process.inboxes.seeks.clear()
    process.time += 10
    await process.take("add alice")  # was read before the shard was paused
    assert process.inboxes.seeks == []
    log.let_land(changelog_of(INBOX))
    await process.settle()
    assert process.inboxes.seeks == [(INBOX, process.owner.shards[INBOX].shard.next)]
    assert process.inboxes.paused == set()


async def test_rule_01_while_a_seek_is_under_way_stale_batches_do_not_ask_for_another() -> None:
    process = Process(MemoryLog())
    await process.owner.assign([INBOX])
    process.inboxes.seeks.clear()
    for start in (7, 9):  # were read before the seek of the assignment
        await process.owner.deliver(INBOX, Batch(records_of("add alice", start=start), start, start + 1))
    assert process.inboxes.seeks == []
    process.time += 3
    await process.owner.deliver(INBOX, Batch(records_of("add alice", start=11), 11, 12))
    assert process.inboxes.seeks == [(INBOX, 0)]  # the seek was lost: once more


async def test_rule_01_a_look_that_comes_a_little_early_puts_the_reader_back_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "SEEK_AGAIN_S", 0.001)
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.take("add alice", "add alice", "add alice")
    process.inboxes.seeks.clear()
    process.time += 10
    await process.owner.deliver(INBOX, Batch(records_of("add alice"), 0, 1))  # dropped: the reader gets there by itself
    look = process.owner.shards[INBOX].look
    assert look is not None
    await look  # by the clock of the process no time has passed
    assert process.inboxes.seeks == [(INBOX, 3)]


async def test_rule_01_a_range_without_records_moves_the_shard() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    for _ in range(3):
        log.logs[INBOX].mark()
    await process.owner.deliver(INBOX, Batch([], 0, 3))
    await process.settle()
    assert process.owner.shards[INBOX].shard.next == 3
    assert [(data.start, data.end) for data in log.data(INBOX)] == [(0, 3)]


async def test_rule_01_markers_between_and_after_records_belong_to_the_range() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    first, _, last = records_of("add alice", "", "add alice")
    log.logs[INBOX].records += [first, last]
    log.logs[INBOX].end = 5
    await process.owner.deliver(INBOX, Batch([first, last], 0, 5))
    assert process.owner.shards[INBOX].shard.next == 5
    assert process.amounts() == {"alice": 2}


LIFE_AFTER = {
    "anew": (0, 0),
    "anew and shorter": (1, 0),
    "anew and as long": (2, 0),
    "anew and longer": (9, 0),
    "anew with the same bytes": (2, 1),
}
"""Records in the new inbox, and their timestamps."""


async def quarantine_after(change: str) -> Process:
    """A shard that took two records of two; then its worker stops, the inbox changes, and the worker starts again."""
    log = MemoryLog()
    before = Process(log, "before")
    await before.owner.assign([INBOX, OTHER_INBOX])
    await before.take("add alice", "add alice")
    await before.settle()
    before.kill()
    if change == "retention":
        log.logs[INBOX].delete_before(2)
        log.write(INBOX, b"add lost")
        log.logs[INBOX].delete_before(3)
    else:
        del log.logs[INBOX]
        count, time = LIFE_AFTER[change]
        for _ in range(count):
            log.write(INBOX, b"add alice" if change == "anew with the same bytes" else b"add other", timestamp=time)
    after = Process(log, "after")
    await after.owner.assign([INBOX, OTHER_INBOX])
    return after


async def test_rule_02_records_that_retention_removed_unread_quarantine_the_shard() -> None:
    process = await quarantine_after("retention")
    why = process.owner.quarantined[INBOX]
    assert "begins at 3" in why
    assert "from 2 on were lost unread" in why
    assert REMEDY.format(INBOX) in why


async def test_rule_02_an_inbox_that_ends_below_the_shard_quarantines_it() -> None:
    for change in ("anew", "anew and shorter"):
        process = await quarantine_after(change)
        assert "the shard is at 2: it was made anew" in process.owner.quarantined[INBOX]
        assert REMEDY.format(INBOX) in process.owner.quarantined[INBOX]


async def test_rule_02_another_record_where_the_last_one_was_quarantines_the_shard() -> None:
    for change in ("anew and as long", "anew and longer", "anew with the same bytes"):
        process = await quarantine_after(change)
        assert "holds another record at 1: it was made anew" in process.owner.quarantined[INBOX]
        assert REMEDY.format(INBOX) in process.owner.quarantined[INBOX]


async def test_rule_02_a_quarantined_shard_takes_nothing_and_the_others_go_on() -> None:
    process = await quarantine_after("anew and longer")
    await process.owner.deliver(INBOX, Batch(records_of("add alice", start=2), 2, 3))
    assert process.amounts() == {"alice": 2}
    await process.take("add bob", inbox=OTHER_INBOX)
    assert process.amounts(OTHER_INBOX) == {"bob": 1}
    assert not process.ended


async def test_rule_02_an_inbox_that_is_made_anew_while_it_is_read_quarantines_the_shard() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.take("add alice", "add alice")
    del log.logs[INBOX]
    process.time += 10
    await process.take("add other")  # the reader began at the new first offset
    assert "made anew" in process.owner.quarantined[INBOX]
    assert process.amounts() == {"alice": 2}


async def test_rule_02_which_topic_is_read_was_asked_before_it_was_compared_with_the_shard() -> None:
    log = MemoryLog()
    process = Process(log)
    bounds = log.bounds

    async def made_anew_while_we_look(partition: Partition) -> tuple[int, int]:
        process.inboxes.topic_ids[partition] = b"another"
        return await bounds(partition)

    log.bounds = made_anew_while_we_look  # type: ignore[method-assign]
    process.inboxes.topic_ids[INBOX] = b"first"
    await process.owner.assign([INBOX])
    assert process.inboxes.reads[INBOX] == b"first"  # which the reader will not find


async def test_rule_02_a_shard_that_took_nothing_looks_who_owns_it_before_it_reads_an_inbox_made_anew() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    former = process.owner.shards[INBOX]
    log.write(changelog_of(INBOX), encode(Claim(7, "somebody", "")))  # while we slept
    del log.logs[INBOX]
    process.inboxes.topic_ids[INBOX] = b"another"
    process.time += 10
    await process.owner.deliver(INBOX, NOWHERE)
    assert former.frozen
    await steps()
    assert process.owner.shards[INBOX] is not former
    assert process.owner.counts["superseded"] == 1
    assert process.inboxes.reads[INBOX] == b"another"


async def test_rule_02_the_same_inbox_with_more_records_is_taken_on() -> None:
    log = MemoryLog()
    before = Process(log, "before")
    await before.owner.assign([INBOX])
    await before.take("add alice", "add alice")
    await before.settle()
    before.kill()
    log.write(INBOX, b"add alice")
    log.logs[INBOX].delete_before(2)  # what was taken may go
    after = Process(log, "after")
    await after.owner.assign([INBOX])
    assert after.owner.quarantined == {}
    assert after.inboxes.seeks == [(INBOX, 2)]


def test_rule_03_a_record_at_or_below_the_last_one_of_its_sender_is_skipped() -> None:
    shard = shard_of()
    senders = [(0, 5, 0), (0, 5, 0), (0, 4, 9), (0, 5, 1), (0, 5, 1), (0, 6, 0), (0, 0, 0), (1, 0, 0), (0, 99, 0)]
    sub = shard.take([from_shard("add alice", n, sender) for n, sender in enumerate(senders)], len(senders))
    assert amounts(shard.rows) == {"alice": 4}  # (0,5,0) (0,5,1) (0,6,0) (1,0,0)
    assert shard.counts["repeated"] == 5
    assert len(sub.outputs[OUT]) == 4
    assert shard.next == len(senders)


def test_rule_03_each_sending_shard_is_remembered_by_itself_and_in_the_rows() -> None:
    shard = shard_of()
    strangers = [from_shard("add alice", 0, (0, 7, 0), INBOX), from_shard("add alice", 1, (0, 3, 0), OTHER_INBOX)]
    changes = shard.take(strangers, 2).changes
    assert amounts(shard.rows) == {"alice": 2}

    restored = shard_of()
    restored.rows.apply(changes)
    restored.open(2)
    again = [from_shard("add alice", 2, (0, 7, 0), INBOX), from_shard("add alice", 3, (0, 3, 0), OTHER_INBOX)]
    restored.take(again, 4)
    assert amounts(restored.rows) == {"alice": 2}
    assert restored.counts["repeated"] == 2


def test_rule_03_the_index_counts_for_each_topic_of_destination() -> None:
    shard = shard_of()
    outputs = shard.take(records_of("nothing", "everywhere"), 2).outputs
    sent = {
        destination: [identity.unpack(message.headers[0][1]) for message in messages]
        for destination, messages in outputs.items()
    }
    source = INBOX.topic.encode(), INBOX.number, 0, 1
    # two partitions of one topic count together: the sender may have more of them tomorrow
    assert sent[OUT] == [(*source, 0), (*source, 2)]
    assert sent[OUT_TOO] == [(*source, 1)]
    assert [index for *_, index in sent[next(d for d in sent if d.topic == "dead-letters")]] == [0]


def test_rule_03_the_outputs_of_a_shard_whose_inbox_was_made_anew_are_no_repetitions() -> None:
    identities = []
    for incarnation in (0, 1):
        shard = shard_of()
        shard.cursor.incarnation = incarnation
        (message,) = shard.take(records_of("add alice"), 1).outputs[OUT]
        identities.append(message.headers[0][1])
    assert [identity.unpack(found)[2] for found in identities] == [0, 1]
    taker = shard_of(inbox=OTHER_INBOX)
    for offset, found in enumerate(identities):
        taker.take([SimRecord(offset, 0, None, b"add bob", [(identity.HEADER, found)])], offset + 1)
    assert amounts(taker.rows) == {"bob": 2}


def test_rule_03_in_a_public_inbox_a_header_that_looks_like_ours_means_nothing() -> None:
    shard = shard_of(is_public=True)
    shard.take([from_shard("add alice", n, (0, 5, 0)) for n in range(2)], 2)
    assert amounts(shard.rows) == {"alice": 2}
    assert shard.counts["repeated"] == 0


async def test_rule_03_a_repetition_after_a_crash_of_the_sender_changes_nothing() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    sent = [from_shard("add alice", 0, (0, 0, 0)), from_shard("add alice", 1, (0, 0, 0))]
    log.logs[INBOX].records += sent
    log.logs[INBOX].end = 2
    await process.owner.deliver(INBOX, Batch(sent, 0, 2))
    await process.settle()
    await steps()
    assert process.amounts() == {"alice": 1}
    assert len(log.values(OUT)) == 1
