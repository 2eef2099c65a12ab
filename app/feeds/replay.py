"""Plays a recording through the whole path of a running system, and compares the trades with the recorded ones."""

import asyncio
import time
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer

from app.feeds.door import QUIET_S_MAX, Door, hearing, opened
from app.feeds.tape import Quote, Tape, Trade
from app.settings import Settings
from domain.money import half_even, value_of
from schemas.enums import Side
from schemas.order_books import TradeExecuted
from schemas.wire import NANOS

PURSE = 10**12 * NANOS
"""Of each asset for each of the two accounts."""


class Print(NamedTuple):
    """One trade, recorded or made here."""

    price: int
    quantity: int
    taker: Side


class Report(NamedTuple):
    """How the system's trades compare with the recorded ones. Quantities and values in nanos."""

    commands: int
    seconds: float
    recorded: list[Print]
    made: list[Print]

    @property
    def first_difference(self) -> int | None:
        """Index of the first trade that differs; None where all are equal."""
        pairs = zip(self.recorded, self.made, strict=False)
        found = next((index for index, (theirs, ours) in enumerate(pairs) if theirs != ours), None)
        if found is None and len(self.recorded) != len(self.made):
            return min(len(self.recorded), len(self.made))
        return found


def volume(prints: Iterable[Print]) -> int:
    """Base nanos traded."""
    return sum(found.quantity for found in prints)


def value(prints: Iterable[Print]) -> int:
    """Quote nanos traded."""
    return sum(value_of(found.quantity, found.price) for found in prints)


def vwap(prints: list[Print]) -> int:
    """Volume-weighted average price in nanos, rounded to the nearest; 0 where nothing was traded."""
    return half_even(value(prints) * NANOS, volume(prints) or 1)


async def _play(door: Door, events: Iterable[Quote | Trade], speed: float) -> None:
    """Sends the commands of all events, at so many times the recorded speed; 0 means as fast as it goes."""
    tape, began, first = Tape(door.run), time.monotonic(), None
    last = None
    for event in events:
        first = event.at if first is None else first
        if speed:
            await asyncio.sleep((event.at - first) / NANOS / speed - (time.monotonic() - began))
        for command in tape.play(event):
            last = await door.send(command)
    for command in tape.pull():
        last = await door.send(command)
    if last is not None:
        await last


async def _trades(door: Door, consumer: AIOKafkaConsumer, count: int) -> list[Print]:
    """The first `count` trades of this run, or those that came before it went quiet."""
    found: list[Print] = []
    while len(found) < count:
        batches = await consumer.getmany(timeout_ms=int(QUIET_S_MAX * 1000))
        if not batches:
            return found
        for records in batches.values():
            found += [made for record in records if (made := _print(door, record.value)) is not None]
    return found


def _print(door: Door, data: bytes) -> Print | None:
    trade = door.codec.decode(data)
    if not isinstance(trade, TradeExecuted) or not trade.order_id.startswith(f"{door.run}-"):
        return None
    return Print(trade.execution_price, trade.quantity, trade.side)


async def replay(
    settings: Settings, events: list[Quote | Trade], symbol: str, assets: tuple[str, str], speed: float
) -> Report:
    """Plays the events under this symbol -> how the trades compare. Raises ReplayError."""
    recorded = [Print(event.price, event.quantity, event.taker) for event in events if isinstance(event, Trade)]
    events = [event._replace(symbol=symbol) for event in events]
    async with opened(settings, "feed") as door:
        await door.open_market(door.listing(symbol, assets, NANOS // 100, NANOS // 10_000), PURSE)
        async with hearing(settings, door.place_of("trade-events", symbol)) as consumer:
            began = time.monotonic()
            made, _ = await asyncio.gather(_trades(door, consumer, len(recorded)), _play(door, events, speed))
            return Report(door.sent, time.monotonic() - began, recorded, made)
