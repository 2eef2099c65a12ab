from itertools import permutations
from random import Random

import pytest
from effort import seeds

from domain.repetitions import Came, Numbers, note

FIRST, AGAIN, UNKNOWN = Came


class Remembered:
    """Numbers of one market, with pages that outlive what is at hand."""

    def __init__(self) -> None:
        self.memory, self.count, self.pages = [0], 0, dict[int, list[int]]()

    def note(self, *numbers: int) -> list[Came]:
        at_hand = Numbers(self.memory, self.count, lambda place: list(self.pages[place]))
        found = [at_hand.note(number) for number in numbers]
        self.memory, self.count = at_hand.memory, at_hand.pages
        self.pages |= at_hand.changed
        return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANGES_MAX": 4, "PAGE_RANGES": 2, "PAGES_MAX": 3}.items():
        monkeypatch.setattr(f"domain.repetitions.{name}", value)


def test_what_comes_twice_is_known_whatever_came_between() -> None:
    assert Remembered().note(5, 6, 5, 9, 7, 6, 7, 8, 9, 1, 1) == [
        FIRST, FIRST, AGAIN, FIRST, FIRST, AGAIN, AGAIN, FIRST, AGAIN, FIRST, AGAIN,
    ]  # fmt: skip


def test_numbers_that_follow_each_other_are_one_range_in_whatever_order_they_come() -> None:
    for numbers in permutations(range(1, 7)):
        memory = [0]
        assert {note(memory, number) for number in numbers} == {FIRST}
        assert memory == [0, 1, 6]


@pytest.mark.usefixtures("small")
def test_what_is_in_pages_is_remembered_as_well() -> None:
    remembered = Remembered()
    tens = range(10, 110, 10)
    assert set(remembered.note(*tens)) == {FIRST}
    assert remembered.count == 3
    assert set(remembered.note(*tens)) == {AGAIN}
    assert remembered.note(15, 35, 35, 15) == [FIRST, FIRST, AGAIN, AGAIN]


@pytest.mark.usefixtures("small")
def test_what_is_from_before_all_that_is_remembered_is_not_guessed() -> None:
    remembered = Remembered()
    remembered.note(*range(10, 200, 10))
    assert remembered.note(10, 11, 120, 121, 190) == [UNKNOWN, UNKNOWN, AGAIN, FIRST, AGAIN]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", seeds(30))
def test_the_memory_never_guesses_wrong_and_never_grows_beyond_its_bound(seed: int) -> None:
    rng, remembered, seen = Random(seed), Remembered(), set[int]()
    highest = rng.choice((60, 400, 10**12))
    reach = rng.choice((30, highest))
    for step in range(500):
        number = rng.randint(max(1, step * highest // 500 - reach), max(1, step * highest // 500 + reach))
        (found,) = remembered.note(number)
        assert found in (UNKNOWN, AGAIN if number in seen else FIRST)
        if found is FIRST:
            seen.add(number)
        pages = [remembered.pages[place] for place in sorted(remembered.pages)[-3:]]
        for memory in (*pages, remembered.memory):
            assert len(memory) <= 9
            assert memory == sorted(memory)


def test_a_market_whose_numbers_have_gaps_is_remembered_for_thousands_of_ticks() -> None:
    remembered = Remembered()
    numbers = [7 * number for number in range(1, 5_001)]
    assert set(remembered.note(*numbers)) == {FIRST}
    assert set(remembered.note(*reversed(numbers[-4_096:]))) == {AGAIN}
    assert remembered.note(7) == [UNKNOWN]
