"""What a client may put into paths, headers and times: read, or refused with a code, and never a fault of ours."""

import pytest

from schemas.wire import NANOS
from web.clock import MOMENT_MAX, moment
from web.ids import id_of_key
from web.numbers import whole_number
from web.problems import Problem


@pytest.mark.parametrize(
    ("digits", "number"),
    [("0", 0), ("300", 300), ("", None), ("-1", None), ("²", None), ("\u0661", None), ("9" * 5_000, None)],
)
def test_a_number_in_a_path_is_one_that_something_could_have(digits: str, number: int | None) -> None:
    assert whole_number(digits) == number


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59Z", "2262-04-12T00:00:00Z", "1969-12-31T23:59:59Z"])
def test_a_time_that_no_message_can_carry_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        moment("expire_at", text)
    assert (refusal.value.status, refusal.value.code) == (400, "BAD_VALUE")


def test_other_times_are_read() -> None:
    assert moment("expire_at", "1970-01-01T00:00:01.5Z") == 3 * NANOS // 2
    assert moment("expire_at", "2262-04-11T00:00:00Z") <= MOMENT_MAX


def test_an_idempotency_key_may_be_of_any_bytes() -> None:
    """What is no UTF-8 comes from the web server with surrogates in its place."""
    keys = [b"\xff".decode(errors="surrogateescape"), b"\xfe".decode(errors="surrogateescape"), "ü", "key"]
    assert len({id_of_key("ann", key) for key in keys}) == len(keys)
