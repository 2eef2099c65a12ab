from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.depth import LEVELS_MAX, Depth, DepthSide, Outcome, checksum, levels_to_tell
from schemas.feeds import DepthUpdate
from schemas.wire import NANOS

Levels = dict[int, int]


def update(bids: Levels, asks: Levels, first: int = 0, last: int = 0, *, is_snapshot: bool = False) -> DepthUpdate:
    levels = levels_to_tell(bids.items(), asks.items())
    return DepthUpdate("ADAUSDT", is_snapshot, levels, first_sequence=first, sequence=last)


def snapshot(bids: Levels, asks: Levels, last: int = 0) -> DepthUpdate:
    return update(bids, asks, 0, last, is_snapshot=True)


def test_a_book_begins_with_a_snapshot() -> None:
    depth = Depth()
    assert depth.apply(update({9: 1}, {}, 1, 1)).outcome is Outcome.AWAITS_SNAPSHOT
    assert depth.apply(snapshot({9: 1, 8: 2}, {10: 3})) == (Outcome.APPLIED, [(9, 1), (8, 2)], [(10, 3)])
    assert (depth.bids.best(), depth.asks.best(), depth.is_crossed) == ((9, 1), (10, 3), False)


def test_an_update_says_what_is_there_now_and_none_is_gone() -> None:
    depth = Depth()
    depth.apply(snapshot({9: 1, 8: 2}, {10: 3}))
    assert depth.apply(update({9: 0, 7: 4, 8: 2}, {})) == (Outcome.APPLIED, [(9, 0), (7, 4)], [])
    assert depth.bids.top(5) == [(8, 2), (7, 4)]
    assert depth.apply(update({6: 0}, {})).bids == [], "what nobody knows is not deleted twice"


def test_a_snapshot_forgets_what_was_there() -> None:
    depth = Depth()
    depth.apply(snapshot({9: 1, 8: 2}, {10: 3}, 5))
    assert depth.apply(snapshot({8: 3}, {10: 3}, 6)) == (Outcome.APPLIED, [(9, 0), (8, 3)], [])


@pytest.mark.parametrize(
    ("first", "last", "outcome"),
    [
        (6, 7, Outcome.APPLIED),
        (4, 6, Outcome.APPLIED),
        (0, 6, Outcome.APPLIED),
        (0, 0, Outcome.APPLIED),
        (7, 8, Outcome.GAP),
        (4, 5, Outcome.REPEATED),
    ],
)
def test_an_update_follows_on_the_last_or_something_is_missing(first: int, last: int, outcome: Outcome) -> None:
    depth = Depth({9: 1}.items(), (), 5, is_synchronised=True)
    assert depth.apply(update({9: 2}, {}, first, last)).outcome is outcome
    assert depth.bids.best() == (9, 2 if outcome is Outcome.APPLIED else 1)


def test_after_a_gap_only_a_snapshot_helps_however_old_its_number() -> None:
    depth = Depth({9: 1}.items(), (), 5, is_synchronised=True)
    assert depth.apply(update({9: 2}, {}, 8, 9)).outcome is Outcome.GAP
    assert depth.apply(update({9: 2}, {}, 6, 7)).outcome is Outcome.AWAITS_SNAPSHOT
    assert depth.apply(snapshot({9: 4}, {}, 3)).outcome is Outcome.APPLIED
    assert (depth.bids.best(), depth.sequence) == ((9, 4), 3)


@pytest.mark.parametrize(("ask", "is_crossed"), [(8, True), (9, True), (10, False)])
def test_a_book_whose_bid_is_at_the_ask_is_crossed(ask: int, is_crossed: bool) -> None:
    assert Depth({9: 1}.items(), {ask: 1}.items()).is_crossed is is_crossed


def test_levels_behind_the_thousandth_are_forgotten_the_worst_first() -> None:
    side = DepthSide(-1, dict.fromkeys(range(1, LEVELS_MAX + 1), 1).items())
    assert side.change([(LEVELS_MAX + 1, 1)]) == [(LEVELS_MAX + 1, 0)]
    assert side.change([(0, 7)]) == [(0, 7), (LEVELS_MAX, 0)]
    assert side.change([(-1, 7), (5, 0)]) == [(-1, 7), (5, 0)], "who leaves makes room first"
    assert len(side.levels) == LEVELS_MAX


def test_the_checksum_is_that_of_the_text_it_says() -> None:
    depth = Depth({1_500_000_000: 2 * NANOS}.items(), ())
    assert checksum(depth) == crc32(b"1500000000:2000000000;")
    eleven = dict.fromkeys(range(100, 111), 1)
    assert checksum(Depth((), eleven.items())) == checksum(Depth((), list(eleven.items())[:10]))


changes = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), max_size=12)


@given(st.lists(st.tuples(st.booleans(), changes), max_size=20), st.sampled_from([1, -1]))
def test_a_side_is_a_dictionary_that_knows_its_order(
    steps: list[tuple[bool, list[tuple[int, int]]]], sign: int
) -> None:
    side, naive, told = DepthSide(sign), dict[int, int](), dict[int, int]()
    for is_replaced, levels in steps:
        if is_replaced:
            naive.clear()
        naive.update(levels)
        naive = {price: quantity for price, quantity in naive.items() if quantity}
        told.update(side.replace(dict(levels).items()) if is_replaced else side.change(levels))
        told = {price: quantity for price, quantity in told.items() if quantity}
        assert side.levels == naive == told
        assert side.top(99) == sorted(naive.items(), key=lambda level: -sign * level[0])
