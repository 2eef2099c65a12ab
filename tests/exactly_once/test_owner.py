"""The owner: stalls, faults beside the machine, and shards that change hands at a bad moment."""

import asyncio
from typing import Any

import pytest
from memory_log import MemoryLog
from small_shards import INBOX, OTHER_INBOX, OUT, Ended, Process, records_of, steps

from app.exactly_once import intake
from app.exactly_once import journal as journal_module
from app.exactly_once import owner as owner_module
from app.exactly_once.changelog import Claim, changelog_of, encode
from app.exactly_once.log import NOWHERE, Batch, Partition

CHANGELOG = changelog_of(INBOX)


async def owned(log: MemoryLog, **tuning: Any) -> Process:
    process = Process(log, **tuning)
    await process.owner.assign([INBOX, OTHER_INBOX])
    return process


async def test_a_stalled_shard_is_paused_and_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "WAITING_MAX", 2)
    log = MemoryLog()
    process = await owned(log, stall_s=0.001)
    log.hold(CHANGELOG)
    for _ in range(4):
        await process.take("add alice")
        await steps()
    assert process.inboxes.paused == {INBOX}
    assert process.owner.counts["stalls"] == 1
    assert process.owner.shards[INBOX].busy_since is not None  # the watchdog may look at it
    await process.take("add bob", inbox=OTHER_INBOX)
    assert process.amounts(OTHER_INBOX) == {"bob": 1}

    next_before = process.owner.shards[INBOX].shard.next
    log.let_land(CHANGELOG)
    await process.settle()
    await steps()
    assert process.inboxes.paused == set()
    assert process.inboxes.seeks[-1] == (INBOX, next_before)
    await process.owner.deliver(INBOX, Batch(log.logs[INBOX].slice(next_before, 9), next_before, 4))
    assert process.amounts() == {"alice": 4}
    assert process.owner.shards[INBOX].busy_since is None


async def stalled(log: MemoryLog) -> Process:
    """Three sub-batches wait behind one on its way, and there is no room for the fourth."""
    process = await owned(log, stall_s=0.001)
    log.hold(CHANGELOG)
    for _ in range(4):
        await process.take("add alice")
        await steps()
    assert process.inboxes.paused == {INBOX}
    process.inboxes.seeks.clear()
    return process


async def test_what_was_read_before_a_shard_was_paused_does_not_wake_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "WAITING_MAX", 2)
    log = MemoryLog()
    process = await stalled(log)
    since = process.owner.shards[INBOX].busy_since
    for start in (3, 4, 5):
        process.time += 10
        await process.owner.deliver(INBOX, Batch(records_of("add alice", start=start), start, start + 1))
    assert process.inboxes.paused == {INBOX}  # or every other shard of the noun would wait with it, again and again
    assert process.inboxes.seeks == []
    assert process.owner.counts["stalls"] == 1
    assert process.owner.shards[INBOX].busy_since is since is not None  # the watchdog still sees it
    log.let_land(CHANGELOG)
    await process.settle()
    await steps()
    assert process.inboxes.paused == set()
    assert process.inboxes.seeks == [(INBOX, 3)]


async def test_a_stalled_shard_that_is_kept_over_a_rebalance_is_read_when_it_has_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "WAITING_MAX", 2)
    log = MemoryLog()
    process = await stalled(log)
    process.owner.revoke()
    await process.owner.assign([INBOX])
    assert (process.inboxes.paused, process.inboxes.seeks) == ({INBOX}, [])
    log.let_land(CHANGELOG)
    await process.settle()
    await steps()
    assert (process.inboxes.paused, process.inboxes.seeks) == (set(), [(INBOX, 3)])


async def test_a_shard_that_gets_room_while_it_is_revoked_is_read_after_the_next_assignment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "WAITING_MAX", 2)
    log = MemoryLog()
    process = await stalled(log)
    process.owner.revoke()
    log.let_land(CHANGELOG)
    await process.settle()
    await steps()
    assert process.inboxes.seeks == []
    await process.owner.assign([INBOX])
    assert (process.inboxes.paused, process.inboxes.seeks) == (set(), [(INBOX, 3)])


