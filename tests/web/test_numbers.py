"""Decimals between JSON and nanos: exactly, or not at all."""

import json
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import AMOUNT_MAX
from web.numbers import nanos, parse, text
from web.problems import Problem


def taken(field: str, value: object) -> int | str:
    """The nanos, or the code of the refusal."""
    try:
        return nanos(field, value)
    except Problem as problem:
        return problem.code


@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX))
def test_what_is_written_is_read_again(amount: int) -> None:
    assert nanos("amount", text(amount)) == amount
    assert nanos("amount", parse(f'{{"amount": {text(amount)}}}'.encode())["amount"]) == amount


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_read_exactly_or_refused(value: Decimal) -> None:
    found = taken("amount", str(value))
    with localcontext() as context:
        context.prec = 2_000
        assert found in ("BAD_TYPE", "TOO_MANY_DECIMALS") or found == value * 10**9


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("1", 10**9),
        ("1e0", 10**9),
        ("1E+3", 10**12),
        ("-0.5", -5 * 10**8),
        ("0e-99999", 0),
        ("1.500000000000", 15 * 10**8),
    ],
)
def test_all_ways_to_write_a_number(value: str, wanted: int) -> None:
    assert nanos("amount", value) == wanted


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1." + "0" * 30 + "1", "TOO_MANY_DECIMALS"),
        ("0.30000000000000004", "TOO_MANY_DECIMALS"),
        ("1e-999999999999", "TOO_MANY_DECIMALS"),
        ("1e999999999999", "BAD_TYPE"),
        ("1e18000", "BAD_TYPE"),
        ("1000000000000000000.000000001", "BAD_TYPE"),
        ("1" * 101, "BAD_TYPE"),
        ("NaN", "BAD_TYPE"),
        ("-Infinity", "BAD_TYPE"),
        ("", "BAD_TYPE"),
        ("1,5", "BAD_TYPE"),
        (1, "BAD_TYPE"),
        (0.1, "BAD_TYPE"),
        (None, "BAD_TYPE"),
        (True, "BAD_TYPE"),
    ],
)
def test_what_cannot_be_read_exactly_is_refused(value: object, code: str) -> None:
    with pytest.raises(Problem) as refusal:
        nanos("amount", value)
    assert (refusal.value.status, refusal.value.code) == (400, code)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    try:
        found: object = parse(body)
    except Problem as problem:
        found = problem.code
    assert isinstance(found, dict) or found == "MALFORMED_JSON"


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_an_object_is_read_as_it_is(body: dict[str, str]) -> None:
    assert parse(json.dumps(body).encode()) == body
