"""More than the system can take at once: it takes what it can, refuses or keeps the rest, and loses nothing."""

import asyncio
import itertools
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import aiohttp
import msgspec
import pytest
from chaos_clerk import published
from chaos_fold import Judge
from chaos_load import Sender
from chaos_system import Broker, Worker
from chaos_watch import Watch
from examples import BUY, SELL, listing
from system import PATIENCE_S, System, child_of

from app import reading
from app.settings import NOUNS, Profile, Settings
from schemas.accounts import DepositFunds, PlaceOrder
from schemas.enums import OrderType, TimeInForce
from schemas.wire import NANOS, Message

ACCOUNTS = [f"account-{number}" for number in range(50)]
SYMBOLS = [f"C{number}USD" for number in range(8)]
PRICE = 100 * NANOS
"""The one price of every symbol: whoever comes first, in the end everybody has bought and sold what he wanted."""
PURSE = 10**9 * NANOS
IN_FLIGHT_MAX = 500
DRAIN_S_MAX = 3_000.0


class Crossing:
    """Pairs of orders over one unit each, and what everybody has after them."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.wealth: Counter[str] = Counter()
        self.trades = 0
        self._numbers = itertools.count(1)
        self._taker: Message | None = None

    def opening(self) -> Iterator[Message]:
        for symbol in SYMBOLS:
            yield self._named(listing(symbol=symbol, base=symbol[:2], quote="USD"))
        for account in ACCOUNTS:
            for asset in ("USD", *(symbol[:2] for symbol in SYMBOLS)):
                self.wealth[f"{account}|{asset}"] += PURSE
                yield self._named(DepositFunds(account, asset, PURSE))

    def command(self) -> Message:
        """A seller, then his buyer."""
        if self._taker is not None:
            taker, self._taker = self._taker, None
            return taker
        rng, self.trades = self.rng, self.trades + 1
        (seller, buyer), symbol = rng.sample(ACCOUNTS, 2), rng.choice(SYMBOLS)
        for account, sign in ((seller, -1), (buyer, 1)):
            self.wealth[f"{account}|{symbol[:2]}"] += sign * NANOS
            self.wealth[f"{account}|USD"] -= sign * PRICE
        self._taker = self._order(buyer, symbol, is_buy=True)
        return self._order(seller, symbol, is_buy=False)

    def _order(self, account: str, symbol: str, *, is_buy: bool) -> Message:
        order = PlaceOrder(
            order_id="",
            account_id=account,
            symbol=symbol,
            side=BUY if is_buy else SELL,
            order_type=OrderType.LIMIT,
            quantity=NANOS,
            limit_price=PRICE,
            stop_price=None,
            time_in_force=TimeInForce.GTC,
            source="test",
            client_order_id=None,
        )
        named = self._named(order)
        return msgspec.structs.replace(named, order_id=f"order-{named.command_id}")  # type: ignore[attr-defined]

    def _named(self, command: Message) -> Message:
        name = f"chaos-{next(self._numbers)}"
        return msgspec.structs.replace(command, event_id=name, command_id=name)  # type: ignore[call-arg]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Broker, Worker]]:
    """A broker with all topics, and a worker that was not started yet."""
    broker = Broker(folder)
    worker = Worker("worker-0", folder, broker.bootstrap)
    try:
        await broker.start()
        code, said = await broker.run("create-topics")
        assert code == 0, said
        yield broker, worker
    finally:
        worker.end()
        broker.stop()


def peak_mb(worker: Worker) -> int:
    """The most memory that the worker ever had."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024


