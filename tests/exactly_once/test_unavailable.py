"""Kafka does not answer for one partition: its shard waits for it, and no other shard waits for that."""

from typing import Any

import pytest
from memory_log import MemoryLog
from small_shards import INBOX, OTHER_INBOX, Process, records_of, steps

from app.exactly_once import owner
from app.exactly_once.changelog import changelog_of
from app.exactly_once.log import Batch, Partition, Unavailable
from app.exactly_once.producer import IdempotentProducer


class PartlyAway(MemoryLog):
    """Some partitions have no leader."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[Partition] = set()

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        if partition in self.away:
            raise Unavailable(str(partition))
        return await super().bounds(partition)


@pytest.fixture(autouse=True)
def no_time_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "RESTORE_AGAIN_S", 0)
    monkeypatch.setattr(owner, "ASSIGN_S_MAX", 0.01)


@pytest.mark.parametrize("missing", [changelog_of(INBOX), INBOX])
async def test_a_shard_is_ready_when_its_partitions_are_back_and_the_others_before(missing: Partition) -> None:
    log = PartlyAway()
    log.away.add(missing)
    process = Process(log)
    await process.owner.assign([INBOX, OTHER_INBOX])
    await steps(200)
    assert process.inboxes.paused == {INBOX}
    assert [inbox for inbox, _ in process.inboxes.seeks] == [OTHER_INBOX]
    assert process.owner.restoring[INBOX] == 1
    log.away.clear()
    await steps(200)
    assert process.inboxes.paused == set()
    assert [inbox for inbox, _ in process.inboxes.seeks] == [OTHER_INBOX, INBOX]
    assert not process.owner.restoring
    assert not process.ended


async def test_a_shard_that_is_taken_away_while_it_waits_is_not_waited_for_any_more() -> None:
    log = PartlyAway()
    log.away.add(changelog_of(INBOX))
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.owner.assign([])
    await steps(200)
    assert not process.owner.restoring
    log.away.clear()
    await steps(200)
    assert log.claims(INBOX) == []


async def test_a_stale_batch_while_the_inbox_is_away_ends_nothing() -> None:
    log = PartlyAway()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.take("add alice")
    await process.settle()
    log.away.add(INBOX)
    await process.owner.deliver(INBOX, Batch(records_of("add alice", start=5), 5, 6))
    await steps(200)
    assert process.owner.restoring[INBOX] == 1
    log.away.clear()
    await steps(200)
    assert process.inboxes.seeks[-1] == (INBOX, 1)
    await process.take("add alice")
    assert process.amounts() == {"alice": 2}
    assert not process.ended


async def test_what_was_sent_to_a_partition_without_a_leader_waits_for_as_long_as_it_takes() -> None:
    producer: Any = IdempotentProducer(bootstrap_servers="127.0.0.1:1", enable_idempotence=True)
    producer._closed = True  # it was never started
    assert producer._message_accumulator._batch_ttl == float("inf")
