"""An event loop with virtual time whose processes can be killed, paused and resumed between any two steps.

Every callback belongs to the process in whose context it was scheduled. A killed process never runs again: no
`finally`, no done-callback, as with `kill -9`. A paused one runs what it missed when it is resumed, as with SIGCONT.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any


class Killed(BaseException):
    """Unwinds the stack of a process that ended itself."""


class Process:
    """Something that lives and dies as a whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive, self.is_paused = True, False
        self.missed: list[Callable[[], None]] = []


current: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class _Clock:
    """Stands in for the selector: waiting for I/O is what moves virtual time."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        assert timeout is not None, "deadlock: nothing is scheduled and nothing can happen any more"
        self.now += timeout
        return []

    def close(self) -> None:
        pass


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: the order of callbacks depends on nothing but the program and its seeds."""

    def __init__(self) -> None:
        super().__init__()
        self._clock_resolution = 1e-9
        self._selector = _Clock()
        self.set_exception_handler(lambda _loop, _context: None)

    def __del__(self) -> None:
        """Thrown away as it is, with everything that hangs in it: closing would wake what must stay dead."""

    def time(self) -> float:
        return self._selector.now

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list

    def _write_to_self(self) -> None:
        pass

    def _guard(self, callback: Callable[..., Any], context: contextvars.Context | None) -> Callable[..., Any]:
        process = current.get() if context is None else context.get(current)
        if process is None:
            return callback

        def guarded(*args: Any) -> None:
            if not process.is_alive:
                return
            if process.is_paused:
                missed_in = contextvars.copy_context()
                process.missed.append(lambda: missed_in.run(guarded, *args))
                return
            callback(*args)

        return guarded

    def _call_soon(self, callback, args, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return super()._call_soon(self._guard(callback, context), args, context)

    def call_at(self, when, callback, *args, context=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN201
        return super().call_at(when, self._guard(callback, context), *args, context=context)

    def spawn(self, process: Process, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Starts a task that belongs to the process."""
        context = contextvars.copy_context()
        context.run(current.set, process)
        return context.run(self.create_task, work)

    def kill(self, process: Process) -> None:
        process.is_alive = False
        process.missed.clear()

    def pause(self, process: Process) -> None:
        process.is_paused = True

    def resume(self, process: Process) -> None:
        process.is_paused = False
        missed, process.missed = process.missed, []
        for callback in missed:
            self.call_soon(callback)
