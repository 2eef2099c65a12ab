"""Parent of a worker: `python -P app/supervisor.py -- COMMAND ARGUMENTS…` runs COMMAND and restarts it when it dies.

Static membership gives a worker its partitions back at once when it returns under the same instance id. So a
supervisor owns an instance, the first DATA_DIR/worker-N that no other one has, and restarts its worker there. It also
holds the lease on the embedded broker, unless KAFKA_BROKERS names another Kafka: the broker outlives the worker.

The worker never outlives its supervisor: the kernel kills it (on Linux; not what it started in its turn).
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Mapping, Sequence
from pathlib import Path

if __name__ == "__main__":  # a script: `app` without app/__init__.py, which loads Faust
    package = types.ModuleType("app")
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules["app"] = package

from app import broker
from app.processes import die_with_parent, locked

EX_OK, EX_USAGE, EX_UNAVAILABLE, EX_CONFIG = 0, 64, 69, 78
FINAL = (EX_OK, EX_USAGE, EX_CONFIG)  # with these a worker says that it is done, or that a restart cannot help
INSTANCES_MAX = 64
HEALTHY_AFTER_S = 30.0
RESTART_DELAY_S_MIN, RESTART_DELAY_S_MAX = 0.2, 5.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.5  # how often the broker's keeper is looked after; the worker's end is noticed at once


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"supervisor: {text}\n")


def claim_instance(data_dir: Path, resources: contextlib.ExitStack) -> Path:
    """The first instance folder that nobody owns; owned until `resources` are closed."""
    for number in range(INSTANCES_MAX):
        folder = data_dir / f"worker-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(TimeoutError):
            resources.enter_context(locked(folder / "lock", fcntl.LOCK_EX, timeout_s=0))
            return folder
    raise OSError(f"{INSTANCES_MAX} workers run in {data_dir} already")


class Supervisor:
    """Runs one worker, again and again, until a signal or the worker itself says that it is enough."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], lease: broker.Lease | None) -> None:
        self.command = command
        self.environment = environment
        self.lease = lease
        self.worker: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()
        self.stop_signal: int = signal.SIGTERM
        self.broker_trouble = ""

    def run(self) -> int:
        """Returns the exit status of the last worker; 128 + N if signal N ended it."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        delay_s = 0.0
        while True:
            started_at = time.monotonic()
            status = self._run_worker()
            if self.stopping.is_set() or status in FINAL:
                return status
            if time.monotonic() - started_at > HEALTHY_AFTER_S:
                delay_s = 0.0
            say(f"the worker ended with status {status}; next start {f'in {delay_s:.1f} s' if delay_s else 'at once'}")
            if self.stopping.wait(delay_s):
                return status
            delay_s = min(max(2 * delay_s, RESTART_DELAY_S_MIN), RESTART_DELAY_S_MAX)

    def _stop(self, number: int, _frame: object) -> None:
        self.stop_signal = number
        self.stopping.set()
        if self.worker:
            self.worker.send_signal(self.stop_signal)

    def _run_worker(self) -> int:
        self.worker = subprocess.Popen(  # noqa: S603 - the command is what we are for
            self.command,
            env=self.environment,
            process_group=0,  # Ctrl-C reaches the worker once, through us
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - this process has one thread
        )
        if self.stopping.is_set():  # the signal came before there was a worker
            self.worker.send_signal(self.stop_signal)
        stop_deadline = float("inf")
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self.worker.wait(POLL_S)
                return status if status >= 0 else 128 - status
            if not self.stopping.is_set():
                self._look_after_broker()
                continue
            stop_deadline = min(stop_deadline, time.monotonic() + STOP_TIMEOUT_S)
            if time.monotonic() >= stop_deadline:
                say(f"the worker does not stop within {STOP_TIMEOUT_S:.0f} s and is killed")
                os.killpg(self.worker.pid, signal.SIGKILL)

    def _look_after_broker(self) -> None:
        """Bring the broker back if someone killed its keeper; say once if that fails."""
        trouble = ""
        try:
            if self.lease:
                self.lease.revive()
        except (broker.BrokerError, OSError) as error:
            trouble = f"the broker does not come back yet: {error}"
        if trouble not in {"", self.broker_trouble}:
            say(trouble)
        self.broker_trouble = trouble


def main(arguments: Sequence[str]) -> int:
    """Read the command line and the environment, get a broker and an instance, run the worker."""
    if len(arguments) < 2 or arguments[0] != "--":  # noqa: PLR2004
        say("usage: python -P app/supervisor.py -- COMMAND ARGUMENTS…")
        return EX_USAGE
    data_dir = Path(os.environ.get("DATA_DIR") or ".data").resolve()
    port = os.environ.get("KAFKA_PORT") or "9092"
    if not (port.isdecimal() and 1024 <= int(port) < 65536):  # noqa: PLR2004
        say(f"KAFKA_PORT must be a number from 1024 to 65535, but it is {port!r}")
        return EX_CONFIG
    environment = os.environ | {"SUPERVISED": "1", "DATA_DIR": str(data_dir), "KAFKA_PORT": port}
    with contextlib.ExitStack() as resources:
        try:
            lease = None
            if not os.environ.get("KAFKA_BROKERS"):
                lease = resources.enter_context(broker.use(data_dir, int(port)))
                environment |= {"KAFKA_BROKERS": lease.bootstrap, "KAFKA_EMBEDDED": "1"}
            folder = claim_instance(data_dir, resources)
            environment |= {"INSTANCE_ID": os.environ.get("INSTANCE_ID") or folder.name, "INSTANCE_DIR": str(folder)}
            return Supervisor(arguments[1:], environment, lease).run()
        except broker.BrokerError as error:
            say(f"no broker ({error.code}). {error}")
        except OSError as error:
            say(str(error))
    return EX_UNAVAILABLE


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
