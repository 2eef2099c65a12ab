"""Rules 10 to 12 of architecture.md: claims, assignments and restores, membership in the group."""

import asyncio
from typing import Any

import pytest
from memory_log import MemoryLog
from small_shards import INBOX, OTHER_INBOX, OUT, Balance, Process, records_of, steps

from app.exactly_once.changelog import ChangelogError, Claim, Data, Follower, changelog_of, encode
from app.exactly_once.log import Batch
from app.exactly_once.rows import Rows, row_hash

CHANGELOG = changelog_of(INBOX)


def follower_of(log: MemoryLog) -> Follower:
    follower = Follower(Rows({"balances": Balance}))
    for record in log.logs[CHANGELOG].records:
        follower.apply(record)
    return follower


def write(log: MemoryLog, *entries: Claim | Data) -> None:
    for entry in entries:
        log.write(CHANGELOG, encode(entry))


def data(epoch: int, start: int, end: int, amount: int) -> Data:
    row = b'{"amount":%d}' % amount
    return Data(epoch, start, end, {"balances": {"alice": row}}, row_hash("balances", "alice", row))


async def owned(log: MemoryLog, name: str, **tuning: Any) -> Process:
    process = Process(log, name, **tuning)
    await process.owner.assign([INBOX])
    return process


async def test_rule_10_an_owner_claims_with_the_highest_epoch_plus_one() -> None:
    log = MemoryLog()
    for number in range(1, 4):
        process = await owned(log, f"worker{number}")
        await process.take("add alice")
        await process.settle()
    assert [(claim.epoch, claim.owner) for claim in log.claims(INBOX)] == [
        (1, "worker1/1"),
        (2, "worker2/1"),
        (3, "worker3/1"),
    ]
    assert process.amounts() == {"alice": 3}
    assert log.data(INBOX)[-1].epoch == 3


async def test_rule_10_an_owner_whose_epoch_was_claimed_before_it_claims_again() -> None:
    log = MemoryLog()
    await owned(log, "former")
    append = log.append

    async def append_after_another(destination: Any, message: Any) -> int:
        log.append = append  # type: ignore[method-assign]
        write(log, Claim(2, "other", ""))
        return await append(destination, message)

    log.append = append_after_another  # type: ignore[method-assign]
    process = await owned(log, "ours")
    assert [(claim.epoch, claim.owner) for claim in log.claims(INBOX)] == [
        (1, "former/1"),
        (2, "other"),
        (2, "ours/1"),
        (3, "ours/1"),
    ]
    assert process.owner.shards[INBOX].follower.epoch == 3


async def test_rule_10_an_owner_reads_on_to_its_own_claim_before_it_begins() -> None:
    log = MemoryLog()
    former = await owned(log, "former")
    await former.take("add alice")
    await former.settle()
    append = log.append

    async def append_after_the_former_owner(destination: Any, message: Any) -> int:
        log.append = append  # type: ignore[method-assign]
        await former.take("add alice")
        await former.settle()
        return await append(destination, message)

    log.append = append_after_the_former_owner  # type: ignore[method-assign]
    process = await owned(log, "ours")
    assert process.amounts() == {"alice": 2}
    assert process.inboxes.seeks == [(INBOX, 2)]


async def test_rule_10_what_a_paused_former_owner_writes_late_does_not_count() -> None:
    log = MemoryLog()
    zombie = await owned(log, "zombie")
    await zombie.take("add alice")
    await zombie.settle()
    log.hold(CHANGELOG)
    await zombie.take("add alice", "add alice")
    await steps()
    waiting, log._waiting = log._waiting, type(log._waiting)(list)
    log.held.clear()

    after = await owned(log, "after")
    await after.owner.deliver(INBOX, Batch(log.logs[INBOX].slice(1, 3), 1, 3))
    await after.take("add alice")
    await after.settle()
    log._waiting = waiting
    log.let_land(CHANGELOG)  # the zombie's record lands behind all that
    zombie.inboxes.is_ours = False
    await steps()

    assert [entry.epoch for entry in log.data(INBOX)][-1] == 1
    follower = follower_of(log)
    assert follower.fenced == 1
    assert follower.rows["balances"].get("alice") == Balance(4)
    follower.check()
    assert zombie.owner.shards[INBOX].frozen
    outputs = {(record.headers[0], record.value) for record in log.logs[OUT].records}
    assert len(outputs) == 4  # its outputs are there twice, with known identities and equal content
    assert len(log.logs[OUT].records) == 6


def test_rule_10_records_of_lower_epochs_are_skipped_and_counted() -> None:
    log = MemoryLog()
    write(log, Claim(1, "a", ""), data(1, 0, 5, 1), Claim(2, "b", ""), data(1, 5, 9, 100), data(2, 5, 7, 2))
    follower = follower_of(log)
    assert (follower.next, follower.epoch, follower.owner, follower.fenced) == (7, 2, "b", 1)
    assert follower.rows["balances"].get("alice") == Balance(2)


@pytest.mark.parametrize("start", [4, 6])
def test_rule_10_a_hole_or_an_overlap_within_an_epoch_is_no_changelog(start: int) -> None:
    log = MemoryLog()
    write(log, Claim(1, "a", ""), data(1, 0, 5, 1), data(1, start, 9, 2))
    with pytest.raises(ChangelogError, match=f"begins at {start}, the rows of epoch 1 end at 5"):
        follower_of(log)


