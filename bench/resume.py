"""How soon commands are answered again after a worker was killed: back under its supervisor, or by another worker."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter, time_ns
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from kafka import free_port
from system import System, child_of

from app.reading import reader, shards
from app.settings import NOUNS, Profile, read
from bench.latency import market, topics_of
from bench.load import Listener, listening, producing
from bench.orders import INBOX, TRADERS, codec, partition_of_trader
from bench.report import Measure
from bench.stage import PARTITIONS, WORKERS, make_topics, subfolder
from schemas.accounts import BalanceEvent, DepositFunds
from schemas.wire import NANOS

NAMES = ("resume_after_kill_s", "resume_elsewhere_s")
KILLS = 3
PROBE_INTERVAL_S = 0.05
SETTLED_S, TIMEOUT_S = 3.0, 60.0
SESSION_S = 10.0
STOP_S_MAX = 1.0
"""A partition of a worker that lives answers again within this, while others are moved."""


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    if NAMES[0] in wanted:
        found, floor_s = asyncio.run(after_kills(subfolder(folder, "same")))
        note = f"{KILLS} kills: {', '.join(f'{seconds:.1f}' for seconds in found)} s, the longest counts; "
        note += "the reference is a plain consumer with a static membership"
        yield NAMES[0], Measure(max(found), "s", floor_s, max(found) / floor_s, note)
    if NAMES[1] in wanted:
        moved_s, gap_s = asyncio.run(elsewhere(subfolder(folder, "other")))
        note = f"partitions of the worker that lives never paused for more than {gap_s * 1e3:.0f} ms; "
        note += "the reference is the session's length"
        assert gap_s <= STOP_S_MAX, f"partitions of the other worker stopped for {gap_s:.1f} s"
        yield NAMES[1], Measure(moved_s, "s", SESSION_S, moved_s / SESSION_S, note)


class Answer(NamedTuple):
    sent: float
    heard: float


class Probe:
    """Asks every shard of accounts for something, again and again."""

    def __init__(self, producer: AIOKafkaProducer, balances: Listener) -> None:
        self._producer, self._balances = producer, balances
        self._sent: dict[str, tuple[int, float]] = {}
        self._traders = {partition_of_trader(trader, Profile.TEST): trader for trader in TRADERS}
        self._count = 0

    async def ask(self) -> None:
        while True:
            for number, trader in self._traders.items():
                self._count += 1
                name = f"probe-{os.getpid()}-{id(self)}-{self._count}"
                command = DepositFunds(trader, "USDT", NANOS, name, name, name, "", trader, time_ns())
                self._sent[name] = number, perf_counter()
                await self._producer.send(INBOX, codec.encode(command), key=trader.encode(), partition=number)
            await asyncio.sleep(PROBE_INTERVAL_S)

    def answers(self) -> dict[int, list[Answer]]:
        """By partition, in the order in which they were heard."""
        found: defaultdict[int, list[Answer]] = defaultdict(list)
        for heard, value in self._balances.heard:
            event = codec.decode(value)
            if isinstance(event, BalanceEvent) and event.command_id in self._sent:
                number, sent = self._sent[event.command_id]
                found[number].append(Answer(sent, heard))
        return found

    async def all_answered(self, since: float) -> dict[int, float]:
        """Waits until every shard has answered something that was sent after that time -> when each did."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                first = {
                    number: min(answer.heard for answer in answers if answer.sent > since)
                    for number, answers in self.answers().items()
                    if any(answer.sent > since for answer in answers)
                }
                if len(first) == PARTITIONS:
                    return first
                await asyncio.sleep(PROBE_INTERVAL_S)


@asynccontextmanager
async def probing(system: System) -> AsyncIterator[Probe]:
    async with (
        listening(system.bootstrap, "balance-events") as (balances,),
        producing(system.bootstrap, INBOX) as producer,
    ):
        probe = Probe(producer, balances)
        asking = asyncio.create_task(probe.ask())
        try:
            await probe.all_answered(perf_counter())
            yield probe
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking


