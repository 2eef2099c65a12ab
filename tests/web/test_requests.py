"""What a client may put into paths, headers and times: read, or refused with a code, and never a fault of ours."""

import pytest
from examples import BUY, SELL, accounts_with, deposit, place, units

from schemas.accounts import CancelOpenOrders
from schemas.enums import Side
from schemas.wire import NANOS
from web.cancelling import is_meant
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


@pytest.mark.parametrize(("side", "goes"), [(Side.UNKNOWN, True), (BUY, True), (SELL, False)])
def test_an_exit_that_waits_goes_with_its_entry_and_nobody_waits_for_it_alone(side: Side, goes: bool) -> None:
    orders = accounts_with(deposit(100), place("1", BUY, stop_loss_price=units(1))).state.orders
    assert [is_meant(orders, each, CancelOpenOrders("ann", side=side)) for each in ("1", "1.sl")] == [goes, goes]
    assert not is_meant(orders, "none", CancelOpenOrders("ann", side=side))