async def drain_a_backlog(folder: Path, commands: int) -> int:
    """Lets a worker take a backlog, and compares what came of it -> the most memory that the worker had, in MB."""
    load = Crossing(Random(commands))
    async with running(folder) as (broker, worker):
        settings = Settings(profile=Profile.TEST, kafka_brokers=broker.bootstrap)
        sender, watch = Sender(broker.bootstrap, load, commands), Watch(broker.bootstrap)
        async with watch.running(), sender.running() as sending:
            worker.start()
            await watch.at_rest(settings, sender.check, DRAIN_S_MAX)
            await worker.leave()  # markets are open, accounts have money; now the backlog grows
            sender.allow(commands, float("inf"))
            await sending
            worker.start()
            await watch.at_rest(settings, sender.check, DRAIN_S_MAX)
        rss_mb = peak_mb(worker)
        await worker.leave()
        await compare(settings, load)
        sys.stdout.write(f"{sender.count} commands, {load.trades} trades, at most {rss_mb} MB\n")
        return rss_mb


async def compare(settings: Settings, load: Crossing) -> None:
    """Everybody has what he wanted, nothing is held any more, and every pair made one trade."""
    found: Counter[str] = Counter()
    async with reading.reader(settings) as log:
        async for shard in reading.shards(log, settings, ("accounts",)):
            for key, balance in shard.follower.rows["balances"].scan():
                assert balance.reserved == 0, key
                found[key] += 0 if key.startswith("@") else balance.total
        assert (await reading.ledger(log, settings)).faults == []
    assert +found == load.wealth
    trades = [trade.trade_id async for trade in published(Judge(settings, load.rng), "trade-events")]
    assert len(set(trades)) == len(trades) == load.trades


@pytest.mark.timeout(300)
async def test_a_backlog_is_drained_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    assert await drain_a_backlog(tmp_path, 15_000) < 400


@pytest.mark.slow
@pytest.mark.timeout(5_400)
async def test_a_backlog_of_a_million_commands_is_drained_in_bounded_memory(tmp_path: Path) -> None:
    """The bound is that of the rows: each shard keeps its last 50,000 finished orders, and all that are open."""
    assert await drain_a_backlog(tmp_path, 1_000_000) < 1_200


@asynccontextmanager
async def gateway_and_engine(folder: Path) -> AsyncIterator[tuple[System, int]]:
    """Two workers, of which one only answers, and the other only decides -> the system, the engine's process id."""
    system = System(folder)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as system.session:
        try:
            engine = system.start_worker(ROLES=",".join(NOUNS), WEB_PORT=str(system.web_port + 1))
            system.start_worker(ROLES="gateway")
            await system.until_ready()
            yield system, child_of(engine.pid)
        finally:
            await system.stop()


async def test_a_flooded_gateway_tells_those_beyond_its_bound_to_come_again_and_answers_all_others(
    tmp_path: Path,
) -> None:
    async with gateway_and_engine(tmp_path) as (system, engine):
        refused: list[aiohttp.ClientResponse] = []
        taken: list[tuple[int, str]] = []
        os.kill(engine, signal.SIGSTOP)  # nobody is answered, so everybody who is let in is under way

        async def order() -> None:
            body = {"account_id": "public", "symbol": "PUBLIC", "side": "buy", "type": "limit", "qty": "1"}
            async with system.http.post(f"{system.base}/api/v1/orders", json=body | {"limit_price": "1"}) as answer:
                found = await answer.json(content_type=None)
                if answer.status == 429:
                    refused.append(answer)
                    assert found["code"] == "TOO_MANY_REQUESTS"
                else:
                    taken.append((answer.status, found["order_id"]))

        orders = [asyncio.create_task(order()) for _ in range(IN_FLIGHT_MAX + 200)]
        try:
            await system.eventually(lambda: len(refused) == 200, within_s=PATIENCE_S)
        finally:
            os.kill(engine, signal.SIGCONT)
        await asyncio.gather(*orders)
        for answer in refused:
            assert answer.content_type == "application/problem+json"
            assert int(answer.headers["Retry-After"]) >= 1
        assert len(taken) == IN_FLIGHT_MAX
        assert {status for status, _ in taken} <= {201, 202}, "202 where the engine slept for long"
        for _, order_id in taken:
            await system.status(order_id, "OPEN")
        assert (await system.order("public", "PUBLIC", "buy", "1", "1"))["order_id"], "and it goes on"
