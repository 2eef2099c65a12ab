"""A chaos run: load, faults in an order that a seed gives, rest, judgement. Whatever happens is printed."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from chaos_clerk import check_ledger, check_settlement, check_stores
from chaos_fold import Judge, Verdict
from chaos_load import Load, Sender
from chaos_system import Broker, Worker, until
from chaos_watch import SHARDS, Watch

from app.settings import Profile, Settings

BURST_PER_S = 2_500.0
"""Commands a second before a fault: more than is taken, so that it meets busy workers."""
DRAIN_S_MAX = 600.0


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    seed: int
    commands: int
    workers: int
    kills: int
    """Kill -9 of a worker, which its supervisor restarts at once."""
    downs: int
    """Kill -9 of a worker and its supervisor: it returns after its shards have moved to others."""
    losses: int
    """The same, but it returns at once, and finds its RocksDB folders gone."""
    pauses: int
    """SIGSTOP, and SIGCONT once others have taken its shards over."""
    pause_s: float
    visits: int
    """Another worker joins and leaves."""
    leaves: int
    """A worker leaves in good order and joins again."""
    broker_kills: int
    settle: float
    """How likely the system is left to catch up before the next fault."""

    def schedule(self, rng: Random) -> list[str]:
        """The faults, in an order of chance."""
        counts = {
            "kill": self.kills,
            "down": self.downs,
            "lose": self.losses,
            "pause": self.pauses,
            "visit": self.visits,
            "leave": self.leaves,
            "broker": self.broker_kills,
        }
        faults = [fault for fault, count in counts.items() for _ in range(count)]
        rng.shuffle(faults)
        return faults


USUAL_S = {"kill": 8, "down": 25, "lose": 10, "pause": 25, "visit": 35, "leave": 25, "broker": 10}
"""The longest that each takes: for so long the load goes on beside it, and no longer than it takes."""


class Chaos:
    """One run."""

    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
        self.plan, self.folder, self._say = plan, folder, say
        self.rng = Random(plan.seed)
        self.faults = plan.schedule(self.rng)
        self.broker = Broker(folder)
        names = [f"worker-{number}" for number in range(plan.workers)]
        self.workers = {name: self._worker(name) for name in names}
        self.guest = self._worker("guest")
        self.watch = Watch(self.broker.bootstrap)
        self.sender = Sender(self.broker.bootstrap, Load(Random(plan.seed)), plan.commands)
        self.began = time.monotonic()
        self.settings = Settings(profile=Profile.TEST, kafka_brokers=self.broker.bootstrap)

    def _worker(self, name: str) -> Worker:
        return Worker(name, self.folder, self.broker.bootstrap)

    def say(self, text: str) -> None:
        """A line of the story."""
        self._say(f"{time.monotonic() - self.began:7.1f} s  {text}")

    async def run(self) -> Verdict:
        """-> what the judge says of it."""
        self.say(f"{self.plan}")
        self.say(f"faults: {' '.join(self.faults)}")
        async with self._running():
            await self.watch.at_rest(self.settings, self.check, DRAIN_S_MAX)
            self.say("all inboxes are durable to their ends")
            await asyncio.gather(*[worker.leave() for worker in self.workers.values()])
            return await self.judge()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as ends:
            ends.callback(self._end)
            await self.broker.start()
            for worker in self.workers.values():
                worker.start()
            await until(self.watch.have_topics, "the workers have made the topics")
            await ends.enter_async_context(self.watch.running())
            await until(self._all_own, "every worker owns shards")
            sending = await ends.enter_async_context(self.sender.running())
            self.say("sending")
            for fault in self.faults:
                await self._hurt(fault)
            self.sender.allow(self.plan.commands, BURST_PER_S)
            await sending
            self.say(f"{self.sender.count} commands sent")
            yield

    def _all_own(self) -> bool:
        """Four partitions can be given to two workers evenly; to three, one may stand by."""
        busy = {name for name in self.workers if self.watch.owned_by(name)}
        return len(self.watch.owners) == len(SHARDS) and len(busy) >= 2

    def _end(self) -> None:
        for worker in [*self.workers.values(), self.guest]:
            worker.end()
        self.broker.stop()

    def check(self) -> None:
        """Whoever should run does run, and the sender lost nothing."""
        self.sender.check()
        for worker in self.workers.values():
            assert worker.is_up, f"{worker.name} is over: {worker.log[-3000:]}"

    async def _hurt(self, fault: str) -> None:
        """In the middle of a burst; beside it the load goes on."""
        share = self.plan.commands // (len(self.faults) + 1)
        middle = self.sender.count + share // 2
        self.sender.allow(share * 3 // 4, BURST_PER_S)
        self.sender.allow(share // 4, share / 4 / USUAL_S[fault])
        await self.sender.reached(middle)
        began, late, before = time.monotonic(), self.watch.late.total(), self.sender.count
        what = await getattr(self, f"_{fault}")()
        self.sender.hurry(BURST_PER_S)
        took_s = time.monotonic() - began
        self.say(f"{fault}: {what} ({took_s:.1f} s; from command {before} on; {self.watch.late.total() - late} fenced)")
        self.check()
        if self.rng.random() < self.plan.settle:
            await self.watch.caught_up(self.check, DRAIN_S_MAX)

    async def _victim(self) -> Worker:
        """One that owns shards."""

        def busy() -> list[Worker]:
            return [worker for worker in self.workers.values() if self.watch.owned_by(worker.name) and worker.pid]

        return self.rng.choice(await until(busy, "somebody owns shards"))

    async def _moved(self, worker: Worker, epochs: Counter[object], *, to_others: bool) -> int:
        """Returns when every shard that the worker had has been claimed since -> how many those were."""
        shards = self.watch.owned_by(worker.name)

        def have_moved() -> bool:
            others = not to_others or not self.watch.owned_by(worker.name)
            return others and self.watch.later_than(epochs, shards)

        await until(have_moved, f"{len(shards)} shards of {worker.name} are claimed")
        return len(shards)

    async def _kill(self) -> str:
        worker, epochs = await self._victim(), self.watch.epochs.copy()
        shards = self.watch.owned_by(worker.name)
        worker.signal(signal.SIGKILL)
        await until(lambda: self.watch.later_than(epochs, shards), f"{len(shards)} shards of {worker.name} are back")
        return f"{worker.name} had {len(shards)} shards"

    async def _down(self) -> str:
        worker, epochs = await self._victim(), self.watch.epochs.copy()
        await worker.put_down()
        count = await self._moved(worker, epochs, to_others=True)
        worker.start()
        return f"{worker.name} stayed away until others had its {count} shards"

    async def _lose(self) -> str:
        worker, epochs = await self._victim(), self.watch.epochs.copy()
        shards = self.watch.owned_by(worker.name)
        await worker.put_down()
        folders = worker.lose_store()
        worker.start()
        await until(lambda: self.watch.later_than(epochs, shards), f"{len(shards)} shards of {worker.name} are back")
        return f"{worker.name} lost {folders} RocksDB folders and had {len(shards)} shards"

    async def _pause(self) -> str:
        worker, epochs = await self._victim(), self.watch.epochs.copy()
        began, late = time.monotonic(), self.watch.late.total()
        pid = worker.signal(signal.SIGSTOP)
        count = await self._moved(worker, epochs, to_others=True)
        await asyncio.sleep(self.plan.pause_s - (time.monotonic() - began))
        worker.signal(signal.SIGCONT)
        slept_s = time.monotonic() - began
        await self.watch.caught_up(self.check, DRAIN_S_MAX)
        fate = "goes on" if worker.pid == pid else "was replaced"
        found = self.watch.late.total() - late
        return f"{worker.name} slept {slept_s:.1f} s, lost {count} shards and {fate}; {found} late records fenced"

    async def _visit(self) -> str:
        self.guest.start()
        await until(lambda: self.watch.owned_by("guest"), "the guest owns shards")
        count, epochs = len(self.watch.owned_by("guest")), self.watch.epochs.copy()
        await self.guest.leave()
        await self._moved(self.guest, epochs, to_others=True)
        return f"a guest came, had {count} shards and left"

    async def _leave(self) -> str:
        worker, epochs = await self._victim(), self.watch.epochs.copy()
        await worker.leave()
        count = await self._moved(worker, epochs, to_others=True)
        worker.start()
        return f"{worker.name} left its {count} shards, and joins again"

    async def _broker(self) -> str:
        await self.broker.kill()
        return "the broker was killed and is back"

    async def judge(self) -> Verdict:
        """Folds, compares, adds up."""
        judge = Judge(self.settings, self.rng)
        await judge.fold(self.sender.sent)
        self.say(f"{judge.verdict.figures['inbox records']} inbox records folded")
        await judge.compare_hops()
        await judge.compare_rows()
        await check_settlement(judge)
        await check_ledger(judge)
        check_stores(judge, self.folder)
        await self._check_ledger_by_command(judge)
        figures = judge.verdict.figures
        figures["commands"], figures["claims"] = self.sender.count, self.watch.claims
        figures["fenced records"] = self.watch.late.total()
        for name, figure in sorted(figures.items()):
            self.say(f"{name}: {figure}")
        return judge.verdict

    async def _check_ledger_by_command(self, judge: Judge) -> None:
        """What an operator types says the same."""
        code, said = await self.broker.run("check-ledger")
        judge.verdict.compare("faust -A app check-ledger", (0, ["difference 0"]), (code, said.splitlines()[-1:]))
