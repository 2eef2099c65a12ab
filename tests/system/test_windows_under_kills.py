"""A worker that is killed while ticks come late, twice and in any order: bars and late ticks are those of pandas."""

import asyncio
import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from event_time import SYMBOLS, Oracle, arrivals
from system import System, child_of, running

from app.codecs import Codec
from app.registry import FileRegistry
from app.settings import NICENESS, Profile
from app.topics import FEEDS, partition_of, partitions_of
from domain.observations import AGGRESSOR_SIGN, Printed
from domain.series import SECOND
from schemas.feeds import TradePrint
from schemas.wire import NANOS

PARTITIONS = partitions_of(FEEDS, Profile.TEST)
NAMES = dict(
    zip(SYMBOLS, (name for name in map("KILLED{}".format, count()) if not partition_of(name, PARTITIONS)), strict=False)
)
"""Instruments of one shard: stream time is that of a shard, as the oracle's is."""
ROLES = "feeds,market_data"
PORTION = 40
SIDES = {sign: side for side, sign in AGGRESSOR_SIGN.items()}
codec = Codec(FileRegistry())


def ticks(seed: int, number: int) -> list[Printed]:
    return [Printed(NAMES[tick.symbol], *_rest(tick)) for tick in arrivals(seed, number)]


def _rest(tick: Printed) -> tuple[Any, ...]:
    return tuple(getattr(tick, name) for name in Printed.__struct_fields__[1:])


def message(tick: Printed) -> bytes:
    side = SIDES[tick.aggressor]
    terms = (tick.symbol, tick.price, tick.quantity, tick.exchange, side, tick.trade_id)
    return codec.encode(TradePrint(*terms, sequence=tick.sequence, timestamp=tick.at))


def worker_of(system: System) -> int:
    """The process below the supervisor; 0 while there is none."""
    pid = system.workers[0].pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


async def kill(system: System) -> None:
    """At once, whatever it does. It comes back."""
    pid = worker_of(system)
    os.kill(pid, signal.SIGKILL)
    await system.eventually(lambda: worker_of(system) not in (0, pid), 15)


async def play(system: System, arrived: list[Printed], rng: Random, kills: int) -> None:
    """All in one partition, in order; the worker is killed in between, some moments after a portion."""
    portions = [arrived[place : place + PORTION] for place in range(0, len(arrived), PORTION)]
    deadly = set(rng.sample(range(len(portions)), kills))
    async with AIOKafkaProducer(bootstrap_servers=system.bootstrap, enable_idempotence=True) as producer:
        for number, portion in enumerate(portions):
            for tick in portion:
                await producer.send(FEEDS, message(tick), key=b"killed", partition=0)
            await producer.flush()
            if number in deadly:
                await asyncio.sleep(rng.random() * 0.2)
                await kill(system)


async def told_once(system: System, topic: str, kind: str) -> list[dict[str, Any]]:
    """What readers keep: one record an id."""
    records = await system.records(topic)
    return list({each["_headers"]["event_id"]: each for each in records if each["_message"] == kind}.values())


async def complete(read: Callable[[], Any], wanted: int) -> Any:
    found = await read()
    return found if len(found) >= wanted else None


def units(found: Any) -> int:
    return int(found * NANOS)


async def judge(system: System, arrived: list[Printed]) -> None:
    oracle = Oracle(arrived)
    ended = {key: each for key, each in oracle.windows().items() if key[1] + key[2] <= oracle.stream_time}
    lost = oracle.dropped()

    async def bars() -> dict[tuple[str, int, int], list[dict[str, Any]]]:
        found: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
        for bar in await told_once(system, "analytics-events", "BarClosed"):
            found.setdefault((bar["symbol"], bar["interval_s"] * SECOND, bar["start"]), []).append(bar)
        return found

    async def late() -> list[dict[str, Any]]:
        return await told_once(system, "market-data-late", "TickDropped")

    dropped = await system.eventually(lambda: complete(late, len(lost)), 60)
    assert {(drop["symbol"], drop["sequence"]): drop["interval_s"] for drop in dropped} == lost
    assert len(dropped) == len(lost)
    await system.eventually(lambda: complete(bars, len(ended)), 60)
    told = await bars()
    assert told.keys() == ended.keys()
    for key, revisions in told.items():
        assert sorted(bar["revision"] for bar in revisions) == list(range(1, len(revisions) + 1))
        last = max(revisions, key=lambda bar: bar["revision"])
        shown = [units(last[name]) for name in ("open", "high", "low", "close", "volume")]
        assert (*shown, last["ticks"]) == ended[key][:6], key
    counted = sum(each.ticks for (_, size, _), each in oracle.windows().items() if size == SECOND)
    assert counted + len(lost) + oracle.repeated == len(arrived), "no tick is in no second without being told"


def priorities(pid: int) -> set[int]:
    """Of all threads of a process."""
    return {os.getpriority(os.PRIO_PROCESS, int(each.name)) for each in Path(f"/proc/{pid}/task").iterdir()}


async def test_a_worker_of_market_data_alone_lets_others_go_first(tmp_path: Path) -> None:
    async with running(tmp_path, ROLES=ROLES) as system:
        assert priorities(child_of(system.workers[0].pid)) == {os.getpriority(os.PRIO_PROCESS, 0) + NICENESS}


async def test_bars_and_late_ticks_are_those_of_pandas_whenever_the_worker_is_killed(tmp_path: Path) -> None:
    await killed(tmp_path, 1, 600, kills=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
async def test_the_same_with_many_kills(tmp_path: Path, seed: int) -> None:
    await killed(tmp_path, seed, 3_000, kills=20)


async def killed(folder: Path, seed: int, number: int, kills: int) -> None:
    arrived = ticks(seed, number)
    async with running(folder, ROLES=ROLES) as system:
        await play(system, arrived, Random(seed), kills)
        await judge(system, arrived)
