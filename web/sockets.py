"""The sockets of the order API in their simple form: every trade, and the book once a second."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType, web

from app.main import app
from app.metrics import sockets_open
from domain.account_rows import Order
from domain.trades import TradeRow
from web import answers, orders
from web.accounts import balances_of
from web.aliases import PUBLIC_SYMBOL
from web.disconnects import cancelled_after
from web.gateway import gateway, opened
from web.views import Depth

INTERVAL_S = 1.0
SWITCH = {"true": True, "false": False}
SNAPSHOT_LEVELS = 5
WAITING_MAX = 10_000
"""Messages that may wait for one client; one that falls further behind is cut off."""
HEARTBEAT_S = 15.0
MESSAGE_BYTES_MAX = 4_096
"""Clients have nothing to say here."""

open_sockets: set[web.WebSocketResponse] = set()


async def serve(
    request: web.Request, write: "Callable[[web.WebSocketResponse], Any]", protocols: tuple[str, ...] = ()
) -> web.WebSocketResponse:
    """Runs the one writer of a socket until the client leaves."""
    opened()
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT_S, compress=False, max_msg_size=MESSAGE_BYTES_MAX, protocols=protocols
    )
    await socket.prepare(request)
    open_sockets.add(socket)
    gauge = sockets_open.labels(request.path)
    gauge.inc()
    writer = asyncio.create_task(write(socket))
    try:
        async for _ in socket:
            pass
    finally:
        gauge.dec()
        open_sockets.discard(socket)
        writer.cancel()
    return socket


class Waiting:
    """Messages for one client, in order, up to a bound."""

    def __init__(self, socket: web.WebSocketResponse, *, is_binary: bool = False) -> None:
        self._socket, self._opcode = socket, WSMsgType.BINARY if is_binary else WSMsgType.TEXT
        self._messages: deque[bytes] = deque()
        self._is_there = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Adds a message; closes the socket of a client that does not keep up."""
        if len(self._messages) < WAITING_MAX:
            self._messages.append(message)
            self._is_there.set()
        else:
            asyncio.get_running_loop().create_task(self._socket.close(code=4008, message=b"too slow"))

    def begin(self, messages: Iterable[bytes]) -> None:
        """What a client is shown first, however much that is."""
        self._messages.extend(messages)
        self._is_there.set()

    async def write(self) -> None:
        """Sends what comes, until the client is gone."""
        with contextlib.suppress(ClientConnectionResetError):  # it left while something was on its way
            while True:
                await self._is_there.wait()
                self._is_there.clear()
                while self._messages:
                    await self._socket.send_frame(self._messages.popleft(), self._opcode)


async def trade_updates(request: web.Request) -> web.WebSocketResponse:
    """/trade_updates: one message a trade, to every client."""

    async def write(socket: web.WebSocketResponse) -> None:
        waiting = Waiting(socket)

        def hear(trade: TradeRow) -> None:
            waiting.put(msgspec.json.encode(answers.legacy_trade(trade)))

        listeners = gateway.books_view.listeners
        listeners.append(hear)
        try:
            await waiting.write()
        finally:
            listeners.remove(hear)

    return await serve(request, write)


async def order_book_snapshot(request: web.Request) -> web.WebSocketResponse:
    """/order_book_snapshot?symbol=: five levels of price a side, once a second, whether something changed or not."""
    symbol = request.query.get("symbol", PUBLIC_SYMBOL)

    def snapshot() -> bytes:
        bids, asks = gateway.books_view.depths.get(symbol, Depth()).top(SNAPSHOT_LEVELS)
        levels = {
            "bids": [[answers.number(price), answers.number(units)] for price, units in bids],
            "asks": [[answers.number(price), answers.number(units)] for price, units in asks],
        }
        return msgspec.json.encode({"symbol": symbol, "timestamp": answers.time_text(time.time_ns())} | levels)

    return await serve(request, lambda socket: _each_second(socket, snapshot))


async def order_updates(request: web.Request) -> web.WebSocketResponse:
    """/order_updates?account_id=&cancel_on_disconnect=: all orders first, then once a second those that changed.

    Of one account, or of all. With cancel_on_disconnect=true its open orders go when the connection does.
    """
    account_id, is_to_cancel = _wanted(request)
    changed: dict[str, Order] = {}

    def batch() -> bytes:
        rows = [answers.legacy_order(order) for order in changed.values()]
        changed.clear()
        return msgspec.json.encode({"orders": rows})

    def hear(order: Order) -> None:
        if account_id in (None, order.account_id):
            changed[order.order_id] = order

    async def write(socket: web.WebSocketResponse) -> None:
        shards = gateway.accounts
        for replica in shards.replicas if account_id is None else [shards.of(account_id)]:
            for _, order in replica.rows["orders"].scan():
                hear(order)
        listeners = gateway.accounts_view.listeners
        listeners.append(hear)
        try:
            await _each_second(socket, batch)
        finally:
            listeners.remove(hear)

    if account_id is None or not is_to_cancel:
        return await serve(request, write)
    async with cancelled_after(account_id):
        return await serve(request, write)


def _wanted(request: web.Request) -> tuple[str | None, bool]:
    """-> the account, or None for all, and whether its orders go with the connection. Raises Problem."""
    query: dict[str, Any] = dict(request.query)
    orders.only(query, "account_id", "cancel_on_disconnect")
    is_to_cancel = orders.word("cancel_on_disconnect", query.get("cancel_on_disconnect", "false"), SWITCH)
    if is_to_cancel:
        orders.required(query, "account_id")
    account_id = query.get("account_id")
    if account_id is not None:
        balances_of(orders.name("account_id", account_id))  # a problem where there is no such account
    return account_id, is_to_cancel


async def _each_second(socket: web.WebSocketResponse, message: "Callable[[], bytes]") -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await socket.send_str(message().decode())
        due += INTERVAL_S
        await asyncio.sleep(due - loop.time())


async def close_all(_application: web.Application) -> None:
    """Tells every client that we go."""
    going = [socket.close(code=WSCloseCode.GOING_AWAY, message=b"shutdown") for socket in list(open_sockets)]
    await asyncio.gather(*going, return_exceptions=True)


app.http.router.add_get("/trade_updates", trade_updates)
app.http.router.add_get("/order_book_snapshot", order_book_snapshot)
app.http.router.add_get("/order_updates", order_updates)
app.http.on_shutdown.append(close_all)
