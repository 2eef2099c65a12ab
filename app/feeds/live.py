"""Venues as they are now: a socket that is opened again whenever it ends, goes silent, or leaves a hole in a book."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import aiohttp

from app.feeds.frames import Frame, Kind
from app.feeds.playing import Report, Send
from app.feeds.symbols import Source
from app.feeds.venue import Venue
from app.feeds.venues import opened

logger = logging.getLogger(__name__)

FRAME_BYTES_MAX = 16 << 20
"""Of one frame: the largest snapshot of a book is a tenth of it."""
STEADY_S = 60.0
"""A connection that lasted so long was a good one: the next failure is the first again."""


class Endpoint(NamedTuple):
    """Where a venue is, and how it is asked."""

    socket: str
    """Address; `{streams}` stands for what is wanted where the address says it."""
    subscriptions: Callable[[Sequence[str]], list[Any]] = lambda _: []
    """What to say after connecting, as JSON."""
    snapshot: str = ""
    """Address of a book, with `{name}`; without one the socket tells it after each connection."""
    silence_s: float = 15.0
    """Without a word for so long the connection is dead: each of them says something every few seconds."""


class Pace(NamedTuple):
    """How patient we are."""

    backoff_s: float = 0.5
    """Before the second attempt; doubles with each further one."""
    backoff_s_max: float = 30.0
    snapshot_s: float = 1.0
    """Between two requests for the same book; doubles with each further one."""


def _coinbase(names: Sequence[str]) -> list[Any]:
    channels = ["level2_batch", "ticker", "matches", "heartbeat"]
    return [{"type": "subscribe", "product_ids": list(names), "channels": channels}]


def _kraken(names: Sequence[str]) -> list[Any]:
    kinds: list[dict[str, Any]] = [{"name": "book", "depth": 1000}, {"name": "trade"}, {"name": "ticker"}]
    return [{"event": "subscribe", "pair": list(names), "subscription": kind} for kind in kinds]


def _bitstamp(names: Sequence[str]) -> list[Any]:
    channels = [f"{kind}_{name}" for name in names for kind in ("diff_order_book", "live_trades")]
    return [{"event": "bts:subscribe", "data": {"channel": channel}} for channel in channels]


def _gemini(names: Sequence[str]) -> list[Any]:
    return [{"type": "subscribe", "subscriptions": [{"name": "l2", "symbols": list(names)}]}]


ENDPOINTS = {
    "binance": Endpoint(
        "wss://stream.binance.com:9443/stream?streams={streams}",
        snapshot="https://api.binance.com/api/v3/depth?symbol={name}&limit=1000",
    ),
    "bitstamp": Endpoint(
        "wss://ws.bitstamp.net", _bitstamp, "https://www.bitstamp.net/api/v2/order_book/{name}/", silence_s=60.0
    ),
    "coinbase": Endpoint("wss://ws-feed.exchange.coinbase.com", _coinbase),
    "gemini": Endpoint("wss://api.gemini.com/v2/marketdata", _gemini),
    "kraken": Endpoint("wss://ws.kraken.com", _kraken),
}
"""Public market data of each venue, as its documentation has it."""


class Broken(Exception):  # noqa: N818 - what it is
    """The connection is of no use any more."""


class Live:
    """One venue, for as long as it is wanted."""

    def __init__(self, venue: Venue, names: Sequence[str], endpoint: Endpoint, send: Send, pace: Pace) -> None:
        self.venue, self._names, self._endpoint, self._send, self._pace = venue, names, endpoint, send, pace
        self.connections = 0
        self._requests: dict[str, asyncio.Task[None]] = {}
        self._taking = asyncio.Lock()
        """Messages of the socket and of answers leave in the order in which they were made."""

    async def run(self) -> None:
        """Connects, again and again, until it is cancelled. Raises what sending raises."""
        failures = 0
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._endpoint.silence_s)) as session:
            while True:
                began = time.monotonic()
                try:
                    await self._connect(session)
                except (aiohttp.ClientError, OSError, TimeoutError, Broken) as error:
                    logger.warning("feed_broken", extra={"venue": self.venue.name, "why": repr(error)})
                finally:
                    await self._end_requests()
                failures = 1 if time.monotonic() - began > STEADY_S else failures + 1
                await asyncio.sleep(min(self._pace.backoff_s * 2 ** (failures - 1), self._pace.backoff_s_max))

    async def _connect(self, session: aiohttp.ClientSession) -> None:
        streams = "/".join(f"{name.lower()}@{kind}" for name in self._names for kind in STREAMS)
        url = self._endpoint.socket.replace("{streams}", streams)
        async with session.ws_connect(url, max_msg_size=FRAME_BYTES_MAX, autoping=True) as socket:
            self.connections += 1
            self.venue.reconnected()
            for subscription in self._endpoint.subscriptions(self._names):
                await socket.send_str(json.dumps(subscription))
            while True:
                message = await socket.receive(self._endpoint.silence_s)
                if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    raise Broken(f"the venue ended it: {message.type.name} {message.extra or ''}")
                text = message.data.encode() if isinstance(message.data, str) else message.data
                await self._take(Frame(time.time_ns(), text))
                self._mend(session)

    async def _take(self, frame: Frame) -> None:
        async with self._taking:
            for message in self.venue.take(frame):
                await self._send(message)

    def _mend(self, session: aiohttp.ClientSession) -> None:
        """Asks for the books that are lost. Raises Broken where a new connection is the way to get them."""
        if not self.venue.lost:
            return
        if not self._endpoint.snapshot:
            raise Broken(f"books of {', '.join(sorted(self.venue.lost))} have a hole")
        for name in self.venue.lost:
            request = self._requests.get(name)
            if request is None or request.done():
                if request is not None:
                    request.result()  # what sending raised
                self._requests[name] = asyncio.create_task(self._ask(session, name))

    async def _ask(self, session: aiohttp.ClientSession, name: str) -> None:
        """Asks for a book until it is whole, ever more rarely."""
        url, pause_s = self._endpoint.snapshot.format(name=name), self._pace.snapshot_s
        while name in self.venue.lost:
            try:
                async with session.get(url) as answer:
                    answer.raise_for_status()
                    text = await answer.read()
                await self._take(Frame(time.time_ns(), text, Kind.ANSWER, url))
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                logger.warning("snapshot_failed", extra={"venue": self.venue.name, "why": repr(error)})
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._pace.backoff_s_max)

    async def _end_requests(self) -> None:
        requests, self._requests = list(self._requests.values()), {}
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)


STREAMS = ("depth@100ms", "bookTicker", "trade")
"""Of Binance, whose address says what is wanted."""


async def run(
    name: str, names: Sequence[str], sources: dict[str, Source], send: Send, report: Report, seconds: float
) -> None:
    """Sends what the venue says about these instruments, for so long; 0 means until Ctrl-C."""
    live = Live(opened(name, sources), names, ENDPOINTS[name], send, Pace())
    report.follow(live.venue)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds or None):
            await live.run()
