"""Market data of elsewhere onto the topic, by the commands that users have."""

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from system import ROOT, System

from app.codecs import Codec
from app.feeds.publishing import Digest
from app.registry import FileRegistry

RECORDING = ROOT / "app/recordings/binance_ethusdt_20240808.gz"
LINES = 500


async def on_topic(system: System, symbol: str) -> list[tuple[bytes, Any]]:
    """Everything on `market-data` about a symbol: bytes and message."""
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
    ours = [record for record in records if record.key == symbol.encode()]
    assert len({record.partition for record in ours}) <= 1, "one symbol, one partition"
    return [(record.value, codec.decode(record.value)) for record in ours]


def digest_of(said: str) -> str:
    return said.strip().splitlines()[-1].split()[-1]


async def test_a_recording_is_on_the_topic_message_by_message_and_twice_it_has_the_same_ids(
    system: System, tmp_path: Path
) -> None:
    path = tmp_path / "recording"
    with gzip.open(RECORDING) as lines:
        path.write_bytes(b"".join(line for _, line in zip(range(LINES), lines, strict=False)))
    code, said = await system.run("feed", str(path), "--venue", "binance")
    assert code == 0, said
    assert f"frames          {LINES}  messages {LINES}" in said
    once = await on_topic(system, "ETHUSDT")
    assert len(once) == LINES
    digest = Digest()
    for value, _ in once:
        digest.add("ETHUSDT", value)
    assert digest.hexdigest() == digest_of(said)
    assert {type(message).__name__ for _, message in once} == {"MarketDataEvent", "TradePrint"}
    code, again = await system.run("feed", str(path), "--venue", "binance")
    assert (code, digest_of(again)) == (0, digest_of(said))
    twice = await on_topic(system, "ETHUSDT")
    assert set(Counter(message.event_id for _, message in twice).values()) == {2}


async def test_a_simulated_market_is_the_same_for_the_same_seed_and_other_events_each_time(system: System) -> None:
    how = ("simulate-feed", "--seed", "5", "--symbols", "WALK", "--rate", "300", "--seconds", "1")
    (code, said), (_, again) = await system.run(*how), await system.run(*how)
    assert (code, said) == (0, again), said
    found = [message for _, message in await on_topic(system, "WALK")]
    assert len(found) == 2 * 301
    assert len({message.event_id for message in found}) == len(found)

    async def is_taken() -> bool:
        lines = (await system.ask("GET", "/metrics"))[1].splitlines()
        lags = [line for line in lines if line.startswith("kafka_consumer_lag{") and '"market-data"' in line]
        return bool(lags) and all(line.endswith(" 0.0") for line in lags)

    await system.eventually(is_taken, 30)
    assert [letter for letter in await system.records("dead-letters") if letter["topic"] == "market-data"] == []


async def test_frames_that_cannot_be_used_are_told_and_the_others_are_sent(system: System, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    with gzip.open(RECORDING) as lines:
        line = next(iter(lines))
    path.write_bytes(line.replace(b"ETHUSDT", b"DAMAGED") + line[: len(line) // 2] + b"\n")
    code, said = await system.run("feed", str(path), "--venue", "binance")
    assert code == 1
    assert "fault     frame 2: UNREADABLE" in said
    assert "Traceback" not in said
    assert len(await on_topic(system, "DAMAGED")) == 1


async def test_files_that_are_not_there_and_venues_that_nobody_knows_are_told_in_words(system: System) -> None:
    for command, expected, words in (
        (("feed", "nowhere", "--venue", "binance"), 1, "no file nowhere"),
        (("feed", "nowhere", "--venue", "x"), 2, "'x' is not one of"),
        (("feed", "x"), 1, "either --venue, with files, or --live"),
    ):
        code, said = await system.run(*command)
        assert (code, words in said, "Traceback" in said) == (expected, True, False), said
