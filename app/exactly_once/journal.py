"""The journal makes sub-batches durable: outputs first, then one changelog record for all that waited, then the store.

While it writes, it carries rows forward that did not change for long, so that the log's old part can be deleted.
"""

import asyncio
import logging
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from app.exactly_once.changelog import Data, Follower, encode, is_superseded
from app.exactly_once.commit_rounds import CommitRounds
from app.exactly_once.log import Log, Message, Partition
from app.exactly_once.rows import Changes, Rows
from app.exactly_once.shard import SubBatch
from app.exactly_once.store_writer import StoreMark, StoreWriter

logger = logging.getLogger(__name__)

GROUP_BYTES_MAX = 512 << 10
"""What is merged into one record; a single sub-batch may weigh more."""
WAITING_MAX, WAITING_BYTES_MAX = 64, 32 << 20
"""Sub-batches that may wait, and their weight; then the shard stops taking records."""
CARRY_BESIDE_BYTES_MAX = 4 << 20
"""Changes of a sub-batch beside which cold rows still fit into one record."""
SWEEP_VERSIONS_PER_ROW = 3
"""Row versions in the log, to rows that live, at which carrying forward begins."""


class Superseded(Exception):  # noqa: N818 - a state of affairs
    """Somebody claimed the shard with a higher epoch: what this owner writes does not count any more."""


class Entry(NamedTuple):
    """A sub-batch on its way into the changelog."""

    start: int
    end: int
    rows: Changes
    """Its changes, and cold rows as they were at its very end."""
    digest: int
    version: int
    urgent: bool
    acknowledgements: list[Awaitable[object]]
    sweep_begins: bool
    sweep_ends: bool
    weight: int
    time: float


class Sweep:
    """Copy-forward: decides when to begin, and which cold rows travel with a sub-batch."""

    def __init__(self, rows: Rows, row_versions: int, versions_min: int) -> None:
        self._rows = rows
        self._versions, self._versions_min = row_versions, versions_min
        self._keys: Iterator[tuple[str, str]] | None = None

    def carry(self, changes: Changes) -> tuple[Changes, bool, bool]:
        """-> changes with cold rows added, and whether this sweep begins and ends here."""
        changed = sum(map(len, changes.values()))
        begins = self._keys is None and self._versions + changed > max(
            self._versions_min, SWEEP_VERSIONS_PER_ROW * self._rows.live
        )
        if begins:
            self._keys, self._versions = self._rows.keys(), 0
        if self._keys is None:
            self._versions += changed
            return changes, False, False
        rows = {table: dict(changed_rows) for table, changed_rows in changes.items()}
        ends = weight_of(changes) <= CARRY_BESIDE_BYTES_MAX and self._add_cold(rows, max(2, changed))
        if ends:
            self._keys = None
        self._versions += sum(map(len, rows.values()))
        return rows, begins, ends

    def _add_cold(self, rows: Changes, count: int) -> bool:
        """Adds up to `count` rows -> whether there are no more."""
        assert self._keys is not None
        weight = 0
        for table, key in self._keys:
            if key in rows.get(table, ()):
                continue
            data = self._rows.tables[table].peek(key)
            if data is None:
                continue
            rows.setdefault(table, {})[key] = data
            count -= 1
            weight += len(data)
            if count <= 0 or weight > GROUP_BYTES_MAX:
                return False
        return True


def weight_of(rows: Changes) -> int:
    """Bytes of keys and rows, about."""
    return sum(len(key) + len(data or b"") for changed in rows.values() for key, data in changed.items())


