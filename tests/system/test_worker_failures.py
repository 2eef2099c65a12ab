"""What befalls the workers of a running system: kills, pauses, a second worker of the same name, a topic made anew."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from kafka import free_port, private_broker
from system import System

from app import operating
from app.exactly_once.fatal import EX_CONFIG
from app.settings import NOUNS, Profile, Settings
from app.topics import POSITIONS, TOPICS, config_of, partitions_of

SESSION_S = 10.0


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A broker that stays while workers come and go."""
    system = System(tmp_path_factory.mktemp("system"))
    with private_broker(tmp_path_factory.mktemp("broker")) as lease:
        system.kafka_port = int(lease.bootstrap.rpartition(":")[2])
        yield system
        for worker in system.workers:
            end(worker)


@pytest.fixture
async def workers(resident: System) -> AsyncIterator[System]:
    """The system with one worker, whatever the test before left."""
    for worker in resident.workers[1:]:
        end(worker)
    resident.workers = [worker for worker in resident.workers if worker.poll() is None]
    async with aiohttp.ClientSession() as resident.session:
        if not resident.workers:
            start(resident)
        await resident.until_ready()
        await resident.post("/api/v1/admin/reset", {}, 200)
        yield resident


def end(supervisor: subprocess.Popen[bytes]) -> None:
    if supervisor.poll() is None:
        resume(supervisor)
        supervisor.terminate()
        supervisor.wait(20)


def start(system: System, **knobs: str) -> subprocess.Popen[bytes]:
    return system.start_worker(KAFKA_BROKERS=system.bootstrap, **knobs)


def process_of(supervisor: subprocess.Popen[bytes]) -> int:
    """The worker itself below its supervisor; 0 while there is none."""
    path = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children")
    children = path.read_text().split() if path.exists() else []
    return int(children[0]) if children else 0


def resume(supervisor: subprocess.Popen[bytes]) -> None:
    if pid := process_of(supervisor):
        os.kill(pid, signal.SIGCONT)


async def reasons(system: System, port: int | None = None) -> list[str] | None:
    """Why the worker says that it is not ready; None where it says nothing."""
    try:
        async with system.http.get(f"http://127.0.0.1:{port or system.web_port}/readyz") as answer:
            found: list[str] = (await answer.json())["reasons"]
            return found
    except aiohttp.ClientError:
        return None


async def test_a_killed_worker_comes_back_and_goes_on_where_it_was(workers: System) -> None:
    (supervisor,) = workers.workers
    await workers.deposit("killed", "USDT", "1000")
    orders = [await workers.order("killed", "ADAUSDT", "buy", "1", f"{price}.00") for price in range(1, 9)]
    pid = process_of(supervisor)
    os.kill(pid, signal.SIGKILL)
    await workers.eventually(lambda: process_of(supervisor) not in (0, pid))
    await workers.until_ready()
    assert supervisor.poll() is None
    for order in orders:
        await workers.status(order["order_id"], "OPEN")
    last = await workers.order("killed", "ADAUSDT", "buy", "1", "9.00")
    await workers.status(last["order_id"], "OPEN")
    balance = await workers.get("/balance/killed")
    assert (balance["USDT"], balance["reserved"]["USDT"]) == (1000, sum(range(1, 10)))
    book = await workers.get("/api/v1/orderbook/ADAUSDT")
    assert book["bids"] == [[str(price), "1"] for price in range(9, 0, -1)]
    await workers.conserved()


async def make_anew(system: System, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=system.bootstrap)
    await admin.start()
    config = config_of(TOPICS[topic], Profile.TEST)
    wanted = NewTopic(topic, partitions_of(topic, Profile.TEST), 1, topic_configs=config)

    async def is_made() -> bool:
        """Not while the deletion is still under way."""
        return (await admin.create_topics([wanted])).topic_errors[0][1] == 0

    try:
        await admin.delete_topics([topic])
        await system.eventually(is_made)
    finally:
        await admin.close()


async def adopted(system: System, shard: str) -> None:
    """What the command does, without another interpreter."""
    settings = Settings(profile=Profile.TEST, kafka_brokers=system.bootstrap)
    await operating.adopted(settings, operating.shard_named(shard, settings))


async def trade(system: System, account_id: str) -> None:
    """One unit changes hands at 2."""
    sell = await system.order("seller", "ADAUSDT", "sell", "1", "2.00")
    await system.status(sell["order_id"], "OPEN")
    buy = await system.order(account_id, "ADAUSDT", "buy", "1", "2.00")
    await system.status(buy["order_id"], "FILLED")


async def adopt_all(workers: System, shards: list[str]) -> None:
    """One by the command, which refuses a shard with nothing wrong; the others without another interpreter."""
    healthy, first, *others = ["accounts-inbox-0", *shards]
    (code, said), (code_first, said_first), *_ = await asyncio.gather(
        workers.run("adopt", healthy, "--yes"),
        workers.run("adopt", first, "--yes"),
        *(adopted(workers, shard) for shard in others),
    )
    assert (code, said.count("\n")) == (1, 1)
    assert f"{healthy} is at" in said
    assert "nothing to adopt" in said
    assert code_first == 0, said_first
    assert f"{first} was at" in said_first


