"""Order flow in LOBSTER's layout, made by hand: converted, it plays as it was recorded."""

import gzip
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from effort import seeds

from app.feeds.flow_replay import Comparison
from app.feeds.lobster import LobsterError, convert

NO_ASK, NO_BID = (9999999999, 0), (-9999999999, 0)
SUBMIT, PARTIAL, DELETE, EXECUTE, HIDDEN, CROSS, HALT = range(1, 8)
BUY, SELL = 1, -1
Line = dict[str, Any]


def book(bids: list[tuple[int, int]], asks: list[tuple[int, int]], depth: int = 2) -> str:
    bids, asks = (bids + [NO_BID] * depth)[:depth], (asks + [NO_ASK] * depth)[:depth]
    return ",".join(f"{ask[0]},{ask[1]},{bid[0]},{bid[1]}" for ask, bid in zip(asks, bids, strict=True))


def message(kind: int, order_id: int, size: int, price: int, side: int, at: str = "34200.000000001") -> str:
    return f"{at},{kind},{order_id},{size},{price},{side}"


def converted(tmp_path: Path, *lines: tuple[str, str]) -> tuple[list[Line], Counter[str], Comparison]:
    """-> commands, counts, and how they play."""
    source, levels = tmp_path / "message.csv", tmp_path / "orderbook.csv"
    source.write_text("".join(f"{line}\n" for line, _ in lines))
    levels.write_text("".join(f"{line}\n" for _, line in lines))
    commands, expected = tmp_path / "commands.jsonl", tmp_path / "expected.jsonl"
    counts = Counter(convert(source, levels, commands, expected))
    comparison = Comparison(commands, expected)
    comparison.run()
    assert comparison.is_equal, comparison.first_difference
    return [json.loads(line) for line in commands.read_text().splitlines()], counts, comparison


def short(command: Line) -> tuple[Any, ...]:
    return tuple(command[field] for field in ("op", "id", "side", "px", "qty") if field in command)


def test_submissions_cancellations_and_executions_are_commands(tmp_path: Path) -> None:
    commands, counts, comparison = converted(
        tmp_path,
        (message(SUBMIT, 1, 10, 100, BUY, "34200.5"), book([(100, 10)], [])),
        (message(SUBMIT, 2, 20, 102, SELL), book([(100, 10)], [(102, 20)])),
        (message(PARTIAL, 1, 4, 100, BUY), book([(100, 6)], [(102, 20)])),
        (message(EXECUTE, 2, 5, 102, SELL), book([(100, 6)], [(102, 15)])),
        (message(EXECUTE, 1, 6, 100, BUY), book([], [(102, 15)])),
        (message(DELETE, 2, 15, 102, SELL), book([], [])),
    )
    assert [short(command) for command in commands] == [
        ("add", 1, "B", 100, 10),
        ("add", 2, "S", 102, 20),
        ("reduce", 1, 4),
        ("take", "take-4", "B", 102, 5),
        ("take", "take-5", "S", 100, 6),
        ("cancel", 2),
    ]
    assert commands[0]["t_ns"] == 34_200_500_000_000
    assert commands[1]["t_ns"] == 34_200_000_000_001
    assert counts == {"messages": 6, "commands": 6}
    assert (comparison.fills, comparison.rows) == (2, 6)


def test_what_was_there_before_the_record_began_is_added_as_orders_of_nobody(tmp_path: Path) -> None:
    commands, counts, _ = converted(
        tmp_path,
        (message(SUBMIT, 9, 3, 100, BUY), book([(100, 13), (99, 7)], [(102, 5), (103, 1)])),
        (message(EXECUTE, 4, 6, 100, BUY), book([(100, 7), (99, 7)], [(102, 5), (103, 1)])),
        (message(DELETE, 5, 4, 100, BUY), book([(100, 3), (99, 7)], [(102, 5), (103, 1)])),
        (message(PARTIAL, 6, 2, 102, SELL), book([(100, 3), (99, 7)], [(102, 3), (103, 1)])),
        (message(EXECUTE, 9, 3, 100, BUY), book([(99, 7), (98, 2)], [(102, 3), (103, 1)])),
    )
    assert [short(command) for command in commands] == [
        ("add", "nobody-0", "B", 100, 10),
        ("add", "nobody-1", "B", 99, 7),
        ("add", "nobody-2", "S", 102, 5),
        ("add", "nobody-3", "S", 103, 1),
        ("add", 9, "B", 100, 3),
        ("take", "take-2", "S", 100, 6),
        ("cancel", "nobody-0"),
        ("reduce", "nobody-2", 2),
        ("take", "take-5", "S", 100, 3),
        ("add", "nobody-9", "B", 98, 2),
    ]
    assert counts["orders of nobody: there before"] == 4
    assert counts["orders of nobody: came into view"] == 1
    assert commands[-1]["why"] == "came into view"


