"""Our own scenarios, played on the naive venue, and the runner that plays them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import __main__ as runner
from tests.conformance.scenarios import parse, verdicts
from tests.support import naive_venue

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
FILES = sorted((FOLDER / "cases").glob("*.jsonl"))
CASES_MIN = 150

REST: dict[str, Any] = {"op": "limit", "id": 1, "side": "buy", "qty": 5, "price": 10}
HIT: dict[str, Any] = {"op": "limit", "id": 2, "side": "sell", "qty": 2, "price": 10}
TRADE = {"taker": 2, "maker": 1, "qty": 2, "price": 10}


def line(name: str, commands: list[dict[str, Any]], **expected: Any) -> str:
    return json.dumps({"name": name, "commands": commands, "expected": expected})


def play(tmp_path: Path, capsys: pytest.CaptureFixture[str], *lines: str) -> tuple[int, list[str]]:
    """-> the exit code, and what the runner printed."""
    path = tmp_path / "some.jsonl"
    path.write_text("\n".join(lines) + "\n")
    code = runner.main([str(path), "--oracle"])
    return code, capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_naive_venue_does_as_the_scenarios_say(path: Path) -> None:
    found = list(verdicts(path, naive_venue.run))
    assert found
    assert not [verdict for verdict in found if verdict.difference is not None]


def test_there_are_many_scenarios_each_with_a_name_of_its_own_and_an_origin() -> None:
    cases = [json.loads(text) for path in FILES for text in path.read_text().splitlines()]
    assert len(cases) >= CASES_MIN
    assert len({case["name"] for case in cases}) == len(cases)
    assert not [case["name"] for case in cases if not case.get("origin")]
    assert not [
        case["name"] for case in cases if not {"trades", "book", "cancels", "rejects"} <= case["expected"].keys()
    ]


def test_the_written_conventions_are_those_of_the_naive_venue() -> None:
    written = (FOLDER / "CONVENTIONS.md").read_text()
    assert naive_venue.__doc__ is not None
    assert written[written.index("1. ") :].strip() == naive_venue.__doc__[naive_venue.__doc__.index("1. ") :].strip()


def test_the_last_line_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = play(
        tmp_path, capsys, line("rests", [REST], book=[["buy", 10, 5, [1]]]), "", line("trades", [], trades=[])
    )
    assert printed == ["2 passed, 0 failed"]
    assert code == 0


def test_a_failure_is_named_with_its_first_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = line("short", [REST, HIT], trades=[TRADE | {"qty": 3}], book=[], last=11)
    code, printed = play(tmp_path, capsys, wrong, line("right", [REST, HIT], trades=[TRADE]))
    assert code == 1
    assert len(printed) == 2
    assert printed[0].startswith("short: trades[0]: expected ")
    assert '"qty": 3' in printed[0].partition("found")[0]
    assert '"qty": 2' in printed[0].partition("found")[2]
    assert printed[1] == "1 passed, 1 failed"


@pytest.mark.parametrize(
    ("expected", "difference"),
    [
        ({"trades": []}, "trades[0]: expected nothing, found "),
        ({"trades": [TRADE, TRADE]}, "trades[1]: expected "),
        ({"trades": [TRADE | {"auction": True}]}, "trades[0]: expected "),
        ({"book": [["buy", 10, 2, [1]]]}, 'book[0]: expected ["buy", 10, 2, [1]], found ["buy", 10, 3, [1]]'),
        ({"cancels": [[1, 5, "user"]]}, 'cancels[0]: expected [1, 5, "user"], found nothing'),
        ({"rejects": [[1, "limit", "halted"]]}, 'rejects[0]: expected [1, "limit", "halted"], found nothing'),
        ({"pending_stops": [7]}, "pending_stops[0]: expected 7, found nothing"),
        ({"last": None}, "last: expected null, found 10"),
        ({"displayed": []}, 'displayed[0]: expected nothing, found ["buy", 10, 3]'),
    ],
)
def test_every_key_is_compared_where_it_is_given(
    expected: dict[str, Any], difference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = play(tmp_path, capsys, line("case", [REST, HIT], **expected))
    assert code == 1
    assert printed[0].startswith(f"case: {difference}")


def test_keys_that_are_not_given_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = play(tmp_path, capsys, line("case", [REST, HIT]), line("part", [REST, HIT], trades=[{"maker": 1}]))
    assert code == 0


def test_an_auction_trade_has_to_be_expected_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    states = [{"op": "state", "state": state} for state in ("auction", "continuous")]
    commands = [states[0], REST, HIT, states[1]]
    trade = {"taker": 1, "maker": 2, "qty": 2, "price": 10}
    code, printed = play(tmp_path, capsys, line("plain", commands, trades=[trade]))
    assert code == 1
    assert printed[0].startswith("plain: trades[0]: ")
    code, _ = play(tmp_path, capsys, line("marked", commands, trades=[trade | {"auction": True}]))
    assert code == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "malformed line: no JSON"),
        ("[]", "malformed line: no object"),
        ('{"commands":[],"expected":{}}', "malformed line: name is missing"),
        ('{"name":"x","expected":{}}', "malformed line: commands is missing"),
        ('{"name":"x","commands":[]}', "malformed line: expected is missing"),
        ('{"name":"x","commands":[],"expected":{"trade":[]}}', "malformed line: expected names trade"),
        (
            '{"name":"x","commands":[{"op":"dance"}],"expected":{}}',
            "malformed line: commands[0]: op 'dance' is none of",
        ),
        (
            '{"name":"x","commands":[{"op":"limit","id":1,"side":"buy"}],"expected":{}}',
            "commands[0]: limit without qty and price",
        ),
        (
            '{"name":"x","commands":[{"op":"cancel","id":1.5}],"expected":{}}',
            "id of cancel is 1.5, which is not an integer or a name",
        ),
        (
            '{"name":"x","commands":[{"op":"clock","now":1.5}],"expected":{}}',
            "now of clock is 1.5, which is no integer",
        ),
        (
            '{"name":"x","commands":[{"op":"state","state":"shut"}],"expected":{}}',
            "state of state is 'shut', which is none",
        ),
        ("[" * 100_000, "malformed line: no JSON"),
    ],
)
def test_a_malformed_line_is_one_failure_and_the_others_are_played(
    text: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = play(tmp_path, capsys, text, line("right", [REST]))
    assert code == 1
    assert why in printed[0]
    assert printed[1] == "1 passed, 1 failed"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ('{"id":1}', "no op"),
        ("3", "no object"),
        ('{"op":"cancel"}', "cancel without id"),
        ('{"op":"config","band":[5]}', "band of config is [5], which is not [lowest, highest]"),
        ('{"op":"config","breaker":{}}', "breaker of config is {}, which is not {limit, pause}"),
        (
            '{"op":"config","auctions":[1,-1]}',
            "auctions of config is [1, -1], which is not [before the opening, before",
        ),
        ('{"op":"config","lot":0}', "lot of config is 0, which is less than 1"),
        ('{"op":"session","opens":2,"closes":1}', "session closes before it opens"),
        ('{"op":"limit","id":1,"side":"buy","qty":1,"price":1,"post_only":"no"}', "post_only of limit is 'no'"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(
    command: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = play(tmp_path, capsys, f'{{"name":"x","commands":[{command}],"expected":{{}}}}')
    assert code == 1
    assert f"malformed line: commands[0]: {why}" in printed[0]


@pytest.mark.parametrize("venue", [[], ["--oracle"]], ids=["engine", "oracle"])
def test_orders_may_have_names(venue: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [REST | {"id": "rest"}, HIT | {"id": "hit"}, REST | {"id": "b"}, {"op": "mass_cancel"}, HIT | {"id": 7}]
    case = line(
        "names",
        [*commands, {"op": "cancel", "id": "nobody"}],
        trades=[TRADE | {"taker": "hit", "maker": "rest"}],
        cancels=[["b", 5, "mass"], ["rest", 3, "mass"]],
        rejects=[["nobody", "cancel", "unknown"]],
        book=[["sell", 10, 2, [7]]],
    )
    path = tmp_path / "names.jsonl"
    path.write_text(case)
    assert runner.main([str(path), *venue]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("venue", [[], ["--oracle"]], ids=["engine", "oracle"])
def test_odd_files_are_read_too(venue: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mark at the beginning, Windows' ends of lines, a line separator in a name, and null for what is not given."""
    path = tmp_path / "odd.jsonl"
    fields = ("tif", "expire", "post_only", "display", "owner", "stp", "oco", "slip")
    lines = [line("nulls", [REST | dict.fromkeys(fields)], book=[["buy", 10, 5, [1]]]), line("last", [])]
    path.write_text("\ufeff" + "\r\n".join(lines).replace('"last"', '"one\u2028line"'), encoding="utf-8", newline="")
    assert runner.main([str(path), *venue]) == 0
    assert capsys.readouterr().out.splitlines() == ["2 passed, 0 failed"]


def test_a_file_that_is_not_there_is_one_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["nowhere.jsonl", "--oracle"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("nowhere.jsonl: cannot be read")
    assert printed[-1] == "0 passed, 1 failed"


def test_an_engine_that_is_not_there_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "PRODUCTION", "tests.conformance.nowhere")
    assert runner.main([str(FILES[0])]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert len(printed.err.splitlines()) == 1
    assert "tests.conformance.nowhere is not there yet" in printed.err


def test_it_is_a_command_of_the_projects_root() -> None:
    command = [sys.executable, "-m", "tests.conformance", str(FILES[0]), "--oracle"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count = len(FILES[0].read_text().splitlines())
    assert done.stdout.splitlines()[-1] == f"{count} passed, 0 failed"


def test_notes_beside_the_three_keys_are_allowed() -> None:
    assert parse('{"name":"x","origin":"own","commands":[],"expected":{}}').name == "x"