async def test_a_shard_that_is_revoked_while_it_waits_for_room_takes_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "WAITING_MAX", 2)
    log = MemoryLog()
    process = await owned(log, stall_s=3_600.0)
    log.hold(CHANGELOG)
    for _ in range(3):
        await process.take("add alice")
        await steps()
    waiting = asyncio.create_task(process.take("add alice"))
    await steps()
    process.owner.revoke()
    log.let_land(CHANGELOG)
    await waiting
    assert process.amounts() == {"alice": 3}


async def test_a_shard_that_is_revoked_in_the_middle_of_a_batch_stops_there() -> None:
    log = MemoryLog()
    process = await owned(log)
    taking = asyncio.create_task(process.take(*["add alice"] * 600))
    await asyncio.sleep(0)
    process.owner.revoke()
    await taking
    assert process.amounts() == {"alice": 256}
    await process.owner.assign([INBOX, OTHER_INBOX])
    assert process.inboxes.positions[INBOX] == 256


async def test_batches_of_partitions_that_are_not_ours_are_nothing_to_us() -> None:
    process = Process(MemoryLog())
    await process.owner.deliver(INBOX, Batch(records_of("add alice"), 0, 1))
    await process.owner.assign([Partition("nobody-knows", 0)])
    assert process.owner.shards == {}
    assert process.owner.assigned == frozenset()


async def test_a_coordinator_that_does_not_answer_ends_a_process_whose_shard_was_superseded() -> None:
    """Otherwise the shard would lie there frozen, and nobody would know."""
    log = MemoryLog()
    process = await owned(log)

    async def fails(_: Partition) -> bool:
        raise ConnectionError("away")

    process.inboxes.is_still_ours = fails  # type: ignore[method-assign]
    log.write(CHANGELOG, encode(Claim(9, "late", "")))
    await process.take("add alice")
    await steps()
    assert process.ended == [f"nobody says whose {INBOX} is: ConnectionError('away')"]


async def test_a_shard_that_was_superseded_and_is_not_ours_stays_frozen_until_the_next_assignment() -> None:
    log = MemoryLog()
    process = await owned(log)
    process.inboxes.is_ours = False
    log.write(CHANGELOG, encode(Claim(9, "other", "")))
    await process.take("add alice")
    await steps()
    assert process.owner.shards[INBOX].frozen
    assert len(log.claims(INBOX)) == 2
    await process.owner.assign([INBOX])
    assert log.claims(INBOX)[-1].epoch == 10
    assert process.amounts() == {}
    assert process.inboxes.seeks[-1] == (INBOX, 0)


async def test_a_quarantine_ends_with_the_assignment() -> None:
    log = MemoryLog()
    process = await owned(log)
    await process.take("stop")
    assert set(process.owner.quarantined) == {INBOX}
    process.owner.revoke()
    await process.owner.assign([OTHER_INBOX])
    assert process.owner.quarantined == {}


async def test_a_quarantined_shard_is_looked_at_anew_with_every_assignment() -> None:
    log = MemoryLog()
    process = await owned(log)
    await process.take("stop")
    process.owner.revoke()
    await process.owner.assign([INBOX, OTHER_INBOX])
    assert process.owner.quarantined == {}
    await process.owner.deliver(INBOX, Batch(log.logs[INBOX].slice(0, 1), 0, 1))
    assert set(process.owner.quarantined) == {INBOX}
    assert process.owner.counts["quarantined"] == 2


async def test_a_restore_that_fails_ends_the_process_and_lets_the_store_go() -> None:
    log = MemoryLog()
    process = Process(log)

    async def fails(_: Partition) -> tuple[int, int]:
        raise ConnectionError("away")

    log.bounds = fails  # type: ignore[method-assign]
    closed: list[bool] = []
    open_store = process.owner._open_store
    assert open_store is not None

    def open_and_watch(partition: Partition) -> Any:
        disk = open_store(partition)
        disk.close = lambda: closed.append(True)  # type: ignore[method-assign]
        return disk

    process.owner._open_store = open_and_watch
    await process.owner.assign([INBOX])
    assert process.ended == [f"restore of {INBOX}: ConnectionError('away')"]
    assert closed == [True]
    assert not process.owner.restoring


async def test_what_a_shard_sent_before_it_was_dropped_is_not_called_back() -> None:
    log = MemoryLog()
    process = await owned(log)
    log.hold(OUT)
    await process.take("add alice")
    await steps()
    process.owner.revoke()
    await process.owner.assign([])
    log.let_land(OUT)
    assert log.values(OUT) == [b"alice 1"]
    assert log.data(INBOX) == []
    assert not process.ended