async def test_an_inbox_made_anew_stops_its_shards_alone_until_an_operator_adopts_it(workers: System) -> None:
    (supervisor,) = workers.workers
    await workers.deposit("seller", "ADA", "10")
    await workers.deposit("buyer", "USDT", "100")
    await trade(workers, "buyer")
    await asyncio.to_thread(end, supervisor)
    workers.workers.clear()
    await make_anew(workers, POSITIONS)
    start(workers)
    shards = [f"{POSITIONS}-{number}" for number in range(partitions_of(POSITIONS, Profile.TEST))]

    async def is_quarantined() -> Any:
        found = [reason for reason in await reasons(workers) or [] if "is quarantined" in reason]
        return found if len(found) == len(shards) else None

    found = await workers.eventually(is_quarantined)
    for shard, why in zip(shards, sorted(found), strict=True):
        assert why.startswith(f"shard {shard} is quarantined: {shard} ")
        assert "made anew" in why
        assert f"`faust -A app adopt {shard}`" in why

    await trade(workers, "buyer")  # the other shards go on
    await workers.conserved()

    await adopt_all(workers, shards)
    await workers.until_ready()
    await trade(workers, "buyer")

    async def is_counted() -> bool:
        found = await workers.get("/api/v1/positions?account_id=buyer")
        return [position["position_qty"] for position in found["positions"]] == ["3"]

    await workers.eventually(is_counted)  # with the trade that waited in the new inbox until it was adopted


async def first_records(system: System, topic: str) -> dict[int, ConsumerRecord]:
    """Of each partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=system.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(partitions_of(topic, Profile.TEST))]
        consumer.assign(partitions)
        return {tp.partition: await consumer.getone(tp) for tp in partitions}
    finally:
        await consumer.stop()


async def write_often(system: System, records: dict[int, ConsumerRecord], count: int) -> None:
    """The same again and again: whoever has taken it knows it."""
    async with AIOKafkaProducer(bootstrap_servers=system.bootstrap) as producer:
        for number, record in records.items():
            for _ in range(count):
                await producer.send(
                    record.topic, record.value, record.key, partition=number, headers=list(record.headers)
                )


async def test_an_inbox_made_anew_below_a_sleeper_that_it_outgrows_is_noticed(workers: System) -> None:
    (supervisor,) = workers.workers
    await workers.deposit("seller", "ADA", "10")
    await workers.deposit("buyer", "USDT", "100")
    await trade(workers, "buyer")
    shards = [f"{POSITIONS}-{number}" for number in range(partitions_of(POSITIONS, Profile.TEST))]

    async def have_all_taken_something() -> bool:
        """Marks of the book go to each of them."""
        _, said = await workers.run("shards", "--noun", "positions")
        lines = [line.split() for line in said.splitlines() if line.startswith(POSITIONS)]
        return len(lines) == len(shards) and all(int(next_) > 0 and int(lag) == 0 for _, next_, lag, *_ in lines)

    await workers.eventually(have_all_taken_something)
    records = await first_records(workers, POSITIONS)
    os.kill(process_of(supervisor), signal.SIGSTOP)
    await make_anew(workers, POSITIONS)
    await write_often(workers, records, 500)
    resume(supervisor)

    async def is_quarantined() -> Any:
        found = [reason for reason in await reasons(workers) or [] if "is quarantined" in reason]
        return found if len(found) == len(shards) else None

    for why in await workers.eventually(is_quarantined):
        assert "made anew" in why
    await asyncio.gather(*(adopted(workers, shard) for shard in shards))
    await workers.until_ready()


async def test_of_two_workers_with_one_name_one_ends_and_says_why(workers: System) -> None:
    (first,) = workers.workers
    port = free_port()
    second = start(workers, INSTANCE_ID="worker-0", WEB_PORT=str(port))  # as the first one is called
    ended = await workers.eventually(lambda: [worker for worker in (first, second) if worker.poll() is not None])
    assert [worker.returncode for worker in ended] == [EX_CONFIG]
    assert "another process has joined the group as worker-0" in workers.log
    assert "each needs an INSTANCE_ID of its own" in workers.log
    workers.workers = [worker for worker in (first, second) if worker not in ended]
    workers.web_port = port if second in workers.workers else workers.web_port
    await workers.until_ready()


async def test_a_worker_that_slept_longer_than_its_session_does_no_harm_when_it_wakes(workers: System) -> None:
    port = free_port()
    sleeper = start(workers, INSTANCE_ID="asleep", WEB_PORT=str(port), ROLES=",".join(NOUNS))
    await workers.until_ready(port)
    await workers.until_ready()
    accounts = [f"sleep{number}" for number in range(8)]
    sent = dict.fromkeys(accounts, 0)

    async def deposit(account_id: str) -> None:
        body = {"account_id": account_id, "asset": "USDT", "amount": "1"}
        status, answer = await workers.ask("POST", "/api/v1/admin/deposits", body)
        assert status in (201, 202), answer  # 202: Kafka has it, and its account has not decided yet
        sent[account_id] += 1

    async def is_exact() -> bool:
        for account_id in accounts:
            status, balance = await workers.ask("GET", f"/balance/{account_id}")
            if status != 200 or balance.get("USDT") != sent[account_id]:
                return False
        return True

    stream = [asyncio.create_task(deposit(account_id)) for _ in range(40) for account_id in accounts]
    await workers.eventually(lambda: sum(sent.values()) > 40)
    os.kill(process_of(sleeper), signal.SIGSTOP)
    await asyncio.gather(*stream)
    await workers.eventually(is_exact, 3 * SESSION_S)  # its shards went to the other one
    resume(sleeper)
    for account_id in accounts:
        await deposit(account_id)
    await workers.until_ready(port)
    await workers.eventually(is_exact, 3 * SESSION_S)
    assert sum(sent.values()) == 41 * len(accounts)
    await workers.conserved()
