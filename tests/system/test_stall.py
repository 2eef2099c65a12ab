"""One changelog partition takes no records for a while: its shard waits, all others go on, and nothing is lost."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import aiohttp
import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from chaos_clerk import check_ledger
from chaos_fold import Judge
from chaos_load import Sender
from chaos_system import Worker, until
from chaos_watch import SHARDS, Watch
from kafka import Cluster, start_cluster

from app.exactly_once.changelog import topic_of
from app.exactly_once.log import Partition
from app.settings import Profile, Settings
from app.topics import TOPICS, config_of, partition_of, partitions_of
from schemas.accounts import DepositFunds
from schemas.wire import NANOS, Message

STALLED = Partition("accounts-inbox", 0)
MAIN, SECOND = 1, 2
"""Brokers: all lives on the first, but for the changelog of the one shard."""
COMMANDS = 25_000
"""More than a journal that is stalled lets its shard take."""
WAIT_S_MAX = 240.0


class Deposits:
    """Most of them go to the one shard."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._numbers = itertools.count(1)
        names = [f"account-{number}" for number in range(40)]
        self._here = [name for name in names if partition_of(name, 4) == STALLED.number]
        self._elsewhere = [name for name in names if partition_of(name, 4) != STALLED.number]

    def opening(self) -> Iterator[Message]:
        return (self._deposit(account) for account in self._here + self._elsewhere)

    def command(self) -> Message:
        return self._deposit(self.rng.choice(self._here if self.rng.random() < 0.8 else self._elsewhere))

    def _deposit(self, account: str) -> Message:
        name = f"chaos-{next(self._numbers)}"
        deposit = DepositFunds(account, "USD", self.rng.randint(1, 1_000) * NANOS)
        return msgspec.structs.replace(deposit, event_id=name, command_id=name)


async def make_topics(cluster: Cluster) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    try:
        for topic in TOPICS.values():
            places = {number: [MAIN] for number in range(partitions_of(topic.name, Profile.TEST))}
            if topic.name == topic_of(STALLED.topic):
                places[STALLED.number] = [SECOND]
            new = NewTopic(topic.name, -1, -1, places, config_of(topic, Profile.TEST))
            answer = await admin.create_topics([new])
            assert [code for _, code, *_ in answer.topic_errors] == [0], answer
    finally:
        await admin.close()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Cluster, Worker]]:
    with start_cluster(folder / "cluster", nodes=3) as cluster:
        await make_topics(cluster)
        worker = Worker("worker-0", folder, cluster.bootstrap)
        worker.start()
        try:
            yield cluster, worker
        finally:
            worker.end()


async def stalls(worker: Worker) -> int:
    """How often a shard was paused because its journal is full."""
    try:
        url = f"http://127.0.0.1:{worker.web_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            lines = (await answer.text()).splitlines()
    except aiohttp.ClientError:
        return 0
    return sum(int(float(line.split()[1])) for line in lines if line.startswith('exactly_once_events{kind="stalls"}'))


async def faults_after_a_stall(folder: Path, hold_s: float) -> list[str]:
    """Lets the broker of one changelog partition die under load, and come back when all other shards have gone on."""
    async with running(folder) as (cluster, worker):
        settings = Settings(profile=Profile.TEST, kafka_brokers=cluster.bootstrap)
        watch = Watch(cluster.bootstrap)
        sender = Sender(cluster.bootstrap, Deposits(Random(7)), COMMANDS)
        async with watch.running(), sender.running() as sending:
            await watch.at_rest(settings, sender.check, WAIT_S_MAX)
            cluster.kill(SECOND)
            began, before = time.monotonic(), watch.durable[STALLED]
            sender.allow(COMMANDS, float("inf"))
            await sending

            async def others_are_done() -> bool:
                ends = await watch.ends()
                return all(watch.durable[shard] >= ends[shard] for shard in SHARDS if shard != STALLED)

            await until(others_are_done, "the other shards go on", WAIT_S_MAX)
            await until(lambda: stalls(worker), "the shard is paused", WAIT_S_MAX)
            await asyncio.sleep(hold_s - (time.monotonic() - began))
            assert watch.durable[STALLED] == before, "it cannot be durable"
            cluster.start(SECOND)
            await watch.at_rest(settings, sender.check, WAIT_S_MAX)
        await worker.leave()
        return await faults_of(Judge(settings, Random(0)), sender)


async def faults_of(judge: Judge, sender: Sender) -> list[str]:
    """Everything that is not as a fold of the inboxes in one process has it."""
    await judge.fold(sender.sent)
    await judge.compare_hops()
    await judge.compare_rows()
    await check_ledger(judge)
    return judge.verdict.faults


@pytest.mark.timeout(600)
async def test_a_shard_whose_changelog_is_stalled_waits_while_all_others_go_on(tmp_path: Path) -> None:
    assert await faults_after_a_stall(tmp_path, hold_s=0) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_changelog_that_is_stalled_for_half_a_minute_costs_nothing_but_time(tmp_path: Path) -> None:
    assert await faults_after_a_stall(tmp_path, hold_s=30) == []
