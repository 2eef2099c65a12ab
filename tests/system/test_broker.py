"""The embedded broker, used by real processes that are killed."""

import functools
import http.server
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import aiokafka
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app import broker, kafka_node
from app.broker import BrokerError
from app.kafka_keeper import Status
from app.processes import is_locked, sharers
from tests.support.kafka import free_port, private_broker, start_cluster, stop_broker, wait_until

SCRIPT = [sys.executable, "-P", str(Path(broker.__file__))]


def quiet(_: str) -> None: ...


class User:
    """A process that uses the broker of a folder."""

    def __init__(self, data_dir: Path, port: int, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*SCRIPT, "run", "--data-dir", str(data_dir), "--port", str(port)],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def bootstrap(self, timeout_s: float = 30.0) -> str:
        """Waits until the broker is ready."""
        assert self.process.stdout
        assert select.select([self.process.stdout], [], [], timeout_s)[0], "no broker in time"
        return self.process.stdout.readline().strip()

    def fail(self, timeout_s: float = 30.0) -> str:
        """What a process says that gets no broker."""
        _, said = self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 1
        return said

    def end(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=10)


def script(command: str, data_dir: Path) -> tuple[int, str]:
    done = subprocess.run([*SCRIPT, command, "--data-dir", str(data_dir)], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def status(data_dir: Path) -> Status:
    found = Status.read(data_dir / "kafka")
    assert found
    return found


def is_running(data_dir: Path) -> bool:
    return any(is_locked(data_dir / "kafka" / name) for name in ("keeper.lock", "java.lock"))


async def create(bootstrap: str, topic: str, *, partitions: int = 1, copies: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, copies)])
    finally:
        await admin.close()


async def append(bootstrap: str, topic: str, *values: bytes) -> None:
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def read(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = aiokafka.AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        return [(await consumer.getone()).value for _ in range(count)]


async def test_two_users_share_a_broker_and_the_last_one_stops_it(tmp_path: Path) -> None:
    port = free_port()
    users = [User(tmp_path, port), User(tmp_path, port)]  # at once
    assert {user.bootstrap() for user in users} == {f"127.0.0.1:{port}"}
    before = status(tmp_path)
    assert sorted(sharers(tmp_path / "kafka" / "users.lock")) == sorted(user.process.pid for user in users)
    with broker.use(tmp_path, free_port(), quiet) as lease:  # a third one, who wants another port
        assert lease.bootstrap == f"127.0.0.1:{port}"

    users[0].end(signal.SIGKILL)
    await create(f"127.0.0.1:{port}", "trades")
    await append(f"127.0.0.1:{port}", "trades", b"one")
    assert script("status", tmp_path)[0] == 0
    code, said = script("stop", tmp_path)
    assert code == 1
    assert str(users[1].process.pid) in said

    users[1].end(signal.SIGKILL)
    assert script("stop", tmp_path) == (0, "kafka: stopped\n")
    assert status(tmp_path) == before, "one keeper and one Kafka served them all"
    assert not is_running(tmp_path)
    assert script("status", tmp_path)[0] == 1

    with broker.use(tmp_path, port, quiet) as lease:
        assert await read(lease.bootstrap, "trades", 1) == [b"one"]
    stop_broker(tmp_path)


async def test_a_killed_broker_comes_back_with_its_records(tmp_path: Path) -> None:
    with private_broker(tmp_path) as lease:
        await create(lease.bootstrap, "trades")
        await append(lease.bootstrap, "trades", b"one", b"two")
        killed = status(tmp_path).kafka_pid
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: status(tmp_path).state == "ready" and status(tmp_path).kafka_pid != killed)
        assert await read(lease.bootstrap, "trades", 2) == [b"one", b"two"]

        os.kill(status(tmp_path).keeper_pid, signal.SIGKILL)
        wait_until(lambda: not is_running(tmp_path))  # Kafka does not outlive its keeper
        lease.revive(quiet)
        wait_until(lambda: Status.read(tmp_path / "kafka") and status(tmp_path).state == "ready")
        assert await read(lease.bootstrap, "trades", 2) == [b"one", b"two"]


async def test_records_can_be_large_and_partitions_many_and_the_folder_has_any_name(tmp_path: Path) -> None:
    with private_broker(tmp_path / "Bücher & more") as lease:
        await create(lease.bootstrap, "many", partitions=200)
        large = os.urandom(2**24)
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=lease.bootstrap, max_request_size=2**25)
        async with producer:
            await producer.send_and_wait("many", large, partition=7)
        consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=lease.bootstrap)
        async with consumer:
            consumer.assign([partition := aiokafka.TopicPartition("many", 7)])
            await consumer.seek_to_beginning(partition)
            assert (await consumer.getone()).value == large


def test_a_port_in_use_is_reported_and_nothing_runs(tmp_path: Path) -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(BrokerError, match=f"KAFKA_PORT={port + 100}") as error,
    ):
        broker.use(tmp_path, port, quiet)
    assert error.value.code == "PORT_TAKEN"
    assert not is_running(tmp_path)


