"""A seeded simulation of workers, a broker and a group coordinator around the real classes of `app.exactly_once`.

Records from outside come from two gateways with transaction markers between them. Faults: kill, pause (also in the
middle of a sweep), join, leave, lost and old stores, broker restarts, lost answers, refused batches, slow and cut
deliveries, stale batches, truncations, stalls, commands of a later version, topics that are made anew. At the end every
inbox is folded once more by one undisturbed shard (verdict.py).
"""

import asyncio
import random
from collections import Counter, defaultdict

from simulated_kafka import Broker, Client, Disk, root
from simulated_nouns import ACCOUNTS, INBOXES, KINDS, SYMBOLS, Kind, MachineA, partition_of
from simulated_worker import Worker
from verdict import Deviation, verify
from virtual_loop import Process, VirtualLoop

from app.exactly_once import journal, shard
from app.exactly_once.adopt import Adoption, adopt
from app.exactly_once.changelog import changelog_of
from app.exactly_once.log import Message, Partition
from app.exactly_once.replica import Replica

__all__ = ["KINDS", "Client", "Deviation", "Kind", "MachineA", "World"]

SESSION_S = 10.0
FAULTS = (
    "kill",
    "kill",
    "pause",
    "pause in a sweep",
    "rebalance",
    "lose store",
    "old store",
    "leave",
    "broker restart",
)
OPERATIONS = (
    "inbox anew",
    "inbox anew while it runs",
    "inbox anew while its owner sleeps",
    "changelog anew",
    "changelog anew, inbox cut",
)
RUNNING = OPERATIONS[1:3]

WORTH_IT_S_MAX = 60.0
"""After so long, in virtual time, an operator finds nothing to do."""