async def test_rule_10_a_hole_quarantines_the_shard_and_the_others_go_on() -> None:
    log = MemoryLog()
    write(log, Claim(1, "a", ""), data(1, 0, 5, 1), data(1, 6, 9, 2))
    process = Process(log)
    await process.owner.assign([INBOX, OTHER_INBOX])
    assert "a hole at changelog offset 2" in process.owner.quarantined[INBOX]
    assert set(process.owner.shards) == {OTHER_INBOX}
    assert not process.ended


def test_rule_10_the_first_record_of_a_truncated_log_sets_epoch_and_position() -> None:
    log = MemoryLog()
    write(log, data(7, 90, 95, 1), data(7, 95, 99, 2), data(6, 95, 96, 3))
    follower = follower_of(log)
    assert (follower.next, follower.epoch, follower.fenced) == (99, 7, 1)


async def test_rule_10_after_an_assignment_a_higher_claim_means_restore() -> None:
    log = MemoryLog()
    first = await owned(log, "first")
    await first.take("add alice")
    await first.settle()
    first.owner.revoke()
    second = await owned(log, "second")
    await second.take("add alice")
    await second.settle()
    second.kill()
    await first.owner.assign([INBOX])
    assert first.amounts() == {"alice": 2}
    assert first.owner.counts["superseded"] == 1
    assert log.claims(INBOX)[-1].owner == "first/2"


async def test_rule_10_a_claim_by_somebody_who_lost_the_shard_is_answered_with_a_claim() -> None:
    log = MemoryLog()
    process = await owned(log, "ours")
    write(log, Claim(2, "late", ""))
    await process.take("add alice")
    await steps(200)
    assert process.owner.shards[INBOX].follower.epoch == 3
    assert process.inboxes.seeks[-1] == (INBOX, 0)  # what was written under the fenced epoch is taken again
    await process.owner.deliver(INBOX, Batch(records_of("add alice"), 0, 1))
    await process.settle()
    assert follower_of(log).rows["balances"].get("alice") == Balance(1)


async def test_rule_11_one_restore_an_assignment_and_a_second_caller_awaits_it() -> None:
    log = MemoryLog()
    process = Process(log)
    await asyncio.gather(*(process.owner.assign([INBOX]) for _ in range(5)))
    assert len(log.claims(INBOX)) == 1
    assert process.owner.counts["restores"] == 1


async def test_rule_11_a_restore_outlives_the_one_who_awaits_it() -> None:
    log = MemoryLog()
    process = Process(log)
    waiting = asyncio.create_task(process.owner.assign([INBOX]))
    await steps(2)
    waiting.cancel()
    await steps()
    assert set(process.owner.shards) == {INBOX}
    assert not process.owner.shards[INBOX].frozen
    assert not process.owner.restoring


async def test_rule_11_a_shard_that_comes_back_is_kept_with_what_was_in_flight() -> None:
    log = MemoryLog()
    process = await owned(log, "ours")
    log.hold(CHANGELOG)
    await process.take("add alice")
    shard = process.owner.shards[INBOX].shard
    process.owner.revoke()
    await process.owner.deliver(INBOX, Batch(records_of("add alice", start=1), 1, 2))
    assert process.amounts() == {"alice": 1}  # frozen
    await process.owner.assign([INBOX])
    assert process.owner.shards[INBOX].shard is shard
    assert process.inboxes.seeks[-1] == (INBOX, 1)
    log.let_land(CHANGELOG)
    await process.settle()
    assert len(log.claims(INBOX)) == 1
    assert log.data(INBOX)[-1].end == 1


async def test_rule_11_a_shard_that_goes_to_somebody_else_is_let_go() -> None:
    process = Process(MemoryLog())
    await process.owner.assign([INBOX, OTHER_INBOX])
    process.owner.revoke()
    await process.owner.assign([OTHER_INBOX])
    assert set(process.owner.shards) == {OTHER_INBOX}


async def test_rule_11_a_shard_that_is_lost_during_its_restore_is_not_claimed() -> None:
    log = MemoryLog()
    process = Process(log)
    waiting = asyncio.create_task(process.owner.assign([INBOX]))
    await steps(2)
    process.owner.revoke()
    await waiting
    assert log.claims(INBOX) == []
    assert process.owner.shards == {}
    assert not process.ended


async def test_rule_11_a_restore_that_meets_deleted_records_begins_again_at_the_new_first_offset() -> None:
    log = MemoryLog()
    write(log, Claim(1, "a", ""), *(data(1, number, number + 1, number + 1) for number in range(9)))
    log.logs[INBOX].end = 9
    portions = iter(range(99))

    def delete_old_ones(partition: Any) -> None:
        if partition == CHANGELOG and next(portions) == 1:
            log.logs[CHANGELOG].delete_before(8)

    log.before_read = delete_old_ones
    process = await owned(log, "ours")
    assert process.owner.counts["restores begun again"] == 1
    assert process.amounts() == {"alice": 9}
    assert process.inboxes.seeks == [(INBOX, 9)]


async def test_rule_11_rows_that_do_not_agree_with_the_digest_quarantine_the_shard() -> None:
    log = MemoryLog()
    write(log, Claim(1, "a", ""), _wrong(data(1, 0, 5, 1)))
    process = await owned(log, "ours")
    assert "digest" in process.owner.quarantined[INBOX]


def _wrong(entry: Data) -> Data:
    return Data(entry.epoch, entry.start, entry.end, entry.rows, entry.digest ^ 1)
