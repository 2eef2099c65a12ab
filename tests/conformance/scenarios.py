"""Scenarios of the neutral format: reading a line, and what a venue did otherwise than it says."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.commands import faults, without_nulls

Run = Callable[[list[dict[str, Any]]], dict[str, Any]]
"""Plays commands on a fresh venue -> everything that a scenario may expect."""

COMPARED = (
    *("trades", "book", "cancels", "rejects", "pending_stops", "auction_orders"),
    *("last", "displayed", "state", "indication"),
)
NOTHING = "nothing"


class Scenario(NamedTuple):
    name: str
    commands: list[dict[str, Any]]
    expected: dict[str, Any]


class Malformed(ValueError):
    """A line is no scenario."""


class Verdict(NamedTuple):
    name: str
    difference: str | None
    """The first one; None where all is as expected."""


def verdicts(path: Path, run: Run) -> Iterator[Verdict]:
    """Of each line that is not blank. A file that cannot be read is one failure."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # splitlines would cut at U+2028 in a name
    except (OSError, UnicodeDecodeError) as error:
        yield Verdict(str(path), f"cannot be read: {error}")
        return
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            scenario = parse(line)
        except Malformed as error:
            yield Verdict(f"{path}:{number}", f"malformed line: {error}")
        else:
            yield Verdict(scenario.name, first_difference(scenario, run))


def parse(line: str) -> Scenario:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}") from error
    if not isinstance(read, dict):
        raise Malformed("no object")
    for field, kind in (("name", str), ("commands", list), ("expected", dict)):
        if not isinstance(read.get(field), kind):
            raise Malformed(f"{field} is missing or no {kind.__name__}")
    commands = list(_commands(read["commands"]))
    unknown = sorted(read["expected"].keys() - set(COMPARED))
    if unknown:
        raise Malformed(f"expected names {', '.join(unknown)}, which is not compared")
    return Scenario(read["name"], commands, read["expected"])


def _commands(written: list[Any]) -> Iterator[dict[str, Any]]:
    for number, command in enumerate(written):
        fault = next(faults(without_nulls(command)), None) if isinstance(command, dict) else "no object"
        if fault is not None:
            raise Malformed(f"commands[{number}]: {fault}")
        yield without_nulls(command)


def first_difference(scenario: Scenario, run: Run) -> str | None:
    try:
        found = _played(scenario.commands, run)
    except Exception as error:  # noqa: BLE001 - whatever a venue raises is this scenario's failure, not the runner's
        return f"could not be played: {type(error).__name__}: {error}"
    for key in COMPARED:
        if key in scenario.expected:
            difference = _difference(key, scenario.expected[key], found.get(key))
            if difference is not None:
                return difference
    return None


def _played(commands: list[dict[str, Any]], run: Run) -> dict[str, Any]:
    """Venues know numbers: where orders have names, the one that sorts first is order 1."""
    ids = {command["id"] for command in commands if "id" in command}
    if not any(isinstance(each, str) for each in ids):
        return run(commands)
    names = sorted(ids, key=lambda each: (isinstance(each, str), each))
    numbers = {name: number for number, name in enumerate(names, start=1)}
    found = run([command | ({"id": numbers[command["id"]]} if "id" in command else {}) for command in commands])
    return _named(found, lambda number: names[number - 1])


def _named(found: dict[str, Any], name: Callable[[int], Any]) -> dict[str, Any]:
    return found | {
        "trades": [trade | {role: name(trade[role]) for role in ("taker", "maker")} for trade in found["trades"]],
        "book": [[*level, [name(each) for each in ids]] for *level, ids in found["book"]],
        **{key: [[name(first), *rest] for first, *rest in found[key]] for key in ("cancels", "rejects")},
        **{key: [name(each) for each in found[key]] for key in ("pending_stops", "auction_orders")},
    }


def _difference(key: str, expected: Any, found: Any) -> str | None:
    if not isinstance(expected, list) or not isinstance(found, list):
        return None if expected == found else _sentence(key, expected, found)
    for index in range(max(len(expected), len(found))):
        wanted = expected[index] if index < len(expected) else NOTHING
        got = found[index] if index < len(found) else NOTHING
        if not (_is_same_trade(wanted, got) if key == "trades" else _plain(wanted) == _plain(got)):
            return _sentence(f"{key}[{index}]", wanted, got)
    return None


def _is_same_trade(expected: Any, found: Any) -> bool:
    """Only what is given counts, but whether a trade is an auction's always does."""
    if not isinstance(expected, dict) or not isinstance(found, dict):
        return False
    wanted = {"auction": False, **expected}
    return wanted == {key: found.get(key, False if key == "auction" else NOTHING) for key in wanted}


def _plain(value: Any) -> Any:
    """Tuples are as good as lists."""
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _sentence(where: str, expected: Any, found: Any) -> str:
    return f"{where}: expected {_shown(expected)}, found {_shown(found)}"


def _shown(value: Any) -> str:
    return value if value is NOTHING else json.dumps(value, default=str)
