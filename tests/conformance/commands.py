"""What the neutral format says of a command: the fields that it cannot do without, and what fields may hold."""

from collections.abc import Iterator
from typing import Any

_ORDER = ("id", "side", "qty")
REQUIRED = {
    "limit": (*_ORDER, "price"),
    "ioc": (*_ORDER, "price"),
    "fok": (*_ORDER, "price"),
    "market": ("id", "side"),
    "stop": (*_ORDER, "stop"),
    "stop_limit": (*_ORDER, "stop", "price"),
    "trailing_stop": (*_ORDER, "trail"),
    "take_profit": (*_ORDER, "stop"),
    "cancel": ("id",),
    "reduce": ("id", "by"),
    "modify": ("id",),
    "mass_cancel": (),
    "clock": ("now",),
    "session_end": (),
    "session": ("opens", "closes"),
    "state": ("state",),
    "rearm": (),
    "config": (),
}
NUMBERS = (
    *("id", "qty", "price", "stop", "trail", "by", "now", "expire", "display", "quote", "slip"),
    *("opens", "closes", "tick", "lot", "last", "auction", "most", "at"),
)
WORDS = {
    "side": ("buy", "sell"),
    "tif": ("gtc", "ioc", "fok", "day", "gtd", "opg", "cls"),
    "kind": ("opening", "closing"),
    "stp": ("none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"),
    "state": ("auction", "continuous", "halt"),
    "allocation": ("price_time", "pro_rata"),
}
TAKEN_AWAY = ("band", "breaker")
"""Fields of `config` in which null says something; elsewhere it is as good as nothing."""


def without_nulls(command: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in command.items() if value is not None or field in TAKEN_AWAY}


def faults(command: dict[str, Any]) -> Iterator[str]:
    """What is wrong with it, in words."""
    op = command.get("op")
    if not isinstance(op, str) or op not in REQUIRED:
        yield f"op {op!r} is none of {', '.join(REQUIRED)}" if "op" in command else "no op"
        return
    missing = [field for field in REQUIRED[op] if field not in command]
    if missing:
        yield f"{op} without {' and '.join(missing)}"
    for field, value in command.items():
        if field in NUMBERS and type(value) is not int:
            yield f"{field} of {op} is {value!r}, which is no integer"
        elif field in WORDS and value not in WORDS[field]:
            yield f"{field} of {op} is {value!r}, which is none of {', '.join(WORDS[field])}"