def test_a_port_taken_while_java_starts_is_reported_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(kafka_node, "port_taken", lambda _: None)  # here; the keeper is another process
    with socket.create_server(("127.0.0.1", port)), pytest.raises(BrokerError) as error:
        broker.use(tmp_path, port, quiet)
    assert error.value.code == "PORT_TAKEN"
    wait_until(lambda: not is_running(tmp_path))


def test_damaged_data_are_reported_with_the_end_of_the_log(tmp_path: Path) -> None:
    with private_broker(tmp_path):
        pass
    data = tmp_path / "kafka" / "data"
    intact = (data / "meta.properties").read_text()
    (data / "meta.properties").write_text("what?")
    with pytest.raises(BrokerError, match=r"meta\.properties is damaged") as error:
        broker.use(tmp_path, free_port(), quiet)
    assert error.value.code == "DAMAGED_DATA"

    (data / "meta.properties").write_text(intact.replace("node.id=1", "node.id=2"))  # Kafka itself finds this one
    with pytest.raises(BrokerError, match=r"(?s)delete that folder.*node id 1") as error:
        broker.use(tmp_path, free_port(), quiet)
    assert error.value.code == "DAMAGED_DATA"
    wait_until(lambda: not is_running(tmp_path))


def test_without_jars_and_without_a_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    cache = str(tmp_path / "cache")
    user = User(tmp_path, free_port(), XDG_CACHE_HOME=cache, HTTPS_PROXY=nowhere, https_proxy=nowhere)
    assert re.search(r"(?s)NO_DOWNLOAD.*HTTPS_PROXY.*KAFKA_BROKERS", user.fail())
    assert not is_running(tmp_path)


class Mirror(http.server.SimpleHTTPRequestHandler):
    """A Maven repository on this machine, as jgo's users configure one."""

    requested: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        self.requested.append(self.path)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder of a repository with all jars, and the environment of a user who has none but uses it."""
    repository = tmp_path / "repository"
    for coordinate, jar in zip(tomllib.loads(kafka_node.JARS.read_text()), kafka_node.install(quiet), strict=True):
        group, name, version = coordinate.split(":")
        folder = repository.joinpath(*group.split("."), name, version)
        folder.mkdir(parents=True)
        shutil.copy(jar, folder)
    Mirror.requested.clear()
    handler = functools.partial(Mirror, directory=str(repository))
    settings = tmp_path / "jgo.conf"
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "JGO_CONFIG_FILE": str(settings), "NO_PROXY": "127.0.0.1"}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        settings.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield repository, environment
        server.shutdown()
        thread.join()


def test_a_jar_that_is_not_the_right_one_is_refused(tmp_path: Path, mirror: tuple[Path, dict[str, str]]) -> None:
    repository, environment = mirror
    next(repository.rglob("re2j-*.jar")).write_bytes(b"something else")
    assert "CHECKSUM: com.google.re2j:re2j:1.8" in User(tmp_path, free_port(), **environment).fail()
    cached = {jar.name for jar in (tmp_path / "cache").rglob("*.jar") if "maven" not in jar.parts}
    assert cached
    assert not any(name.startswith("re2j") for name in cached)
    assert not is_running(tmp_path)


def test_two_processes_that_need_the_jars_download_them_once(
    tmp_path: Path, mirror: tuple[Path, dict[str, str]]
) -> None:
    _, environment = mirror
    folders = [tmp_path / "one", tmp_path / "two"]
    users = [User(folder, free_port(), **environment) for folder in folders]
    for user, folder in zip(users, folders, strict=True):
        user.bootstrap()
        user.end()
        stop_broker(folder)
    jars = [path for path in Mirror.requested if path.endswith(".jar")]
    assert len(jars) == len(set(jars)) == len(kafka_node.install(quiet))


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=90m", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        with broker.use(disk, free_port(), quiet):
            room = shutil.disk_usage(disk).free
            (disk / "ballast").write_bytes(bytes(room - 2**20))
            os.kill(status(disk).kafka_pid, signal.SIGKILL)
            wait_until(lambda: status(disk).state == "restarting" and status(disk).code == "DISK_FULL")
            (disk / "ballast").unlink()
            wait_until(lambda: status(disk).state == "ready")
        stop_broker(disk)
        (disk / "ballast").write_bytes(bytes(room - 2**20))
        with pytest.raises(BrokerError, match="Make room there") as error:
            broker.use(disk, free_port(), quiet)
        assert error.value.code == "DISK_FULL"
        assert not is_running(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


async def test_a_cluster_takes_writes_again_after_its_leader_was_killed(tmp_path: Path) -> None:
    with start_cluster(tmp_path, nodes=3) as cluster:
        await create(cluster.bootstrap, "trades", copies=3)
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=cluster.bootstrap, enable_idempotence=True, metadata_max_age_ms=1000, retry_backoff_ms=50
        )
        async with producer:
            await producer.send_and_wait("trades", b"one")
            leader = producer.client.cluster.leader_for_partition(aiokafka.TopicPartition("trades", 0))
            assert leader
            cluster.kill(leader)
            await producer.send_and_wait("trades", b"two")
        cluster.start(leader)
        assert await read(cluster.bootstrap, "trades", 2) == [b"one", b"two"]
