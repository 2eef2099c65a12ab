"""The page docs/inquiry-life.md, drawn from the table by which inquiries live: `make docs` writes it.

`python -m app.inquiry_life_page --check` only says whether it would write.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from domain.desk_terms import LAST_LOOK_NS_MAX
from domain.inquiry_life import (
    ANSWERS,
    COUNTER_ROUNDS_MAX,
    FINAL,
    OLDER_NAMES,
    OUTCOMES,
    QUOTE_STATUS_CODES,
    REQUESTS,
    Step,
)
from schemas.enums import InquiryStatus
from schemas.wire import NANOS

DOCUMENT = Path(__file__).parents[1] / "docs/inquiry-life.md"
INTRODUCTION = """# The life of an inquiry

Written by `make docs` from [domain/inquiry_life.py](../domain/inquiry_life.py): by this table every inquiry lives, and
each pair of a state and a step has one answer. A request that leads nowhere is refused with *NOT_NOW*, or, when the
inquiry has ended, with *FINISHED*, its outcome and its version. A step that is no request is impossible where it is
empty.
"""
RULES = f"""
A counter is answered by the other side: who made it is told `NOT_YOUR_TURN`. After {COUNTER_ROUNDS_MAX} counters there
are no more (`COUNTER_ROUNDS`). Three clocks run: `due_time` until a quote is there, `firm_until` while a quote or the
dealer's counter is open, `expire_time` always. At the time of a clock it is over: what comes with that time or later
comes too late, whenever a timer fires. Versions are 1, 2, 3, … without a gap; an `expected_version` that is another one
is `VERSION_CONFLICT`.

What a client accepts is booked in the same step. Terms of a book may lay down a last look (`last_look_ns`, at most
{LAST_LOOK_NS_MAX // NANOS} s; usually zero): the inquiry stays ACCEPTED until `look_until`, and its units count as
pending. One rule decides: the trade stands, unless the reference price has moved by more than `last_look_tolerance`
since the dealer named its price, up or down, whomever that favours; then it is REJECTED with `LAST_LOOK`. The
auto-trader decides at once where its reference price is not stale, else when it hears one. A person may confirm
(DEALER_ACCEPT) or refuse (PASS) meanwhile. At `look_until` the rule decides by the last price there is. Limits and
kill switches hold as for every booking.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_states(), "", *_steps(), RULES])


def _states() -> Iterator[str]:
    """Each state, with the older system's word for it."""
    yield "| state | over | older system |"
    yield "|---|---|---|"
    for status in _all():
        yield f"| {status} | {'yes' if status in FINAL else ''} | {OLDER_NAMES.get(status, '-')} |"


def _all() -> list[InquiryStatus]:
    return [status for status in InquiryStatus if status is not InquiryStatus.UNKNOWN]


def _steps() -> Iterator[str]:
    """The table of steps and states."""
    states = [None, *[status for status in _all() if status not in FINAL]]
    yield f"| step | request | outcome (FIX QuoteRespType 694) | new | {' | '.join(map(str, states[1:]))} |"
    yield "|---" * (len(states) + 3) + "|"
    for step in Step:
        outcome = OUTCOMES.get(step)
        code = QUOTE_STATUS_CODES.get(outcome) if outcome is not None else None
        ends = "-" if outcome is None else f"{outcome} ({code})" if code else outcome
        cells = " | ".join(_cell(step, status) for status in states)
        yield f"| {step} | {'yes' if step in REQUESTS else ''} | {ends} | {cells} |"


def _cell(step: Step, status: InquiryStatus | None) -> str:
    found = ANSWERS[step].get(status)
    return found or ("*NOT_NOW*" if step in REQUESTS and status is not None else "")


def main(arguments: list[str]) -> int:
    """Writes the page, or with --check says whether it would."""
    new = page()
    is_stale = not DOCUMENT.exists() or DOCUMENT.read_text() != new
    if arguments == ["--check"]:
        if is_stale:
            sys.stderr.write("docs/inquiry-life.md is stale: run `make docs`\n")
        return int(is_stale)
    DOCUMENT.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
