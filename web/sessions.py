"""Tells books whose instruments have a calendar when their next session is.

Every gateway does so; the book takes what comes first. A book that nobody tells stays closed.
"""

import asyncio
import logging
import time
from collections.abc import Iterator

from app.main import app
from domain.instruments import Instrument
from domain.session_rows import SessionRow
from schemas.order_books import ScheduleSession
from web import calendars, clock
from web.commands import send
from web.gateway import gateway, opened
from web.ids import new_id
from web.seeding import envelope

logger = logging.getLogger(__name__)

LOOK_S = 0.25
AGAIN_S = 5.0
"""After this a book is told once more that has not taken it up."""

_told: dict[str, tuple[str, str, float]] = {}
"""Of each symbol the calendar and the session that were told, and when."""
_tasks: list[asyncio.Task[None]] = []


async def watch() -> None:
    """For ever."""
    while True:
        await asyncio.sleep(LOOK_S)
        if gateway.is_open and gateway.reason_not_ready() is None:
            for instrument in list(_without_session()):
                try:
                    await _schedule(instrument)
                except Exception:
                    logger.exception("%s was not told of its session", instrument.symbol)
                    await asyncio.sleep(AGAIN_S)


def _without_session() -> Iterator[Instrument]:
    """Instruments whose last session is over, or that never had one."""
    for replica in opened().books.replicas:
        for symbol, instrument in replica.rows["instruments"].scan():
            row: SessionRow | None = replica.rows["sessions"].get(symbol) if instrument.calendar else None
            if instrument.calendar and (row is None or row.is_over):
                yield instrument


async def _schedule(instrument: Instrument) -> None:
    symbol = instrument.symbol
    session = await asyncio.to_thread(calendars.next_session, instrument.calendar, clock.now())
    calendar, last, told_at = _told.get(symbol, ("", "", 0.0))
    if (instrument.calendar, session.name) == (calendar, last) and time.monotonic() - told_at < AGAIN_S:
        return
    command = ScheduleSession(
        symbol=symbol,
        session=session.name,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
        holidays=session.holidays,
        calendar=instrument.calendar,
        **envelope(new_id()),
    )
    await send("order_books", symbol, command)
    _told[symbol] = instrument.calendar, session.name, time.monotonic()


async def _begin() -> None:
    _tasks.append(asyncio.create_task(watch(), name="sessions"))


app.when_connected.append(_begin)
