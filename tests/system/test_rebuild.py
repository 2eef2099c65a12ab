"""Tables are what the logs say: what a worker keeps on disk, and even the changelogs, may be lost."""

import asyncio
import shutil
import signal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from kafka import private_broker
from system import System

from app import reading
from app.settings import Profile, Settings
from app.topics import INBOXES, partitions_of

Rows = dict[tuple[str, str], Any]


async def rows_of(brokers: str) -> Rows:
    """Every row of every table, as the changelogs have it, by table and key."""
    found: Rows = {}
    settings = Settings(kafka_brokers=brokers, profile=Profile.TEST)
    async with reading.reader(settings) as log:
        async for shard in reading.shards(log, settings):
            for name, table in shard.follower.rows.tables.items():
                for key, row in table.scan():
                    if not name.startswith("_"):
                        found[str(shard.inbox), f"{name} {key}"] = msgspec.to_builtins(row)
    return found


PATHS = ("/balance/1", "/balance/2", "/orders", "/trades", "/api/v1/orderbook/ADAUSDT")
PATHS += ("/api/v1/orders", "/api/v1/positions?account_id=1", "/api/v1/positions?account_id=2", "/api/v1/ledger")


async def answers(system: System) -> dict[str, bytes]:
    """What the gateway answers, byte for byte."""
    found = {}
    for path in PATHS:
        async with system.http.get(system.base + path) as answer:
            assert answer.status == 200, path
            found[path] = await answer.read()
    return found


async def trade(system: System) -> None:
    await system.deposit("1", "USDT", "1000")
    await system.deposit("2", "ADA", "500")
    for side, account, qty, price in (
        ("buy", "1", "100", "1.9"),
        ("sell", "2", "30", "1.8"),
        ("sell", "2", "40", "2"),
        ("buy", "1", "10", "2"),
    ):
        order = await system.order(account, "ADAUSDT", side, qty, price)
        wanted = {"1.9": "OPEN", "1.8": "FILLED"}.get(price) or ("OPEN" if side == "sell" else "FILLED")
        await system.status(order["order_id"], wanted)
    first = (await system.get("/api/v1/orders?account_id=1"))["orders"][0]
    assert (await system.ask("DELETE", f"/api/v1/orders/{first['order_id']}"))[0] == 200
    await system.ask("POST", "/api/v1/orders", {**ORDER, "qty": "1000000"})
    await system.conserved()


ORDER = {"account_id": "1", "symbol": "ADAUSDT", "side": "buy", "type": "limit", "qty": "1", "limit_price": "1"}


async def stop(system: System) -> None:
    worker = system.workers[-1]
    worker.send_signal(signal.SIGTERM)
    await asyncio.to_thread(worker.wait, 30)


async def delete_changelogs(brokers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        names = {f"{inbox}-changelog" for inbox in INBOXES.values()}
        await admin.delete_topics(sorted(names))
        while True:
            if not names & set(await admin.list_topics()):
                return
            await asyncio.sleep(0.02)
    finally:
        await admin.close()


def is_marked(rows: Rows) -> bool:
    """Whether the last mark, which waits for its interval, is out: the bid has gone, and all accounts know it."""
    marks = [row for (shard, key), row in rows.items() if (shard[:8], key) == ("accounts", "marks ADAUSDT")]
    return len(marks) == partitions_of("accounts-inbox", Profile.TEST) and all(bid is None for bid, *_ in marks)


async def test_tables_come_back_from_changelogs_and_from_the_inboxes_alone(tmp_path: Path) -> None:
    with private_broker(tmp_path / "kafka") as lease:
        brokers = lease.bootstrap
        system = System(tmp_path)
        async with aiohttp.ClientSession() as system.session:
            system.start_worker(KAFKA_BROKERS=brokers)
            await system.until_ready()
            await trade(system)
            seen = await answers(system)

            async def is_at_rest() -> bool:
                return is_marked(await rows_of(brokers))

            await system.eventually(is_at_rest)
            await stop(system)
            rows = await rows_of(brokers)
            assert len(rows) > 40

            shutil.rmtree(tmp_path / "data")  # RocksDB and all
            system.start_worker(KAFKA_BROKERS=brokers)
            await system.until_ready()
            assert await answers(system) == seen
            await stop(system)

            shutil.rmtree(tmp_path / "data")
            await delete_changelogs(brokers)  # nothing is left but the inboxes
            system.start_worker(KAFKA_BROKERS=brokers)
            await system.until_ready()

            async def is_rebuilt() -> bool:
                return await answers(system) == seen and await rows_of(brokers) == rows

            await system.eventually(is_rebuilt, within_s=30)
            await system.conserved()
            await stop(system)
