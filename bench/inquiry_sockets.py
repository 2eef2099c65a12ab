"""The socket of inquiries: how long a change takes from its record to the last of a hundred clients.

Clients are protocols of asyncio that only note when each frame came: they share the cores with what they measure.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from desk_system import open_desk
from kafka import free_port
from system import System

from app import broker
from app.settings import Profile
from app.topics import INQUIRIES, partitions_of
from bench import ROOT
from bench.inquiries import BOOKS, CODEC, inquiries
from bench.load import send_by_schedule, until_heard
from bench.report import Measure
from bench.stage import WORKERS, quantile
from schemas.inquiries import DeskPositionChanged, InquiryEvent
from web.inquiry_sockets import name_of

NAMES = ("inquiry_socket_p99_ms",)
CLIENTS, RATE = 100, 200
SECONDS = float(os.environ.get("SECONDS") or 20)
EVENTS_OF_AN_INQUIRY = 3.2
"""Nine in ten are refused with the third one, one is booked with a fourth, and moves the position."""
SHORT, LONG = 126, 127
TOPIC = "inquiry-events"


class Ear(asyncio.Protocol):
    """A client: notes when each frame came; one of them keeps what was in it."""

    def __init__(self, port: int, *, keeps: bool) -> None:
        self.port, self.keeps = port, keeps
        self.arrived: list[float] = []
        self.frames: list[bytes] = []
        self._left, self._is_open = bytearray(), False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            "GET /ws/inquiries HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self.transport.write("\r\n".join((*lines, "", "")).encode())

    def data_received(self, data: bytes) -> None:
        now, left = time.time(), self._left
        left += data
        if not self._is_open:
            head, end, rest = bytes(left).partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head, head
            self._is_open = True
            left[:] = rest
        at = 0
        while (found := _frame(left, at)) is not None:
            start, at = found
            if at - start > 1:
                self.arrived.append(now)
                if self.keeps:
                    self.frames.append(bytes(left[start:at]))
        del left[:at]


def _frame(data: bytearray, at: int) -> tuple[int, int] | None:
    """Where the content of the frame that begins there begins and ends; None while it is not all there."""
    if len(data) < at + 2:
        return None
    size, start = data[at + 1], at + 2
    if size == SHORT:
        size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
    elif size == LONG:
        size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
    return None if len(data) < start + size else (start, start + size)


async def ears(port: int) -> list[Ear]:
    loop = asyncio.get_running_loop()
    found = [Ear(port, keeps=not number) for number in range(CLIENTS)]
    for ear in found:
        await loop.create_connection(lambda ear=ear: ear, "127.0.0.1", port)
    await until_heard(lambda: all(ear.arrived for ear in found))
    return found


def run(wanted: set[str], folder: Path) -> Iterator[tuple[str, Measure]]:
    if not wanted.intersection(NAMES):
        return
    system = System(folder)
    with broker.use(folder / "data", system.kafka_port, lambda _: None) as lease:
        try:
            found, size = asyncio.run(_measured(system))
        finally:
            lease.release()
    floor = _floor(size)
    p50, p99 = (quantile(found, share) * 1_000 for share in (0.5, 0.99))
    least = quantile(floor, 0.99) * 1_000
    note = (
        f"{len(found)} frames of {size} bytes to {CLIENTS} clients; p50 {p50:.1f} ms, largest {found[-1] * 1_000:.0f}"
    )
    yield NAMES[0], Measure(p99, "ms", least, p99 / least, note)


async def _measured(system: System) -> tuple[list[float], int]:
    """Seconds from the time of each record to each client, in order; and how long a frame is."""
    async with aiohttp.ClientSession() as system.session:
        try:
            system.start_worker()
            await system.until_ready()
            await open_desk(system, *BOOKS, "cpt1", policy="mock")
            found = await ears(system.web_port)
            sent = await send_by_schedule(
                system.bootstrap, INQUIRIES, inquiries("frame"), RATE / EVENTS_OF_AN_INQUIRY, SECONDS
            )
            told = await _until_all_is_told(system, len(sent))
            await until_heard(lambda: all(len(ear.arrived) > len(told) for ear in found))
            for ear in found:
                ear.transport.abort()  # the end of the server is no frame
        finally:
            await system.stop()
    frames = [json.loads(frame) for frame in found[0].frames[1:]]
    times = [told[_name(frame)] for frame in frames]
    assert all(len(ear.arrived) == len(times) + 1 for ear in found)
    delays = [at - time for ear in found for at, time in zip(ear.arrived[1:], times, strict=True)]
    return sorted(delays), sum(map(len, found[0].frames[1:])) // len(times)


def _name(frame: dict[str, Any]) -> tuple[str, str, int]:
    body = frame[frame["type"].lower()]
    name = body["inquiry_id"] if frame["type"] == "INQUIRY" else f"{body['book_id']}|{body['instrument_id']}"
    return frame["type"], name, body["version"]


async def _until_all_is_told(system: System, count: int) -> dict[tuple[str, str, int], float]:
    """When each change was written, once every inquiry has its outcome."""
    tps = [TopicPartition(TOPIC, number) for number in range(partitions_of(TOPIC, Profile.TEST))]
    found: dict[tuple[str, str, int], float] = {}
    ended: set[str] = set()
    async with AIOKafkaConsumer(bootstrap_servers=system.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(tps)
        async with asyncio.timeout(60):
            while len(ended) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        event = CODEC.decode(record.value)
                        if isinstance(event, InquiryEvent | DeskPositionChanged):
                            found[(*name_of(event), event.version)] = record.timestamp / 1_000
                        if isinstance(event, InquiryEvent) and event.outcome is not None:
                            ended.add(event.inquiry_id)
    return found


def _floor(size: int) -> list[float]:
    """The same, of a server that does nothing else."""
    knobs = {"PORT": free_port(), "RATE": RATE, "SECONDS": SECONDS, "CLIENTS": CLIENTS, "FRAME_BYTES": size}
    environment = os.environ | {name: str(value) for name, value in knobs.items()}
    server = subprocess.Popen([sys.executable, str(WORKERS / "socket_floor.py")], cwd=ROOT, env=environment)
    try:
        return asyncio.run(_of_floor(int(knobs["PORT"])))
    finally:
        server.terminate()
        server.wait(10)


async def _of_floor(port: int) -> list[float]:
    async with asyncio.timeout(60):
        while not await _listens(port):
            await asyncio.sleep(0.1)
    found = await ears(port)
    await until_heard(lambda: all(len(ear.arrived) > RATE * SECONDS for ear in found), SECONDS + 30)
    times = [float(frame.split()[0]) for frame in found[0].frames[1:]]
    return sorted(at - time for ear in found for at, time in zip(ear.arrived[1:], times, strict=True))


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
