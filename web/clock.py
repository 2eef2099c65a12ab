"""The time that the gateway stamps on commands; by hand where a test asks for it."""

import time
from datetime import datetime
from typing import Any

from schemas.wire import NANOS
from web.problems import Problem

MOMENT_MAX = 2**63 - 1
"""What a message can carry."""
_manual_now: int | None = None


def now() -> int:
    """Nanoseconds since the epoch."""
    return time.time_ns() if _manual_now is None else _manual_now


def set_by_hand(moment: int | None) -> None:
    """From now on it is `moment`, until it is set again; None gives the clock back to the machine."""
    global _manual_now  # noqa: PLW0603 - there is one clock
    _manual_now = moment


def is_by_hand() -> bool:
    """Whether somebody moves it."""
    return _manual_now is not None


def moment(field: str, text: Any) -> int:
    """Nanoseconds since the epoch of a time as RFC 3339 has it."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise Problem(400, "BAD_VALUE", f"{field} is a time as RFC 3339 has it", field=field) from error
    if found.tzinfo is None:
        raise Problem(400, "BAD_VALUE", f"{field} needs a zone, like Z", field=field)
    nanos = int(found.timestamp()) * NANOS + found.microsecond * 1000
    if not 0 <= nanos <= MOMENT_MAX:
        raise Problem(400, "BAD_VALUE", f"{field} lies between 1970 and 2262: nanoseconds of 64 bits", field=field)
    return nanos
