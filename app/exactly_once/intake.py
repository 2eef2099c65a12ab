"""How records come from the reader into a shard, and the reader to where the shard is."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from app.exactly_once.log import NOWHERE, Batch, Log, Partition
from app.exactly_once.owned import Consumer, Owned
from app.exactly_once.restore import check_input
from app.exactly_once.shard import SUB_BATCH_RECORDS_MAX

SEEK_AGAIN_S = 2.0
NEAR = 20_000
"""Positions that a reader passes in less time than a seek takes."""


class MadeAnew(Exception):  # noqa: N818 - a state of affairs
    """The inbox that was read is gone; whose shard it is and whether its successor may be read must be looked at."""


class Intake:
    """Takes batches that fit; puts the reader back where they do not, and stops it where a journal has no room."""

    def __init__(
        self,
        log: Log,
        consumer: Consumer,
        deliver: Callable[[Partition, Batch], Awaitable[None]],
        *,
        now: Callable[[], float],
        stall_s: float,
        counts: Counter[str],
    ) -> None:
        self._log, self._consumer, self._deliver = log, consumer, deliver
        self._now, self._stall_s, self._counts = now, stall_s, counts

    async def take(self, owned: Owned, batch: Batch) -> bool:
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
            async with asyncio.timeout(self._stall_s):
                await owned.journal.wait_for_room()
        except TimeoutError:
            if owned.frozen:
                return True
            self._counts["stalls"] += 1
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
            await self.seek(owned)

    async def put_back(self, owned: Owned, batch: Batch) -> None:
        """Sends the reader to where the shard is, unless it gets there by itself.

        Two seeks for one cause would let two copies of the same records come in turns for ever, each stale at the end
        of the other: so none while a seek is under way, and none for a batch a little below the shard.
        """
        self._counts["stale batches"] += 1
        if owned.seek_at is not None and self._now() - owned.seek_at < SEEK_AGAIN_S:
            self._look_again(owned)
            return
        await self._check_again(owned)
        if 0 <= owned.shard.next - batch.end <= NEAR:
            owned.seek_at = self._now()
            self._look_again(owned)
        elif not owned.frozen:
            await self.seek(owned)

    def _look_again(self, owned: Owned) -> None:
        """What is dropped now may have been the last that the inbox holds: nothing else would put the reader back."""
        if owned.look is None or owned.look.done():
            owned.look = asyncio.create_task(self._seek_again(owned), name=f"look {owned.shard.inbox}")

    async def _seek_again(self, owned: Owned) -> None:
        seek_at = None
        while owned.seek_at is not None and owned.seek_at != seek_at:  # no batch that fits came meanwhile
            seek_at = owned.seek_at
            await asyncio.sleep(SEEK_AGAIN_S)
        if owned.seek_at is not None and not owned.frozen:
            owned.seek_at = None  # a timer may be a little early: by the clock the seek might still be under way
            await self._deliver(owned.shard.inbox, NOWHERE)

    async def check(self, owned: Owned) -> None:
        """Raises Quarantined where the inbox is not the one that the shard knows.

        Which topic it is, is asked before: made anew while we look, it is one that the reader refuses.
        """
        topic_id = await self._consumer.topic_id(owned.shard.inbox)
        await check_input(self._log, owned.shard)
        owned.topic_id = topic_id

    async def _check_again(self, owned: Owned) -> None:
        """A shard that took nothing cannot tell one inbox from another, and may have slept while others owned it."""
        known = owned.topic_id
        await self.check(owned)
        if owned.topic_id != known:
            raise MadeAnew(f"the topic of {owned.shard.inbox} was made anew")

    async def seek(self, owned: Owned) -> None:
        """Puts the reader where the shard is, and lets it read."""
        owned.seek_at = self._now()
        await self._consumer.seek(owned.shard.inbox, owned.shard.next, owned.topic_id)
