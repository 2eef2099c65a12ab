"""The simulation of Avellaneda and Stoikov's paper, driven through the function by which the auto-trader decides.

Middle 100, T 1, σ 2, steps of 0.005, γ 0.1, κ 1.5, and requests that come 140 times in a unit of time at the middle and
exponentially less with the distance from it. Published: profit 65.0 ± 6.6 with a final inventory of 2.9 (standard
deviations), against 68.4 ± 12.7 and 8.4 of a dealer who does not look at what he has. (D24: τ = T - t at each call.)
"""

from functools import lru_cache
from math import exp, sqrt
from random import Random
from statistics import mean, stdev

import msgspec
import pytest

from domain.desk_terms import DeskTerms
from domain.quoting import Exposure, Market, Request, quote
from schemas.enums import InquirySide
from schemas.wire import NANOS

DT, SIGMA, KAPPA, ARRIVALS, STEPS = 0.005, 2.0, 1.5, 140, 200
TERMS = [
    DeskTerms(inventory_lot=NANOS, horizon=NANOS - step * 5_000_000, volatility=2 * NANOS) for step in range(STEPS)
]
ASKED = Request("i", InquirySide.TWO_WAY, NANOS)
FLAT = Exposure()


def path(rng: Random, *, looks_at_inventory: bool) -> tuple[float, int]:
    """-> what the dealer made on one path, and what it had at its end."""
    mid, cash, inventory = 100.0, 0.0, 0
    for step in range(STEPS):
        exposure = Exposure(inventory * NANOS) if looks_at_inventory else FLAT
        found = quote(ASKED, exposure, Market(1, round(mid * NANOS)), TERMS[step])
        assert found.bid_price is not None
        assert found.ask_price is not None
        bid, ask = found.bid_price / NANOS, found.ask_price / NANOS
        if rng.random() < ARRIVALS * exp(-KAPPA * (ask - mid)) * DT:
            cash, inventory = cash + ask, inventory - 1
        if rng.random() < ARRIVALS * exp(-KAPPA * (mid - bid)) * DT:
            cash, inventory = cash - bid, inventory + 1
        mid += SIGMA * sqrt(DT) * rng.choice((1, -1))
    return cash + inventory * mid, inventory


@lru_cache
def paths(count: int, *, looks_at_inventory: bool) -> tuple[float, float, float]:
    """-> mean profit, its deviation, and the deviation of the final inventory."""
    rng = Random(2008)
    found = [path(rng, looks_at_inventory=looks_at_inventory) for _ in range(count)]
    profits, inventories = zip(*found, strict=True)
    return mean(profits), stdev(profits), stdev(inventories)


@pytest.mark.parametrize("count", [150, pytest.param(1_000, marks=pytest.mark.slow)])
def test_the_inventory_policy_is_better_than_a_coin_as_published(count: int) -> None:
    profit, deviation, inventory = paths(count, looks_at_inventory=True)
    assert 63 <= profit <= 67
    assert deviation < 9
    assert inventory <= 3.5


@pytest.mark.parametrize("count", [150, pytest.param(1_000, marks=pytest.mark.slow)])
def test_a_dealer_who_does_not_look_at_what_he_has_earns_as_much_at_more_risk(count: int) -> None:
    _, deviation, inventory = paths(count, looks_at_inventory=False)
    assert inventory >= 7.5
    assert deviation > paths(count, looks_at_inventory=True)[1]


def test_terms_of_the_paper_are_those_of_the_worked_example() -> None:
    assert msgspec.structs.replace(TERMS[0], inventory_lot=DeskTerms().inventory_lot) == DeskTerms()
