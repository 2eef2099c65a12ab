"""A heap with stale entries does as a dict would that is searched through."""

from hypothesis import given
from hypothesis import strategies as st
from machines import Table

from domain import timers
from domain.timers import Timers

names = st.sampled_from("abcdef")
changes = st.lists(st.tuples(names, st.integers(0, 9), st.booleans()), max_size=200)


@given(changes)
def test_the_first_is_the_one_that_a_search_finds(moves: list[tuple[str, int, bool]]) -> None:
    table = Table([], {})
    found, plain = Timers(table), dict[str, int]()
    for name, at, forgets in moves:
        found.set(name, at)
        plain[name] = at
        plain = {each: time for each, time in plain.items() if time}
        if forgets:
            found = Timers(table)
        assert found.first() == min(((time, each) for each, time in plain.items()), default=None)
        assert found.at(name) == plain.get(name)
        assert table.rows == plain


def test_a_timer_that_is_moved_for_ever_takes_no_more_room() -> None:
    found = Timers(Table([], {}))
    for time in range(1, 10_000):
        found.set("one", time)
        found.set("two", time + 1)
    assert len(found._heap) <= timers.STALE_MAX + 6
    assert found.first() == (9_999, "one")
