"""A real browser without a driver to install: Chromium's own protocol over a WebSocket."""

import asyncio
import base64
import itertools
import json
import re
import shutil
import subprocess
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
    profile = folder / "profile"
    command = [found, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
    process = await asyncio.to_thread(_start, command)
    try:
        address = await _address(process, profile / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            target = await _ask(socket, 1, "Target.createTarget", {"url": "about:blank"})
            attached = await _ask(socket, 2, "Target.attachToTarget", target | {"flatten": True})
            yield Page(socket, attached["sessionId"])
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _address(process: subprocess.Popen[bytes], told: Path) -> str:
    """Where the browser listens: it writes port and path to a file."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        lines = await asyncio.to_thread(lambda: told.read_text().split() if told.exists() else [])
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        assert process.poll() is None, "the browser ended"
        assert time.monotonic() < deadline, "the browser does not answer"
        await asyncio.sleep(0.05)
