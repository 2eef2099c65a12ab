"""A real browser without a driver to install: Chromium's own protocol over a WebSocket."""

import asyncio
import base64
import itertools
import json
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
TIMEOUT_S = 20.0


def binary() -> str | None:
    """The browser of this machine, where there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session_id: str) -> None:
        self._socket, self._session_id = socket, session_id
        self._numbers = itertools.count(100)
        self.faults: list[str] = []
        """What the page complained of: exceptions, and errors in its console."""

    async def call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        return await _ask(self._socket, number, method, parameters, self._session_id, self._hear)

    def _hear(self, message: dict[str, Any]) -> None:
        method, found = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.faults.append(str(found["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.faults.append(f"{found['entry']['text']} {found['entry'].get('url', '')}")

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression gives."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def text(self, test_id: str) -> str:
        """The text of an element; empty where there is none."""
        return str(await self.value(f"document.querySelector('[data-testid={test_id}]')?.innerText ?? ''"))

    async def until(self, test_id: str, wanted: str) -> str:
        """Waits until the element's text matches -> the text."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            found = await self.text(test_id)
            if re.search(wanted, found):
                return found
            assert time.monotonic() < deadline, f"{test_id}: {found!r}, {wanted!r} wanted; {self.faults}"
            await asyncio.sleep(0.05)

    async def picture(self, path: Path) -> None:
        """Writes the page as a PNG."""
        answer = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))


async def _ask(
    socket: aiohttp.ClientWebSocketResponse,
    number: int,
    method: str,
    parameters: dict[str, Any],
    session_id: str | None = None,
    hear: Any = lambda _message: None,
) -> Any:
    session = {"sessionId": session_id} if session_id else {}
    await socket.send_json({"id": number, "method": method, "params": parameters} | session)
    while True:
        message = json.loads(await socket.receive_str(timeout=TIMEOUT_S))
        if message.get("id") == number:
            assert "error" not in message, (method, message)
            return message["result"]
        hear(message)


@asynccontextmanager
async def browser(folder: Path, width: int = 1200, height: int = 800) -> AsyncIterator[Page]:
    """A tab in a browser of its own, which ends with the block."""
    found = binary()
    assert found is not None
    process = await asyncio.create_subprocess_exec(
        found,
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},{height}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        address = await asyncio.wait_for(_address(process), TIMEOUT_S)
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            target = await _ask(socket, 1, "Target.createTarget", {"url": "about:blank"})
            attached = await _ask(socket, 2, "Target.attachToTarget", target | {"flatten": True})
            yield Page(socket, attached["sessionId"])
    finally:
        process.terminate()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = ""
    while line := (await process.stderr.readline()).decode():
        said += line
        if match := re.search(r"listening on (ws://\S+)", line):
            return match[1]
    raise AssertionError(f"the browser ended: {said[-1000:]}")
