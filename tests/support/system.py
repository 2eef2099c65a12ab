"""A whole system as a user starts it: `faust -A app worker` with an embedded broker, in a folder of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import fastavro
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import free_port, stop_broker

ROOT = Path(__file__).parents[2]
FAUST = [str(Path(sys.executable).with_name("faust")), "-A", "app", "worker", "-l", "info"]
READY_S = 60.0
PATIENCE_S = 60.0
"""A wait ends with the state that it waits for; this ends one for a state that will never come."""
PUBLIC = (
    "order-events",
    "trade-events",
    "book-events",
    "balance-events",
    "position-events",
    "risk-events",
    "analytics-events",
    "alert-events",
    "market-data-late",
    "dead-letters",
)


class System:
    """Workers of one system, its gateway's address, and its Kafka."""

    def __init__(self, folder: Path, profile: str = "test") -> None:
        self.folder, self.profile = folder, profile
        self.web_port, self.kafka_port = free_port(), free_port()
        self.workers: list[subprocess.Popen[bytes]] = []
        self.session: aiohttp.ClientSession | None = None
        self.marks: dict[Any, int] = {}
        """Where each public topic ended when the test began."""

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.kafka_port}"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def log(self) -> str:
        """What the workers said so far."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("worker-*.log")))

    def environment(self, **knobs: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "WEB_", "PROFILE"))}
        return ours | {
            "PROFILE": self.profile,
            "DATA_DIR": str(self.folder / "data"),
            "KAFKA_PORT": str(self.kafka_port),
            "WEB_PORT": str(self.web_port),
            **knobs,
        }

    def start_worker(self, **knobs: str) -> subprocess.Popen[bytes]:
        """Starts a worker with its supervisor, as `make run` does."""
        path = self.folder / f"worker-{len(self.workers)}.log"
        with path.open("ab") as log:
            worker = subprocess.Popen(FAUST, cwd=ROOT, env=self.environment(**knobs), stdout=log, stderr=log)
        self.workers.append(worker)
        return worker

    async def until_ready(self, port: int | None = None) -> None:
        """Waits until the worker on that port says that it is ready."""
        url = f"http://127.0.0.1:{port or self.web_port}/readyz"
        last = "no answer"
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert all(worker.poll() in (None, 0) for worker in self.workers), f"a worker ended: {self.log[-3000:]}"
            try:
                async with self.http.get(url) as answer:
                    last = await answer.text()
                    if answer.status == 200:
                        return
            except aiohttp.ClientError as error:
                last = repr(error)
            await asyncio.sleep(0.05)
        raise AssertionError(f"not ready after {READY_S} s: {last}\n{self.log[-3000:]}")

    @property
    def http(self) -> aiohttp.ClientSession:
        assert self.session is not None
        return self.session

    async def get(self, path: str) -> Any:
        status, body = await self.ask("GET", path)
        assert status == 200, (path, status, body)
        return body

    async def post(self, path: str, body: Any, status: int = 201) -> Any:
        found, answer = await self.ask("POST", path, body)
        assert found == status, (path, body, found, answer)
        return answer

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """-> status and answer; numbers in it are Decimals, so that nothing is rounded."""
        data = BytesIO(body) if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        async with self.http.request(method, self.base + path, data=data, headers=headers) as answer:
            text = await answer.text()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(text, parse_float=Decimal) if is_json else text

    async def run(self, *command: str, **knobs: str) -> tuple[int, str]:
        """Runs `faust -A app …` beside the system -> exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            FAUST[0],
            "-A",
            "app",
            *command,
            cwd=ROOT,
            env=self.environment(**knobs),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()

    async def deposit(self, account_id: str, asset: str, amount: str) -> None:
        await self.post("/api/v1/admin/deposits", {"account_id": account_id, "asset": asset, "amount": amount})

    async def order(self, account_id: str, symbol: str, side: str, qty: str, price: str, **more: str) -> Any:
        body = {"account_id": account_id, "symbol": symbol, "side": side, "type": "limit", "qty": qty}
        return await self.post("/api/v1/orders", body | {"limit_price": price} | more)

    async def eventually(self, check: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
        """Waits until the check, which may be a coroutine function, returns something true -> that."""
        deadline = time.monotonic() + within_s
        while True:
            found = check()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            assert time.monotonic() < deadline, f"not within {within_s} s"
            await asyncio.sleep(0.02)

    async def status(self, order_id: str, wanted: str) -> Any:
        """Waits until the order has this status -> the order."""

        async def has_it() -> Any:
            order = await self.get(f"/api/v1/orders/{order_id}")
            return order if order["status"] == wanted else None

        return await self.eventually(has_it)

    async def heard_of(self, order_id: str) -> None:
        """Waits until this gateway, which did not take the order itself, knows it."""

        async def knows_it() -> bool:
            return bool((await self.ask("GET", f"/api/v1/orders/{order_id}"))[0] == HTTPStatus.OK)

        await self.eventually(knows_it)

    async def conserved(self) -> None:
        """The ledger sums to zero, and what is reserved is what the orders hold."""

        async def is_exact() -> bool:
            ledger = await self.get("/api/v1/ledger")
            return ledger["imbalance"] == "0" and all(
                asset["imbalance"] == "0" and asset["clearing"] == "0" and asset["reserved"] == asset["held_for_orders"]
                for asset in ledger["assets"].values()
            )

        await self.eventually(is_exact)

    async def records(self, topic: str, count: int | None = None) -> list[dict[str, Any]]:
        """All records of a public topic as an ordinary Avro consumer sees them; waits for `count` of them."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            partitions = consumer.partitions_for_topic(topic) or await self._partitions(consumer, topic)
            tps = [TopicPartition(topic, number) for number in sorted(partitions)]
            consumer.assign(tps)
            for tp in tps:
                consumer.seek(tp, self.marks.get(tp, 0))
            found: list[dict[str, Any]] = []
            deadline = time.monotonic() + PATIENCE_S
            while True:
                ends = await consumer.end_offsets(tps)
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += [decoded(record) for record in records]
                positions = {tp: await consumer.position(tp) for tp in tps}
                is_at_end = all(positions[tp] >= ends[tp] for tp in tps)
                if is_at_end and (count is None or len(found) >= count):
                    return sorted(found, key=lambda record: record["_time"])
                assert time.monotonic() < deadline, f"{len(found)} records on {topic}, {count} wanted"
        finally:
            await consumer.stop()

    async def begin(self) -> None:
        """A clean sheet for a test that shares the system with others."""
        await self.post("/api/v1/admin/reset", {}, 200)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await consumer.start()
        try:
            tps = [TopicPartition(topic, n) for topic in PUBLIC for n in await self._partitions(consumer, topic)]
            self.marks = await consumer.end_offsets(tps)
        finally:
            await consumer.stop()

    @staticmethod
    async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
        await consumer._client._wait_on_metadata(topic)
        return consumer.partitions_for_topic(topic) or set()

    async def stop(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            try:
                await asyncio.to_thread(worker.wait, 20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        if self.session is not None:
            await self.session.close()
            self.session = None
        await asyncio.to_thread(stop_broker, self.folder / "data")


SCHEMAS = {
    int(number): entry["schema"] for number, entry in json.loads((ROOT / "schemas/registry.json").read_text()).items()
}


def child_of(pid: int) -> int:
    """The worker of a supervisor."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def decoded(record: Any) -> dict[str, Any]:
    """A record's value by a plain Avro library, with its headers and place."""
    value = record.value
    assert value[0] == 0
    found = fastavro.schemaless_reader(BytesIO(value[5:]), SCHEMAS[int.from_bytes(value[1:5], "big")], None)
    assert isinstance(found, dict)
    headers = dict(record.headers)
    return found | {
        "_headers": headers,
        "_partition": record.partition,
        "_offset": record.offset,
        "_time": (record.timestamp, record.partition, record.offset),
        "_message": SCHEMAS[int.from_bytes(value[1:5], "big")]["name"],
    }


@asynccontextmanager
async def running(folder: Path, profile: str = "test", **knobs: str) -> AsyncIterator[System]:
    """A system with one worker that does everything, ready for commands."""
    system = System(folder, profile)
    system.session = aiohttp.ClientSession()
    try:
        system.start_worker(**knobs)
        await system.until_ready()
        yield system
    finally:
        await system.stop()
