"""Every pair of a state and a step, written out by hand beside the table that the machine goes by."""

from pathlib import Path

import pytest

from app import order_life_page
from domain.account_rows import FINAL
from domain.order_life import ANSWERS, EXEC_TYPE_CODES, EXEC_TYPES, WORDS, Step, after, answer
from schemas.enums import ExecType, OrderStatus

STATES = {
    "new": None,
    "pend": OrderStatus.PENDING,
    "vali": OrderStatus.VALIDATED,
    "held": OrderStatus.HELD,
    "appr": OrderStatus.RISK_APPROVED,
    "open": OrderStatus.OPEN,
    "wait": OrderStatus.TRIGGER_WAIT,
    "part": OrderStatus.PARTIALLY_FILLED,
    "fill": OrderStatus.FILLED,
    "canc": OrderStatus.CANCELLED,
    "expi": OrderStatus.EXPIRED,
    "reje": OrderStatus.REJECTED,
}
IMPOSSIBLE, LATE = "-", "late"
MATRIX = """
                   new   pend  vali  held  appr  open  wait  part  fill  canc  expi  reje
PLACED             pend  -     -     -     -     -     -     -     -     -     -     -
REFUSED            reje  -     -     -     -     -     -     -     -     -     -     -
VALIDATED          -     vali  -     -     -     -     -     -     -     -     -     -
APPROVED           -     -     appr  -     -     -     -     -     -     -     -     -
HELD_BACK          held  -     -     -     -     -     -     -     -     -     -     -
RELEASED           -     -     -     appr  -     -     -     -     -     -     -     -
REJECTED           -     -     -     reje  reje  -     -     -     -     -     -     -
RESTED             -     -     -     -     open  open  -     -     -     -     -     -
ARMED              -     -     -     -     wait  -     -     -     -     -     -     -
TRIGGERED          -     -     -     -     -     -     open  -     -     -     -     -
FILLED_IN_PART     -     -     -     -     part  part  -     part  -     -     -     -
FILLED             -     -     -     -     fill  fill  -     fill  -     -     -     -
SPENT              -     -     -     -     -     -     -     fill  -     -     -     -
REDUCED            -     -     -     -     appr  open  wait  part  -     -     -     -
AMENDED            -     -     -     held  -     open  wait  part  -     -     -     -
AMENDED_TO_FILLED  -     -     -     -     -     -     -     fill  -     -     -     -
CANCELLED          -     -     -     canc  canc  canc  canc  canc  -     -     -     -
EXPIRED            -     -     -     -     -     expi  expi  expi  -     -     -     -
CANCEL_ASKED       -     -     -     held  appr  open  wait  part  late  late  late  late
AMEND_ASKED        -     -     -     held  appr  open  wait  part  late  late  late  late
REQUEST_REFUSED    -     -     -     -     appr  open  wait  part  late  late  late  late
"""


def pairs() -> list[tuple[OrderStatus | None, Step, str]]:
    head, *lines = [line.split() for line in MATRIX.strip().splitlines()]
    return [(STATES[state], Step(step), word) for step, *row in lines for state, word in zip(head, row, strict=True)]


@pytest.mark.parametrize(("status", "step", "expected"), pairs())
def test_every_pair_has_one_answer(status: OrderStatus | None, step: Step, expected: str) -> None:
    if expected == IMPOSSIBLE:
        with pytest.raises(AssertionError, match=step):
            answer(status, step)
    elif expected == LATE:
        assert answer(status, step) is None
        with pytest.raises(AssertionError, match=step):
            after(status, step)
    else:
        assert answer(status, step) is after(status, step) is STATES[expected]


def test_the_matrix_leaves_nothing_out() -> None:
    found = {(status, step) for status, step, _ in pairs()}
    states = {None, *OrderStatus} - {OrderStatus.UNKNOWN}
    assert found == {(status, step) for status in states for step in Step}
    assert ANSWERS.keys() == set(Step)


def test_no_step_leaves_a_final_state() -> None:
    assert not any(answers.get(status) for answers in ANSWERS.values() for status in FINAL)


def test_every_state_can_be_reached_and_every_one_that_is_not_final_can_be_left() -> None:
    reached = {end for answers in ANSWERS.values() for end in answers.values()} - {None}
    left = {status for answers in ANSWERS.values() for status, end in answers.items() if end not in (None, status)}
    assert reached == WORDS.keys()
    assert left - {None} == WORDS.keys() - FINAL


def test_every_state_and_every_reason_to_tell_of_it_has_its_code_of_fix() -> None:
    assert WORDS.keys() == set(OrderStatus) - {OrderStatus.UNKNOWN}
    assert EXEC_TYPE_CODES.keys() == set(EXEC_TYPES.values()) == set(ExecType) - {ExecType.UNKNOWN}
    assert {status: words.ord_status for status, words in WORDS.items() if status in FINAL} == {
        OrderStatus.FILLED: "2",
        OrderStatus.CANCELLED: "4",
        OrderStatus.REJECTED: "8",
        OrderStatus.EXPIRED: "C",
    }


def test_the_stock_api_calls_filled_executed_and_the_trading_api_is_told_nothing_of_what_comes_before_a_fill() -> None:
    assert {words.stock for words in WORDS.values()} - {status.value for status in WORDS} == {"EXECUTED"}
    assert [status for status, words in WORDS.items() if words.trading is None] == [
        OrderStatus.VALIDATED,
        OrderStatus.RISK_APPROVED,
        OrderStatus.HELD,
        OrderStatus.OPEN,
        OrderStatus.TRIGGER_WAIT,
    ]


def test_the_page_is_fresh_and_a_stale_one_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert order_life_page.main(["--check"]) == 0
    stale = tmp_path / "order-life.md"
    stale.write_text("# The life of an order\n")
    monkeypatch.setattr(order_life_page, "DOCUMENT", stale)
    assert order_life_page.main(["--check"]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert order_life_page.main([]) == 0
    assert stale.read_text() == order_life_page.page()
