from itertools import permutations
from random import Random

import pytest
from effort import seeds

from domain.repetitions import Came, note

FIRST, AGAIN, UNKNOWN = Came


def came(*numbers: int) -> list[Came]:
    memory = [0]
    return [note(memory, number) for number in numbers]


def test_what_comes_twice_is_known_whatever_came_between() -> None:
    assert came(5, 6, 5, 9, 7, 6, 7, 8, 9, 1, 1) == [
        FIRST, FIRST, AGAIN, FIRST, FIRST, AGAIN, AGAIN, FIRST, AGAIN, FIRST, AGAIN,
    ]  # fmt: skip


def test_numbers_that_follow_each_other_are_one_range_in_whatever_order_they_come() -> None:
    for numbers in permutations(range(1, 7)):
        memory = [0]
        assert {note(memory, number) for number in numbers} == {FIRST}
        assert memory == [0, 1, 6]


def test_what_is_from_before_all_that_is_remembered_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.repetitions.RANGES_MAX", 2)
    assert came(10, 20, 30, 10, 9, 11, 20, 21, 19, 11) == [
        FIRST, FIRST, FIRST, UNKNOWN, UNKNOWN, FIRST, AGAIN, FIRST, FIRST, UNKNOWN,
    ]  # fmt: skip


@pytest.mark.parametrize("seed", seeds(20))
def test_the_memory_never_guesses_wrong_and_never_grows_beyond_its_bound(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.repetitions.RANGES_MAX", 8)
    rng, memory, seen = Random(seed), [0], set[int]()
    highest = rng.choice((60, 400, 10**12))
    for _ in range(500):
        number = rng.randint(1, highest)
        found = note(memory, number)
        assert found is (UNKNOWN if number <= memory[0] and found is UNKNOWN else AGAIN if number in seen else FIRST)
        if found is FIRST:
            seen.add(number)
        assert len(memory) <= 17
        assert memory == sorted(memory)