@pytest.mark.parametrize(
    ("first", "level"),
    [
        (message(EXECUTE, 4, 6, 100, BUY), ("add", "nobody-0", "B", 100, 16)),
        (message(DELETE, 4, 6, 100, BUY), ("add", "nobody-0", "B", 100, 16)),
        (message(EXECUTE, 4, 6, 101, BUY), ("add", "nobody-1", "B", 101, 6)),
    ],
)
def test_a_record_may_begin_with_the_end_of_an_order(first: str, level: tuple[Any, ...], tmp_path: Path) -> None:
    commands, _, _ = converted(tmp_path, (first, book([(100, 10)], [(102, 5)])))
    assert level in [short(command) for command in commands]


def test_hidden_executions_crosses_and_halts_leave_the_book_as_it_is(tmp_path: Path) -> None:
    resting = book([(100, 10)], [(102, 5)])
    commands, counts, comparison = converted(
        tmp_path,
        (message(SUBMIT, 1, 10, 100, BUY), resting),
        (message(HIDDEN, 0, 7, 101, BUY), resting),
        (message(HALT, 0, 0, -1, -1), resting),
        (message(HALT, 0, 0, 1, -1), resting),
        (message(CROSS, -1, 700, 101, -1), resting),
    )
    assert [short(command) for command in commands] == [("add", "nobody-0", "S", 102, 5), ("add", 1, "B", 100, 10)]
    assert (counts["hidden executions"], counts["halts"], counts["crosses"]) == (1, 2, 1)
    assert (comparison.fills, comparison.rows) == (0, 5)


def test_a_record_that_begins_with_nothing_at_all_is_a_record(tmp_path: Path) -> None:
    commands, _, comparison = converted(tmp_path, (message(HALT, 0, 0, -1, -1), book([], [])))
    assert (commands, comparison.rows) == ([], 0)


def test_an_order_that_trades_before_those_in_front_of_it_sends_them_to_the_back(tmp_path: Path) -> None:
    """As when what was in front was cancelled while its level was out of view, and more came behind."""
    commands, counts, _ = converted(
        tmp_path,
        (message(SUBMIT, 1, 10, 100, BUY), book([(100, 10)], [], 1)),
        (message(SUBMIT, 2, 5, 100, BUY), book([(100, 15)], [], 1)),
        (message(EXECUTE, 2, 2, 100, BUY), book([(100, 13)], [], 1)),
    )
    assert [short(command) for command in commands[2:]] == [
        ("cancel", 1),
        ("add", 1, "B", 100, 10),
        ("take", "take-3", "S", 100, 2),
    ]
    assert counts["orders that were moved back"] == 1


def test_what_went_while_its_level_was_out_of_view_is_taken_out_when_it_comes_back(tmp_path: Path) -> None:
    commands, counts, _ = converted(
        tmp_path,
        (message(SUBMIT, 1, 10, 100, BUY), book([(100, 10)], [], 1)),
        (message(SUBMIT, 2, 5, 100, BUY), book([(100, 15)], [], 1)),
        (message(SUBMIT, 3, 1, 101, BUY), book([(101, 1)], [], 1)),
        (message(DELETE, 3, 1, 101, BUY), book([(100, 8)], [], 1)),
    )
    assert [short(command) for command in commands[4:]] == [("cancel", 2), ("reduce", 1, 2)]
    assert counts["levels that shrank unseen"] == 1


def test_a_level_that_is_gone_when_it_should_come_back_is_taken_out(tmp_path: Path) -> None:
    commands, _, _ = converted(
        tmp_path,
        (message(SUBMIT, 1, 10, 100, BUY), book([(100, 10)], [], 1)),
        (message(SUBMIT, 3, 1, 101, BUY), book([(101, 1)], [], 1)),
        (message(DELETE, 3, 1, 101, BUY), book([(99, 4)], [], 1)),
    )
    assert [short(command) for command in commands[3:]] == [("cancel", 1), ("add", "nobody-4", "B", 99, 4)]


