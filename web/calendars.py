"""Session calendars of exchanges: opening hours, holidays and early closes, each in the time of its city."""

from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from schemas.order_books import Holiday
from schemas.wire import NANOS

DAY_NS = 86_400 * NANOS
DAYS_BACK, DAYS_AHEAD = 15, 45
"""Of a calendar that is worked out at a time: no exchange closes for longer."""
CALENDARS_KEPT_MAX = 64


class Session(NamedTuple):
    """One session."""

    name: str
    """Its day: 2026-01-05."""
    opens_at: int
    closes_at: int
    holidays: tuple[Holiday, ...]
    """Weekdays without a session since the one before."""


def is_known(calendar: str) -> bool:
    """Whether there is such a calendar."""
    return calendar in _library().get_calendar_names()


def next_session(calendar: str, now: int) -> Session:
    """The session that is, or else the next one."""
    found = _calendar(calendar, now // DAY_NS // DAYS_BACK)
    number = next((number for number, closes_at in enumerate(found.closes_nanos) if closes_at > now), None)
    if number is None:
        raise LookupError(f"{calendar} has no session in the next weeks")
    session, before = found.sessions[number], found.sessions[number - 1]
    return Session(
        session.date().isoformat(),
        int(found.opens_nanos[number]),
        int(found.closes_nanos[number]),
        tuple(_holidays(found, before, session)),
    )


def _holidays(calendar: Any, before: Any, session: Any) -> list[Holiday]:
    pandas = import_module("pandas")
    names = calendar.regular_holidays.holidays(before, session, return_name=True)
    days = pandas.date_range(before, session, inclusive="neither")
    return [
        Holiday(day=day.date().isoformat(), name=str(names.get(day, "")))
        for day in days
        if calendar.weekmask[day.weekday()] == "1"
    ]


@lru_cache(maxsize=CALENDARS_KEPT_MAX)
def _calendar(name: str, number: int) -> Any:
    """The calendar around the days of that number."""
    pandas = import_module("pandas")
    day = pandas.Timestamp(number * DAYS_BACK * DAY_NS).normalize()
    start, end = day - pandas.Timedelta(days=DAYS_BACK), day + pandas.Timedelta(days=DAYS_AHEAD)
    return _library().get_calendar(name, start=start, end=end)


def _library() -> Any:
    """Loaded where it is needed: it brings pandas, which takes a second and much memory."""
    return import_module("exchange_calendars")
