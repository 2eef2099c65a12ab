"""Opens the market of the benchmarks: symbols and money, by the admin API where there is one, else by commands."""

import asyncio
import time
from functools import partial
from http import HTTPStatus

from system import System

from app.settings import Profile
from app.topics import BOOKS, partition_of, partitions_of
from bench.load import producing
from bench.orders import ASSETS, CENT, INBOX, TRADERS, codec
from schemas.accounts import DepositFunds
from schemas.enums import InstrumentType, Venue
from schemas.order_books import ListInstrument
from schemas.wire import NANOS, Message

AT_ONCE = 32
RICHES = "1000000000"
OPEN_S_MAX = 30.0


async def open_by_commands(system: System) -> None:
    """Lists every symbol and gives every trader money, in a profile that has no admin API."""
    profile = Profile(system.profile)
    async with producing(system.bootstrap, INBOX, BOOKS) as producer:

        async def send(topic: str, key: str, command: Message) -> None:
            number = partition_of(key, partitions_of(topic, profile))
            await producer.send(topic, codec.encode(command), key=key.encode(), partition=number)

        for asset in ASSETS:
            await send(BOOKS, f"{asset}USDT", listing(asset))
        for asset in ASSETS:
            await system.eventually(partial(is_there, system, f"/api/v1/orderbook/{asset}USDT"), OPEN_S_MAX)
        for trader in TRADERS:  # the accounts have heard of the symbols when these are taken
            for asset in (*ASSETS, "USDT"):
                name = f"open-{trader}-{asset}"
                deposit = DepositFunds(trader, asset, int(RICHES) * NANOS, name, name, name, "", trader, time.time_ns())
                await send(INBOX, trader, deposit)
    await system.eventually(partial(has_money, system), OPEN_S_MAX)


def listing(asset: str) -> ListInstrument:
    """A symbol against USDT."""
    name = f"list-{asset}"
    return ListInstrument(
        symbol=f"{asset}USDT",
        instrument_type=InstrumentType.SPOT,
        base=asset,
        quote="USDT",
        tick=CENT,
        lot=NANOS // 1000,
        multiplier=NANOS,
        maker_fee_rate=0,
        taker_fee_rate=0,
        venue=Venue.INTERNAL,
        event_id=name,
        command_id=name,
        correlation_id=name,
        actor_id="bench",
        timestamp=time.time_ns(),
    )


async def is_there(system: System, path: str) -> bool:
    """Whether the gateway knows it."""
    return (await system.ask("GET", path))[0] == HTTPStatus.OK


async def has_money(system: System) -> bool:
    """Whether the traders have all their deposits."""
    for trader in TRADERS:
        status, found = await system.ask("GET", f"/api/v1/balances?account_id={trader}")
        if status != HTTPStatus.OK or len(found["balances"]) <= len(ASSETS):
            return False
    return True


async def open_market(system: System) -> None:
    """Lists every symbol and gives every trader money."""
    if Profile(system.profile) is not Profile.TEST:
        await open_by_commands(system)
        return
    for asset in ASSETS:
        body = {"symbol": f"{asset}USDT", "base": asset, "quote": "USDT", "tick": "0.01", "lot": "0.001"}
        await system.post("/api/v1/admin/instruments", body)
    slots = asyncio.Semaphore(AT_ONCE)

    async def give(trader: str, asset: str) -> None:
        async with slots:
            await system.deposit(trader, asset, RICHES)

    await asyncio.gather(*(give(trader, asset) for trader in TRADERS for asset in (*ASSETS, "USDT")))
