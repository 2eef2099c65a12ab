"""Taking a shard over: store, changelog, claim; and the checks that both logs are the ones that the rows came from."""

import asyncio
import logging
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field
from typing import Protocol, cast

import msgspec

from app.exactly_once import changelog
from app.exactly_once.changelog import ChangelogError, Claim, Data, Follower
from app.exactly_once.log import Log, Message, OffsetOutOfRange, Partition, Record
from app.exactly_once.rows import Changes, Rows, Store
from app.exactly_once.shard import Cursor, Shard, checksum
from app.exactly_once.store_writer import StoreMark

logger = logging.getLogger(__name__)

STORE_ROWS_AT_ONCE = 50_000
REMEDY = "after a look at both topics, `faust -A app adopt {}` accepts the inbox as it is"


class Quarantined(Exception):  # noqa: N818 - a state of affairs
    """This shard cannot go on without an operator; the others can. The message says what to do."""


class NotOurs(Exception):  # noqa: N818 - a state of affairs
    """The shard was given to somebody else while it was being restored."""


class DurableStore(Store, Protocol):
    """A store on disk that this process alone writes."""

    def meta(self) -> bytes | None: ...
    def all_items(self) -> Iterable[tuple[str, str, bytes]]: ...
    def clear(self) -> None: ...
    def close(self) -> None: ...


@dataclass
class Restorer:
    """Brings the rows of one shard up to the end of its changelog, and claims it there."""

    log: Log
    changelog: Partition
    tables: dict[str, type]
    store: DurableStore | None
    warm_rows_max: int
    counts: Counter[str] = field(default_factory=Counter)
    _is_without_store: bool = False

    async def restore(self, name: str, version: str, still_ours: Callable[[], bool]) -> Follower:
        """-> rows as of our own claim: whoever owned the shard before is fenced from there on.

        Raises NotOurs where `still_ours` denies it before the claim, ChangelogError where the log contradicts itself.
        """
        while True:
            follower = await self._from_store()
            try:
                await self._claim(follower, name, version, still_ours)
                follower.check()
            except OffsetOutOfRange:  # the old part was deleted while we read it
                self.counts["restores begun again"] += 1
                if self.store is not None:
                    self.store.clear()
                continue
            except ChangelogError:
                if self.store is None or self._is_without_store:
                    raise
                logger.exception("the store of %s does not agree with the log: once more without it", self.changelog)
                self._is_without_store = True
                self.counts["stores that disagree"] += 1
                self.store.clear()
                continue
            self.counts["restores"] += 1
            return follower

    def _fresh(self, offset: int) -> Follower:
        follower = Follower(Rows(self.tables, store=self.store, warm_rows_max=self.warm_rows_max))
        follower.offset = offset
        return follower

    async def _from_store(self) -> Follower:
        """A follower that begins where the store ends, if it belongs to this log; else at the log's beginning."""
        first, end = await self.log.bounds(self.changelog)
        follower = self._fresh(first)
        if self.store is None:
            return follower
        mark = self._mark(self.store)
        if mark is None:
            pass
        elif not await self._is_there(mark, first, end):
            logger.info("store of %s thrown away: its log is [%s, %s) now", self.changelog, first, end)
            self.counts["stores out of range"] += 1
        elif not self._load(self.store, follower, mark):
            logger.error("store of %s thrown away: its rows are damaged", self.changelog)
            self.counts["stores that disagree"] += 1
        else:
            follower.offset, follower.epoch, follower.next = mark.offset + 1, mark.epoch, mark.next
            follower.digest, follower.row_versions = mark.digest, mark.row_versions
            return follower
        self.store.clear()
        return self._fresh(first)

    def _mark(self, store: DurableStore) -> StoreMark | None:
        try:
            meta = store.meta()
            return None if meta is None else msgspec.msgpack.decode(meta, type=StoreMark)
        except Exception:
            logger.exception("the store of %s cannot be read", self.changelog)
            return None

    def _load(self, store: DurableStore, follower: Follower, mark: StoreMark) -> bool:
        try:
            return follower.rows.load(store.all_items(), mark.digest)
        except Exception:
            logger.exception("the store of %s cannot be read", self.changelog)
            return False

    async def _is_there(self, mark: StoreMark, first: int, end: int) -> bool:
        if not first <= mark.offset < end:
            return False
        record = await record_at(self.log, self.changelog, mark.offset)
        return record is not None and zlib.crc32(record.value or b"") == mark.checksum

    async def _claim(self, follower: Follower, name: str, version: str, still_ours: Callable[[], bool]) -> None:
        _, end = await self.log.bounds(self.changelog)
        await self._read(follower, end)
        while follower.owner != name:
            if not still_ours():
                raise NotOurs
            claim = changelog.encode(Claim(follower.epoch + 1, name, version))
            offset = await self.log.append(self.changelog, Message(None, claim, []))
            await self._read(follower, offset + 1)

    async def _read(self, follower: Follower, end: int) -> None:
        rows, waiting, count = follower.rows, cast("Changes", {}), 0
        last: tuple[Record, Data] | None = None
        if follower.next is None:
            rows.gather()
        async for record, entry in changelog.follow(self.log, self.changelog, follower, end):
            last = record, entry
            if rows.is_gathering:
                if rows.is_full:
                    await self._gathered(follower, last)
                    last = None
                continue
            for table, changed in entry.rows.items() if self.store is not None else ():
                waiting.setdefault(table, {}).update(changed)
                count += len(changed)
            if count > STORE_ROWS_AT_ONCE:
                rows.stored(waiting, _mark_of(follower, *last), rows.version)
                waiting, count, last = {}, 0, None
        if rows.is_gathering:
            await self._gathered(follower, last)
        elif last is not None:
            rows.stored(waiting, _mark_of(follower, *last), rows.version)

    async def _gathered(self, follower: Follower, last: tuple[Record, Data] | None) -> None:
        """Writes each row into the store once, not in every version that the log has of it."""
        for portion in follower.rows.gathered():
            if self.store is not None:
                self.store.write(portion, None)
            await asyncio.sleep(0)  # other shards go on meanwhile
        if self.store is not None and last is not None:
            self.store.write({}, _mark_of(follower, *last))


