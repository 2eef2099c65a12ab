"""Log lines as JSON, one object a line, with the ids of orders and trades as fields of their own."""

import asyncio
import atexit
import logging
import sys
import time
from typing import Any, TextIO

import msgspec

FLUSH_AFTER_S = 0.1
LINES_MAX = 5_000
SECOND_MS = 1_000


def config(level: str) -> dict[str, Any]:
    """For logging.config.dictConfig."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.msgspec.MsgspecFormatter",
                "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger", "message": "event"},
            }
        },
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        "loggers": {
            "aiokafka": {"level": "WARNING"},
            "mode": {"level": "WARNING"},
            "faust": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},  # of the registry's client: a line a schema
        },
    }


class FrequentLines:
    """Lines that come by the thousand a second: written together, for each write and each formatting has its price.

    They look like the others. What was not written when the process is killed is lost.
    """

    def __init__(self, logger: logging.Logger, event: str, stream: TextIO | None = None) -> None:
        self._logger, self._event, self._stream = logger, event, stream
        self._lines: list[tuple[float, dict[str, str]]] = []
        self._encoder = msgspec.json.Encoder()
        atexit.register(self.flush)

    def add(self, fields: dict[str, str]) -> None:
        """One more line, if the level allows it."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        self._lines.append((time.time(), fields))
        if len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)
            except RuntimeError:
                self.flush()
        elif len(self._lines) >= LINES_MAX:
            self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        lines, self._lines = self._lines, []
        if lines:
            stream = self._stream or sys.__stdout__ or sys.stdout  # Faust redirects the last one into the log
            stream.write(self._encoder.encode_lines([self._line(at, fields) for at, fields in lines]).decode())
            stream.flush()

    def _line(self, at: float, fields: dict[str, str]) -> dict[str, str]:
        second = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
        when = f"{second},{int(at * SECOND_MS) % SECOND_MS:03d}"
        return {"time": when, "level": "INFO", "logger": self._logger.name, "event": self._event, **fields}
