"""Accepting an inbox that was truncated or made anew: its shard was quarantined until somebody looked at it."""

import logging
from typing import NamedTuple

import msgspec

from app.exactly_once.changelog import Claim, Data, Follower, changelog_of, encode, follow
from app.exactly_once.log import Log, Message, OffsetOutOfRange, Partition
from app.exactly_once.restore import contradiction
from app.exactly_once.rows import DIGEST_MODULUS, Rows, row_hash
from app.exactly_once.shard import CURSOR, SYSTEM_TABLES, Cursor

logger = logging.getLogger(__name__)


class Adoption(NamedTuple):
    """What became of a shard's position."""

    before: int | None
    begin: int
    incarnation: int


class NothingToAdopt(Exception):  # noqa: N818 - it is good news
    """The inbox is the one that the shard knows: to begin it again would count everything twice."""


async def adopt(log: Log, inbox: Partition, name: str, version: str = "") -> Adoption:
    """Lets the shard go on at the inbox's first record, with the rows that it has.

    Its owner is fenced by a claim of `name`, which nobody may have used before. What the shard emits from now on has a
    higher incarnation: offsets begin again, and whoever takes its outputs must not believe to have seen them.
    Raises ChangelogError where the changelog contradicts itself, NothingToAdopt where inbox and shard do not.
    """
    await _look(log, inbox)
    wanted: Adoption | None = None
    while True:
        try:
            follower = await _claimed(log, changelog_of(inbox), name, version)
            cursor = _cursor_of(follower)
            if wanted is not None and cursor.incarnation >= wanted.incarnation:
                logger.warning("%s adopted: it was at %s and goes on at %s", inbox, wanted.before, wanted.begin)
                return wanted
            begin, _ = await log.bounds(inbox)
            wanted = Adoption(follower.next, begin, cursor.incarnation + 1)
            await _append(log, changelog_of(inbox), follower, _data(follower, cursor, begin))
        except OffsetOutOfRange:  # the shard's owner has just deleted what we were to read: once more
            continue


async def _look(log: Log, inbox: Partition) -> None:
    """Before anything is claimed: is there a reason to?"""
    while True:
        try:
            follower = await _read_to_end(log, changelog_of(inbox))
            follower.check()
            why = await contradiction(log, inbox, follower.next or 0, _cursor_of(follower))
        except OffsetOutOfRange:
            continue
        if why is None:
            raise NothingToAdopt(f"{inbox} is at {follower.next or 0} and its inbox goes on there: nothing to adopt")
        logger.info("to be adopted: %s", why)
        return


async def _claimed(log: Log, changelog: Partition, name: str, version: str) -> Follower:
    """The shard as of a claim of ours that is the highest."""
    follower = await _read_to_end(log, changelog)
    while follower.owner != name:
        await _append(log, changelog, follower, Claim(follower.epoch + 1, name, version))
    follower.check()
    return follower


async def _read_to_end(log: Log, changelog: Partition) -> Follower:
    first, end = await log.bounds(changelog)
    follower = Follower(Rows(SYSTEM_TABLES))
    follower.offset = first
    await _read(log, changelog, follower, end)
    return follower


def _cursor_of(follower: Follower) -> Cursor:
    row = follower.rows[CURSOR].get("")
    return Cursor() if row is None else msgspec.msgpack.decode(row, type=Cursor)


def _data(follower: Follower, cursor: Cursor, begin: int) -> Data:
    before = follower.rows[CURSOR].get("")
    cursor.incarnation += 1
    cursor.offset, cursor.timestamp, cursor.checksum = -1, -1, 0
    row = msgspec.msgpack.encode(cursor)
    digest = follower.rows.digest - (0 if before is None else row_hash(CURSOR, "", before)) + row_hash(CURSOR, "", row)
    return Data(follower.epoch, follower.next or 0, begin, {CURSOR: {"": row}}, digest % DIGEST_MODULUS)


async def _append(log: Log, changelog: Partition, follower: Follower, entry: Claim | Data) -> None:
    offset = await log.append(changelog, Message(None, encode(entry), []))
    await _read(log, changelog, follower, offset + 1)


async def _read(log: Log, changelog: Partition, follower: Follower, end: int) -> None:
    async for _ in follow(log, changelog, follower, end):
        pass
