"""Log lines as JSON, one object a line, with the ids of orders and trades as fields of their own."""

from typing import Any


def config(level: str) -> dict[str, Any]:
    """For logging.config.dictConfig."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
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
        },
    }
