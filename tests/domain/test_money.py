from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

import pytest
from examples import CENT, units
from hypothesis import given
from hypothesis import strategies as st

from domain.money import AMOUNT_MAX, fee_of, half_even, half_up, value_of
from schemas.wire import NANOS


def rounded(numerator: int, denominator: int, rounding: str) -> int:
    with localcontext() as context:
        context.prec = 200
        return int((Decimal(numerator) / Decimal(denominator)).to_integral_value(rounding))


def test_ten_at_two_cost_twenty() -> None:
    assert value_of(units(10), units(2)) == units(20)


def test_a_contract_of_a_hundred_costs_a_hundred_times_its_price() -> None:
    assert value_of(units(3), 7 * CENT, units(100)) == units(21)


def test_a_value_that_is_no_whole_number_of_nanos_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="no whole number of nanos"):
        value_of(1, 1)


@pytest.mark.parametrize(("numerator", "expected"), [(4, 0), (5, 1), (14, 1), (15, 2), (25, 3), (0, 0)])
def test_fees_are_rounded_half_up(numerator: int, expected: int) -> None:
    assert half_up(numerator, 10) == expected


@pytest.mark.parametrize(("numerator", "expected"), [(5, 0), (15, 2), (25, 2), (26, 3), (-5, 0), (-15, -2), (-26, -3)])
def test_costs_are_rounded_half_even(numerator: int, expected: int) -> None:
    assert half_even(numerator, 10) == expected


@given(st.integers(0, 10**40), st.integers(1, 10**20))
def test_half_up_is_what_a_decimal_makes_of_it(numerator: int, denominator: int) -> None:
    assert half_up(numerator, denominator) == rounded(numerator, denominator, ROUND_HALF_UP)


@given(st.integers(-(10**40), 10**40), st.integers(1, 10**20))
def test_half_even_is_what_a_decimal_makes_of_it(numerator: int, denominator: int) -> None:
    assert half_even(numerator, denominator) == rounded(numerator, denominator, ROUND_HALF_EVEN)


@given(st.lists(st.integers(1, AMOUNT_MAX), min_size=1, max_size=20), st.integers(0, NANOS // 2))
def test_many_fills_pay_what_one_would(values: list[int], rate: int) -> None:
    accrued = paid = 0
    for value in values:
        fee = fee_of(accrued + value * rate) - fee_of(accrued)
        assert 0 <= fee <= value, "a seller can always pay his fee from what he gets"
        accrued, paid = accrued + value * rate, paid + fee
    assert paid == fee_of(sum(values) * rate)
