from pathlib import Path

import pytest

from app import inquiry_life_page
from domain import inquiry_life
from domain.inquiry_life import ANSWERS, FINAL, OPEN, OUTCOMES, REQUESTS, Step
from schemas.enums import InquiryReason, InquiryStatus

PUBLISHED = {
    "NEW": {"ENRICHED", "REJECTED", "CANCELLED", "EXPIRED"},
    "ENRICHED": {"QUOTED", "COUNTERED", "ACCEPTED", "REJECTED", "CANCELLED", "EXPIRED", "ENRICHED"},
    "QUOTED": {"ACCEPTED", "COUNTERED", "REJECTED", "TRADED_AWAY", "EXPIRED", "WITHDRAWN", "QUOTED"},
    "COUNTERED": {"QUOTED", "ACCEPTED", "REJECTED", "EXPIRED", "COUNTERED"},
    "ACCEPTED": {"BOOKED", "REJECTED"},
}
"""Which state may follow which; to stay is to be quoted anew, or to be taken over by a person."""


def test_every_state_leads_exactly_to_those_that_may_follow() -> None:
    found: dict[str, set[str]] = {status: set() for status in PUBLISHED}
    for answers in ANSWERS.values():
        for before, after in answers.items():
            if before is not None:
                found[before].add(after.value)
    assert found == PUBLISHED


@pytest.mark.parametrize("status", [status for status in InquiryStatus if status != "UNKNOWN"])
@pytest.mark.parametrize("step", sorted(REQUESTS))
def test_whatever_is_asked_in_whatever_state_has_an_answer(status: InquiryStatus, step: Step) -> None:
    found = inquiry_life.answer(status, step)
    if status in FINAL:
        assert found is InquiryReason.FINISHED
    else:
        assert found is InquiryReason.NOT_NOW or found is ANSWERS[step][status]


def test_a_state_is_open_or_final() -> None:
    assert set(OPEN) | FINAL | {InquiryStatus.UNKNOWN} == set(InquiryStatus)
    assert not set(OPEN) & FINAL


def test_every_step_that_ends_an_inquiry_says_how() -> None:
    ends = {step for step, answers in ANSWERS.items() if set(answers.values()) & FINAL}
    assert ends == OUTCOMES.keys()


def test_every_state_can_be_reached_and_only_open_ones_are_left() -> None:
    assert {after for answers in ANSWERS.values() for after in answers.values()} == set(OPEN) | FINAL
    assert not {before for answers in ANSWERS.values() for before in answers} & FINAL


def test_the_page_is_what_the_table_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inquiry_life_page.main(["--check"]) == 0
    stale = tmp_path / "inquiry-life.md"
    monkeypatch.setattr(inquiry_life_page, "DOCUMENT", stale)
    assert inquiry_life_page.main(["--check"]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert inquiry_life_page.main([]) == 0
    assert stale.read_text() == inquiry_life_page.page()