FIRST = (message(SUBMIT, 1, 10, 100, BUY), book([(100, 10)], [(102, 5)]))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ((message(SUBMIT, 2, 10, 102, BUY), book([], [])), "message.csv:2: order 2 at 102 crosses the book at 102"),
        ((message(SUBMIT, 1, 10, 99, BUY), book([], [])), "message.csv:2: order 1 is submitted twice"),
        ((message(EXECUTE, 1, 11, 100, BUY), book([], [])), "message.csv:2: order 1 has 10 at 100, not 11"),
        ((message(8, 1, 11, 100, BUY), book([], [])), "message.csv:2: there is no type 8"),
        ((message(SUBMIT, 2, 0, 100, BUY), book([], [])), "message.csv:2: size and price are above zero"),
        (("34200,1,2,3", book([], [])), "message.csv:2: 4 fields where 6 belong"),
        (("soon,1,2,3,4,1", book([], [])), "message.csv:2: 'soon' is no time"),
        ((message(SUBMIT, 2, 1, 99, BUY), "1,2,3"), "orderbook.csv:2: 3 fields, which are no whole levels"),
        ((message(SUBMIT, 2, 1, 99, BUY), "102,0,100,1"), "orderbook.csv:2: a level has no size"),
        ((message(SUBMIT, 2, 1, 99, BUY), "a,b,c,d"), "orderbook.csv:2: invalid literal"),
        ((message(SUBMIT, 2, 1, 99, BUY), ""), "orderbook.csv:2: there is no line beside the message"),
    ],
)
def test_what_cannot_be_converted_is_told_with_its_line_and_leaves_no_file(
    line: tuple[str, str], why: str, tmp_path: Path
) -> None:
    with pytest.raises(LobsterError) as found:
        converted(tmp_path, FIRST, line)
    assert why in str(found.value)
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_book_without_a_message_is_told(tmp_path: Path) -> None:
    for name, text in (("m", FIRST[0] + "\n"), ("b", f"{FIRST[1]}\n{FIRST[1]}\n")):
        (tmp_path / name).write_text(text)
    with pytest.raises(LobsterError, match="m:2: there is no line beside the book"):
        convert(tmp_path / "m", tmp_path / "b", tmp_path / "c", tmp_path / "e")


class Venue:
    """A book that tells of itself as LOBSTER does: what changes its upper levels, from some moment on."""

    def __init__(self, rng: Random, depth: int) -> None:
        self.rng, self.depth = rng, depth
        self.levels: dict[int, dict[int, dict[int, int]]] = {BUY: {}, SELL: {}}
        self.count = 0

    def step(self) -> tuple[str, str] | None:
        before = self.book()
        kind, order_id, size, price, side = self._happen()
        if before == self.book():
            return None
        return message(kind, order_id, size, price, side, f"34200.{self.count:09d}"), self.book()

    def book(self) -> str:
        sides = [
            [
                (price, sum(self.levels[side][price].values()))
                for price in sorted(self.levels[side], key=lambda p: -p * side)
            ]
            for side in (BUY, SELL)
        ]
        return book(*sides, depth=self.depth)

    def _happen(self) -> tuple[int, int, int, int, int]:
        rng, side = self.rng, self.rng.choice((BUY, SELL))
        self.count += 1
        levels = self.levels[side]
        if not levels or rng.random() < 0.5:
            price, size = 1_000 - side * rng.randint(1, 9), rng.randint(1, 9)
            levels.setdefault(price, {})[self.count] = size
            return SUBMIT, self.count, size, price, side
        kind = rng.choice((PARTIAL, DELETE, EXECUTE, EXECUTE))
        price = min(levels, key=lambda p: -p * side) if kind == EXECUTE else rng.choice(list(levels))
        order_id = next(iter(levels[price])) if kind == EXECUTE else rng.choice(list(levels[price]))
        has = levels[price][order_id]
        size = has if kind == DELETE or has == 1 else rng.randint(1, has - (kind == PARTIAL))
        if kind == PARTIAL and size == has:
            kind = DELETE
        levels[price][order_id] -= size
        if size == has:
            del levels[price][order_id]
        if not levels[price]:
            del levels[price]
        return kind, order_id, size, price, side


@pytest.mark.parametrize("seed", seeds(20))
def test_a_day_by_chance_plays_as_it_was_recorded_whatever_of_it_is_in_view(seed: int, tmp_path: Path) -> None:
    venue = Venue(Random(seed), depth=1 + seed % 5)
    for _ in range(seed % 3 * 40):
        venue.step()
    lines = [line for _ in range(400) if (line := venue.step()) is not None]
    _, counts, comparison = converted(tmp_path, *lines)
    assert counts["messages"] == len(lines) == comparison.rows
    assert comparison.fills > 20


def test_of_a_day_of_which_everything_is_recorded_nothing_is_guessed(tmp_path: Path) -> None:
    venue = Venue(Random(7), depth=20)
    lines = [line for _ in range(400) if (line := venue.step()) is not None]
    commands, counts, _ = converted(tmp_path, *lines)
    assert counts == {"messages": 400, "commands": 400}
    assert not [command for command in commands if "why" in command]


def test_compressed_files_are_read_and_written(tmp_path: Path) -> None:
    for name, text in (("m.gz", FIRST[0]), ("b.gz", FIRST[1])):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    convert(tmp_path / "m.gz", tmp_path / "b.gz", tmp_path / "c.jsonl.gz", tmp_path / "e.jsonl.gz")
    comparison = Comparison(tmp_path / "c.jsonl.gz", tmp_path / "e.jsonl.gz")
    comparison.run()
    assert (comparison.is_equal, comparison.commands, comparison.rows) == (True, 2, 1)
