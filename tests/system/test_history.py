"""The history of a running system: a recorder that is killed, and every trade in it once."""

import asyncio
import os
import signal
from decimal import Decimal
from random import Random
from typing import Any

from outside import MARKET_DATA, send
from system import FAUST, ROOT, System

from schemas.wire import NANOS

PRINT_SCHEMA = (ROOT / "schemas/feeds/TradePrint.avsc").read_text()
NOON_NS = 1_795_176_000 * NANOS
COUNT, ROUNDS = 300, 4


def trades(first: int) -> list[dict[str, Any]]:
    return [
        {
            "symbol": "RECORDED",
            "exchange": "X",
            "price": Decimal(100),
            "quantity": Decimal(number),
            "sequence": number,
            "timestamp": NOON_NS + number * NANOS // 4,
        }
        for number in range(first, first + COUNT)
    ]


async def recorder(system: System, *more: str) -> asyncio.subprocess.Process:
    command = [FAUST[0], "-A", "app", "history", "record", "--folder", str(system.folder / "history"), *more]
    silent = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=system.environment(), **silent)


async def asked(system: System, sql: str) -> list[list[str]]:
    code, out = await system.run("history", "ask", sql, "--folder", str(system.folder / "history"))
    assert code == 0, out
    return [line.split("\t") for line in out.strip().splitlines()[1:]]


async def test_a_recorder_that_is_killed_again_and_again_has_every_trade_once_and_the_bars_of_the_system(
    system: System,
) -> None:
    rng = Random(3)
    for turn in range(ROUNDS):
        process = await recorder(system)
        first = turn * COUNT + 1
        told = asyncio.to_thread(
            send, system, *trades(first), door=MARKET_DATA, schema=PRINT_SCHEMA, key="RECORDED", by_record=True
        )
        await asyncio.gather(told, asyncio.sleep(rng.uniform(0.5, 6)))
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def is_taken() -> bool:
        status, quote = await system.ask("GET", "/api/v1/quotes/RECORDED")
        last_at = (NOON_NS + ROUNDS * COUNT * NANOS // 4) // NANOS
        return status == 200 and quote["at"] == f"2026-11-20T12:{last_at // 60 % 60:02}:{last_at % 60:02}.000000Z"

    await system.eventually(is_taken)
    process = await recorder(system, "--once")
    assert await process.wait() == os.EX_OK
    (counts,) = await asked(
        system, "SELECT count(*), count(DISTINCT sequence), sum(quantity) FROM prints WHERE symbol = 'RECORDED'"
    )
    total = ROUNDS * COUNT
    assert [Decimal(count) for count in counts] == [total, total, Decimal(total * (total + 1) // 2)]
    candles = (await system.get("/api/v1/candles?symbol=RECORDED&interval=1m"))["candles"]
    bars = await asked(
        system, "SELECT close, volume FROM bars WHERE symbol = 'RECORDED' AND interval_s = 60 ORDER BY start"
    )
    final = [(Decimal(each["close"]), Decimal(each["volume"])) for each in candles if each["final"]]
    assert [(Decimal(close), Decimal(volume)) for close, volume in bars][: len(final)] == final
    assert len(final) >= 3
