"""Market data of elsewhere onto the topic, by the commands that users have."""

import csv
import gzip
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiokafka import AIOKafkaConsumer, TopicPartition
from recordings import path
from system import ROOT, System

from app.codecs import Codec
from app.feeds.publishing import Digest
from app.registry import FileRegistry
from schemas.feeds import TradePrint
from schemas.wire import NANOS

RECORDING = ROOT / "app/recordings/binance_ethusdt_20240808.gz"
LINES = 500
CANDLES = "/api/v1/candles?symbol=IBM&interval=1m&from=2013-10-07T08:00:00Z&limit=1500"
FOLDER = "us_equity_ticks/ibm_20131007"
MIDNIGHT = datetime(2013, 10, 7, tzinfo=ZoneInfo("America/New_York"))


async def on_topic(system: System, *symbols: str) -> list[tuple[bytes, Any]]:
    """Everything on `market-data` about these symbols, all in one partition: bytes and message."""
    consumer = AIOKafkaConsumer(bootstrap_servers=system.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition("market-data", n) for n in sorted(await system._partitions(consumer, "market-data"))]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        records = []
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for found in (await consumer.getmany(timeout_ms=100)).values():
                records += found
    finally:
        await consumer.stop()
    codec = Codec(FileRegistry())
    ours = [record for record in records if (record.key or b"").decode() in symbols]
    assert len({record.partition for record in ours}) <= 1
    return [(record.value, codec.decode(record.value)) for record in ours]


def digest_of(said: str) -> str:
    return said.strip().splitlines()[-1].split()[-1]


async def test_a_recording_is_on_the_topic_message_by_message_and_twice_it_has_the_same_ids(
    system: System, tmp_path: Path
) -> None:
    recording = tmp_path / "recording"
    symbols = ("ETHUSDT", "BTCUSDT", "ADAUSDT", "SOLUSDT")
    with gzip.open(RECORDING) as lines:
        for number, line in zip(range(LINES), lines, strict=False):
            with recording.open("ab") as file:
                file.write(line.replace(b"ETHUSDT", symbols[number % len(symbols)].encode()))
    code, said = await system.run("feed", str(recording), "--venue", "binance")
    assert code == 0, said
    assert f"frames          {LINES}  messages {LINES}" in said
    once = await on_topic(system, *symbols)
    digest = Digest()
    for value, message in once:
        digest.add(message.symbol, value)
    assert (len(once), digest.hexdigest()) == (LINES, digest_of(said))
    assert {type(message).__name__ for _, message in once} == {"MarketDataEvent", "TradePrint"}
    code, again = await system.run("feed", str(recording), "--venue", "binance")
    assert (code, digest_of(again)) == (0, digest_of(said))
    twice = await on_topic(system, *symbols)
    assert set(Counter(message.event_id for _, message in twice).values()) == {2}


async def test_a_simulated_market_is_the_same_for_the_same_seed_and_other_events_each_time(system: System) -> None:
    how = ("simulate-feed", "--seed", "5", "--symbols", "WALK", "--rate", "300", "--seconds", "1")
    (code, said), (_, again) = await system.run(*how), await system.run(*how)
    assert (code, said) == (0, again), said
    found = [message for _, message in await on_topic(system, "WALK")]
    assert len(found) == 2 * 301
    assert len({message.event_id for message in found}) == len(found)

    last = next(message.price for message in reversed(found) if isinstance(message, TradePrint))

    async def is_known() -> bool:
        status, body = await system.ask("GET", "/api/v1/quotes/WALK")
        return status == 200 and Decimal(body["last"] or 0) * NANOS == last

    await system.eventually(is_known)
    assert [letter for letter in await system.records("dead-letters") if letter["topic"] == "market-data"] == []


async def test_a_recorded_day_of_ticks_becomes_the_bars_of_the_vendor(fresh_system: System) -> None:
    """24,293 trades of IBM: every bar of the regular session that the vendor's own ticks agree with, to the cent."""
    ticks, minutes = path(f"{FOLDER}_trade.csv.gz"), path(f"{FOLDER}_minute.csv.gz")
    with gzip.open(minutes, "rt") as file:
        rows = {
            MIDNIGHT + timedelta(milliseconds=int(row["time_ms"])): row
            for row in csv.DictReader(file)
            if row["agrees_with_ticks"] == "1"
        }
    code, said = await fresh_system.run("feed", str(ticks), "--venue", "us-equity")
    assert code == 0, said

    async def bars() -> Any:
        status, body = await fresh_system.ask("GET", CANDLES)
        made = {datetime.fromisoformat(bar["start"]): bar for bar in body["candles"]} if status == 200 else {}
        last = max(rows)
        return made if last in made and made[last]["volume"] == rows[last]["volume"] else None

    made = await fresh_system.eventually(bars)
    assert sum(row["regular_session"] == "1" for row in rows.values()) == 353
    for at, row in rows.items():
        prices = [Decimal(made[at][name]) * 10_000 for name in ("open", "high", "low", "close")]
        assert prices == [int(row[f"{name}_e4"]) for name in ("open", "high", "low", "close")], at
        assert made[at]["volume"] == row["volume"], at


async def test_frames_that_cannot_be_used_are_told_and_the_others_are_sent(system: System, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    with gzip.open(RECORDING) as lines:
        line = next(iter(lines))
    damaged.write_bytes(line.replace(b"ETHUSDT", b"DAMAGED") + line[: len(line) // 2] + b"\n")
    code, said = await system.run("feed", str(damaged), "--venue", "binance")
    assert code == 1
    assert "fault     frame 2: UNREADABLE" in said
    assert "Traceback" not in said
    assert len(await on_topic(system, "DAMAGED")) == 1


async def test_files_that_are_not_there_and_venues_that_nobody_knows_are_told_in_words(system: System) -> None:
    for command, expected, words in (
        (("feed", "nowhere", "--venue", "binance"), 1, "no file nowhere"),
        (("feed", "nowhere", "--venue", "x"), 2, "'x' is not one of"),
        (("feed", "x"), 1, "either --venue, with files, or --live"),
        (("simulate-feed", "--symbols", "A,,B"), 1, "'' is no symbol"),
    ):
        code, said = await system.run(*command)
        assert (code, words in said, "Traceback" in said) == (expected, True, False), said
