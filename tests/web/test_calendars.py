"""Sessions of an exchange in its own time: winter and summer, holidays, days that end early."""

from datetime import UTC, datetime

import pytest

from web.calendars import is_known, next_session


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def text(moment: int) -> str:
    return datetime.fromtimestamp(moment // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("now", "session", "opens", "closes"),
    [
        ("2026-01-05T00:00:00Z", "2026-01-05", "2026-01-05 14:30", "2026-01-05 21:00"),
        ("2026-07-06T00:00:00Z", "2026-07-06", "2026-07-06 13:30", "2026-07-06 20:00"),
        ("2026-01-05T20:59:59Z", "2026-01-05", "2026-01-05 14:30", "2026-01-05 21:00"),
        ("2026-01-05T21:00:00Z", "2026-01-06", "2026-01-06 14:30", "2026-01-06 21:00"),
        ("2026-11-27T12:00:00Z", "2026-11-27", "2026-11-27 14:30", "2026-11-27 18:00"),
        ("2026-03-06T22:00:00Z", "2026-03-09", "2026-03-09 13:30", "2026-03-09 20:00"),
        ("2026-10-30T22:00:00Z", "2026-11-02", "2026-11-02 14:30", "2026-11-02 21:00"),
    ],
    ids=["winter", "summer", "the last second", "the close", "half a day", "clocks go forward", "clocks go back"],
)
def test_new_york_opens_and_closes_by_its_own_clocks(now: str, session: str, opens: str, closes: str) -> None:
    found = next_session("XNYS", moment(now))
    assert (found.name, text(found.opens_at), text(found.closes_at)) == (session, opens, closes)


def test_weekdays_without_a_session_are_holidays() -> None:
    found = next_session("XNYS", moment("2025-12-31T22:00:00Z"))
    assert found.name == "2026-01-02"
    assert [(holiday.day, holiday.name) for holiday in found.holidays] == [("2026-01-01", "New Year's Day")]
    assert next_session("XNYS", moment("2026-01-02T22:00:00Z")).holidays == (), "a weekend is none"


def test_calendars_have_names() -> None:
    assert is_known("XNYS")
    assert not is_known("NOWHERE")