async def test_an_end_is_an_end_though_nobody_awaits_the_task() -> None:
    log = MemoryLog()
    process = await owned(log)
    log.hold(CHANGELOG)
    await process.take("add alice")
    await steps()
    log.refuse(CHANGELOG)
    with pytest.raises(Ended):
        await process.owner.shards[INBOX].task  # type: ignore[misc]
    assert "journal of accounts-inbox-0" in process.ended[0]


async def test_a_dropped_batch_that_was_the_last_one_of_the_inbox_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "SEEK_AGAIN_S", 0.001)
    log = MemoryLog()
    process = await owned(log)
    await process.take("add alice", "add alice", "add alice")
    await process.owner.deliver(INBOX, Batch(log.logs[INBOX].slice(0, 1), 0, 1))  # near: the reader comes by itself
    await process.owner.deliver(INBOX, Batch(log.logs[INBOX].slice(1, 3), 1, 4))  # and steps over where the shard is
    process.inboxes.seeks.clear()
    process.time += 10
    async with asyncio.timeout(10):
        while process.inboxes.seeks != [(INBOX, 3)]:  # noqa: ASYNC110 - the stand-in tells nobody
            await asyncio.sleep(0.001)


async def test_a_batch_that_fits_is_all_that_was_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SEEK_AGAIN_S", 0.001)
    log = MemoryLog()
    process = await owned(log)
    await process.owner.deliver(INBOX, Batch(records_of("add alice", start=7), 7, 8))  # read before the seek
    await process.take("add alice")
    process.inboxes.seeks.clear()
    look = process.owner.shards[INBOX].look
    assert look is not None
    await look
    assert process.inboxes.seeks == []


async def test_a_shard_that_becomes_ready_as_its_assignment_stops_waiting_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner_module, "ASSIGN_S_MAX", 0.001)
    process = Process(MemoryLog())
    seek, may_go_on = process.inboxes.seek, asyncio.Event()

    async def seek_slowly(partition: Partition, position: int, topic_id: bytes) -> None:
        await may_go_on.wait()
        await seek(partition, position, topic_id)

    process.inboxes.seek = seek_slowly  # type: ignore[method-assign]
    await process.owner.assign([INBOX])
    may_go_on.set()
    await steps()
    assert process.inboxes.seeks == [(INBOX, 0)]
    assert process.inboxes.paused == set()
    assert not process.owner.restoring


async def test_a_shard_that_is_not_ready_is_not_read() -> None:
    log = MemoryLog()
    process = Process(log)
    log.hold(CHANGELOG)  # its claim does not land
    assigning = asyncio.create_task(process.owner.assign([INBOX, OTHER_INBOX]))
    await steps()
    assert process.inboxes.paused == {INBOX}
    log.let_land(CHANGELOG)
    await assigning
    assert process.inboxes.paused == set()


async def test_who_was_given_nothing_knows_that_it_stands_by() -> None:
    process = Process(MemoryLog())
    assert not process.owner.has_assignment
    await process.owner.assign(())
    assert process.owner.has_assignment
    process.owner.revoke()
    assert not process.owner.has_assignment
    process.kill()


async def test_a_look_at_the_inbox_that_began_before_a_takeover_does_not_quarantine_the_successor() -> None:
    log = MemoryLog()
    process = await owned(log)
    await process.take("add alice", "add alice")
    await process.settle()
    former, is_looking, may_go_on = process.owner.shards[INBOX], asyncio.Event(), asyncio.Event()
    topic_id = process.inboxes.topic_id

    async def topic_id_slowly(partition: Partition) -> bytes:
        is_looking.set()
        await may_go_on.wait()
        return await topic_id(partition)

    process.inboxes.topic_id = topic_id_slowly  # type: ignore[method-assign]
    process.time += 10
    looking = asyncio.create_task(process.owner.deliver(INBOX, NOWHERE))
    await is_looking.wait()
    process.inboxes.topic_id = topic_id  # type: ignore[method-assign]
    log.write(CHANGELOG, encode(Claim(9, "somebody", "")))
    await process.owner.assign([INBOX])
    successor = process.owner.shards[INBOX]
    assert successor is not former
    held = log.logs[INBOX]
    del log.logs[INBOX]  # what the former one sees
    may_go_on.set()
    await looking
    log.logs[INBOX] = held
    assert process.owner.quarantined == {}
    assert not successor.frozen
