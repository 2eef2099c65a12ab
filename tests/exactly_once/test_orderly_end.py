"""A worker that is told to stop: nothing new is taken, what was taken becomes durable, no restore goes on."""

import asyncio

from memory_log import MemoryLog
from small_shards import INBOX, OTHER_INBOX, Process, records_of, steps

from app.exactly_once.changelog import changelog_of
from app.exactly_once.log import Batch


async def test_what_was_taken_is_durable_in_the_end_and_nothing_more_is_taken() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    log.hold(changelog_of(INBOX))
    await process.take("add alice")
    stopping = asyncio.create_task(process.owner.stop())
    await steps()
    await process.owner.deliver(INBOX, Batch(records_of("add alice", start=1), 1, 2))
    log.let_land(changelog_of(INBOX))
    await stopping
    assert [entry.end for entry in log.data(INBOX)] == [1]
    assert process.owner.shards == {}
    assert not process.ended


async def test_a_restore_that_is_under_way_is_given_up() -> None:
    log = MemoryLog()
    process = Process(log)
    waiting = asyncio.create_task(process.owner.assign([INBOX]))
    await steps(2)
    await process.owner.stop()
    await waiting
    await steps()
    assert log.claims(INBOX) == []
    assert process.inboxes.seeks == []
    assert not process.ended


async def test_an_assignment_that_comes_after_the_end_is_not_taken_up() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.owner.stop()
    await process.owner.assign([INBOX, OTHER_INBOX])
    assert process.owner.shards == {}
    assert log.claims(OTHER_INBOX) == []
