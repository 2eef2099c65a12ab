"""An embedded Kafka that all processes with the same data folder share.

    process ── lease ──┐
    process ── lease ──┴── keeper (kafka_keeper.py, detached) ── Java (Kafka, kafka_node.py)

The keeper starts Kafka, restarts it when it dies, and stops it when for three seconds no process has held a lease.
A lease is a shared lock on a file, and every other "is it alive?" is answered by a lock too (processes.py).

    DATA_DIR/kafka/  users.lock   shared by the leases; whoever gets it alone knows that nobody uses the broker
                     start.lock   held by the one process that starts the keeper
                     keeper.lock  held by the keeper
                     java.lock    held by Java, which inherits it from the keeper
                     status.json  what the keeper last did      kafka.log  java.out  keeper.log      data/

Also a script: `python -P app/broker.py status`.
"""

import argparse
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Self

if __name__ == "__main__":  # a script: `app` without app/__init__.py, which loads Faust
    package = types.ModuleType("app")
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules["app"] = package

from app import kafka_node
from app.kafka_keeper import IDLE_S, START_TIMEOUT_S, STOP_TIMEOUT_S, Status, keep
from app.kafka_node import HOST, BrokerError, Progress
from app.processes import POLL_S, is_locked, locked, sharers

__all__ = ["BrokerError", "Lease", "use"]


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"kafka: {text}\n")


class Lease:
    """The right to a running broker, until `release` or until this process ends, however it ends."""

    def __init__(self, folder: Path, port: int, resources: contextlib.ExitStack) -> None:
        self.bootstrap = f"{HOST}:{port}"
        self.release = resources.close
        self._folder = folder
        self._port = port

    def revive(self, progress: Progress = say) -> None:
        """Start the keeper again if someone killed it, and with it Kafka; does not wait for Kafka.

        Raises BrokerError.
        """
        with contextlib.suppress(TimeoutError), locked(self._folder / "start.lock", fcntl.LOCK_EX, timeout_s=0):
            _ensure_keeper(self._folder, self._port, progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def use(data_dir: Path, port: int, progress: Progress = say) -> Lease:
    """A lease on the broker of `data_dir`: running and answering, started on `port` unless it ran already.

    Raises BrokerError; then nothing that was started for this call is left running.
    """
    folder = data_dir.resolve() / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as resources:
        try:
            resources.enter_context(locked(folder / "users.lock", fcntl.LOCK_SH, 2 * STOP_TIMEOUT_S))
            with locked(folder / "start.lock", fcntl.LOCK_EX, kafka_node.DOWNLOAD_TIMEOUT_S + START_TIMEOUT_S):
                _ensure_keeper(folder, port, progress)
                status = _wait_until_ready(folder)
        except TimeoutError as error:
            raise BrokerError("TIMEOUT", f"The broker cannot be started: {error}.") from error
        if status.port != port:
            progress(f"the broker of {data_dir} runs already, on port {status.port}")
        return Lease(folder, status.port, resources.pop_all())


def _ensure_keeper(folder: Path, port: int, progress: Progress) -> None:
    """Start the keeper unless it lives; before that, whatever a person should hear of."""
    if is_locked(folder / "keeper.lock"):
        return
    with locked(folder / "java.lock", fcntl.LOCK_EX, STOP_TIMEOUT_S):
        pass  # the Java of a keeper that was killed has ended
    if error := kafka_node.no_room(folder) or kafka_node.port_taken(port):
        raise error
    jars = kafka_node.install(progress)
    progress(f"starting Kafka {kafka_node.VERSION} on {HOST}:{port}, data in {folder}")
    settings = kafka_node.settings(folder / "data", 1, [(port, kafka_node.controller_port(port))])
    kafka_node.format_data(folder, jars, kafka_node.new_cluster_id(), settings)
    kafka_node.read_cluster_id(folder / "data")
    (folder / "status.json").unlink(missing_ok=True)
    command = [sys.executable, "-P", __file__, "keep", "--data-dir", str(folder.parent), "--port", str(port)]
    with (folder / "keeper.log").open("wb") as log:
        subprocess.run(  # noqa: S603 - our own command; it returns as soon as the keeper has left it
            command, check=False, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _wait_until_ready(folder: Path) -> Status:
    deadline = time.monotonic() + START_TIMEOUT_S + STOP_TIMEOUT_S
    while time.monotonic() < deadline:
        alive = is_locked(folder / "keeper.lock")  # asked first: the keeper writes why it ends before it ends
        status = Status.read(folder)
        if status and status.code and (status.state == "failed" or status.code in {"DISK_FULL", "PORT_TAKEN"}):
            raise BrokerError(status.code, status.message)
        if not alive:
            raise BrokerError("DAMAGED_DATA", f"The keeper of the broker ended; {folder / 'keeper.log'} says why.")
        if status and status.state == "ready" and kafka_node.probe(status.port):
            return status
        time.sleep(POLL_S)
    raise BrokerError("TIMEOUT", f"Kafka did not answer within {START_TIMEOUT_S:.0f} s; see {folder / 'kafka.log'}.")


def print_status(folder: Path) -> int:
    """For people: what the broker of `folder` does. The exit status is 0 when it is ready."""
    status = Status.read(folder)
    if status and is_locked(folder / "keeper.lock"):
        users = ", ".join(map(str, sharers(folder / "users.lock"))) or "nobody"
        say(f"{status.state} on {HOST}:{status.port}. {status.message}")
        say(f"Java is process {status.kafka_pid}, the keeper {status.keeper_pid}; used by {users}; files in {folder}")
        return 0 if status.state == "ready" else 1
    say(f"no broker runs for {folder.parent}. {status.message if status else ''}")
    return 1


def wait_until_stopped(folder: Path) -> int:
    """For people: wait until the broker has stopped, which it does by itself, unless someone uses it."""
    deadline = time.monotonic() + IDLE_S + STOP_TIMEOUT_S
    while is_locked(folder / "keeper.lock"):
        if (users := sharers(folder / "users.lock")) or time.monotonic() > deadline:
            say(f"used by {', '.join(map(str, users)) or 'a process'}: end that, and the broker stops by itself")
            return 1
        time.sleep(POLL_S)
    say("stopped")
    return 0


def run(data_dir: Path, port: int) -> int:
    """For people: use the broker until Ctrl-C."""
    with use(data_dir, port) as lease:
        sys.stdout.write(f"{lease.bootstrap}\n")
        sys.stdout.flush()
        signal.pause()
    return 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="The embedded Kafka of a data folder.")
    parser.add_argument("command", choices=["run", "status", "stop", "keep"])
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("DATA_DIR") or ".data"))
    parser.add_argument("--port", type=int, default=os.environ.get("KAFKA_PORT") or "9092")
    arguments = parser.parse_args()
    folder = arguments.data_dir.resolve() / "kafka"
    commands = {
        "run": lambda: run(arguments.data_dir, arguments.port),
        "status": lambda: print_status(folder),
        "stop": lambda: wait_until_stopped(folder),
        "keep": lambda: keep(folder, arguments.port),
    }
    try:
        return commands[arguments.command]()
    except BrokerError as error:
        say(f"{error.code}: {error}")
    except OSError as error:
        say(str(error))
    except KeyboardInterrupt:
        say("released")
    return 1


if __name__ == "__main__":
    sys.exit(main())
