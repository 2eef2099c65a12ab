"""`create-topics` in production: on three brokers, as the catalogue has it, and twice is no change."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from kafka import Cluster, start_cluster
from system import ROOT

from app.bootstrap import config_found, topics_found
from app.topics import TOPICS

ASKED = {
    "market-data": (100, "86400000", "lz4"),
    "order-events": (50, "2592000000", "snappy"),
    "trade-events": (50, "31536000000", "snappy"),
    "position-events": (20, "31536000000", "lz4"),
    "risk-events": (10, "2592000000", "lz4"),
}
"""Partitions, retention in ms, compression."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with start_cluster(tmp_path_factory.mktemp("cluster"), 3) as found:
        yield found


def create_topics(cluster: Cluster, folder: Path) -> subprocess.CompletedProcess[str]:
    knobs = {"PROFILE": "prod", "KAFKA_BROKERS": cluster.bootstrap, "DATA_DIR": str(folder)}
    command = [str(Path(sys.executable).with_name("faust")), "-A", "app", "create-topics"]
    return subprocess.run(command, cwd=ROOT, env=os.environ | knobs, capture_output=True, text=True, check=False)


async def described(cluster: Cluster) -> dict[str, tuple[int, set[int], dict[str, Any]]]:
    """Partitions, copies and settings of each topic, as the brokers tell them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    try:
        found = {}
        for topic in await topics_found(admin, list(ASKED)):
            config = dict(await config_found(admin, topic["topic"]))
            copies = {len(partition["replicas"]) for partition in topic["partitions"]}
            found[topic["topic"]] = len(topic["partitions"]), copies, config
        return found
    finally:
        await admin.close()


async def test_topics_are_as_asked_for_and_making_them_again_changes_nothing(cluster: Cluster, tmp_path: Path) -> None:
    first = create_topics(cluster, tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("made ") == len(TOPICS)
    found = await described(cluster)
    for name, (partitions, retention_ms, compression) in ASKED.items():
        count, copies, config = found[name]
        assert (count, copies) == (partitions, {3})
        assert (config["retention.ms"], config["compression.type"]) == (retention_ms, compression)
        assert (config["min.insync.replicas"], config["cleanup.policy"]) == ("2", "delete")
    again = create_topics(cluster, tmp_path)
    assert again.returncode == 0
    assert again.stdout == f"{len(TOPICS)} topics in the catalogue, 0 made, 0 differences\n"
