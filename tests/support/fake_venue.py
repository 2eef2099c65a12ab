"""A venue on this machine: a socket that says what was recorded, and goes wrong as it is told to."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

Say = Callable[[Sequence[bytes]], list[bytes]]
"""What one connection says, of all that there is to say."""


def whole(frames: Sequence[bytes]) -> list[bytes]:
    return list(frames)


def until(count: int) -> Say:
    """The connection ends early."""
    return lambda frames: list(frames[:count])


def without(*places: int) -> Say:
    """Frames are missing."""
    return lambda frames: [frame for place, frame in enumerate(frames) if place not in places]


def truncated(place: int) -> Say:
    """One frame ends in its middle."""
    return lambda frames: [frame[: len(frame) // 2] if at == place else frame for at, frame in enumerate(frames)]


@dataclass
class FakeVenue:
    """One connection after the other; the last way of speaking is that of all further ones."""

    frames: Sequence[bytes]
    ways: Sequence[Say] = (whole,)
    answers: list[bytes] = field(default_factory=list)
    """To requests for a book, one after the other; the last one again and again."""
    pause_s: float = 0.0
    """Between two frames."""
    subscriptions: list[str] = field(default_factory=list)
    connections: int = 0
    requests: int = 0
    address: str = ""

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        way = self.ways[min(self.connections, len(self.ways) - 1)]
        is_last = self.connections >= len(self.ways) - 1
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in way(self.frames):
            await socket.send_str(frame.decode())
            if self.pause_s:
                await asyncio.sleep(self.pause_s)
        if is_last:  # whoever has said everything stays silent
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self.subscriptions.append(message.data)
        return socket

    async def book(self, request: web.Request) -> web.Response:
        self.requests += 1
        if not self.answers:
            raise web.HTTPTooManyRequests
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(body=answer)


@asynccontextmanager
async def opened(venue: FakeVenue) -> AsyncIterator[FakeVenue]:
    """The venue, at an address of its own."""
    application = web.Application()
    application.add_routes([web.get("/socket", venue.socket), web.get("/book", venue.book)])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    venue.address = f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield venue
    finally:
        await runner.cleanup()


async def eventually(check: Callable[[], bool], within_s: float = 10.0) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.005)
