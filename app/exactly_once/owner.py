"""The shards that this process owns: restored and claimed when they are assigned, frozen when they are revoked."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping

from app.exactly_once.changelog import ChangelogError, changelog_of, is_superseded
from app.exactly_once.journal import Superseded
from app.exactly_once.log import Batch, Fatal, Log, Partition, Unavailable
from app.exactly_once.owned import DEFAULT, Consumer, Kind, Owned, Tuning, assembled
from app.exactly_once.restore import DurableStore, NotOurs, Quarantined, Restorer, check_input
from app.exactly_once.shard import SUB_BATCH_RECORDS_MAX, SYSTEM_TABLES, StopShard

logger = logging.getLogger(__name__)

SEEK_AGAIN_S = 2.0
NEAR = 20_000
"""Positions that a reader passes in less time than a seek takes."""
ADOPTION_LOOK_S = 5.0
"""How often a quarantined shard looks whether an operator has adopted it."""
NOWHERE = Batch((), 1 << 62, 1 << 62)
"""A batch that fits no shard: puts the reader back."""
RESTORES_AT_ONCE = 8
RESTORE_AGAIN_S = 1.0
ASSIGN_S_MAX = 5.0
"""How long an assignment waits for its slowest shard before the others begin."""
STOP_S_MAX = 1.0
"""How long an orderly end waits for what was taken to become durable; the rest is taken again by whoever comes next."""


class Owner:
    """All shards of this process. At any time one object a shard, and one restore."""

    def __init__(
        self,
        name: str,
        log: Log,
        kinds: Mapping[str, Kind],
        consumer: Consumer,
        fatal: Fatal,
        *,
        now: Callable[[], float],
        open_store: Callable[[Partition], DurableStore] | None = None,
        version: str = "",
        tuning: Tuning = DEFAULT,
    ) -> None:
        self.name, self._log, self._kinds, self._consumer, self._fatal = name, log, kinds, consumer, fatal
        self._now, self._open_store, self._version, self._tuning = now, open_store, version, tuning
        self.shards: dict[Partition, Owned] = {}
        self.assigned: frozenset[Partition] = frozenset()
        self.quarantined: dict[Partition, str] = {}
        self.restoring: Counter[Partition] = Counter()
        self.counts: Counter[str] = Counter()
        self._locks: defaultdict[Partition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._slots = asyncio.Semaphore(RESTORES_AT_ONCE)
        self._claims = 0
        self._is_stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    # --- assignment --------------------------------------------------------------------------------------------------

    def revoke(self) -> None:
        """Freezes every shard: what is in flight may become durable, nothing new is taken."""
        self.assigned = frozenset()
        for owned in self.shards.values():
            owned.frozen = True

    async def assign(self, partitions: Collection[Partition]) -> None:
        """Makes the assigned shards ready; each puts the reader where it is, and begins.

        Whoever awaits this may give up: the shards become ready all the same.
        """
        if self._is_stopping:
            return
        self.assigned = frozenset(partition for partition in partitions if partition.topic in self._kinds)
        for partition in [partition for partition in self.shards if partition not in self.assigned]:
            self._drop(partition)
        for partition in [partition for partition in self.quarantined if partition not in self.assigned]:
            del self.quarantined[partition]
        for partition in self.assigned:
            self._consumer.pause(partition)  # until it is ready; the others go on
        tasks = [self._spawn(self._make_ready(partition)) for partition in sorted(self.assigned)]
        if tasks:
            await asyncio.wait(tasks, timeout=ASSIGN_S_MAX)

    async def stop(self) -> None:
        """Ends in good order: nothing new is taken, no restore goes on, what was taken becomes durable."""
        self._is_stopping = True
        self.revoke()
        for task in self._tasks:
            task.cancel()
        journals = [asyncio.create_task(owned.journal.is_idle()) for owned in self.shards.values()]
        if journals:
            _, late = await asyncio.wait(journals, timeout=STOP_S_MAX)
            for journal in late:
                journal.cancel()
        for partition in list(self.shards):
            self._drop(partition)

    def _spawn(self, work: "Awaitable[None]") -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _make_ready(self, partition: Partition) -> None:
        self.restoring[partition] += 1
        try:
            while True:
                if await self._try_to_own(partition):
                    return
                await asyncio.sleep(RESTORE_AGAIN_S)
        finally:
            self.restoring -= Counter([partition])

    async def _try_to_own(self, partition: Partition) -> bool:
        """False where Kafka does not answer for this shard now.

        Under the shard's lock: a second assignment awaits the restore of the first, and then looks for claims.
        """
        try:
            async with self._locks[partition], self._slots:
                if partition in self.assigned:
                    await self._own(partition)
        except NotOurs:
            pass
        except Unavailable as error:
            logger.warning("%s waits: %s", partition, error)
            return False
        except (Quarantined, ChangelogError) as error:
            self._quarantine(partition, str(error))
        except Exception as error:
            logger.exception("restore of %s", partition)
            self._fatal(f"restore of {partition}: {error!r}")
        return True

    async def _own(self, partition: Partition) -> None:
        owned = self.shards.get(partition)
        if owned is not None and await self._is_superseded(owned):
            self.counts["superseded"] += 1
            self._drop(partition)
            owned = None
        if owned is None:
            owned = await self._restore(partition)
            self.shards[partition] = owned
            owned.task = asyncio.create_task(self._run_journal(owned), name=f"journal {partition}")
        await check_input(self._log, owned.shard)
        if partition in self.assigned and self.shards.get(partition) is owned:
            self.quarantined.pop(partition, None)
            owned.frozen, owned.busy_since = False, None
            if not owned.is_stalled:  # otherwise the reader is put back when there is room
                await self._seek(owned)

    async def _seek(self, owned: Owned) -> None:
        """Puts the reader where the shard is, and lets it read."""
        owned.seek_at = self._now()
        self._consumer.resume(owned.shard.inbox)
        await self._consumer.seek(owned.shard.inbox, owned.shard.next)

    async def _is_superseded(self, owned: Owned) -> bool:
        changelog = changelog_of(owned.shard.inbox)
        _, end = await self._log.bounds(changelog)
        is_writing = owned.task is not None and not owned.task.done()
        return not is_writing or await is_superseded(self._log, changelog, owned.follower, end)

    async def _restore(self, partition: Partition) -> Owned:
        kind, tuning = self._kinds[partition.topic], self._tuning
        changelog = changelog_of(partition)
        store = self._open_store(partition) if self._open_store is not None else None
        self._claims += 1
        restorer = Restorer(
            self._log, changelog, SYSTEM_TABLES | dict(kind.tables), store, tuning.warm_rows_max, self.counts
        )
        try:
            follower = await restorer.restore(
                f"{self.name}/{self._claims}", self._version, lambda: partition in self.assigned
            )
        except BaseException:
            if store is not None:
                store.close()
            raise
        return assembled(partition, kind, follower, store, self._log, tuning, self._fatal, self.counts, self._now)

    async def _run_journal(self, owned: Owned) -> None:
        try:
            await owned.journal.run()
        except Superseded as error:
            logger.warning("superseded: %s", error)
            owned.frozen = True
            self._spawn(self._after_superseded(owned.shard.inbox))
        except Exception as error:
            logger.exception("journal of %s", owned.shard.inbox)
            self._fatal(f"journal of {owned.shard.inbox}: {error!r}")

    async def _after_superseded(self, partition: Partition) -> None:
        """A claim while the partition is ours came from somebody who lost it during a restore: claim it back.

        Otherwise we are the ones who lost it and have not heard yet: the next assignment tells.
        """
        try:
            is_ours = partition in self.assigned and await self._consumer.is_still_ours(partition)
        except Exception as error:
            logger.exception("whose is %s?", partition)
            self._fatal(f"nobody says whose {partition} is: {error!r}")
        if is_ours:
            await self._make_ready(partition)

    def _drop(self, partition: Partition) -> None:
        owned = self.shards.pop(partition, None)
        if owned is not None:
            owned.close()

    def _quarantine(self, partition: Partition, why: str) -> None:
        """Stops one shard and leaves it as it is for an operator to look at."""
        logger.error("shard %s is quarantined: %s", partition, why)
        self.counts["quarantined"] += 1
        self.quarantined[partition] = why
        owned = self.shards.get(partition)
        if owned is not None:
            owned.frozen = True
            self._spawn(self._until_adopted(owned, why))

    async def _until_adopted(self, owned: Owned, why: str) -> None:
        """Goes on with a quarantined shard once an operator has adopted its inbox: that is a higher claim."""
        partition = owned.shard.inbox
        while self.quarantined.get(partition) is why and self.shards.get(partition) is owned:
            await asyncio.sleep(ADOPTION_LOOK_S)
            try:
                is_adopted = partition in self.assigned and await self._is_superseded(owned)
            except Exception as error:  # noqa: BLE001 - Kafka is away: nothing is lost by looking again
                logger.warning("cannot look whether %s is adopted: %r", partition, error)
            else:
                if is_adopted:
                    await self._make_ready(partition)
                    return

    # --- taking records ----------------------------------------------------------------------------------------------

    async def deliver(self, partition: Partition, batch: Batch) -> None:
        """Takes a batch, if it begins where the shard is. Anything else is stale, and the reader is put back."""
        owned = self.shards.get(partition)
        if owned is None or owned.frozen or owned.is_stalled:
            return
        if owned.busy_since is None:
            owned.busy_since = self._now()
        try:
            if batch.start != owned.shard.next:
                await self._put_back(owned, batch)
            elif not await self._take(owned, batch):
                return
            owned.busy_since = None
        except (StopShard, Quarantined) as error:
            self._quarantine(partition, str(error))
        except Unavailable as error:
            logger.warning("%s waits: %s", partition, error)
            owned.frozen = True
            self._spawn(self._make_ready(partition))
        except Exception as error:
            logger.exception("a batch of %s", partition)
            self._fatal(f"a batch of {partition} at {batch.start}: {error!r}")

    async def _take(self, owned: Owned, batch: Batch) -> bool:
        """False where the journal is stalled: the partition is paused, and read again later from where the shard is."""
        owned.seek_at = None
        records, shard = batch.records, owned.shard
        taken = 0
        while shard.next < batch.end:
            if not owned.journal.has_room and not await self._wait_for_room(owned):
                return False
            if owned.frozen:
                return True
            part = records[taken : taken + SUB_BATCH_RECORDS_MAX]
            following = taken + len(part)
            sub = shard.take(part, batch.end if following == len(records) else records[following].offset)
            acknowledgements: list[Awaitable[object]] = []
            for destination, messages in sub.outputs.items():
                acknowledgements += self._log.send(destination, messages)
            owned.journal.add(sub, acknowledgements)
            while taken < len(records) and records[taken].offset < shard.next:
                taken += 1
            if taken < len(records):
                await asyncio.sleep(0)  # or outputs, and other shards, would wait for the whole batch
        return True

    async def _wait_for_room(self, owned: Owned) -> bool:
        try:
            async with asyncio.timeout(self._tuning.stall_s):
                await owned.journal.wait_for_room()
        except TimeoutError:
            if owned.frozen:
                return True
            self.counts["stalls"] += 1
            self._consumer.pause(owned.shard.inbox)
            if not owned.is_stalled:
                owned.is_stalled = True
                owned.stall = asyncio.create_task(self._resume(owned), name=f"stall {owned.shard.inbox}")
            return False
        return True

    async def _resume(self, owned: Owned) -> None:
        await owned.journal.wait_for_room()
        owned.is_stalled = False
        if not owned.frozen:  # otherwise whoever makes it ready puts the reader back, too
            await self._seek(owned)

    async def _put_back(self, owned: Owned, batch: Batch) -> None:
        """Sends the reader to where the shard is, unless it gets there by itself.

        Two seeks for one cause would let two copies of the same records come in turns for ever, each stale at the end
        of the other: so none while a seek is under way, and none for a batch a little below the shard.
        """
        self.counts["stale batches"] += 1
        if owned.seek_at is not None and self._now() - owned.seek_at < SEEK_AGAIN_S:
            self._look_again(owned)
            return
        await check_input(self._log, owned.shard)
        if 0 <= owned.shard.next - batch.end <= NEAR:
            owned.seek_at = self._now()
            self._look_again(owned)
        elif not owned.frozen:
            await self._seek(owned)

    def _look_again(self, owned: Owned) -> None:
        """What is dropped now may have been the last that the inbox holds: nothing else would put the reader back."""
        if owned.look is None or owned.look.done():
            owned.look = asyncio.create_task(self._seek_again(owned), name=f"look {owned.shard.inbox}")

    async def _seek_again(self, owned: Owned) -> None:
        seek_at = None
        while owned.seek_at is not None and owned.seek_at != seek_at:  # no batch that fits came meanwhile
            seek_at = owned.seek_at
            await asyncio.sleep(SEEK_AGAIN_S)
        if owned.seek_at is not None and self.shards.get(owned.shard.inbox) is owned:
            await self.deliver(owned.shard.inbox, NOWHERE)
