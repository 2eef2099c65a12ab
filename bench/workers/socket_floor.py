"""The floor of sockets: a bare aiohttp server that sends frames of one size to all clients, by a schedule."""

import asyncio
import os
import time

from aiohttp import web

RATE, SECONDS, CLIENTS = float(os.environ["RATE"]), float(os.environ["SECONDS"]), int(os.environ["CLIENTS"])
FILLER = "x" * int(os.environ["FRAME_BYTES"])
sockets: list[web.WebSocketResponse] = []


async def serve(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    await socket.send_str("{}")
    sockets.append(socket)
    async for _ in socket:
        pass
    return socket


async def main() -> None:
    application = web.Application()
    application.router.add_get("/ws/inquiries", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"])).start()
    while len(sockets) < CLIENTS:
        await asyncio.sleep(0.05)
    began = time.time()
    for number in range(int(RATE * SECONDS)):
        due = began + number / RATE
        if (delay := due - time.time()) > 0:
            await asyncio.sleep(delay)
        frame = f"{time.time():.6f} {FILLER}"
        for socket in sockets:
            await socket.send_str(frame)
    await asyncio.sleep(5)


asyncio.run(main())
