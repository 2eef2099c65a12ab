"""A worker process of the simulation: a consumer that reads ahead, agents, and the real Owner."""

import asyncio
from typing import TYPE_CHECKING, Any

from simulated_kafka import Client, Disk
from simulated_nouns import KINDS, kinds_of
from virtual_loop import Killed, Process

from app.exactly_once.log import NOWHERE, Batch, Partition
from app.exactly_once.owned import Tuning
from app.exactly_once.owner import Owner

if TYPE_CHECKING:
    from simulation import World


LOOK_AGAIN_S = 1.0


class Worker:
    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name
        self.process = Process(name)
        self.client = Client(world.broker, self.process, failing=world.failing, fatal=self.fatal)
        self.positions: dict[Partition, int] = {}
        self.topic_ids: dict[Partition, bytes] = {}
        self.generation = -1
        self.queues = {topic: asyncio.Queue[tuple[Partition, Batch]](maxsize=4) for topic in KINDS}
        self.paused: set[Partition] = set()
        self.waiting: dict[Partition, asyncio.Future[int]] = {}
        world.processes += 1
        rng = world.rng
        self.owner = Owner(
            f"{name}.{world.processes}",
            self.client,
            kinds_of(knows_future=world.is_upgraded),
            self,
            self.fatal,
            now=world.loop.time,
            open_store=self.open_store if rng.random() < 0.9 else None,
            tuning=Tuning(
                commit_interval_s=rng.choice([0.0, 0.005, 0.05]),
                quiet_s=rng.choice([0.02, 10.0]),
                store_interval_s=rng.choice([0.0, 0.25]),
                stall_s=rng.choice([0.02, 1.0]),
                warm_rows_max=rng.choice([2, 5, 1 << 60]),
                sweep_versions_min=rng.choice([5, 30, 200]),
                domain=("simulated_nouns",),
            ),
        )
        for topic, queue in self.queues.items():
            world.loop.spawn(self.process, self.agent(topic, queue))

    def open_store(self, partition: Partition) -> Disk:
        return self.world.disks[self.name].setdefault(partition, Disk())

    def fatal(self, why: str, *, expected: bool = False) -> Any:
        if not self.process.is_alive:
            raise Killed
        if not expected and "refused" not in why:  # an injected refusal may reach the journal first
            self.world.faults.append(f"{self.name}: {why}")
        self.world.crash(self)
        raise Killed

    async def agent(self, topic: str, queue: "asyncio.Queue[tuple[Partition, Batch]]") -> None:
        while True:
            partition, batch = await queue.get()
            await self.owner.deliver(partition, batch)

    @property
    def is_awake(self) -> bool:
        return self.process.is_alive and not self.process.is_paused

    @property
    def is_sweeping(self) -> bool:
        return any(owned.journal._sweep._keys is not None for owned in self.owner.shards.values())

    # the consumer
    async def topic_id(self, partition: Partition) -> bytes:
        await self.client._ask()
        return self.world.broker.logs[partition].topic_id

    async def seek(self, partition: Partition, position: int, topic_id: bytes) -> None:
        await asyncio.sleep(self.client._delay())
        if partition in self.positions:
            self.positions[partition] = position
            self.topic_ids[partition] = topic_id
            self.paused.discard(partition)
            self._wake(partition)

    def _wake(self, partition: Partition) -> None:
        waiting = self.waiting.pop(partition, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(0)

    async def _until_something_happens(self, partition: Partition) -> None:
        """The log grows, or the reader is put elsewhere; what else there is, is seen a little later."""
        waiting = self.waiting[partition] = self.world.loop.create_future()
        self.world.broker.logs[partition].grown.append(waiting)
        await asyncio.wait([waiting], timeout=LOOK_AGAIN_S)

    def pause(self, partition: Partition) -> None:
        self.paused.add(partition)

    async def is_still_ours(self, partition: Partition) -> bool:
        await asyncio.sleep(self.client._delay())
        await self.world.broker.up()
        return self.world.assignment.get(partition) == self.name and self.generation == self.world.generation

    async def rebalance(self, generation: int, partitions: list[Partition]) -> None:
        self.owner.revoke()
        await asyncio.sleep(self.client._delay())
        await self.world.broker.up()
        if generation != self.world.generation:
            return
        self.generation = generation
        self.positions = dict.fromkeys(partitions, 0)
        self.topic_ids.clear()
        for partition in partitions:
            self.world.loop.spawn(self.process, self.fetch(generation, partition))
        await self.owner.assign(partitions)

    async def fetch(self, generation: int, partition: Partition) -> None:
        """Reads ahead, as a consumer does: what is queued when a seek comes is stale."""
        rng, broker = self.world.rng, self.world.broker
        while self.generation == generation:
            position = self.positions[partition]
            await self.client._ask()
            log = broker.logs[partition]
            if partition not in self.topic_ids:
                await self._until_something_happens(partition)
                continue
            if self.topic_ids[partition] != log.topic_id or not log.first <= position <= log.end:
                if self.positions[partition] == position and partition not in self.paused:
                    self.paused.add(partition)  # until the next seek
                    await self.queues[partition.topic].put((partition, NOWHERE))
                await self._until_something_happens(partition)
                continue
            end = min(log.end, position + rng.randint(1, 30))
            if end <= position or partition in self.paused:
                await self._until_something_happens(partition)
                continue
            batch = Batch(log.slice(position, end), position, end)
            if self.positions[partition] == position:
                self.positions[partition] = end
                await self.queues[partition.topic].put((partition, batch))
