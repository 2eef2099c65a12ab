"""Compares what a book does with recorded order flow with what the record says of it."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.feeds.flow_book import FlowBook, NotThere, Outcome
from app.feeds.order_flow import Command, Expected, Fill, FlowError, commands, expectations
from domain.resting import RestingOrder

NOTHING = "nothing"
_NONE: tuple[int, None] = (0, None)


class Step(NamedTuple):
    """One command, as it went."""

    command: Command
    order: RestingOrder | None
    """The order that it is about, as it was before."""
    fills: list[Fill]
    """What the record expects."""


class Difference(NamedTuple):
    """What was expected, and what was found in its place."""

    seq: int
    what: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"seq {self.seq}, {self.what}: expected {_shown(self.expected)}, found {_shown(self.found)}"


class Comparison:
    """Plays a recording on a book of its own. Neither file is held in memory."""

    def __init__(self, command_file: Path, expected_file: Path) -> None:
        self._command_file, self._expected_file = command_file, expected_file
        self.book = FlowBook()
        self.commands = 0
        self.fills = self.fills_equal = 0
        """Expected ones, and those of them that were found at their place."""
        self.rows = self.rows_equal = 0
        self.first_difference: Difference | None = None
        self.seconds = 0.0

    @property
    def is_equal(self) -> bool:
        """Whether all is as expected."""
        return self.first_difference is None

    def run(self) -> None:
        """All of it. Raises FlowError."""
        began = time.perf_counter()
        for _ in self.steps():
            pass
        self.seconds = time.perf_counter() - began

    def steps(self) -> Iterator[Step]:
        """Command by command, each compared before the next one is asked for. Raises FlowError."""
        due = expectations(self._expected_file)
        number, ahead = next(due, _NONE)
        for line, command in commands(self._command_file):
            order, outcome = self.book.find(command.id), self._play(line, command)
            self.commands += 1
            expected: list[Expected] = []
            while ahead is not None and ahead.after_seq == command.seq:
                expected.append(ahead)
                number, ahead = next(due, _NONE)
            fills = [fill for each in expected for fill in each.fills or ()]
            self._compare_fills(command.seq, fills, outcome)
            for each in expected:
                self._compare_row(each)
            yield Step(command, order, fills)
        if ahead is not None:
            why = f"after_seq {ahead.after_seq}, and there are {self.commands} commands"
            raise FlowError(f"{self._expected_file}:{number}: {why}")

    def _play(self, line: int, command: Command) -> Outcome:
        try:
            return self.book.play(command)
        except NotThere as error:
            if self.first_difference is None:
                raise FlowError(f"{self._command_file}:{line}: {error}") from error
            return Outcome(())  # it follows from what went wrong before

    def _compare_fills(self, seq: int, expected: list[Fill], outcome: Outcome) -> None:
        self.fills += len(expected)
        self.fills_equal += sum(wanted == got for wanted, got in zip(expected, outcome.fills, strict=False))
        self._compare(seq, "fills", expected, outcome.fills)
        if outcome.fault is not None:
            self._differ(Difference(seq, *outcome.fault))

    def _compare_row(self, expected: Expected) -> None:
        sides = {"bids": expected.bids, "asks": expected.asks}
        wanted = {what: levels for what, levels in sides.items() if levels is not None}
        if not wanted:
            return
        depth = max(map(len, wanted.values())) if expected.top_only else None
        found = dict(zip(sides, self.book.top(depth), strict=True))
        if expected.top_only:
            found = {what: found[what][: len(levels)] for what, levels in wanted.items()}
        self.rows += 1
        are_equal = [self._compare(expected.after_seq, what, wanted[what], found[what]) for what in wanted]
        self.rows_equal += all(are_equal)

    def _compare(self, seq: int, what: str, expected: Sequence[Any], found: Sequence[Any]) -> bool:
        for index in range(max(len(expected), len(found))):
            wanted = expected[index] if index < len(expected) else NOTHING
            got = found[index] if index < len(found) else NOTHING
            if wanted != got:
                self._differ(Difference(seq, f"{what}[{index}]", wanted, got))
                return False
        return True

    def _differ(self, difference: Difference) -> None:
        self.first_difference = self.first_difference or difference


def _shown(value: Any) -> str:
    return value if value is NOTHING else msgspec.json.encode(value).decode()
