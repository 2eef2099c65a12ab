"""What the neutral format says of a command: the fields that it cannot do without, and what fields may hold."""

from collections.abc import Callable, Iterator
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
    *("qty", "price", "stop", "trail", "by", "now", "expire", "display", "quote", "slip"),
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
FLAGS = ("post_only", "oco_trigger")
AT_LEAST_ONE = ("tick", "lot")
SHAPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "id": ("an integer or a name", lambda value: type(value) in (int, str)),
    "band": ("[lowest, highest]", lambda value: value is None or _is_pair(value)),
    "auctions": ("[before the opening, before the close]", lambda value: _is_pair(value) and min(value) >= 0),
    "breaker": (
        "{limit, pause}",
        lambda value: value is None or (isinstance(value, dict) and type(value.get("limit")) is int),
    ),
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
        elif field in AT_LEAST_ONE and value < 1:
            yield f"{field} of {op} is {value!r}, which is less than 1"
        elif field in FLAGS and (isinstance(value, str) or value not in (0, 1)):
            yield f"{field} of {op} is {value!r}, which is neither true nor false"
        elif field in WORDS and value not in WORDS[field]:
            yield f"{field} of {op} is {value!r}, which is none of {', '.join(WORDS[field])}"
        elif field in SHAPES and not SHAPES[field][1](value):
            yield f"{field} of {op} is {value!r}, which is not {SHAPES[field][0]}"
    if op == "session" and not missing and not command["opens"] < command["closes"]:
        yield "session closes before it opens"


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and [type(each) for each in value] == [int, int]
