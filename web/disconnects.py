"""Cancel on disconnect: when a connection is gone whose client asked for it, its account's open orders go, too.

A gateway that is killed says nothing any more: who must be safe from that sets a cancel timer, too.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.exactly_once.log import Unavailable
from schemas.accounts import CancelOpenOrders
from schemas.enums import ReasonCode
from web.commands import send
from web.orders import envelope
from web.problems import Problem

logger = logging.getLogger(__name__)

ATTEMPTS_MAX = 60
PAUSE_S = 1.0
"""Between two attempts, while Kafka is away."""

_under_way: set[asyncio.Task[None]] = set()


@asynccontextmanager
async def cancelled_after(account_id: str) -> AsyncIterator[None]:
    """All open orders of the account are asked to go when this ends, however it does."""
    try:
        yield
    finally:
        task = asyncio.create_task(_cancel(account_id), name=f"cancel orders of {account_id}")
        _under_way.add(task)
        task.add_done_callback(_under_way.discard)
        await asyncio.shield(task)


async def _cancel(account_id: str) -> None:
    """The same command each time: once it was heard, the same once more changes nothing."""
    command = CancelOpenOrders(account_id, reason_code=ReasonCode.DISCONNECTED, **envelope())
    for _ in range(ATTEMPTS_MAX):
        try:
            await send("accounts", account_id, command)
        except (Problem, Unavailable):
            await asyncio.sleep(PAUSE_S)
        else:
            return
    logger.error("the orders of %s stay, though its connection is gone: nothing could be sent", account_id)