class Journal:
    """Group commit of one shard."""

    def __init__(
        self,
        log: Log,
        changelog: Partition,
        follower: Follower,
        sweep: Sweep,
        store: StoreWriter,
        *,
        rounds: CommitRounds,
        quiet_s: float,
        now: Callable[[], float],
    ) -> None:
        self._log, self._changelog, self._follower = log, changelog, follower
        self._rounds, self._quiet_s, self._now = rounds, quiet_s, now
        self._sweep, self.store = sweep, store
        self._waiting: deque[Entry] = deque()
        self._weight = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sweep_start: int | None = None
        self._versions_before = self._versions_deleted = 0
        self._truncating: set[asyncio.Task[None]] = set()
        self.durable = follower.next or 0
        """Inbox position up to which the changelog is acknowledged."""
        self.records = 0
        self.truncations = 0

    @property
    def has_room(self) -> bool:
        """Whether another sub-batch may be added."""
        return self._room.is_set()

    async def wait_for_room(self) -> None:
        """Returns when another sub-batch may be added."""
        await self._room.wait()

    async def is_idle(self) -> None:
        """Waits until everything that was added is durable."""
        await self._idle.wait()

    def add(self, sub: SubBatch, acknowledgements: list[Awaitable[object]]) -> None:
        """Takes a sub-batch over, in the very step in which the shard took it."""
        rows, begins, ends = self._sweep.carry(sub.changes)
        weight, now = weight_of(rows), self._now()
        self._waiting.append(
            Entry(
                *(sub.start, sub.end, rows, sub.digest, sub.version, sub.urgent, acknowledgements),
                *(begins, ends, weight, now),
            )
        )
        self._weight += weight
        self._idle.clear()
        self._arrived.set()
        if len(self._waiting) >= WAITING_MAX or self._weight >= WAITING_BYTES_MAX:
            self._room.clear()

    async def run(self) -> None:
        """Writes until cancelled. Raises Superseded when the shard has a new owner."""
        while True:
            await self._something_to_write()
            group = self._next_group()
            for entry in group:
                for acknowledgement in entry.acknowledgements:
                    await asyncio.shield(acknowledgement)  # others wait for the same batch: it outlives this journal
            await self._write(group)
            self._room.set()
            if not self._waiting:
                self._idle.set()

    async def _something_to_write(self) -> None:
        """Returns with the round after something urgent came, or after what is quiet waited for long enough."""
        while not self._is_pressing():
            self._arrived.clear()
            quiet_until = self._waiting[0].time + self._quiet_s if self._waiting else None
            deadline = min((time for time in (quiet_until, self.store.due) if time is not None), default=None)
            try:
                async with asyncio.timeout(None if deadline is None else deadline - self._now()):
                    await self._arrived.wait()
            except TimeoutError:
                if deadline == quiet_until:
                    break
                self.store.write()
        await self._rounds.next()

    def _is_pressing(self) -> bool:
        return len(self._waiting) >= WAITING_MAX // 2 or any(entry.urgent for entry in self._waiting)

    def _next_group(self) -> list[Entry]:
        group = [self._waiting.popleft()]
        weight = group[0].weight
        while self._waiting and weight + self._waiting[0].weight <= GROUP_BYTES_MAX:
            group.append(self._waiting.popleft())
            weight += group[-1].weight
        self._weight -= weight
        return group

    async def _write(self, group: list[Entry]) -> None:
        rows: Changes = group[0].rows
        for entry in group[1:]:
            for table, changed in entry.rows.items():
                rows.setdefault(table, {}).update(changed)
        value = encode(Data(self._follower.epoch, group[0].start, group[-1].end, rows, group[-1].digest))
        offset = await self._log.append(self._changelog, Message(None, value, []))
        assert offset >= self._follower.offset, f"{self._changelog}: the broker no longer knows where it wrote a record"
        await self._check_between(offset)
        versions = self._follower.row_versions
        self._acknowledge(offset, group[-1], rows, zlib.crc32(value))
        for entry in group:
            if entry.sweep_begins:
                self._sweep_start, self._versions_before = offset, versions + self._versions_deleted
            if entry.sweep_ends:
                assert self._sweep_start is not None
                self._truncate(self._sweep_start, self._versions_before)

    def _truncate(self, offset: int, versions: int) -> None:
        """Deletes what lies before the sweep: so many row versions, counted from when this journal began.

        No higher claim came before its last record (`_check_between`), so the sweep counts for every reader; a claim
        after it does no harm.
        """
        task = asyncio.create_task(self._delete_before(offset, versions))
        self._truncating.add(task)
        task.add_done_callback(self._truncating.discard)

    async def _delete_before(self, offset: int, versions: int) -> None:
        try:
            await self._log.delete_before(self._changelog, offset)
        except Exception as error:  # noqa: BLE001 - the next sweep tries again
            logger.warning("cannot delete old records of %s: %r", self._changelog, error)
        else:
            self.truncations += 1
            gone = max(0, versions - self._versions_deleted)  # a later deletion may have been answered before this one
            self._versions_deleted += gone
            self._follower.row_versions -= gone

    async def _check_between(self, offset: int) -> None:
        """What others wrote since our last record must not be a higher claim; then ours did not count."""
        if offset > self._follower.offset and await is_superseded(self._log, self._changelog, self._follower, offset):
            raise Superseded(f"{self._changelog}, epoch {self._follower.epoch}")

    def _acknowledge(self, offset: int, last: Entry, rows: Changes, checksum: int) -> None:
        follower = self._follower
        follower.offset, follower.next, follower.digest = offset + 1, last.end, last.digest
        follower.row_versions += sum(map(len, rows.values()))
        mark = StoreMark(offset, checksum, follower.epoch, last.end, last.digest, follower.row_versions)
        self.store.add(rows, mark, last.version)
        self.durable = last.end
        self.records += 1
