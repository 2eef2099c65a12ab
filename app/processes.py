"""Processes that depend on one another: locks that tell who lives, children that end with their parent.

The kernel releases a file lock however its process ends. So a lock answers "is it alive?", where a process id that was
written down may be stale. Imports nothing of the project: scripts use it without the package `app`, which loads Faust.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_S = 0.05


@contextlib.contextmanager
def locked(path: Path, kind: int, timeout_s: float) -> Iterator[int]:
    """Hold the lock `path`, shared (LOCK_SH) or alone (LOCK_EX); gives its descriptor.

    Raises TimeoutError when others keep it for longer than `timeout_s`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout_s
    try:
        while not try_lock(descriptor, kind):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process has held {path} for {timeout_s:.0f} s")
            time.sleep(POLL_S)
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, kind: int) -> bool:
    """Take a lock if nobody stands in the way; say whether."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    return False


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock `path` alone."""
    with contextlib.suppress(FileNotFoundError), path.open() as file:
        return not try_lock(file.fileno(), fcntl.LOCK_SH)
    return False


def sharers(path: Path) -> list[int]:
    """The processes that share the lock `path`, as far as the kernel tells (Linux does)."""
    with contextlib.suppress(FileNotFoundError):
        inode = path.stat().st_ino
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        return [int(lock[4]) for lock in locks if lock[3] == "READ" and lock[5].endswith(f":{inode}")]
    return []


def die_with_parent(signal_number: int) -> Callable[[], None]:
    """For Popen's preexec_fn: the child gets this signal when the thread that starts it ends, even by kill -9.

    Linux only. Elsewhere a child outlives a parent that was killed so.
    """
    parent_pid = os.getpid()

    def in_child() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, signal_number)  # 1 is PR_SET_PDEATHSIG
            if os.getppid() != parent_pid:  # the parent ended before the line above
                os.kill(os.getpid(), signal.SIGKILL)

    return in_child


def stop(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    """End a child: politely, and after `timeout_s` by force."""
    process.terminate()
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
