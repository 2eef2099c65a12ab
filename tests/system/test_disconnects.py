"""A client that asked for it loses its open orders with its connection, and nobody else does."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from system import PATIENCE_S, System


@pytest.fixture
async def funded(system: System) -> System:
    for account_id in ("ann", "bob"):
        await system.deposit(account_id, "USDT", "1000")
    return system


async def rests(system: System, account_id: str) -> str:
    """-> the id of an order that is open."""
    order_id: str = (await system.order(account_id, "ADAUSDT", "buy", "1", "1.5"))["order_id"]
    await system.status(order_id, "OPEN")
    return order_id


@asynccontextmanager
async def connected(system: System, query: str) -> Any:
    """A socket in a session of its own."""
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{system.base}/order_updates?{query}") as socket:
        yield socket


def lose(socket: Any) -> None:
    """As when the client was killed: nothing is said, the connection is reset."""
    socket._response.connection.transport.abort()


async def test_orders_go_with_a_connection_that_breaks(funded: System) -> None:
    mine, other = await rests(funded, "ann"), await rests(funded, "bob")
    async with connected(funded, "account_id=ann&cancel_on_disconnect=true") as socket:
        first = await socket.receive_json(timeout=PATIENCE_S)
        assert mine in {each["order_id"] for each in first["orders"]}
        assert {each["user_id"] for each in first["orders"]} == {"ann"}
        await funded.status(mine, "OPEN")
        lose(socket)
        assert (await funded.status(mine, "CANCELLED"))["reason_code"] == "DISCONNECTED"
    await funded.status(other, "OPEN")
    await funded.conserved()


async def test_orders_go_with_a_connection_that_is_closed(funded: System) -> None:
    mine = await rests(funded, "ann")
    async with connected(funded, "account_id=ann&cancel_on_disconnect=true") as socket:
        await socket.receive_json(timeout=PATIENCE_S)
    assert (await funded.status(mine, "CANCELLED"))["reason_code"] == "DISCONNECTED"


async def test_orders_of_who_did_not_ask_for_it_stay(funded: System) -> None:
    mine = await rests(funded, "ann")
    async with connected(funded, "account_id=ann") as socket:
        await socket.receive_json(timeout=PATIENCE_S)
        lose(socket)
    later = await rests(funded, "ann")
    await asyncio.gather(*(funded.status(each, "OPEN") for each in (mine, later)))


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("cancel_on_disconnect=true", 400, "MISSING_FIELD"),
        ("account_id=ann&cancel_on_disconnect=maybe", 400, "BAD_VALUE"),
        ("account_id=a|b", 400, "BAD_NAME"),
        ("account_id=nobody", 404, "UNKNOWN_ACCOUNT"),
        ("account=ann", 400, "UNKNOWN_FIELD"),
    ],
)
async def test_what_nobody_can_watch_is_refused(funded: System, query: str, status: int, code: str) -> None:
    found, problem = await funded.ask("GET", f"/order_updates?{query}")
    assert (found, problem["code"]) == (status, code)
