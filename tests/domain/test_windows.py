from itertools import pairwise

import pytest
from effort import EFFORT
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.panes import Pane, Ticked, merged, pane_of
from domain.windows import Window, hopping, sessions, sliding, tumbling

SIZE = 10
"""Of a pane."""


def panes_of(ticks: list[Ticked]) -> list[tuple[int, Pane]]:
    starts = sorted({tick.at - tick.at % SIZE for tick in ticks})
    return [(start, pane_of([tick for tick in ticks if start <= tick.at < start + SIZE])) for start in starts]


def counted(ticks: list[Ticked], start: int, end: int) -> Window:
    return Window(start, end, pane_of([tick for tick in ticks if start <= tick.at < end]))


ticks = st.lists(
    st.builds(
        Ticked,
        at=st.integers(0, 600),
        sequence=st.integers(1, 99),
        price=st.integers(1, 99),
        quantity=st.integers(0, 9),
        sets_price=st.just(True),
        adds_volume=st.just(True),
    ),
    min_size=1,
    max_size=30,
)
many = settings(max_examples=200 * EFFORT)


@given(ticks)
@many
def test_tumbling_windows_count_each_tick_once(found: list[Ticked]) -> None:
    windows = list(tumbling(panes_of(found), 30))
    starts = sorted({tick.at - tick.at % 30 for tick in found})
    assert windows == [counted(found, start, start + 30) for start in starts]
    assert sum(window.pane.ticks for window in windows) == len(found)


@given(ticks)
@many
def test_hopping_windows_overlap_and_each_counts_its_ticks(found: list[Ticked]) -> None:
    windows = list(hopping(panes_of(found), 60, 20))
    starts = sorted({start for tick in found for start in range(-60, 601, 20) if start <= tick.at < start + 60})
    assert windows == [counted(found, start, start + 60) for start in starts]


@given(ticks, st.sampled_from((SIZE, 3 * SIZE, 30 * SIZE)))
@many
def test_a_sliding_window_is_the_last_so_much_at_the_end_of_each_pane(found: list[Ticked], size: int) -> None:
    ends = [start + SIZE for start, _ in panes_of(found)]
    assert list(sliding(panes_of(found), size, SIZE)) == [counted(found, end - size, end) for end in ends]


def test_a_sliding_window_costs_the_same_whatever_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    merges = 0

    def counting(one: Pane, other: Pane) -> Pane:
        nonlocal merges
        merges += 1
        return merged(one, other)

    monkeypatch.setattr("domain.windows.merged", counting)
    panes = [(number * SIZE, pane_of([Ticked(number * SIZE, 1, 5)])) for number in range(1_000)]
    for size in (SIZE, 10 * SIZE, 900 * SIZE):
        merges = 0
        assert len(list(sliding(panes, size, SIZE))) == 1_000
        assert merges <= 3 * 1_000


@given(ticks, st.sampled_from((SIZE, 25, 70)))
@many
def test_a_session_ends_where_nothing_comes_for_the_gap(found: list[Ticked], gap: int) -> None:
    times = sorted(tick.at for tick in found)
    begins = [times[0], *[later for earlier, later in pairwise(times) if later - earlier >= gap]]
    lasts = [max(at for at in times if at < next_begin) for next_begin in [*begins[1:], 10_000]]
    assert list(sessions(panes_of(found), gap)) == [
        Window(begin, last + gap, pane_of([tick for tick in found if begin <= tick.at <= last]))
        for begin, last in zip(begins, lasts, strict=True)
    ]


def test_what_sets_no_price_begins_no_session() -> None:
    odd = Ticked(500, 9, 5, 3, sets_price=False)
    assert list(sessions(panes_of([odd]), 50)) == []
    (only,) = sessions(panes_of([Ticked(0, 1, 5, 1), odd]), 50)
    assert (only.start, only.end, only.pane.volume) == (0, 50, 4)
