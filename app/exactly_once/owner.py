"""The shards that this process owns: restored and claimed when they are assigned, frozen when they are revoked."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping

from app.exactly_once.changelog import ChangelogError, changelog_of, is_superseded
from app.exactly_once.commit_rounds import CommitRounds
from app.exactly_once.intake import Intake, MadeAnew
from app.exactly_once.journal import Superseded
from app.exactly_once.log import Batch, Fatal, Log, Partition, Unavailable
from app.exactly_once.owned import DEFAULT, Consumer, Kind, Owned, Tuning, assembled
from app.exactly_once.restore import DurableStore, NotOurs, Quarantined, Restorer
from app.exactly_once.shard import SYSTEM_TABLES, StopShard

logger = logging.getLogger(__name__)

ADOPTION_LOOK_S = 5.0
"""How often a quarantined shard looks whether an operator has adopted it."""
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
        self.has_assignment = False
        """Whether the group has told what is ours, be that nothing: others may own every shard."""
        self.quarantined: dict[Partition, str] = {}
        self.restoring: Counter[Partition] = Counter()
        self.counts: Counter[str] = Counter()
        self._locks: defaultdict[Partition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._slots = asyncio.Semaphore(RESTORES_AT_ONCE)
        self._claims = 0
        self._is_stopping = False
        self._intake = Intake(log, consumer, self.deliver, now=now, stall_s=tuning.stall_s, counts=self.counts)
        self._rounds = CommitRounds(tuning.commit_interval_s, now)
        self._tasks: set[asyncio.Task[None]] = set()

    # --- assignment --------------------------------------------------------------------------------------------------

    def revoke(self) -> None:
        """Freezes every shard: what is in flight may become durable, nothing new is taken."""
        self.assigned, self.has_assignment = frozenset(), False
        for owned in self.shards.values():
            owned.frozen = True

    async def assign(self, partitions: Collection[Partition]) -> None:
        """Makes the assigned shards ready; each puts the reader where it is, and begins.

        Whoever awaits this may give up: the shards become ready all the same.
        """
        if self._is_stopping:
            return
        self.assigned = frozenset(partition for partition in partitions if partition.topic in self._kinds)
        self.has_assignment = True
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
            self._quarantine(partition, self.shards.get(partition), str(error))
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
        await self._intake.check(owned)
        if partition in self.assigned and self.shards.get(partition) is owned:
            self.quarantined.pop(partition, None)
            owned.frozen, owned.busy_since = False, None
            if not owned.is_stalled:  # otherwise the reader is put back when there is room
                await self._intake.seek(owned)

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
        return assembled(
            partition, kind, follower, store, self._log, tuning, self._fatal, self.counts, self._now, self._rounds
        )

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

    def _quarantine(self, partition: Partition, owned: Owned | None, why: str) -> None:
        """Stops one shard and leaves it as it is for an operator to look at."""
        logger.error("shard %s is quarantined: %s", partition, why)
        self.counts["quarantined"] += 1
        self.quarantined[partition] = why
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
                await self._intake.put_back(owned, batch)
            elif not await self._intake.take(owned, batch):
                return
            owned.busy_since = None
        except (StopShard, Quarantined) as error:
            if self.shards.get(partition) is owned:  # otherwise its successor knows better
                self._quarantine(partition, owned, str(error))
        except (Unavailable, MadeAnew) as error:
            logger.warning("%s waits: %s", partition, error)
            owned.frozen = True
            self._spawn(self._make_ready(partition))
        except Exception as error:
            logger.exception("a batch of %s", partition)
            self._fatal(f"a batch of {partition} at {batch.start}: {error!r}")