async def after_kills(folder: Path) -> tuple[list[float], float]:
    """-> seconds after each kill, and the floor's."""
    found = []
    async with market(folder, Profile.TEST) as system:
        for _ in range(KILLS):
            async with probing(system) as probe:
                await asyncio.sleep(SETTLED_S)
                killed_at = perf_counter()
                os.kill(child_of(system.workers[0].pid), signal.SIGKILL)
                found.append(max((await probe.all_answered(killed_at)).values()) - killed_at)
            await system.until_ready()
        return found, await floor(system.bootstrap)


async def floor(bootstrap: str) -> float:
    """A plain consumer with a static membership, killed and started again at once."""
    await make_topics(bootstrap, dict.fromkeys(topics_of("floor"), PARTITIONS))
    first, _, last = topics_of("floor")
    async with listening(bootstrap, last) as (out,), producing(bootstrap, first) as producer:
        process = start_floor(bootstrap)
        try:
            await _echoes(producer, out, b"before")
            process.kill()
            killed_at = perf_counter()
            process.wait()
            process = start_floor(bootstrap)
            return await _echoes(producer, out, b"after") - killed_at
        finally:
            process.kill()


def start_floor(bootstrap: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"BROKERS": bootstrap, "GROUP": "floor", "PREFIX": "floor"}
    return subprocess.Popen([sys.executable, str(WORKERS / "two_hops.py")], env=environment, stdout=subprocess.DEVNULL)


async def _echoes(producer: AIOKafkaProducer, out: Listener, value: bytes) -> float:
    """Sends a record to every partition until all have come back -> when the last one did."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            for number in range(PARTITIONS):
                await producer.send(topics_of("floor")[0], value + b"%d" % number, partition=number)
            first: dict[bytes, float] = {}
            for heard, found in out.heard:
                if found.startswith(value):
                    first.setdefault(found, heard)
            if len(first) == PARTITIONS:
                return max(first.values())
            await asyncio.sleep(PROBE_INTERVAL_S)


async def elsewhere(folder: Path) -> tuple[float, float]:
    """-> seconds until all shards answer, and the longest pause of those that did not move."""
    async with market(folder, Profile.TEST) as system:
        system.start_worker(ROLES=",".join(NOUNS), WEB_PORT=str(free_port()))
        owners = await both_own(system)
        async with probing(system) as probe:
            await asyncio.sleep(SETTLED_S)
            killed_at = perf_counter()
            system.workers[1].kill()  # its worker dies with it
            first = await probe.all_answered(killed_at)
            await asyncio.sleep(SETTLED_S)
            stayed = [number for number, owner in owners.items() if owner == "worker-0"]
            gap_s = max(longest_pause(probe.answers()[number], killed_at) for number in stayed)
        moved = max(first[number] for number in owners if number not in stayed)
        system.workers.pop(1).wait()
        return moved - killed_at, gap_s


def longest_pause(answers: list[Answer], since: float) -> float:
    times = [answer.heard for answer in answers if answer.heard > since]
    return max(after - before for before, after in zip([since, *times], times, strict=False))


async def both_own(system: System) -> dict[int, str]:
    """Waits until each worker owns half of the shards of accounts -> the owner of each. They move one by one."""
    settings = read({"KAFKA_BROKERS": system.bootstrap, "PROFILE": system.profile})
    async with asyncio.timeout(TIMEOUT_S), reader(settings) as log:
        while True:
            owners = {
                found.inbox.number: found.follower.owner.partition("/")[0]
                async for found in shards(log, settings, ("accounts",))
            }
            if Counter(owners.values()) == dict.fromkeys(("worker-0", "worker-1"), PARTITIONS // 2):
                return owners
            await asyncio.sleep(PROBE_INTERVAL_S)
