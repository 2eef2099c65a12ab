"""The page docs/order-life.md, drawn from the table by which orders live: `make docs` writes it.

`python -m app.order_life_page --check` only says whether it would write.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from domain.order_life import ANSWERS, EXEC_TYPE_CODES, EXEC_TYPES, WORDS, Step
from schemas.enums import OrderStatus

DOCUMENT = Path(__file__).parents[1] / "docs/order-life.md"
INTRODUCTION = """# The life of an order

Written by `make docs` from [domain/order_life.py](../domain/order_life.py): by this table every order of an account
lives, and each pair of a state and a step has one answer. A step that is empty for a state is impossible there; *late*
means that who asked is told `TOO_LATE`, with the state as it is.
"""
REQUESTS = """
An order whose cancel or amend is on its way to its book (FIX 39=6 and 39=E) is in the state in which it was, and may be
filled: the book decides which came first. `pending_replaces` counts the amends that the book has not answered.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_states(), "", *_steps(), REQUESTS])


def _states() -> Iterator[str]:
    """Each state in the words of everybody."""
    yield "| state | FIX OrdStatus (39) | exchange API | trading API | stock API |"
    yield "|---|---|---|---|---|"
    for status, words in WORDS.items():
        yield f"| {status} | {words.ord_status} | {words.exchange} | {words.trading or '-'} | {words.stock} |"


def _steps() -> Iterator[str]:
    """The table of steps and states."""
    states = [None, *WORDS]
    yield f"| step | ExecType (150) | new | {' | '.join(WORDS)} |"
    yield "|---" * (len(states) + 2) + "|"
    for step in Step:
        exec_type = EXEC_TYPES.get(step)
        told = "-" if exec_type is None else f"{exec_type} ({EXEC_TYPE_CODES[exec_type]})"
        yield f"| {step} | {told} | {' | '.join(_cell(step, status) for status in states)} |"


def _cell(step: Step, status: OrderStatus | None) -> str:
    answers = ANSWERS[step]
    return (answers[status] or "*late*") if status in answers else ""


def main(arguments: list[str]) -> int:
    """Writes the page, or with --check says whether it would."""
    new = page()
    is_stale = not DOCUMENT.exists() or DOCUMENT.read_text() != new
    if arguments == ["--check"]:
        if is_stale:
            sys.stderr.write("docs/order-life.md is stale: run `make docs`\n")
        return int(is_stale)
    DOCUMENT.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
