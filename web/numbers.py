"""Decimals between JSON and nanos, never through a float."""

import json
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from domain.money import AMOUNT_MAX
from schemas.wire import NANOS
from web.problems import Problem

LENGTH_MAX = 100
"""Characters of a number: more than any amount takes, and few enough to be read exactly."""
WHOLE_LENGTH_MAX = 19
"""Digits of 64 bits."""
DECIMALS_MAX, PLACE_MAX = 9, 18
"""Where the first digit of an amount may stand."""
_EXACT = Context(prec=2 * LENGTH_MAX)


class Number(str):
    """A number that JSON gave, kept as it was written."""

    __slots__ = ()


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object; its numbers stay as they were written."""
    try:
        found = json.loads(body, parse_float=Number, parse_int=Number, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "MALFORMED_JSON", f"the body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Problem(400, "MALFORMED_JSON", "the body is no JSON object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def nanos(field: str, value: Any) -> int:
    """Nanos of a decimal that came as a string or as a number."""
    if not isinstance(value, str):
        raise Problem(400, "BAD_TYPE", f"{field} is a decimal, as a string or as a number", field=field)
    shown = repr(value[:40])
    try:
        found = Decimal(value)
    except InvalidOperation as error:
        raise Problem(400, "BAD_TYPE", f"{field}: {shown} is no decimal", field=field) from error
    if not found.is_finite() or len(value) > LENGTH_MAX or (found and found.adjusted() > PLACE_MAX):
        raise Problem(400, "BAD_TYPE", f"{field}: {shown} is out of range", field=field)
    if not found:
        return 0
    is_tiny = found.adjusted() < -DECIMALS_MAX
    scaled = found if is_tiny else found.scaleb(DECIMALS_MAX, _EXACT)
    if is_tiny or scaled != scaled.to_integral_value(context=_EXACT):
        raise Problem(400, "TOO_MANY_DECIMALS", f"{field} has at most 9 decimals, not {shown}", field=field)
    if abs(scaled) > AMOUNT_MAX:
        raise Problem(400, "BAD_TYPE", f"{field}: {shown} is out of range", field=field)
    return int(scaled)


def whole_number(digits: str) -> int | None:
    """A number of an order, a version or a schema; None where it is none that anything could have."""
    is_number = len(digits) <= WHOLE_LENGTH_MAX and digits.isascii() and digits.isdigit()
    return int(digits) if is_number else None


def text(amount: int) -> str:
    """The decimal of so many nanos, as short as can be."""
    sign, units, rest = "-" if amount < 0 else "", *divmod(abs(amount), NANOS)
    return f"{sign}{units}.{rest:09d}".rstrip("0") if rest else f"{sign}{units}"


def text_or_none(amount: int | None) -> str | None:
    """The same where there may be none."""
    return None if amount is None else text(amount)


def nanos_or_none(body: dict[str, Any], field: str) -> int | None:
    """The same of a field that may be missing."""
    value = body.get(field)
    return None if value is None else nanos(field, value)
