"""A burst of inquiries on a real Kafka while the worker is killed: every promise, checked on the topics it left."""

import sys
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from chaos_fold import Judge
from chaos_system import Broker, Worker, until
from chaos_watch import Watch
from confluent_kafka import Producer
from desk_burst import BOOKS, CLIENTS, INSTRUMENTS, TOPICS, check, commands, opening

from app import reading
from app.codecs import Codec
from app.exactly_once import identity
from app.exactly_once.log import Partition
from app.main import app
from app.registry import FileRegistry
from app.settings import Profile, Settings
from app.topics import ACCOUNTS, INQUIRIES, INQUIRY_COMMANDS, key_of, partition_of, partitions_of
from app.topics import BOOKS as ORDER_BOOKS
from app.topics import TOPICS as CATALOGUE
from schemas.accounts import ChangeAccountKind, DepositFunds
from schemas.inquiries import SetDeskTerms
from schemas.order_books import ListInstrument
from web.inquiry_sockets import Hub, name_of

CODEC = Codec(FileRegistry())
PLACES = 3
"""Partitions of the public topic that the other system spreads its commands over, by a rule of its own."""
EVENTS_BEFORE_KILL = 200
WAIT_S_MAX = 180.0
HOMES = {ListInstrument: ORDER_BOOKS, DepositFunds: ACCOUNTS, ChangeAccountKind: ACCOUNTS, SetDeskTerms: INQUIRIES}


class OutsideJudge(Judge):
    """The judge of chaos runs; here the commands came from another system."""

    def _sent_by_us(self, record: Any) -> str | None:
        return None


class Burst:
    """One system with one worker, from empty logs to rest."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = Random(seed)
        self.broker = Broker(folder)
        self.worker = Worker("worker", folder, self.broker.bootstrap)
        self.settings = Settings(profile=Profile.TEST, kafka_brokers=self.broker.bootstrap)
        self.watch = Watch(self.broker.bootstrap)
        self.asked: list[Any] = []

    async def play(self, count: int, kills: int) -> None:
        """Sends everything without a pause; kills the worker as often while it works."""
        await self.broker.start()
        self.worker.start()
        await until(self.watch.have_topics, "topics are there")
        async with self.watch.running(), AIOKafkaConsumer(bootstrap_servers=self.broker.bootstrap) as self.ear:
            self.producer = Producer({"bootstrap.servers": self.broker.bootstrap, "enable.idempotence": True})
            for command in opening():
                self._open(command)
            await until(self._is_open, "the desk knows everybody")
            said = list(commands(self.rng, count))
            for number in range(kills + 1):
                before = await self._told()
                self._send(said[number * count // (kills + 1) : (number + 1) * count // (kills + 1)])
                if number < kills:
                    await self._kill(before + EVENTS_BEFORE_KILL)
            del self.producer
            await self._until_rest()
        await self.worker.leave()

    def _open(self, command: Any) -> None:
        """What operators say goes to where it lives; terms to every shard of the desk."""
        topic, value = HOMES[type(command)], CODEC.encode(command)
        count = partitions_of(topic, Profile.TEST)
        if topic == INQUIRIES:
            places = list(range(count))
        else:
            places = [partition_of(key_of(CATALOGUE[topic].key)(command), count)]
        for place in places:
            self.producer.produce(topic, value, partition=place)
        assert self.producer.flush(30) == 0

    async def _is_open(self) -> bool:
        noun = reading.noun_of("inquiries")
        async with reading.reader(self.settings) as log:
            for number in range(partitions_of(INQUIRIES, Profile.TEST)):
                rows = (await reading.shard(log, noun, number)).follower.rows
                known = [rows["accounts"].get(name) for name in (*BOOKS, *CLIENTS)]
                known += [rows["instruments"].get(name) for name in INSTRUMENTS]
                if not all(known) or len(list(rows["terms"].scan())) < 2:
                    return False
        return True

    def _send(self, part: list[list[Any]]) -> None:
        """Whatever is said of one inquiry stays in order; otherwise the other system knows nothing of ours."""
        for command in [each for said in part for each in said]:
            self.asked.append(command)
            place = int(command.inquiry_id) % PLACES
            self.producer.produce(INQUIRY_COMMANDS, CODEC.encode(command), partition=place)
        assert self.producer.flush(60) == 0

    async def _told(self) -> int:
        places = range(partitions_of("inquiry-events", Profile.TEST))
        return sum((await self.ear.end_offsets([TopicPartition("inquiry-events", each) for each in places])).values())

    async def _kill(self, events: int) -> None:
        """Kill -9 in the midst of what it has just been sent; then it works again."""

        async def is_at_work() -> bool:
            return await self._told() >= events

        await until(is_at_work, "the worker is at work")
        before = self.watch.claims
        self.worker.signal(9)
        await until(lambda: self.watch.claims > before, "the worker is back")

    async def _until_rest(self) -> None:
        """Timers of quotes may run on: nothing of the burst is on its way."""
        while True:
            before = await self.watch.ends()
            await self.watch.caught_up(lambda: None, WAIT_S_MAX)
            if before == await self.watch.ends():
                return

    def end(self) -> None:
        self.worker.end()
        self.broker.stop()


async def read(judge: Judge, hub: Hub) -> tuple[list[list[Any]], int]:
    """-> events of each partition, repetitions dropped; how many there were. The hub hears all, repetitions too."""
    streams, repeated = [], 0
    for topic in TOPICS:
        for number in range(partitions_of(topic, Profile.TEST)):
            found: dict[bytes, bytes] = {}
            async for records, _ in judge.read(Partition(topic, number)):
                for record in records:
                    sender = dict(record.headers)[identity.HEADER]
                    repeated += sender in found
                    assert found.setdefault(sender, record.value) == record.value
                    if topic == "inquiry-events":
                        hub._hear(record.value)
            streams.append([CODEC.decode(value) for value in found.values()])
    return streams, repeated


@pytest.mark.parametrize(
    ("count", "kills"),
    [(1_000, 1), pytest.param(10_000, 5, marks=[pytest.mark.slow, pytest.mark.timeout(1_200)])],
)
async def test_a_burst_with_kills_duplicates_and_stale_versions_keeps_every_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, kills: int
) -> None:
    monkeypatch.setattr(app, "codec", CODEC, raising=False)
    burst = Burst(tmp_path, seed=6)
    try:
        await burst.play(count, kills)
        judge, hub = OutsideJudge(burst.settings, burst.rng), Hub()
        shown: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        hub.listeners.append(lambda frame: shown[name_of(frame.event)].append(frame.event.version))
        streams, repeated = await read(judge, hub)
        check(streams, burst.asked)
        assert all(versions == sorted(set(versions)) for versions in shown.values()), "(4) no older frame comes later"
        await judge.fold(defaultdict(list))
        await judge.compare_hops()
        await judge.compare_rows()
        assert judge.verdict.faults == [], "(6) the inboxes alone give the same bytes and rows"
        events = sum(map(len, streams))
        sys.stdout.write(f"{count} inquiries, {kills} kills: {events} events, {repeated} repeated, 0 violations\n")
    finally:
        burst.end()
