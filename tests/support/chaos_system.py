"""Real processes to be hurt: a broker that outlives every worker, and supervised workers with folders of their own."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kafka import free_port, stop_broker
from system import FAUST, ROOT

from app.kafka_keeper import Status
from app.processes import die_with_parent
from app.settings import NOUNS

WAIT_S_MAX = 180.0
"""A bound on everything that is waited for: beyond it, something hangs."""
STOP_S_MAX = 60.0


async def until(condition: Callable[[], Any], what: object, timeout_s: float = WAIT_S_MAX) -> Any:
    """Returns as soon as `condition`, which may be a coroutine function, gives something true -> that."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        await asyncio.sleep(0.05)


def environment(**knobs: str) -> dict[str, str]:
    """Ours, without what the machine happens to set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "WEB_", "INSTANCE_"))}
    return kept | {"PROFILE": "test"} | knobs


def launch(command: list[str], knobs: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Starts a process that ends with the test."""
    end = die_with_parent(signal.SIGTERM)
    with log.open("ab") as out:
        return subprocess.Popen(command, cwd=ROOT, env=knobs, stdout=out, stderr=out, preexec_fn=end)  # noqa: PLW1509


class Broker:
    """`faust -A app kafka`, shared by all workers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder / "broker", free_port()
        self.folder.mkdir(parents=True)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def status(self) -> Status | None:
        return Status.read(self.folder / "kafka")

    async def start(self) -> None:
        knobs = environment(DATA_DIR=str(self.folder), KAFKA_PORT=str(self.port))
        self.process = launch([*FAUST[:3], "kafka"], knobs, self.folder / "kafka.out")
        await until(self._is_ready, "the broker answers")

    def _is_ready(self) -> bool:
        status = self.status
        return status is not None and status.state == "ready"

    async def kill(self) -> None:
        """Kill -9; its keeper starts it again. Returns when it answers."""
        before = self.status
        assert before is not None
        os.kill(before.kafka_pid, signal.SIGKILL)
        await until(
            lambda: self._is_ready() and self.status and self.status.kafka_pid != before.kafka_pid,
            "the broker is back",
        )

    async def run(self, *command: str) -> tuple[int, str]:
        """Runs `faust -A app …` beside the workers -> exit code and what it printed."""
        knobs = environment(KAFKA_BROKERS=self.bootstrap, DATA_DIR=str(self.folder / "operator"))
        process = await asyncio.create_subprocess_exec(
            *FAUST[:3], *command, cwd=ROOT, env=knobs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(STOP_S_MAX)
            stop_broker(self.folder)


class Worker:
    """One worker below its supervisor: an instance id, a folder and a port of its own."""

    def __init__(self, name: str, folder: Path, bootstrap: str, **knobs: str) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir(parents=True)
        self.web_port = free_port()
        self._environment = environment(
            **{
                "KAFKA_BROKERS": bootstrap,
                "DATA_DIR": str(self.folder),
                "INSTANCE_ID": name,
                "WEB_PORT": str(self.web_port),
                "ROLES": ",".join(NOUNS),
            }
            | knobs
        )
        self.supervisor: subprocess.Popen[bytes] | None = None

    @property
    def is_up(self) -> bool:
        """Whether its supervisor runs."""
        return self.supervisor is not None and self.supervisor.poll() is None

    @property
    def pid(self) -> int:
        """Of the worker itself; 0 while there is none."""
        if self.supervisor is None:
            return 0
        number = self.supervisor.pid
        try:
            children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        except FileNotFoundError:
            return 0
        return int(children[0]) if children else 0

    @property
    def log(self) -> str:
        """What it said so far."""
        file = self.folder / "worker.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self) -> None:
        assert not self.is_up
        self.supervisor = launch(FAUST, self._environment, self.folder / "worker.log")

    def signal(self, number: int) -> int:
        """To the worker itself -> its process id."""
        pid = self.pid
        assert pid, f"{self.name} has no process"
        os.kill(pid, number)
        return pid

    def end(self) -> None:
        """Kill -9 of the supervisor, if there is one; its worker ends with it."""
        if self.supervisor is not None:
            self.supervisor.kill()
            self.supervisor.wait()

    async def put_down(self) -> None:
        """Kill -9 of the supervisor that would restart the worker, and so of the worker -> when both are gone."""
        assert self.supervisor is not None
        pid = self.pid
        self.end()
        if pid:
            await until(lambda: not is_alive(pid), f"{self.name} is gone", STOP_S_MAX)

    async def leave(self) -> None:
        """An orderly end; it must not take long, and must not be an error."""
        assert self.supervisor is not None
        self.supervisor.terminate()
        status = await asyncio.to_thread(self.supervisor.wait, STOP_S_MAX)
        assert status == 0, f"{self.name} ended with {status}: {self.log[-2000:]}"

    def lose_store(self) -> int:
        """Deletes its RocksDB folders -> how many there were."""
        folders = list(self.folder.glob("worker-*/shards/*"))
        for folder in folders:
            shutil.rmtree(folder)
        return len(folders)


def is_alive(pid: int) -> bool:
    """Whether the process runs, or sleeps; a zombie does neither."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
