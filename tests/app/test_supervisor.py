"""The supervisor and its worker, as real processes; the workers are a few lines of Python."""

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import kafka_node, supervisor
from app.kafka_keeper import Status
from tests.support.kafka import START_TIMEOUT_S, free_port, stop_broker, wait_until

SCRIPT = [sys.executable, "-P", str(Path(supervisor.__file__))]
IMPATIENT = [
    sys.executable,
    "-c",
    "import sys; from app import supervisor; supervisor.STOP_TIMEOUT_S = 0.5; sys.exit(supervisor.main(sys.argv[1:]))",
]

# Every worker first appends a line of JSON to `starts`: when it started, its process id and its environment.
START = """
import json, os, signal, sys, time
with open(os.environ["STARTS"], "a") as starts:
    starts.write(json.dumps({"at": time.monotonic(), "pid": os.getpid(), "environment": dict(os.environ)}) + "\\n")
"""
WAIT = "signal.pause()"
STUBBORN = """
signal.signal(signal.SIGTERM, lambda *_: None)
print("ready", flush=True)
while True:
    signal.pause()
"""
POLITE = """
def stop(number, _):
    print("stopped by", number, flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)
signal.pause()
"""


class Run:
    """One supervisor and what its workers wrote."""

    def __init__(self, folder: Path, worker: str, script: list[str], environment: dict[str, str]) -> None:
        self.starts_file = folder / f"starts-{len(list(folder.glob('starts-*')))}"
        self.starts_file.touch()
        kept = {name: value for name, value in os.environ.items() if name not in {"KAFKA_BROKERS", "INSTANCE_ID"}}
        self.process = subprocess.Popen(
            [*script, "--", sys.executable, "-c", START + worker],
            env=kept | {"DATA_DIR": str(folder / "data"), "STARTS": str(self.starts_file)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def starts(self, count: int = 1) -> list[dict[str, Any]]:
        """The first starts of the worker, once there have been so many."""
        wait_until(lambda: len(self.starts_file.read_text().splitlines()) >= count)
        return [json.loads(line) for line in self.starts_file.read_text().splitlines()]

    def wait_until_ready(self) -> None:
        """For workers that say so once they are prepared for signals."""
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def environment(self) -> dict[str, str]:
        environment: dict[str, str] = self.starts()[0]["environment"]
        return environment

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; gives the exit status and what was said on the two outputs."""
        self.process.send_signal(number)
        return self.result()

    def result(self) -> tuple[int, str, str]:
        output, errors = self.process.communicate(timeout=20)
        return self.process.returncode, output, errors


Supervise = Callable[..., Run]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    runs: list[Run] = []

    def start(worker: str, script: list[str] = SCRIPT, **environment: str) -> Run:
        runs.append(Run(tmp_path, worker, script, {"KAFKA_BROKERS": "elsewhere:9092"} | environment))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.communicate()


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_dying_worker_is_restarted_at_once_and_then_less_and_less_often(supervise: Supervise) -> None:
    run = supervise("os.kill(os.getpid(), signal.SIGKILL)")
    times = [start["at"] for start in run.starts(5)]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(gap_s > delay_s for gap_s, delay_s in zip(gaps, (0, 0.2, 0.4, 0.8), strict=True))
    _, _, said = run.end()
    planned = re.findall(r"the worker ended with status 137; next start (at once|in [\d.]+ s)", said)
    assert planned[:4] == ["at once", "in 0.2 s", "in 0.4 s", "in 0.8 s"]


def test_supervisors_own_different_instances_and_free_ones_are_taken_again(supervise: Supervise) -> None:
    first = supervise(WAIT)
    assert first.environment()["INSTANCE_ID"] == "worker-0"
    second = supervise(WAIT)
    assert second.environment()["INSTANCE_ID"] == "worker-1"
    assert Path(second.environment()["INSTANCE_DIR"]).is_dir()
    first.end(signal.SIGKILL)
    assert supervise(WAIT).environment()["INSTANCE_ID"] == "worker-0"


def test_the_worker_knows_where_it_runs(supervise: Supervise, tmp_path: Path) -> None:
    environment = supervise(WAIT, INSTANCE_ID="pod-3", KAFKA_PORT="").environment()
    assert environment["SUPERVISED"] == "1"
    assert environment["INSTANCE_ID"] == "pod-3"
    assert environment["INSTANCE_DIR"] == str(tmp_path / "data" / "worker-0")
    assert environment["DATA_DIR"] == str(tmp_path / "data")
    assert environment["KAFKA_PORT"] == "9092"
    assert environment["KAFKA_BROKERS"] == "elsewhere:9092"
    assert "KAFKA_EMBEDDED" not in environment


@pytest.mark.parametrize("status", [0, 64, 78])
def test_a_worker_that_is_done_or_configured_wrongly_is_not_restarted(supervise: Supervise, status: int) -> None:
    run = supervise(f"sys.exit({status})")
    assert run.result()[0] == status
    assert len(run.starts()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on_and_the_status_passed_back(supervise: Supervise, number: int) -> None:
    run = supervise(POLITE)
    run.wait_until_ready()
    assert run.end(number)[:2] == (7, f"stopped by {number}\n")
    assert len(run.starts()) == 1


def test_a_worker_that_does_not_stop_is_killed(supervise: Supervise) -> None:
    run = supervise(STUBBORN, script=IMPATIENT)
    run.wait_until_ready()
    status, _, said = run.end()
    assert status == 128 + signal.SIGKILL
    assert "does not stop" in said


def test_a_worker_does_not_outlive_its_supervisor(supervise: Supervise) -> None:
    run = supervise(STUBBORN)
    run.wait_until_ready()
    (start,) = run.starts()
    assert is_alive(start["pid"])
    run.end(signal.SIGKILL)
    wait_until(lambda: not is_alive(start["pid"]), timeout_s=2)


def test_the_broker_outlives_workers_and_comes_back_when_its_keeper_is_killed(
    supervise: Supervise, tmp_path: Path
) -> None:
    port = free_port()
    run = supervise(WAIT, KAFKA_BROKERS="", KAFKA_PORT=str(port))
    environment = run.environment()
    assert environment["KAFKA_BROKERS"] == f"127.0.0.1:{port}"
    assert environment["KAFKA_EMBEDDED"] == "1"
    assert kafka_node.probe(port)

    before = status_of_broker(tmp_path)
    os.kill(run.starts()[0]["pid"], signal.SIGKILL)
    run.starts(2)
    assert status_of_broker(tmp_path) == before

    os.kill(before.keeper_pid, signal.SIGKILL)
    wait_until(lambda: kafka_node.probe(port) is None)
    wait_until(lambda: kafka_node.probe(port), START_TIMEOUT_S)
    assert status_of_broker(tmp_path).keeper_pid != before.keeper_pid
    run.end()
    stop_broker(tmp_path / "data")


def status_of_broker(folder: Path) -> Status:
    status = Status.read(folder / "data" / "kafka")
    assert status
    return status


def test_wrong_settings_are_reported(supervise: Supervise) -> None:
    status, _, said = supervise(WAIT, KAFKA_PORT="many").result()
    assert status == 78
    assert "KAFKA_PORT must be a number from 1024 to 65535, but it is 'many'" in said
    with socket.create_server(("127.0.0.1", port := free_port())):
        status, _, said = supervise(WAIT, KAFKA_BROKERS="", KAFKA_PORT=str(port)).result()
    assert status == 69
    assert "no broker (PORT_TAKEN)" in said
    usage = subprocess.run([*SCRIPT, "worker"], capture_output=True, text=True, check=False)
    assert usage.returncode == 64
    assert "usage" in usage.stderr
