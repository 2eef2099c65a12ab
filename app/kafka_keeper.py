"""The process that owns the Java process of an embedded broker, see broker.py."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from app import kafka_node
from app.kafka_node import BrokerError, Code, probe
from app.processes import POLL_S, die_with_parent, locked, stop, try_lock

IDLE_S = 3.0  # a worker that restarts finds its broker still there
START_TIMEOUT_S = 120.0  # after a crash Kafka first checks its logs
STOP_TIMEOUT_S = 15.0
RESTART_DELAY_S_MIN, RESTART_DELAY_S_MAX = 0.2, 5.0
LOG_LINES = 15


@dataclass(frozen=True)
class Status:
    """What the keeper last did. True only while the keeper lives."""

    state: Literal["starting", "ready", "restarting", "failed"]
    port: int
    keeper_pid: int
    kafka_pid: int = 0
    code: Code | None = None
    message: str = ""

    @classmethod
    def read(cls, folder: Path) -> "Status | None":
        """The status that lies in `folder`, if one does."""
        with contextlib.suppress(FileNotFoundError):
            return cls(**json.loads((folder / "status.json").read_text()))
        return None

    def write(self, folder: Path) -> None:
        """Replace the status in `folder`, unless the disk is full."""
        new = folder / "status.json.new"
        with contextlib.suppress(OSError):
            new.write_text(json.dumps(asdict(self)))
            new.replace(folder / "status.json")


def keep(folder: Path, port: int) -> int:
    """Become the keeper of `folder`, detached from the caller, who hears at once that the keeper lives."""
    with (
        locked(folder / "keeper.lock", fcntl.LOCK_EX, timeout_s=1),
        locked(folder / "java.lock", fcntl.LOCK_EX, timeout_s=1) as java_lock,
        (folder / "users.lock").open("a") as users,
    ):
        if os.fork():
            os._exit(0)  # the child has the locks, so the caller finds them taken
        Keeper(folder, port, users.fileno(), java_lock).run()
    return 0


class Keeper:
    """Runs Kafka in a folder for as long as someone uses it."""

    def __init__(self, folder: Path, port: int, users_lock: int, java_lock: int) -> None:
        self.folder = folder
        self.status = Status("starting", port, os.getpid())
        self.status.write(folder)
        self.cluster_id = kafka_node.read_cluster_id(folder / "data")
        self.jars = kafka_node.install(lambda _: None)
        self.users_lock = users_lock
        self.java_lock = java_lock
        self.used_at = time.monotonic()

    def run(self) -> None:
        """Run Kafka until nobody uses it. Give up when already the first start fails."""
        was_ready, delay_s = False, RESTART_DELAY_S_MIN
        while not self._is_unused():
            ready = kafka_node.no_room(self.folder) is None and self._run_kafka()
            if self._is_unused():
                return
            was_ready |= ready
            self._report("restarting" if was_ready else "failed")
            if not was_ready:
                return
            time.sleep(0 if ready else delay_s)
            delay_s = RESTART_DELAY_S_MIN if ready else min(2 * delay_s, RESTART_DELAY_S_MAX)

    def _is_unused(self) -> bool:
        """Whether nobody has used the broker for a while. From then on nobody can, until this process has ended."""
        if not try_lock(self.users_lock, fcntl.LOCK_EX):
            self.used_at = time.monotonic()
        elif time.monotonic() - self.used_at > IDLE_S:
            return True
        else:
            fcntl.flock(self.users_lock, fcntl.LOCK_UN)
        return False

    def _run_kafka(self) -> bool:
        """Start Kafka and wait until it ends, nobody uses it, or it takes too long; say whether it was ready."""
        java = self._start_java()
        ready, deadline = False, time.monotonic() + START_TIMEOUT_S
        try:
            while java.poll() is None and not self._is_unused() and (ready or time.monotonic() < deadline):
                if not ready and (answer := probe(self.status.port)) and answer.cluster_id == self.cluster_id:
                    ready = True
                    self.status = replace(self.status, state="ready", kafka_pid=java.pid, code=None, message="")
                    self.status.write(self.folder)
                time.sleep(POLL_S)
        finally:
            stop(java, STOP_TIMEOUT_S)
        return ready

    def _start_java(self) -> subprocess.Popen[bytes]:
        ports = [(self.status.port, kafka_node.controller_port(self.status.port))]
        file = self.folder / "server.properties"
        kafka_node.write_settings(file, kafka_node.settings(self.folder / "data", 1, ports))
        with (self.folder / "java.out").open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - our own command
                kafka_node.java(self.folder, self.jars, "kafka.Kafka", str(file)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[self.java_lock],
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - this process has one thread
            )

    def _report(self, state: Literal["restarting", "failed"]) -> None:
        error = kafka_node.no_room(self.folder) or kafka_node.port_taken(self.status.port) or self._explain()
        self.status = replace(self.status, state=state, kafka_pid=0, code=error.code, message=str(error))
        self.status.write(self.folder)

    def _explain(self) -> BrokerError:
        files = [self.folder / name for name in ("kafka.log", "java.out")]
        lines = [line for file in files if file.exists() for line in file.read_text(errors="replace").splitlines()]
        return BrokerError(
            "DAMAGED_DATA",
            f"Kafka ended. If it cannot use the folder {self.folder / 'data'}, and nothing in there is needed, delete "
            "that folder. The last lines of its log:\n" + "\n".join(lines[-LOG_LINES:]),
        )
