"""Real Kafka for tests: a broker of one's own, or a cluster whose nodes can be killed one by one."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from app import kafka_node
from app.broker import Lease, use
from app.kafka_keeper import Status
from app.processes import die_with_parent, is_locked

START_TIMEOUT_S = 60.0


def wait_until(condition: Callable[[], object], timeout_s: float = START_TIMEOUT_S) -> None:
    """Return as soon as `condition` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {timeout_s} s: {condition}"
        time.sleep(0.05)


def free_port() -> int:
    """A port that is free and stays so: below those that the kernel gives to outgoing connections."""
    candidates = iter(lambda: random.randrange(10_000, 20_000), None)
    return next(port for port in candidates if kafka_node.is_free(port) and kafka_node.is_free(port + 10_000))


@contextlib.contextmanager
def private_broker(data_dir: Path) -> Iterator[Lease]:
    """A broker that nobody else knows; stopped at once in the end."""
    with use(data_dir, free_port(), lambda _: None) as lease:
        yield lease
    stop_broker(data_dir)


def stop_broker(data_dir: Path) -> None:
    """End the broker of a test now: without its keeper Kafka stops by itself."""
    folder = data_dir / "kafka"
    status = Status.read(folder)
    if status and is_locked(folder / "keeper.lock"):
        os.kill(status.keeper_pid, signal.SIGTERM)
    wait_until(lambda: not is_locked(folder / "java.lock"))


class Cluster:
    """Brokers 1 to N on one machine: topics have three copies, and writes need two."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self.folder = folder
        self.ports = [(port, port + 10_000) for port in (free_port() for _ in range(nodes))]
        self.bootstrap = ",".join(f"{kafka_node.HOST}:{port}" for port, _ in self.ports)
        self.jars = kafka_node.install(lambda _: None)
        self.running: dict[int, subprocess.Popen[bytes]] = {}

    def format(self, node: int, cluster_id: str) -> None:
        home = self.folder / f"node-{node}"
        home.mkdir(parents=True)
        settings = kafka_node.settings(home / "data", node, self.ports)
        kafka_node.write_settings(home / "server.properties", settings)
        kafka_node.format_data(home, self.jars, cluster_id, settings)

    def launch(self, node: int) -> None:
        home = self.folder / f"node-{node}"
        with (home / "java.out").open("wb") as output:
            self.running[node] = subprocess.Popen(
                kafka_node.java(home, self.jars, "kafka.Kafka", str(home / "server.properties")),
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - tests start clusters before threads
            )

    def start(self, node: int) -> None:
        """Start a node again; returns when it answers and sees all that run."""
        self.launch(node)
        self.wait_for(node)

    def wait_for(self, node: int) -> None:
        port, _ = self.ports[node - 1]
        wait_until(lambda: (answer := kafka_node.probe(port)) and answer.brokers == len(self.running), START_TIMEOUT_S)

    def kill(self, node: int) -> None:
        """Kill -9."""
        process = self.running.pop(node)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Kill all nodes: nobody reads these data again, and the last two would wait for each other."""
        for node in list(self.running):
            self.kill(node)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_cluster(folder: Path, nodes: int) -> Cluster:
    """A cluster of which every node answers and sees all others."""
    cluster = Cluster(folder, nodes)
    numbers = range(1, nodes + 1)
    cluster_id = kafka_node.new_cluster_id()
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda node: cluster.format(node, cluster_id), numbers))
    for node in numbers:
        cluster.launch(node)
    for node in numbers:
        cluster.wait_for(node)
    return cluster
