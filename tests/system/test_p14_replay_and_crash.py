"""P14, the part of orders: kills change nothing, and every table is the fold of its inbox.

Each account trades one symbol with itself, so that the outcome does not depend on how inboxes merge: what a run without
kills leaves behind must be there after kills as well, and once more where the commands of the disturbed run are played
into an empty cluster. The record with an older schema: tests/app/test_codecs.py.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import chaos_fold
import fastavro
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from chaos_fold import Judge, Verdict
from chaos_system import Broker, Worker, until
from chaos_watch import Watch
from confluent_kafka import Producer
from outside import DOOR
from system import SCHEMAS

from app import reading
from app.exactly_once.log import Partition
from app.settings import NOUNS, ROLES, Profile, Settings
from app.topics import DEAD_LETTERS, DEV_PARTITIONS, partition_of

COMMANDS, KILLS = 10_000, 5
EVENTS_BETWEEN_KILLS = 5_000
REST_S_MAX = 120.0
PARSED = {
    schema["name"]: (number, fastavro.parse_schema(schema, named_schemas={})) for number, schema in SCHEMAS.items()
}


def names(prefix: str) -> list[str]:
    """One name for each partition."""
    found: dict[int, str] = {}
    for number in count():
        found.setdefault(partition_of(f"{prefix}{number}", DEV_PARTITIONS), f"{prefix}{number}")
        if len(found) == DEV_PARTITIONS:
            return [found[partition] for partition in sorted(found)]
    raise AssertionError


ACCOUNTS, SYMBOLS = names("account"), names("SYM")


def commands() -> list[tuple[int, bytes]]:
    """Partition and value: orders and cancels by chance, the same ones every time; one record is no message."""
    rng, found = Random(14), []
    orders: defaultdict[str, list[str]] = defaultdict(list)
    for number in range(COMMANDS):
        place = rng.randrange(DEV_PARTITIONS)
        account = ACCOUNTS[place]
        if orders[account] and rng.random() < 0.25:
            value = framed("CancelRequest", {"account_id": account, "order_id": rng.choice(orders[account][-40:])})
        else:
            orders[account].append(f"p14-{number}")
            value = framed("NewOrder", order(account, SYMBOLS[place], orders[account][-1], rng))
        found.append((place, value))
    found.insert(COMMANDS // 2, (0, b"no message at all"))
    return found


def order(account: str, symbol: str, order_id: str, rng: Random) -> dict[str, Any]:
    return {
        "account_id": account,
        "symbol": symbol,
        "order_id": order_id,
        "side": rng.choice(("BUY", "SELL")),
        "order_type": "LIMIT",
        "quantity": Decimal(rng.randrange(1, 20)),
        "limit_price": Decimal(10_000 + rng.randrange(-20, 21)).scaleb(-2),
    }


def framed(message: str, value: dict[str, Any]) -> bytes:
    number, schema = PARSED[message]
    data = BytesIO()
    fastavro.schemaless_writer(data, schema, value)
    return b"\0" + number.to_bytes(4, "big") + data.getvalue()


OUTCOME: dict[str, Callable[[Any], Any]] = {
    "balances": lambda row: (row.total, row.reserved),
    "positions": lambda row: (row.quantity, row.cost, row.realized_pnl, row.fees),
    "trades": lambda row: (row.trade_id, row.symbol, row.price, row.quantity, row.buy_order_id, row.sell_order_id),
    "orders": lambda row: getattr(row, "status", None) and (row.status, row.filled, row.filled_value, row.held),
}
"""What must not depend on how often workers died. Of resting orders it is that they rest."""


class Fold(Judge):
    """The judge of chaos runs; here the commands came from another system, one of them unreadable."""

    def _sent_by_us(self, record: Any) -> str | None:
        return None


class Run:
    """One system, from empty logs to rest."""

    def __init__(self, folder: Path, seed: int, workers: int) -> None:
        folder.mkdir()
        self.rng = Random(seed)
        self.broker = Broker(folder)
        roles = [ROLES, *[NOUNS] * (workers - 1)]
        self.workers = [
            Worker(f"worker-{number}", folder, self.broker.bootstrap, ROLES=",".join(found))
            for number, found in enumerate(roles)
        ]
        self.settings = Settings(profile=Profile.TEST, kafka_brokers=self.broker.bootstrap)
        self.watch = Watch(self.broker.bootstrap)

    async def play(self, kills: int, commands: list[tuple[int, bytes]]) -> dict[str, Any]:
        """-> what it left behind. Where workers were killed, it is judged as well: others are compared with it."""
        await self.broker.start()
        try:
            for worker in self.workers:
                worker.start()
            await self._open()
            async with self.watch.running():
                await asyncio.to_thread(self._send, commands)
                for kill in range(kills):
                    await self._hurt(kill)
                await self.watch.at_rest(self.settings, lambda: None, REST_S_MAX)
            for worker in self.workers:
                await worker.leave()
            if kills:
                self.verdict = await self._judged()
            self.commands = await self._read_door()
            return await self._outcome()
        finally:
            for worker in self.workers:
                worker.end()
            self.broker.stop()

    async def _open(self) -> None:
        base = f"http://127.0.0.1:{self.workers[0].web_port}"
        async with aiohttp.ClientSession(base) as http:

            async def is_ready() -> bool:
                try:
                    async with http.get("/readyz") as answer:
                        return answer.status == 200
                except aiohttp.ClientError:
                    return False

            await until(is_ready, "the gateway is ready")
            for account, symbol in zip(ACCOUNTS, SYMBOLS, strict=True):
                base_asset = f"B{symbol}"
                listing = {"symbol": symbol, "base": base_asset, "quote": "USD", "tick": "0.01", "lot": "1"}
                await self._post(http, "instruments", listing)
                for asset in (base_asset, "USD"):
                    deposit = {"account_id": account, "asset": asset, "amount": "1000000000"}
                    await self._post(http, "deposits", deposit)

    @staticmethod
    async def _post(http: aiohttp.ClientSession, path: str, body: dict[str, str]) -> None:
        async with http.post(f"/api/v1/admin/{path}", json=body) as answer:
            assert answer.status == 201, await answer.text()

    def _send(self, commands: list[tuple[int, bytes]]) -> None:
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "enable.idempotence": True})
        for partition, value in commands:
            producer.produce(DOOR, value, partition=partition)
        assert producer.flush(60) == 0

    async def _hurt(self, number: int) -> None:
        """Kill -9 in the midst of the work; once a worker loses its disk as well."""
        wanted = (number + 1) * EVENTS_BETWEEN_KILLS
        await until(lambda: self._told(wanted), f"{wanted} order events")
        victim = self.rng.choice(self.workers)
        if number == 1:
            await victim.put_down()
            assert victim.lose_store() > 0
            victim.start()
        else:
            await until(lambda: victim.pid, "a worker to kill")
            victim.signal(9)

    async def _told(self, wanted: int) -> bool:
        tps = [TopicPartition("order-events", partition) for partition in range(DEV_PARTITIONS)]
        async with AIOKafkaConsumer(bootstrap_servers=self.broker.bootstrap) as consumer:
            return sum((await consumer.end_offsets(tps)).values()) >= wanted

    async def _read_door(self) -> list[tuple[int, bytes]]:
        """What the topic of commands holds."""
        found = []
        async with reading.reader(self.settings) as log:
            for number in range(DEV_PARTITIONS):
                door = Partition(DOOR, number)
                async for records in log.read(door, *await log.bounds(door)):
                    found += [(number, record.value or b"") for record in records]
        return found

    async def _judged(self) -> Verdict:
        judge = Fold(self.settings, self.rng)
        await judge.fold(defaultdict(list))
        await judge.compare_hops()
        await judge.compare_rows()
        return judge.verdict

    async def _outcome(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        async with reading.reader(self.settings) as log:
            async for shard in reading.shards(log, self.settings):
                for name, read in OUTCOME.items():
                    table = shard.follower.rows.tables.get(name)
                    if table is not None:
                        found |= {f"{shard.inbox} {name} {key}": read(row) for key, row in table.scan()}
        return found


async def test_kills_change_nothing_and_the_commands_in_an_empty_cluster_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos_fold, "DESTINATIONS", [*chaos_fold.DESTINATIONS, DEAD_LETTERS])
    undisturbed = await Run(tmp_path / "a", seed=1, workers=1).play(kills=0, commands=commands())
    run = Run(tmp_path / "b", seed=2, workers=2)
    disturbed = await run.play(kills=KILLS, commands=commands())
    assert run.verdict.faults == []
    assert run.verdict.figures["dead letters"] == 1
    assert undisturbed == disturbed
    trades = [value for key, value in disturbed.items() if " trades " in key]
    assert len(trades) > COMMANDS // 4
    assert len(run.commands) == COMMANDS + 1
    replayed = await Run(tmp_path / "c", seed=3, workers=1).play(kills=0, commands=run.commands)
    assert replayed == disturbed
