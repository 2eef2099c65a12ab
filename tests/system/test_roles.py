"""Workers with different roles make one system, started in any order."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from kafka import free_port
from system import READY_S, System

ENGINE = "order_books"
REST = "accounts,positions,order_commands,feeds,market_data,inquiries,inquiry_commands"


class Roles(System):
    """Three gateways, an engine that only matches, and a worker for the rest."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gateways = [self.web_port, free_port(), free_port()]
        self.engine = free_port()

    async def start(self) -> None:
        """Gateways first: there is nobody yet who could answer them."""
        for port in self.gateways:
            await self.started("gateway", port)
        await self.started(ENGINE, self.engine)
        await self.started(REST, free_port())

    async def started(self, roles: str, port: int) -> None:
        """A worker with these roles that lives, ready or not."""
        self.start_worker(ROLES=roles, WEB_PORT=str(port))

        async def lives() -> bool:
            try:
                async with self.http.get(f"http://127.0.0.1:{port}/livez") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        await self.eventually(lives, within_s=READY_S)

    def at(self, number: int) -> "Roles":
        """From now on talk to this gateway."""
        self.web_port = self.gateways[number]
        return self


@pytest.fixture
async def roles(tmp_path: Path) -> AsyncIterator[Roles]:
    system = Roles(tmp_path)
    async with aiohttp.ClientSession() as session:
        system.session = session
        try:
            await system.start()
            for port in (*system.gateways, system.engine):
                await system.until_ready(port)
            yield system
        finally:
            await system.stop()


async def test_roles_started_in_any_order_make_one_system(roles: Roles) -> None:
    """P3 through three gateways: whoever takes the order, everybody shows it."""
    for account, asset, amount in (("11", "USDT", "10000"), ("12", "ADA", "100"), ("13", "ADA", "100")):
        await roles.at(0).deposit(account, asset, amount)
    first = await roles.at(0).order("12", "ADAUSDT", "sell", "10", "2.00")
    second = await roles.at(1).order("13", "ADAUSDT", "sell", "10", "1.95")
    for order in (first, second):
        await roles.heard_of(order["order_id"])
        await roles.status(order["order_id"], "OPEN")
    buy = await roles.at(2).order("11", "ADAUSDT", "buy", "15", "2.10")
    for number in range(3):
        await roles.at(number).heard_of(buy["order_id"])
        order = await roles.status(buy["order_id"], "FILLED")
        assert order["filled_value"] == "29.5", "10 at 1.95, then 5 at 2"
        await roles.status(first["order_id"], "PARTIALLY_FILLED")
        await roles.eventually(partial(has_traded, roles))
        await roles.conserved()
    await the_engine_only_matches(roles)
    await a_gateway_restarts_alone(roles)


async def has_traded(roles: Roles) -> bool:
    """Whether this gateway has heard of both trades from the book, which may tell it later than the accounts do."""
    book = await roles.get("/api/v1/orderbook/ADAUSDT")
    return (book["bids"], book["asks"]) == ([], [["2", "5"]]) and len((await roles.get("/trades"))["trades"]) == 2


async def the_engine_only_matches(roles: Roles) -> None:
    """It has no route for orders; and gateways have no shard."""
    engine = f"http://127.0.0.1:{roles.engine}"
    for method, path in (("POST", "/orders"), ("POST", "/api/v1/orders"), ("GET", "/orders"), ("GET", "/balance/11")):
        async with roles.http.request(method, engine + path, json={}) as answer:
            assert answer.status == 404, path
    async with roles.http.get(engine + "/metrics") as answer:
        shards = [line for line in (await answer.text()).splitlines() if line.startswith("shard_rows{")]
    assert len(shards) == 4
    assert all('topic="order-books-inbox"' in line for line in shards)
    for number in range(3):
        assert "shard_rows{" not in await roles.at(number).get("/metrics")


async def a_gateway_restarts_alone(roles: Roles) -> None:
    """Orders go on through the others; the new one shows them all."""
    gateway = roles.workers[0]
    gateway.terminate()
    placed = [await roles.at(1 + n % 2).order("11", "ADAUSDT", "buy", "1", "1.5") for n in range(6)]
    gateway.wait(30)
    roles.start_worker(ROLES="gateway", WEB_PORT=str(roles.gateways[0]))
    await roles.at(0).until_ready()
    for order in placed:
        await roles.heard_of(order["order_id"])
        await roles.status(order["order_id"], "OPEN")
    await roles.conserved()
