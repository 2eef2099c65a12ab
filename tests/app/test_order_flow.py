"""Recorded order flow on the book alone: equal to what the record says, or the first thing that is not."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from effort import seeds
from flows import Chance, recorded, written

from app.feeds.flow_replay import Comparison
from app.feeds.order_flow import FlowError

ROOT = Path(__file__).parents[2]
Line = dict[str, Any]


def add(number: Any, side: str, px: int, qty: int) -> Line:
    return {"op": "add", "id": number, "side": side, "px": px, "qty": qty}


def take(number: Any, side: str, px: int, qty: int) -> Line:
    return add(number, side, px, qty) | {"op": "take"}


def fill(maker: Any, px: int, qty: int) -> Line:
    return {"maker": maker, "px": px, "qty": qty}


def files(tmp_path: Path, commands: list[Line | str], expected: list[Line | str]) -> tuple[Path, Path]:
    """The commands numbered, unless they are."""
    numbered = [
        each if isinstance(each, str) else {"seq": number, "t_ns": number} | each
        for number, each in enumerate(commands)
    ]
    return written(tmp_path / "commands.jsonl", numbered), written(tmp_path / "expected.jsonl", expected)


def compared(tmp_path: Path, commands: list[Line | str], expected: list[Line | str]) -> Comparison:
    comparison = Comparison(*files(tmp_path, commands, expected))
    comparison.run()
    return comparison


def test_orders_trade_with_those_that_were_there_and_the_rest_of_them_rests(tmp_path: Path) -> None:
    comparison = compared(
        tmp_path,
        [add(1, "S", 10, 5), add(2, "S", 11, 5), add(3, "B", 11, 7), add(5, "B", 9, 1), take("x", "B", 11, 3)],
        [
            {"after_seq": 2, "fills": [fill(1, 10, 5), fill(2, 11, 2)]},
            {"after_seq": 3, "bids": [[9, 1]], "asks": [[11, 3]]},
            {"after_seq": 4, "fills": [fill(2, 11, 3)], "asks": []},
        ],
    )
    assert comparison.is_equal, comparison.first_difference
    assert (comparison.commands, comparison.fills_equal, comparison.rows_equal) == (5, 3, 2)


def test_orders_are_reduced_modified_and_cancelled(tmp_path: Path) -> None:
    comparison = compared(
        tmp_path,
        [
            add(1, "B", 10, 9),
            add(2, "B", 10, 9),
            {"op": "reduce", "id": 1, "qty": 4},
            {"op": "modify", "id": 1, "px": 10, "qty": 3, "keep": True},
            take(3, "S", 10, 1),
            {"op": "modify", "id": 1, "px": 10, "qty": 4, "keep": False},
            take(4, "S", 10, 10),
            {"op": "cancel", "id": 1},
        ],
        [
            {"after_seq": 2, "bids": [[10, 14]], "asks": []},
            {"after_seq": 4, "fills": [fill(1, 10, 1)]},
            {"after_seq": 5, "bids": [[10, 13]], "asks": []},
            {"after_seq": 6, "fills": [fill(2, 10, 9), fill(1, 10, 1)]},
            {"after_seq": 7, "bids": [], "asks": []},
        ],
    )
    assert comparison.is_equal, comparison.first_difference


def test_a_modified_order_may_trade_and_names_may_be_words_or_numbers(tmp_path: Path) -> None:
    comparison = compared(
        tmp_path,
        [add("1", "B", 10, 9), add(1, "S", 12, 4), {"op": "modify", "id": 1, "px": 10, "qty": 4, "keep": False}],
        [{"after_seq": 2, "fills": [fill("1", 10, 4)], "bids": [[10, 5]], "asks": []}],
    )
    assert comparison.is_equal, comparison.first_difference


REST = [add(1, "B", 10, 5), add(2, "B", 9, 5)]


@pytest.mark.parametrize(
    ("commands", "expected", "difference"),
    [
        (
            [take(3, "S", 10, 2)],
            [{"after_seq": 2, "fills": [fill(1, 10, 3)]}],
            'seq 2, fills[0]: expected {"maker":1,"px":10,"qty":3}, found {"maker":1,"px":10,"qty":2}',
        ),
        ([take(3, "S", 10, 2)], [], 'seq 2, fills[0]: expected nothing, found {"maker":1,"px":10,"qty":2}'),
        (
            [add(3, "S", 11, 2)],
            [{"after_seq": 2, "fills": [fill(1, 10, 2)]}],
            'seq 2, fills[0]: expected {"maker":1,"px":10,"qty":2}, found nothing',
        ),
        (
            [take(3, "S", 10, 9)],
            [{"after_seq": 2, "fills": [fill(1, 10, 5)]}],
            "seq 2, left of the order: expected 0, found 4",
        ),
        (
            [{"op": "modify", "id": 1, "px": 10, "qty": 5, "keep": False}],
            [],
            "seq 2, keep: expected false, found true",
        ),
        ([], [{"after_seq": 1, "bids": [[10, 5]]}], "seq 1, bids[1]: expected nothing, found [9,5]"),
        ([], [{"after_seq": 1, "bids": [], "asks": [[11, 1]], "top_only": True}], "seq 1, asks[0]: expected [11,1]"),
        ([], [{"after_seq": 0, "bids": [[10, 6]], "top_only": True}], "seq 0, bids[0]: expected [10,6], found [10,5]"),
    ],
)
def test_the_first_difference_is_told(
    commands: list[Line | str], expected: list[Line | str], difference: str, tmp_path: Path
) -> None:
    found = compared(tmp_path, [*REST, *commands], expected).first_difference
    assert str(found).startswith(difference)


def test_what_follows_from_a_difference_is_counted_and_does_not_end_the_replay(tmp_path: Path) -> None:
    comparison = compared(
        tmp_path,
        [*REST, take(3, "S", 10, 5), {"op": "cancel", "id": 1}, take(4, "S", 9, 1)],
        [{"after_seq": 2, "fills": [fill(2, 9, 5)]}, {"after_seq": 4, "fills": [fill(2, 9, 1)]}],
    )
    assert comparison.first_difference is not None
    assert comparison.first_difference.seq == 2
    assert (comparison.commands, comparison.fills, comparison.fills_equal) == (5, 2, 1)


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        (["{"], "commands.jsonl:3: Input data was truncated"),
        ([{"seq": 3} | add(3, "B", 1, 1)], "commands.jsonl:3: seq 3 where 2 comes next"),
        ([{"op": "dance", "id": 1}], "commands.jsonl:3: Invalid value 'dance'"),
        ([{"op": "add", "id": 3, "side": "B", "px": 1}], "commands.jsonl:3: Object missing required field `qty`"),
        ([add(3, "X", 1, 1)], "commands.jsonl:3: Invalid enum value 'X'"),
        ([add(3, "B", 0, 1)], "commands.jsonl:3: Expected `int` >= 1"),
        ([add(3, "B", 10**30, 1)], "commands.jsonl:3: "),
        ([{"op": "cancel", "id": 7}], "commands.jsonl:3: order 7 is not in the book"),
        ([{"op": "cancel", "id": "1"}], "commands.jsonl:3: order '1' is not in the book"),
        ([add(1, "B", 9, 1)], "commands.jsonl:3: order 1 is in the book"),
        ([take(2, "S", 9, 1)], "commands.jsonl:3: order 2 is in the book"),
    ],
)
def test_commands_that_cannot_be_played_are_told_with_their_line(
    commands: list[Line | str], why: str, tmp_path: Path
) -> None:
    with pytest.raises(FlowError) as found:
        compared(tmp_path, [*REST, *commands], [])
    assert why in str(found.value)


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        (["[]"], "expected.jsonl:1: Expected `object`, got `array`"),
        ([{"after_seq": 1}], "expected.jsonl:1: neither fills nor bids nor asks"),
        ([{"after_seq": 1, "bids": []}, {"after_seq": 0, "bids": []}], "expected.jsonl:2: after_seq 0 comes behind 1"),
        ([{"after_seq": 2, "bids": []}], "expected.jsonl:1: after_seq 2, and there are 2 commands"),
    ],
)
def test_expectations_that_cannot_be_read_are_told_with_their_line(
    expected: list[Line | str], why: str, tmp_path: Path
) -> None:
    with pytest.raises(FlowError) as found:
        compared(tmp_path, list(REST), expected)
    assert why in str(found.value)


def test_a_compressed_file_that_breaks_off_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "commands.jsonl.gz", [{"seq": 0, "t_ns": 0} | add(1, "B", 1, 1)] * 100)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FlowError, match=r"commands.jsonl.gz:\d+: "):
        Comparison(path, written(tmp_path / "expected.jsonl", [])).run()


@pytest.mark.parametrize("seed", seeds(20))
def test_days_by_chance_go_as_the_naive_venue_says(seed: int, tmp_path: Path) -> None:
    chance = Chance(Random(seed))
    chance.play(400)
    comparison = compared(tmp_path, list(chance.commands), list(chance.expected))
    assert comparison.is_equal, comparison.first_difference
    assert comparison.fills_equal == comparison.fills > 50
    assert comparison.rows_equal == comparison.rows > 50


def test_every_wrong_word_of_a_record_is_noticed(tmp_path: Path) -> None:
    """Or a comparison that finds no difference would say nothing."""
    rng = Random(1)
    chance = Chance(rng)
    chance.play(60)
    for index, line in enumerate(chance.expected):
        wrong = dict(line)
        if "fills" in line:
            first, *others = line["fills"]
            wrong["fills"] = [first | rng.choice(({"px": 1}, {"qty": 99}, {"maker": 999})), *others]
        elif line["bids"]:
            wrong["bids"] = [[line["bids"][0][0], 999], *line["bids"][1:]]
        else:
            continue
        expected = [*chance.expected[:index], wrong, *chance.expected[index + 1 :]]
        found = compared(tmp_path, list(chance.commands), expected).first_difference
        assert found is not None
        assert found.seq == line["after_seq"]


def test_a_recorded_market_goes_as_it_was_recorded(tmp_path: Path) -> None:
    comparison = compared(tmp_path, *recorded(500))  # type: ignore[arg-type]
    assert comparison.is_equal, comparison.first_difference
    assert (comparison.fills, comparison.rows > 500) == (500, True)


# The command.


def run(*arguments: str, folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "faust", "-A", "app", "replay-orders", *arguments],
        cwd=ROOT,
        env=os.environ | {"PROFILE": "test", "DATA_DIR": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_says_how_it_went_and_ends_accordingly(tmp_path: Path) -> None:
    commands, expected = recorded(50)
    played = str(written(tmp_path / "commands.jsonl.gz", commands))
    code, said = run(played, str(written(tmp_path / "expected.jsonl.gz", expected)), folder=tmp_path)
    assert code == 0, said
    assert f"commands  {len(commands)}, " in said
    assert "fills     50 of 50 equal" in said
    assert said.splitlines()[-1] == "all equal"
    code, said = run(played, str(written(tmp_path / "expected.jsonl", expected[:-1])), folder=tmp_path)
    assert code == 1, said
    assert "fills     49 of 49 equal" in said
    assert said.splitlines()[-1].startswith(f"first difference at seq {len(commands) - 1}, fills[0]: expected nothing")
    code, said = run(played, str(written(tmp_path / "expected.jsonl", ["what?"])), folder=tmp_path)
    assert (code, "expected.jsonl:1: " in said, "Traceback" in said) == (2, True, False), said
