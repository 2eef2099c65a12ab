"""Other stream processors, in an environment of their own: what they need must not meet what we need."""

import subprocess
import sys
from pathlib import Path

from bench import ROOT
from bench.stage import Impossible

LOCK = Path(__file__).with_name("peers.lock")
ENVIRONMENT = ROOT / ".venv-peers"
PYTHON = ENVIRONMENT / "bin" / "python"
INSTALL_TIMEOUT_S = 300.0


def python() -> str:
    """The peers' Python; makes their environment where it is missing or older than the lock."""
    stamp = ENVIRONMENT / ".installed"
    if not stamp.exists() or stamp.read_text() != LOCK.read_text():
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
        _run(sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT))
        _run(str(PYTHON), *install, "-r", str(LOCK))
        stamp.write_text(LOCK.read_text())
    return str(PYTHON)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    if done.returncode:
        raise Impossible(f"the environment of the peers cannot be made: {done.stderr[-500:]}")
