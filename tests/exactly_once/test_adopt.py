"""Adopting: what an operator's word does to one shard, and that it is refused where nothing is wrong."""

from typing import Any

import msgspec
import pytest
from memory_log import MemoryLog
from small_shards import INBOX, OUT, Process, steps

from app import operating
from app.exactly_once import identity, owner
from app.exactly_once.adopt import Adoption, NothingToAdopt, adopt
from app.exactly_once.changelog import ChangelogError, Claim, Data, Follower, changelog_of, encode
from app.exactly_once.log import Batch, Partition
from app.exactly_once.rows import Rows
from app.exactly_once.shard import CURSOR, Cursor
from app.settings import Profile, Settings

CHANGELOG = changelog_of(INBOX)


async def a_quarantined_shard(records: int = 1) -> tuple[MemoryLog, Process]:
    """It took three records; then its inbox was made anew, and somebody wrote there."""
    log = MemoryLog()
    before = Process(log, "before")
    await before.owner.assign([INBOX])
    await before.take("add alice", "add alice", "add alice")
    await before.settle()
    before.kill()
    del log.logs[INBOX]
    for _ in range(records):
        log.write(INBOX, b"add bob")
    after = Process(log, "after")
    await after.owner.assign([INBOX])
    assert INBOX in after.owner.quarantined
    return log, after


async def test_an_adopted_shard_goes_on_at_the_first_record_with_the_rows_that_it_has() -> None:
    log, _ = await a_quarantined_shard()
    log.logs[INBOX].delete_before(1)
    log.write(INBOX, b"add bob")
    assert await adopt(log, INBOX, "operator") == Adoption(3, 1, 1)
    process = Process(log, "later")
    await process.owner.assign([INBOX])
    assert process.owner.quarantined == {}
    assert process.inboxes.seeks == [(INBOX, 1)]
    assert process.amounts() == {"alice": 3}


async def test_its_worker_takes_an_adopted_shard_back_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "ADOPTION_LOOK_S", 0.001)
    log, process = await a_quarantined_shard()
    for task in list(process.owner._tasks):  # looks every few seconds in the old rhythm: let it look now
        task.cancel()
    process.owner._spawn(process.owner._until_adopted(process.owner.shards[INBOX], process.owner.quarantined[INBOX]))
    await adopt(log, INBOX, "operator")
    while process.owner.quarantined or process.inboxes.seeks[-1:] != [(INBOX, 0)]:
        await steps()
    assert not process.owner.shards[INBOX].frozen
    assert process.owner.shards[INBOX].shard.cursor.incarnation == 1
    assert log.claims(INBOX)[-1].owner.startswith("after/")


async def test_what_an_adopted_shard_sends_is_new_to_those_who_take_it() -> None:
    log, _ = await a_quarantined_shard()
    await adopt(log, INBOX, "operator")
    process = Process(log, "later")
    await process.owner.assign([INBOX])
    await process.owner.deliver(INBOX, Batch(log.logs[INBOX].slice(0, 1), 0, 1))
    await process.settle()
    assert process.amounts() == {"alice": 3, "bob": 1}
    sent = [identity.unpack(record.headers[0][1]) for record in log.logs[OUT].records]
    assert [(incarnation, offset) for _, _, incarnation, offset, _ in sent] == [(0, 0), (0, 1), (0, 2), (1, 0)]


async def test_a_worker_that_still_writes_is_fenced_by_the_adoption() -> None:
    log, process = await a_quarantined_shard()
    journal, shard = process.owner.shards[INBOX].journal, process.owner.shards[INBOX].shard
    await adopt(log, INBOX, "operator")
    journal.add(shard.take([], 9), [])
    process.inboxes.is_ours = False
    await steps()
    follower = Follower(Rows({}))
    for record in log.logs[CHANGELOG].records:
        follower.apply(record)
    assert (follower.next, follower.fenced) == (0, 1)
    follower.check()


async def test_a_healthy_shard_is_not_adopted_for_that_would_count_everything_twice() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.take("add alice", "add alice")
    await process.settle()
    log.write(INBOX, b"add alice")
    before = log.values(CHANGELOG)
    with pytest.raises(NothingToAdopt, match="accounts-inbox-0 is at 2 and its inbox goes on there"):
        await adopt(log, INBOX, "operator")
    assert log.values(CHANGELOG) == before  # and its owner was left alone


async def test_a_shard_is_adopted_once() -> None:
    log, _ = await a_quarantined_shard()
    await adopt(log, INBOX, "operator")
    with pytest.raises(NothingToAdopt):
        await adopt(log, INBOX, "operator again")


async def test_an_adoption_goes_on_when_its_owner_claims_in_between() -> None:
    log, _ = await a_quarantined_shard()
    append, others = log.append, iter(["other", None, "another"])

    async def append_after_another(destination: Any, message: Any) -> int:
        other = next(others, None)
        if other is not None:
            log.write(CHANGELOG, encode(Claim(log.claims(INBOX)[-1].epoch + 1, other, "")))
        return await append(destination, message)

    log.append = append_after_another  # type: ignore[method-assign]
    adoption = await adopt(log, INBOX, "operator")
    follower = Follower(Rows({}))
    for record in log.logs[CHANGELOG].records:
        follower.apply(record)
    follower.check()
    cursor = msgspec.msgpack.decode(follower.rows[CURSOR].get("") or b"", type=Cursor)
    assert (follower.next, cursor.incarnation) == (adoption.begin, 1)


async def test_records_that_are_deleted_meanwhile_are_no_obstacle() -> None:
    log, _ = await a_quarantined_shard()
    portions = iter(range(99))

    def delete_old_ones(partition: Partition) -> None:
        if partition == CHANGELOG and next(portions) == 0:
            log.logs[CHANGELOG].delete_before(1)

    log.before_read = delete_old_ones
    assert await adopt(log, INBOX, "operator") == Adoption(3, 0, 1)


async def test_a_changelog_that_contradicts_itself_is_not_adopted() -> None:
    log = MemoryLog()
    log.write(CHANGELOG, encode(Claim(1, "a", "")))
    log.write(CHANGELOG, encode(Data(1, 0, 5, {"balances": {"alice": b"{}"}}, 1)))
    with pytest.raises(ChangelogError, match="digest"):
        await adopt(log, INBOX, "operator")
    assert len(log.values(CHANGELOG)) == 2


def test_a_shard_has_the_name_under_which_it_is_listed() -> None:
    settings = Settings(profile=Profile.TEST)
    assert operating.shard_named("accounts-inbox-0", settings) == INBOX
    assert operating.shard_named("order-commands-1", settings) == Partition("order-commands", 1)


@pytest.mark.parametrize(
    "name", ["", "accounts", "accounts-inbox", "accounts-inbox-", "accounts-inbox-x", "nobody-0", "accounts-inbox-999"]
)
def test_what_is_no_shard_is_refused_with_a_line_that_lists_the_shards(name: str) -> None:
    with pytest.raises(operating.NoSuchShard, match=r"is no shard; shards are accounts-inbox-0…\d+, "):
        operating.shard_named(name, Settings(profile=Profile.TEST))
