from itertools import permutations

import msgspec
from effort import EFFORT
from examples import units
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.panes import NOTHING, Pane, Ticked, merged, merged_all, pane_of


def tick(at: int, price: float, quantity: float = 1, **more: object) -> Ticked:
    return Ticked(at, at, units(price), units(quantity), **more)


ticks = st.builds(
    Ticked,
    at=st.integers(0, 9),
    sequence=st.integers(1, 3),
    price=st.integers(1, 10**27),
    quantity=st.integers(0, 10**27),
    aggressor=st.sampled_from((-1, 0, 1)),
    sets_price=st.booleans(),
    adds_volume=st.booleans(),
)
panes = st.lists(ticks, max_size=4).map(pane_of)


def test_a_pane_is_what_its_ticks_were() -> None:
    pane = pane_of([tick(1, 10, 2, aggressor=1), tick(2, 13, 1, aggressor=-1), tick(3, 9, 5), tick(4, 12, 1)])
    assert (pane.open, pane.high, pane.low, pane.close) == (units(10), units(13), units(9), units(12))
    assert (pane.ticks, pane.volume, pane.signed_volume) == (4, units(9), units(1))
    assert pane.mean == 11
    assert pane.deviation == (10 / 4) ** 0.5
    assert pane.vwap == units("10.000000000")  # (20 + 13 + 45 + 12) / 9


def test_the_first_and_the_last_tick_are_so_by_time_and_number_not_by_arrival() -> None:
    for arrived in permutations([Ticked(5, 1, 10), Ticked(5, 2, 11), Ticked(5, 3, 12)]):
        pane = merged_all(pane_of([each]) for each in arrived)
        assert (pane.open, pane.close) == (10, 12)


def test_an_odd_lot_adds_volume_and_sets_no_price() -> None:
    pane = pane_of([tick(1, 10), tick(2, 99, 3, sets_price=False)])
    assert (pane.high, pane.close, pane.ticks, pane.mean) == (units(10), units(10), 1, 10)
    assert (pane.volume, pane.vwap) == (units(4), units("76.75"))
    alone = pane_of([tick(2, 99, 3, sets_price=False)])
    assert (alone.ticks, alone.mean, alone.deviation, alone.volume) == (0, None, None, units(3))


def test_a_price_that_was_quoted_has_no_volume_and_no_vwap() -> None:
    pane = pane_of([tick(1, 10, 0), tick(2, 20, 7, adds_volume=False)])
    assert (pane.ticks, pane.volume, pane.vwap, pane.mean) == (2, 0, None, 15)


@given(panes, panes, panes)
@settings(max_examples=300 * EFFORT)
def test_panes_are_merged_in_any_order_and_grouping(one: Pane, two: Pane, three: Pane) -> None:
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, NOTHING) == merged(NOTHING, one) == one


@given(st.lists(ticks, max_size=12), st.integers(0, 12))
@settings(max_examples=300 * EFFORT)
def test_merging_is_recounting(found: list[Ticked], cut: int) -> None:
    whole = pane_of(found)
    assert merged(pane_of(found[:cut]), pane_of(found[cut:])) == whole
    assert merged_all(pane_of([each]) for each in reversed(found)) == whole
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Pane) == whole, "sums of any size are rows"
