"""The project's engine and the naive venue answer alike: every case, and scenarios by chance of all order types."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from effort import seeds

from domain import order_books
from tests.conformance import production
from tests.conformance.random_scenarios import Chance
from tests.conformance.scenarios import COMPARED, verdicts
from tests.support import naive_venue

CASES = sorted((Path(__file__).parent / "cases").glob("*.jsonl"))
SCENARIOS, COMMANDS = 45, 30
FEW = 100


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_engine_passes_every_case(path: Path) -> None:
    assert [verdict for verdict in verdicts(path, production.run) if verdict.difference is not None] == []


def difference(commands: list[dict[str, Any]]) -> str | None:
    """The first key in which engine and naive venue differ.

    Where one record may not do all that is due at a time, what ends first is reported first, not what has the lower id.
    """
    naive, found = naive_venue.run(commands), production.run(commands)
    if order_books.STEPS_PER_RECORD_MAX < FEW:
        naive["cancels"].sort()
        found["cancels"].sort()
    return next((f"{key}: {naive[key]} {found[key]}" for key in COMPARED if naive[key] != found[key]), None)


def without_what_does_not_matter(commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The scenario made as short as it still shows a difference."""
    for number in range(len(commands) - 1, -1, -1):
        shorter = commands[:number] + commands[number + 1 :]
        if difference(shorter) is not None:
            commands = shorter
    return commands


def assert_they_answer_alike(seed: int) -> None:
    rng = Random(seed)
    for _ in range(SCENARIOS):
        commands = Chance(rng).commands(COMMANDS)
        if difference(commands) is not None:
            shorter = without_what_does_not_matter(commands)
            pytest.fail(f"{difference(shorter)}\n" + "\n".join(map(str, shorter)))


@pytest.mark.parametrize("seed", seeds(40))
def test_engine_and_naive_venue_answer_alike(seed: int) -> None:
    assert_they_answer_alike(seed)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_they_answer_alike_however_little_one_record_may_do(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", steps)
    assert_they_answer_alike(1_000 + steps)
