"""Messages of every size reach clients in order; those that do not keep up are cut off."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.test_utils import TestServer
from kafka import free_port

from web.sockets import WAITING_MAX, Waiting


async def through(count: int, sizes: list[int], *, is_binary: bool) -> list[Any]:
    """Messages of these sizes, each so often, as a client of aiohttp's sees them."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        waiting = Waiting(socket, is_binary=is_binary)
        waiting.begin(b"s" * size for size in sizes)
        for _ in range(count):
            for size in sizes:
                waiting.put(b"x" * size)
        writer = asyncio.create_task(waiting.write())
        async for _ in socket:
            pass
        writer.cancel()
        return socket

    application = web.Application()
    application.router.add_get("/", serve)
    async with (
        TestServer(application, port=free_port()) as server,
        ClientSession() as session,
        session.ws_connect(server.make_url("/"), max_msg_size=0) as client,
    ):
        return [await client.receive() for _ in range((count + 1) * len(sizes))]


@pytest.mark.parametrize("is_binary", [False, True])
async def test_whatever_is_written_is_read_by_any_client_in_order(*, is_binary: bool) -> None:
    sizes = [0, 1, 125, 126, 65_535, 65_536, 300_000]
    found = await through(3, sizes, is_binary=is_binary)
    assert {message.type for message in found} == {WSMsgType.BINARY if is_binary else WSMsgType.TEXT}
    assert [len(message.data) for message in found] == sizes * 4
    assert [message.data[:1] for message in found[1:7]] == [b"s" if is_binary else "s"] * 6


class Socket:
    """One that notes with what it was closed."""

    def __init__(self) -> None:
        self.codes: list[int] = []

    async def close(self, *, code: int, message: bytes) -> None:
        self.codes.append(code)


async def test_a_client_that_does_not_keep_up_is_cut_off() -> None:
    socket: Any = Socket()
    waiting = Waiting(socket)
    for _ in range(WAITING_MAX):
        waiting.put(b"x")
    await asyncio.sleep(0)
    assert socket.codes == []
    waiting.put(b"x")
    await asyncio.sleep(0)
    assert socket.codes == [4008]
    assert len(waiting._messages) == WAITING_MAX