def _mark_of(follower: Follower, record: Record, entry: Data) -> bytes | None:
    """What the store says of itself once it holds all up to this record, the last one that counted.

    None where rows are still to come: a log whose old part was deleted begins in a sweep, and is not whole before its
    end. A store that ends there has no mark, and is filled anew.
    """
    if follower.rows.digest != entry.digest:
        return None
    checksum_of = zlib.crc32(record.value or b"")
    mark = StoreMark(record.offset, checksum_of, entry.epoch, entry.end, entry.digest, follower.row_versions)
    return msgspec.msgpack.encode(mark)


async def record_at(log: Log, partition: Partition, offset: int) -> Record | None:
    """The record at this very offset, if there is one."""
    found = None
    try:
        async for records in log.read(partition, offset, offset + 1):
            found = records[0] if records else None
    except OffsetOutOfRange:
        pass
    return found


async def check_input(log: Log, shard: Shard) -> None:
    """Raises Quarantined unless the inbox holds what the shard did not take, and what it took last is what it was."""
    why = await contradiction(log, shard.inbox, shard.next, copy(shard.cursor))  # the shard may go on while we look
    if why is not None:
        raise Quarantined(f"{why}; {REMEDY.format(shard.inbox)}")


async def contradiction(log: Log, inbox: Partition, position: int, last: Cursor) -> str | None:
    """Why this is not the inbox from which a shard came to this position, if it is not."""
    first, end = await log.bounds(inbox)
    if position < first:
        return f"{inbox} begins at {first}: records from {position} on were lost unread"
    if position > end:
        return f"{inbox} ends at {end}, the shard is at {position}: it was made anew"
    if first <= last.offset < end:
        record = await record_at(log, inbox, last.offset)
        if record is None or (record.timestamp, checksum(record)) != (last.timestamp, last.checksum):
            return f"{inbox} holds another record at {last.offset}: it was made anew"
    return None
