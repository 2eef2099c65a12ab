"""What benchmarks stand on: topics, backlogs, processes that print what they measured, and quantiles."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.kafka_keeper import Status
from bench import ROOT

WORKERS = Path(__file__).with_name("workers")
PARTITIONS = 4
FILL_BATCH_BYTES = 256 << 10
WORKER_TIMEOUT_S = 300.0


class Impossible(Exception):  # noqa: N818 - a state of affairs
    """This cannot be measured here; the message says why."""


async def make_topics(bootstrap: str, partitions: Mapping[str, int], **config: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        made = await admin.create_topics(
            [NewTopic(name, count, 1, topic_configs=config) for name, count in partitions.items()]
        )
        assert all(error[1] == 0 for error in made.topic_errors), made.topic_errors
    finally:
        await admin.close()


async def fill(bootstrap: str, topic: str, records: Iterable[tuple[int, bytes, bytes]]) -> None:
    """Writes records, each with its partition, key and value, as fast as can be; the order in a partition is kept."""
    by_partition: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    for partition, key, value in records:
        by_partition[partition].append((key, value))
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=FILL_BATCH_BYTES, acks="all")
    await producer.start()
    try:
        await producer.client._wait_on_metadata(topic)
        for partition, written in by_partition.items():
            batch = producer.create_batch()
            for key, value in written:
                if batch.append(key=key, value=value, timestamp=None) is None:
                    await (await producer.send_batch(batch, topic, partition=partition))
                    batch = producer.create_batch()
                    batch.append(key=key, value=value, timestamp=None)
            if batch.record_count():
                await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()


def measured(
    script: str, *arguments: str, python: str = sys.executable, timeout_s: float = WORKER_TIMEOUT_S, **knobs: str
) -> dict[str, Any]:
    """Runs a worker of bench/workers -> the JSON line with which it ended."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | knobs
    command = [python, str(WORKERS / script), *arguments]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise Impossible(f"{script} ended with status {run.returncode}: {(run.stdout + run.stderr)[-1500:]}")
    found = json.loads(lines[-1])
    assert isinstance(found, dict)
    return found


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of numbers in order."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def java_of(data_dir: Path) -> int:
    """The broker of a data folder."""
    status = Status.read(data_dir / "kafka")
    assert status is not None
    assert status.kafka_pid
    return status.kafka_pid


def cpu_s(pid: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def subfolder(folder: Path, name: str) -> Path:
    """A new folder below another one."""
    made = folder / name
    made.mkdir()
    return made
