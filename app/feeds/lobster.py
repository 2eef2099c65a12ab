"""Order flow in the public layout of LOBSTER, turned into the files that `replay-orders` plays.

A message is a line `time, type, order id, size, price, direction`: seconds after midnight, prices x 10000, direction 1
where the order that rests buys, -1 where it sells. Beside each stands a line of the book after it: ask price 1, ask
size 1, bid price 1, bid size 1, ask price 2, ...; a level that is empty has the price 9999999999 or -9999999999.

| type | what it becomes |
|---|---|
| 1 submission | `add` |
| 2 partial cancellation | `reduce` |
| 3 deletion | `cancel` |
| 4 execution of a visible order | `take` of the other side at its price; an aggressive order is one a maker |
| 5 execution of a hidden order | nothing: what is hidden is not recorded, and the visible book stays as it is |
| 6 cross of an auction | nothing: the orders that took part are not recorded |
| 7 halt, or its end | nothing: it is no order. What the book takes meanwhile is played as at any time |

The record has only the upper levels, and begins with a book that has orders in it. So what is there without a
submission is added as orders of nobody, by level: at the beginning, and when a level comes into view. Executions and
cancellations of orders that were never submitted are of those. What is gone when a level comes into view again is taken
out, the last first. An execution behind others, which only such orders can bring about, sends those others to the back
first. The `why` of a command says so, and all of it is counted.

What cannot be played: an order that crosses the book (as in the quoting before an auction ends), one that is submitted
twice, and more units of an order than it has. That ends with the number of the line.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from app.feeds.lobster_book import CannotBePlayed, Flow, Sides

SUBMISSION, REDUCTION, DELETION, EXECUTION, HIDDEN, CROSS, HALT = range(1, 8)
NOTHING = {HIDDEN: "hidden executions", CROSS: "crosses", HALT: "halts"}
EMPTY = 9_999_999_999
"""Price of an ask level that is empty; its negative, of a bid level."""
FIELDS = 6
NS_DIGITS = 9


class LobsterError(ValueError):
    """The files cannot be converted. The message tells which line, and why."""


class Message(NamedTuple):
    """One event of the book."""

    at: int
    """Nanoseconds after midnight."""
    kind: int
    order_id: int
    size: int
    price: int
    side: str
    """Of the order that rests: B or S."""


class Row(NamedTuple):
    """The upper levels of a book."""

    sides: Sides
    whole: frozenset[str]
    """Sides that have no other levels."""


def convert(messages: Path, orderbook: Path, commands: Path, expected: Path) -> dict[str, int]:
    """Writes the commands and what is expected -> how much there was of what. Raises LobsterError."""
    written = [commands, expected]
    try:
        with _opened(commands, "wt") as first, _opened(expected, "wt") as second:
            flow = Flow(first, second)
            for number, message, row in _read(messages, orderbook):
                try:
                    _play(flow, number, message, row)
                except CannotBePlayed as error:
                    raise LobsterError(f"{messages}:{number}: {error}") from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        _forget(written)
        raise LobsterError(str(error)) from error
    except LobsterError:
        _forget(written)
        raise
    return flow.counts


def _play(flow: Flow, number: int, message: Message, row: Row) -> None:
    flow.begin(number, message.at)
    if number == 1:
        flow.show(_before(message, row.sides), row.whole, "there before")
    side, price, order_id, size = message.side, message.price, message.order_id, message.size
    if message.kind == SUBMISSION:
        flow.submit(side, order_id, price, size)
    elif message.kind in (REDUCTION, DELETION):
        flow.take_off(side, order_id, price, size)
    elif message.kind == EXECUTION:
        flow.execute(side, order_id, price, size)
    else:
        flow.count(NOTHING[message.kind])
    flow.show(row.sides, row.whole, "came into view")
    flow.expect(row.sides, row.whole)


def _before(message: Message, after: Sides) -> Sides:
    """The levels as they were before the message."""
    before = {side: dict(levels) for side, levels in after.items()}
    change = {SUBMISSION: -message.size}.get(message.kind, message.size)
    if message.kind in (SUBMISSION, REDUCTION, DELETION, EXECUTION):
        levels = before[message.side]
        levels[message.price] = max(0, levels.get(message.price, 0) + change)
        before[message.side] = {price: size for price, size in levels.items() if size}
    return before


def _read(messages: Path, orderbook: Path) -> Iterator[tuple[int, Message, Row]]:
    """Line number, message, and the book after it."""
    with _opened(messages, "rt") as events, _opened(orderbook, "rt") as books:
        number = 0
        for number, line in enumerate(events, 1):
            book = books.readline()
            if not book.strip():
                raise LobsterError(f"{orderbook}:{number}: there is no line beside the message")
            yield number, _parsed(messages, number, line, _message), _parsed(orderbook, number, book, _row)
        if books.readline().strip():
            raise LobsterError(f"{messages}:{number + 1}: there is no line beside the book")


def _parsed(path: Path, number: int, line: str, parse: Any) -> Any:
    try:
        return parse(line.strip().split(","))
    except ValueError as error:
        raise LobsterError(f"{path}:{number}: {error}") from error


def _message(fields: list[str]) -> Message:
    if len(fields) != FIELDS:
        raise ValueError(f"{len(fields)} fields where {FIELDS} belong")
    kind, order_id, size, price, direction = (int(field) for field in fields[1:])
    if kind not in range(SUBMISSION, HALT + 1):
        raise ValueError(f"there is no type {kind}")
    if kind <= EXECUTION and (size <= 0 or price <= 0 or direction not in (-1, 1)):
        raise ValueError("size and price are above zero, direction is 1 or -1")
    return Message(_nanoseconds(fields[0]), kind, order_id, size, price, "B" if direction == 1 else "S")


def _nanoseconds(text: str) -> int:
    """Of a decimal number of seconds, digit by digit."""
    seconds, _, rest = text.strip().partition(".")
    if not (seconds.isdecimal() and (not rest or rest.isdecimal())):
        raise ValueError(f"{text!r} is no time")
    return int(seconds + rest[:NS_DIGITS].ljust(NS_DIGITS, "0"))


def _row(fields: list[str]) -> Row:
    if len(fields) % 4:
        raise ValueError(f"{len(fields)} fields, which are no whole levels")
    values = [int(field) for field in fields]
    levels = {
        side: {price: size for price, size in zip(values[at::4], values[at + 1 :: 4], strict=True) if 0 < price < EMPTY}
        for side, at in (("B", 2), ("S", 0))
    }
    if any(size <= 0 for each in levels.values() for size in each.values()):
        raise ValueError("a level has no size")
    return Row(levels, frozenset(side for side in levels if len(levels[side]) < len(fields) // 4))


def _opened(path: Path, mode: str) -> TextIO:
    """A text file, compressed where its name says so."""
    return gzip.open(path, mode, encoding="utf-8") if path.suffix == ".gz" else path.open(mode, encoding="utf-8")  # type: ignore[return-value]


def _forget(paths: list[Path]) -> None:
    """What was written is no whole recording."""
    for path in paths:
        path.unlink(missing_ok=True)