class World:
    """Everything, and the seeded scheduler of faults."""

    def __init__(self, seed: int, *, records: int = 120, failing: float = 0.0, operation: str | None = None) -> None:
        self.seed, self.rng = seed, random.Random(seed)
        rng = self.rng
        self.loop = VirtualLoop()
        self.broker = Broker(self.loop, rng, loses_answers=rng.choice([0.0, 0.0, 0.02]))
        self.failing = failing if rng.random() < 0.3 else 0.0
        self.records = records
        self.operation = operation or (rng.choice(OPERATIONS) if rng.random() < 0.2 else None)
        self.is_upgraded = self.operation is not None or rng.random() < 0.7
        self.bounds = rng.choice([8 << 20, 8 << 20, 400]), rng.choice([64, 64, 3])
        self.disks: defaultdict[str, dict[Partition, Disk]] = defaultdict(dict)
        self.workers: dict[str, Worker] = {}
        self.everybody: list[Worker] = []
        self.members: set[str] = set()
        self.assignment: dict[Partition, str] = {}
        self.generation = 0
        self.processes = 0
        self.in_maintenance = False
        self.closed_until: dict[Partition, float] = {}
        """Inboxes into which nobody writes for a while."""
        self.hurt: set[Partition] = set()
        """Inboxes that an operator must adopt."""
        self.adoptions: dict[Partition, Adoption] = {}
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()

    # workers and their group
    def start(self, name: str) -> None:
        old = self.workers.get(name)
        assert old is None or not old.process.is_alive
        self.workers[name] = Worker(self, name)
        self.everybody.append(self.workers[name])
        self.members.add(name)
        self.form_group()

    def form_group(self) -> None:
        """Eager and sticky as with static membership: who is away keeps its partitions until its session ends."""
        self.generation += 1
        names = sorted(self.members)
        if not names:
            return
        shuffled = INBOXES[:]
        if self.rng.random() < 0.3:
            self.rng.shuffle(shuffled)
        self.assignment = {partition: names[n % len(names)] for n, partition in enumerate(shuffled)}
        for name in names:
            worker = self.workers[name]
            mine = [partition for partition, owner in self.assignment.items() if owner == name]
            self.loop.spawn(worker.process, worker.rebalance(self.generation, mine))

    def crash(self, worker: Worker) -> None:
        self.counts["crashes"] += 1
        self.loop.kill(worker.process)
        back_s = self.rng.choice([0.1, 0.5, SESSION_S + 4])
        if back_s > SESSION_S:
            root(self.loop, SESSION_S, self._expel, worker)
        root(self.loop, back_s, self._restart, worker)

    def _restart(self, worker: Worker) -> None:
        if self.in_maintenance:
            root(self.loop, 1.0, self._restart, worker)
        elif self.workers[worker.name] is worker:
            self.start(worker.name)

    def _expel(self, worker: Worker) -> None:
        """Also the only member: it joins again when it wakes up, and looks whether its inboxes are what they were."""
        if self.workers[worker.name] is worker and worker.name in self.members:
            self.members.discard(worker.name)
            self.form_group()

    def stop_for_a_while(self, worker: Worker, pause_s: float | None = None) -> None:
        self.counts["pauses"] += 1
        self.loop.pause(worker.process)
        pause_s = pause_s or self.rng.choice([0.2, SESSION_S + 5])
        if pause_s > SESSION_S:
            root(self.loop, SESSION_S, self._expel, worker)
        root(self.loop, pause_s, self._continue, worker)

    def _continue(self, worker: Worker) -> None:
        if not worker.process.is_alive:
            return
        self.loop.resume(worker.process)
        root(self.loop, self.rng.random() * 2, self._hears_of_it, worker)

    def _hears_of_it(self, worker: Worker) -> None:
        """A heartbeat tells a zombie that it was expelled; it joins again."""
        if worker.process.is_alive and self.workers[worker.name] is worker and worker.name not in self.members:
            self.members.add(worker.name)
            self.form_group()

    # the run
    def run(self) -> Counter[str]:
        bounds = shard.CHANGES_BYTES_MAX, journal.WAITING_MAX
        shard.CHANGES_BYTES_MAX, journal.WAITING_MAX = self.bounds
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._main())
        except Deviation as deviation:
            raise Deviation(f"seed {self.seed}: {deviation}") from deviation
        except AssertionError as error:
            raise Deviation(f"seed {self.seed}: {error!r}") from error
        finally:
            asyncio.set_event_loop(None)
            shard.CHANGES_BYTES_MAX, journal.WAITING_MAX = bounds
        return self.counts

    async def _main(self) -> None:
        names = ["w0", "w1", "w2", "w3", "w4"][: self.rng.choice([1, 2, 2, 3, 3, 5])]
        for name in names:
            self.start(name)
        observer = Process("observer")
        client = Client(self.broker, observer)
        client.lag_s = self.rng.choice([0.0, 20.0])
        self.replicas = [Replica(client, inbox, KINDS[inbox.topic].tables) for inbox in INBOXES]
        for replica in self.replicas:
            self.loop.spawn(observer, self._observe(replica))
        feeding = [asyncio.create_task(self._feed(gateway)) for gateway in range(2)]
        operator = asyncio.create_task(self._operate(names))
        await self._disturb(names)
        await asyncio.gather(*feeding, operator)
        client.lag_s = 0.0
        await self._upgrade(names)
        await self._quiesce()
        verify(self)

    async def _observe(self, replica: Replica) -> None:
        try:
            await replica.run()
        except Exception as error:  # noqa: BLE001
            self.faults.append(f"replica {replica.inbox}: {error!r}")

    async def _feed(self, gateway: int) -> None:
        """Outside records: transactional, so that markers and aborted records leave offsets without records."""
        rng = self.rng
        for number in range(gateway, self.records, 2):
            await asyncio.sleep(rng.random() * 0.4)
            kind = rng.choices(["count", "delete", "flip", "poison", "list", "future"], [86, 5, 3, 3, 2, 1])[0]
            account, symbol = rng.choice(ACCOUNTS), rng.choice(SYMBOLS)
            await self._write(partition_of("a", account), f"{kind}|{account}|{symbol}", number * 1000)

    async def _write(self, inbox: Partition, value: str, timestamp: int) -> None:
        while self.closed_until.get(inbox, 0.0) > self.loop.time():  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.5)
        await self.broker.up()
        log = self.broker.logs[inbox]
        log.append(Message(None, value.encode(), []), timestamp)
        if self.rng.random() < 0.2:
            for _ in range(self.rng.randint(1, 3)):
                log.mark()

    async def _disturb(self, names: list[str]) -> None:
        rng = self.rng
        for _ in range(rng.randint(2, 7)):
            await asyncio.sleep(rng.random() * 5)
            worker = self.workers[rng.choice(names)]
            what = rng.choice(FAULTS)
            if what == "broker restart":
                self.counts[what] += 1
                self.broker.restart()
            elif worker.is_awake and not self.in_maintenance:
                await self._hurt(worker, what)

    async def _hurt(self, worker: Worker, what: str) -> None:
        if what == "pause in a sweep" and not await self._sweeps_soon(worker):
            return
        if not worker.is_awake or self.in_maintenance:
            return
        self.counts[what] += 1
        if what in ("kill", "lose store", "old store"):
            self.crash(worker)
            self._hurt_disk(worker, what)
        elif what in ("pause", "pause in a sweep"):
            self.stop_for_a_while(worker)
        elif what == "rebalance":
            self.form_group()
        elif len(self.members) > 1 and worker.name in self.members:
            self._leave(worker)

    @staticmethod
    async def _sweeps_soon(worker: Worker) -> bool:
        for _ in range(200):
            if worker.is_sweeping:
                return True
            await asyncio.sleep(0.01)
        return False

    def _hurt_disk(self, worker: Worker, what: str) -> None:
        if what == "lose store":
            self.disks.pop(worker.name, None)
        elif what == "old store":
            for disk in self.disks[worker.name].values():
                disk.lose_last(self.rng.randint(0, 9))

    def _leave(self, worker: Worker) -> None:
        self.members.discard(worker.name)
        self.loop.kill(worker.process)
        self.form_group()
        root(self.loop, self.rng.random() * 5, self._restart, worker)

    # what operators do
    async def _operate(self, names: list[str]) -> None:
        """Makes a topic anew, or loses a changelog, and adopts what is quarantined then."""
        if self.operation is None:
            return
        await asyncio.sleep(self.rng.random() * 8 + 3)
        inbox, deadline = self.rng.choice(INBOXES), self.loop.time() + WORTH_IT_S_MAX
        while not await self._is_worth_it(inbox):
            inbox = self.rng.choice(INBOXES)
            if self.loop.time() > deadline:  # the feed is over, and no changelog is long enough
                self.operation = None
                return
        self.counts[self.operation] += 1
        if self.operation not in RUNNING:
            self.in_maintenance = True
            for worker in self.workers.values():
                self.loop.kill(worker.process)
            await asyncio.sleep(1.0)
        self._operate_on(inbox)
        if self.operation == RUNNING[-1]:
            await self._grow_beyond(inbox)
        if self.in_maintenance:
            self.in_maintenance = False
            self.members = set(names)
            for name in names:
                self.start(name)
        await asyncio.sleep(4.0)
        await self._write(inbox, "count|account0|symbol0", 10**9)
        await self._adopt(inbox)

    async def _is_worth_it(self, inbox: Partition) -> bool:
        """Waits until the inbox has a past."""
        await asyncio.sleep(0.2)
        await self.broker.up()
        changelog = self.broker.logs[changelog_of(inbox)]
        return len(self.broker.logs[inbox].records) > 3 and len(changelog.records) > 3

    def _operate_on(self, inbox: Partition) -> None:
        broker = self.broker
        if self.operation in ("inbox anew", *RUNNING):
            if self.operation != RUNNING[-1]:
                self.closed_until[inbox] = self.loop.time() + 3.0
            elif (owner := self.workers[self.assignment[inbox]]).is_awake:
                self.stop_for_a_while(owner, self.rng.choice([5.0, SESSION_S + 5]))
            broker.make_anew(inbox)
            self.hurt.add(inbox)
        else:
            if self.operation == "changelog anew, inbox cut":
                cut = self.rng.randint(1, broker.logs[inbox].end)
                broker.former[inbox].append(broker.logs[inbox].records)
                broker.logs[inbox].delete_before(cut)
                self.hurt.add(inbox)
            broker.make_anew(changelog_of(inbox))

    async def _grow_beyond(self, inbox: Partition) -> None:
        """Whoever sleeps finds more in the new log than it knows of the old one."""
        for _ in range(self.broker.former[inbox][-1][-1].offset + self.rng.randint(1, 9)):
            await self._write(inbox, "count|account0|symbol0", 10**9)

    async def _adopt(self, inbox: Partition) -> None:
        deadline = self.loop.time() + 120
        while inbox in self.hurt and inbox not in self.adoptions:
            assert self.loop.time() < deadline, f"{inbox} is not quarantined: {self._state()}"
            await asyncio.sleep(1.0)
            workers = [worker for worker in self.workers.values() if worker.process.is_alive]
            if any(inbox in worker.owner.quarantined for worker in workers):
                client = Client(self.broker, Process("operator"))
                self.adoptions[inbox] = await adopt(client, inbox, "operator")
                self.counts["adopted"] += 1

    async def _upgrade(self, names: list[str]) -> None:
        """The next version, one worker after the other."""
        if self.is_upgraded:
            return
        self.is_upgraded, old = True, set(self.everybody)
        for name in names:
            while not self.workers[name].is_awake:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.5)
            worker = self.workers[name]
            why = worker.owner.quarantined.values()
            self.counts["stopped at a later version"] += sum("later version" in reason for reason in why)
            if worker in old:
                self.crash(worker)
                await asyncio.sleep(self.rng.random() * 3)

    async def _quiesce(self) -> None:
        """Lets everything come to rest: every record taken and durable, nothing in flight."""
        self.failing = self.broker.loses_answers = 0.0
        for worker in self.workers.values():
            worker.client.failing = 0.0
        if not await self._comes_to_rest():
            # A changelog that was made anew, grew to the offset where a replica waits and then fell silent looks to it
            # like the one that it knows, until the next record comes.
            for replica in self.replicas:
                if self.operation is not None and self._lags(replica):
                    await self._write(replica.inbox, "count|account0|symbol0", 10**9)
                    self.counts["nudged"] += 1
            if not await self._comes_to_rest():
                raise Deviation(f"no rest: {self._state()}")

    async def _comes_to_rest(self) -> bool:
        deadline = self.loop.time() + 300
        while not self._is_at_rest():
            if self.loop.time() > deadline:
                return False
            await asyncio.sleep(0.5)
        return True

    def _is_at_rest(self) -> bool:
        for partition in INBOXES:
            worker = self.workers.get(self.assignment.get(partition, ""))
            if worker is None or not worker.process.is_alive or worker.process.is_paused:
                return False
            owned, end = worker.owner.shards.get(partition), self.broker.logs[partition].end
            if owned is None or owned.frozen or (owned.shard.next, owned.journal.durable) != (end, end):
                return False
            if owned.journal.store.due is not None:
                return False
        if any(worker.client.busy for worker in self.everybody):
            return False
        return not any(self._lags(replica) for replica in self.replicas)

    def _lags(self, replica: Replica) -> bool:
        adoption = self.adoptions.get(replica.inbox)
        return replica.progress != (adoption.incarnation if adoption else 0, self.broker.logs[replica.inbox].end)

    def _state(self) -> str:
        lines = [f"members {sorted(self.members)} faults {self.faults[:3]} operation {self.operation}"]
        for partition in INBOXES:
            worker = self.workers[self.assignment.get(partition, "")]
            owned = worker.owner.shards.get(partition)
            state = (owned.shard.next, owned.journal.durable, owned.frozen) if owned else None
            lines.append(
                f"{partition} {worker.name} alive {worker.process.is_alive} paused {worker.process.is_paused} "
                f"end {self.broker.logs[partition].end} {state} {worker.paused} {worker.owner.quarantined}"
            )
        lines += [f"replica {replica.inbox} {replica.progress}" for replica in self.replicas]
        return "; ".join(lines)
