"""A replica: rows of shards that somebody else owns, read from their changelogs by the same rule as everybody reads.

Where an operator makes a changelog anew below a running replica, it notices at the next record at the latest.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol

import msgspec

from app.exactly_once.changelog import ChangelogError, Data, Follower, changelog_of
from app.exactly_once.log import Log, OffsetOutOfRange, Partition, Record
from app.exactly_once.rows import Rows
from app.exactly_once.shard import CURSOR, SYSTEM_TABLES, Cursor

logger = logging.getLogger(__name__)

RELOAD_AFTER_S = 0.1


class Doubtful(Exception):  # noqa: N818 - it is what the log is
    """Perhaps the changelog was made anew behind our back, and grew beyond our offset: only its beginning can tell."""


class Listener(Protocol):
    """Hears of every change of a replica, in order."""

    def reset(self, inbox: Partition, rows: Rows) -> None:
        """The rows are new as a whole: after the start, and when the replica fell behind a truncation."""

    def changed(self, inbox: Partition, rows: Rows, data: Data) -> None:
        """One changelog record was applied."""


class Replica:
    """Rows of one shard, as of some moment ago; `wait_for` gives read-your-writes."""

    def __init__(
        self, log: Log, inbox: Partition, tables: Mapping[str, type], listener: Listener | None = None
    ) -> None:
        self._log, self.inbox, self._tables, self._listener = log, inbox, SYSTEM_TABLES | dict(tables), listener
        self._changelog = changelog_of(inbox)
        self._follower = Follower(Rows(self._tables))
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self.is_caught_up = asyncio.Event()
        """Set once the end of the log that was there at the start is reached."""
        self.resets = 0

    @property
    def rows(self) -> Rows:
        """The rows now."""
        return self._follower.rows

    @property
    def position(self) -> int:
        """Inbox position up to which the rows speak."""
        return self._follower.next or 0

    @property
    def progress(self) -> tuple[int, int]:
        """Incarnation and position: this never goes back."""
        return progress(self._follower)

    async def run(self) -> None:
        """Follows the changelog until cancelled."""
        while True:
            try:
                if await self._load():
                    await self._tail()
            except OffsetOutOfRange:
                logger.info("replica of %s fell behind a truncation and reads anew", self.inbox)
            except Doubtful as doubt:
                logger.warning("replica of %s reads anew: %s", self.inbox, doubt)
            await asyncio.sleep(RELOAD_AFTER_S)

    async def _load(self) -> bool:
        """Reads to the end as it is now. Former rows stay while those are older, so that nobody sees them go back."""
        first, end = await self._log.bounds(self._changelog)
        follower = Follower(Rows(self._tables))
        follower.offset = first
        follower.rows.gather()
        async for records in self._log.read(self._changelog, first, end):
            for record in records:
                follower.apply(record)
        for _ in follower.rows.gathered():
            await asyncio.sleep(0)
        follower.offset = max(follower.offset, end)
        follower.check()
        if progress(follower) < progress(self._follower):
            return False  # the changelog was made anew, and its owner has not come as far again
        self._follower = follower
        self.resets += 1
        if self._listener is not None:
            self._listener.reset(self.inbox, follower.rows)
        self.is_caught_up.set()
        self._wake()
        return True

    async def _tail(self) -> None:
        async with aclosing(self._log.tail(self._changelog, self._follower.offset)) as tail:
            async for records in tail:
                try:
                    self._follow(records)
                except ChangelogError as error:
                    raise Doubtful(str(error)) from error
                self._wake()

    def _follow(self, records: Sequence[Record]) -> None:
        for record in records:
            fenced = self._follower.fenced
            data = self._follower.apply(record)
            if self._follower.fenced > fenced:
                raise Doubtful(f"a record of a former epoch at changelog offset {record.offset}")
            if data is not None:
                self._follower.check()
                if self._listener is not None:
                    self._listener.changed(self.inbox, self._follower.rows, data)

    async def wait_for(self, position: int) -> None:
        """Returns when the rows contain the effect of the inbox record before `position`."""
        await self.wait_until(lambda: self.position >= position)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition on the rows holds."""
        if condition():
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((condition, waiter))
        try:
            await waiter
        finally:
            self._waiters = [entry for entry in self._waiters if entry[1] is not waiter]

    def _wake(self) -> None:
        for condition, waiter in self._waiters:
            if waiter.done():
                continue
            try:
                is_met = condition()
            except Exception as error:  # noqa: BLE001 - the fault of whoever waits, and of nobody else
                waiter.set_exception(error)
            else:
                if is_met:
                    waiter.set_result(None)


def progress(follower: Follower) -> tuple[int, int]:
    """How far it is: incarnation and position, for positions begin again where an inbox was made anew."""
    row = follower.rows[CURSOR].get("")
    incarnation = 0 if row is None else msgspec.msgpack.decode(row, type=Cursor).incarnation
    return incarnation, follower.next or 0
