"""Whole numbers of nanos: prices, quantities and amounts, and the few places where they are rounded."""

from schemas.wire import NANOS

AMOUNT_MAX = 10**27
"""Of any price, quantity or amount in nanos: 10^18 units. Sums of them fit the 38 digits of the schemas."""
NUMBERS_PER_COUNT = 100
"""Numbers that people see are count x 100 + partition: unique in the system, increasing in a shard."""
VALUE_MAX = 10**37
"""Of what is only told, never owned: what a huge position would be worth at a huge price may not fit."""


def value_of(quantity: int, price: int, multiplier: int = NANOS) -> int:
    """Quote nanos that `quantity` costs at `price`. Exact: where ticks and lots do not fit, nothing is listed."""
    if multiplier == NANOS:
        value, rest = divmod(quantity * price, NANOS)
    else:
        value, rest = divmod(quantity * price * multiplier, NANOS * NANOS)
    assert rest == 0, f"{quantity} x {price} x {multiplier} is no whole number of nanos"
    return value


def half_up(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest, halves away from zero, for a numerator of at least zero."""
    return (2 * numerator + denominator) // (2 * denominator)


def half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest, halves to the even neighbour."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))


def fee_of(accrued: int) -> int:
    """Quote nanos of fees: rounded over the whole order, so that two fills pay what one would (D13)."""
    return half_up(accrued, NANOS)
