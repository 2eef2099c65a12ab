"""A system that finds its surroundings other than it needs them: it says what is wrong, waits, and goes on."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from kafka import free_port, private_broker
from system import READY_S, System


@asynccontextmanager
async def worker(folder: Path, **knobs: str) -> AsyncIterator[System]:
    """A worker whose surroundings are somebody else's business."""
    system = System(folder)
    async with aiohttp.ClientSession() as system.session:
        system.start_worker(**knobs)
        try:
            yield system
        finally:
            for process in system.workers:
                process.send_signal(signal.SIGTERM)
            for process in system.workers:
                await asyncio.to_thread(process.wait, 30)


async def reasons(system: System) -> list[str]:
    """Why the worker is not ready; waits until it answers at all."""
    found: list[Any] = []

    async def answers() -> bool:
        try:
            found[:] = await system.ask("GET", "/readyz")
        except aiohttp.ClientError:
            return False
        return True

    await system.eventually(answers, within_s=READY_S)
    status, body = found
    assert (status, body["status"]) == ((503, "not ready") if body["reasons"] else (200, "ready"))
    return list(body["reasons"])


async def until_reason(system: System, *words: str) -> str:
    async def is_said() -> str | None:
        return next((why for why in await reasons(system) if all(word in why for word in words)), None)

    return str(await system.eventually(is_said, within_s=READY_S))


async def test_an_unknown_knob_ends_the_worker_at_once_with_one_line(tmp_path: Path) -> None:
    system = System(tmp_path)
    process = system.start_worker(KAFKA_BROKER="somewhere:9092")
    assert await asyncio.to_thread(process.wait, 20) == 78
    assert system.log == "configuration: KAFKA_BROKER is no knob; did you mean KAFKA_BROKERS?\n"


async def test_without_kafka_a_worker_says_so_keeps_trying_and_refuses_work(tmp_path: Path) -> None:
    port = free_port()
    async with worker(tmp_path, KAFKA_BROKERS=f"127.0.0.1:{port}") as system:
        assert await reasons(system) == [f"no Kafka at 127.0.0.1:{port}"]
        said = f"no Kafka at 127.0.0.1:{port}"
        await system.eventually(lambda: system.log.count(said) >= 2, within_s=READY_S)
        status, problem = await system.ask("POST", "/orders", {"quantity": 1, "price": 1, "side": "buy"})
        assert (status, problem["code"]) == (503, "NOT_READY")
        assert (await system.ask("GET", "/api/v1/balances?account_id=1"))[0] == 503
        assert (await system.ask("GET", "/livez"))[0] == 200
        assert system.workers[0].poll() is None


async def test_a_topic_with_a_wrong_number_of_partitions_is_named_with_both_numbers_and_a_remedy(
    tmp_path: Path,
) -> None:
    with private_broker(tmp_path / "kafka") as lease:
        admin = AIOKafkaAdminClient(bootstrap_servers=lease.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic("order-books-inbox", 3, 1)])
            async with worker(tmp_path, KAFKA_BROKERS=lease.bootstrap) as system:
                why = await until_reason(system, "order-books-inbox")
                assert why.startswith("order-books-inbox: partitions is 3, the catalogue says 4; ")
                assert "delete it" in why
                status, problem = await system.ask("POST", "/orders", {"quantity": 1, "price": 1, "side": "buy"})
                assert (status, problem["code"]) == (503, "NOT_READY")

                await admin.delete_topics(["order-books-inbox"])
                await system.until_ready()
        finally:
            await admin.close()
