"""The blotter of the page of inquiries, on frames as the socket sends them."""

import json
from typing import Any

import msgspec
import pytest
from desk import (
    CLIENT_SELLS,
    START,
    TWO_WAY,
    accept,
    by_hand,
    decide,
    desk_with,
    inquire,
    market,
    quote,
    respond,
)
from machines import of_type
from node import needs_node, node

from schemas.inquiries import DeskPositionChanged, InquiryEvent
from schemas.wire import NANOS
from web.inquiry_sockets import typed

pytestmark = needs_node
NOW_MS = START // 1_000_000
SHOW = """
const blotter = new page.Blotter();
for (const frame of given.frames) blotter.take(frame);
const shown = blotter.shown(given.which, given.text);
"""


def frames(*commands: Any, **terms: Any) -> list[Any]:
    """What the socket sends of a desk by hand, where these are said one after the other."""
    machine = desk_with(by_hand(**terms), market(100))
    found = []
    for command in commands:
        events = of_type(machine.run(command, at=machine.state.now + 1), InquiryEvent, DeskPositionChanged)
        found += [json.loads(msgspec.json.encode(typed(event))) for event in events]
    return found


def rows(sent: list[Any], which: str = "all", text: str = "", now_ms: float = NOW_MS) -> list[dict[str, str]]:
    """The table, by the names of its columns."""
    body = SHOW + "return shown.map((one) => blotter.cells(one, given.now).map(([text]) => text));"
    columns = node("blotter.js", "return page.COLUMNS;", {})
    given = {"frames": sent, "which": which, "text": text, "now": now_ms}
    return [dict(zip(columns, cells, strict=True)) for cells in node("blotter.js", body, given)]


def actions(sent: list[Any], now_ms: float = NOW_MS, round_trip_ms: float = 0) -> list[str]:
    """What the dealer may do with the newest."""
    body = SHOW + "return page.actionsOf(shown[0], given.now, given.trip);"
    given = {"frames": sent, "which": "all", "text": "", "now": now_ms, "trip": round_trip_ms}
    found: list[str] = node("blotter.js", body, given)
    return found


DAY = (
    inquire("1"),
    inquire("2", CLIENT_SELLS, 30, price=99, trader="eve"),
    quote("1", ask="100.50"),
    accept("1"),
    inquire("3", TWO_WAY),
    decide("2", "PASS"),
)


def test_the_newest_comes_first_with_everything_that_is_asked_of_a_blotter() -> None:
    found = rows(frames(*DAY))
    assert [row["ID"] for row in found] == ["3", "2", "1"]
    done = found[2]
    wanted = {
        "Client": "cpt1",
        "Side": "buy",
        "Instrument": "AAPL",
        "Book": "BOOK1",
        "Quantity": "100",
        "Price": "100.5",
        "Ask": "100.5",
        "Bid": "",
        "Mid": "100",
        "Status": "BOOKED",
        "Outcome": "DONE",
        "By": "person",
        "Answered in": "0 ms",
        "Position": "-100",
        "Ends in": "",
    }
    assert {name: done[name] for name in wanted} == wanted
    assert (found[1]["Reason"], found[1]["Trader"], found[1]["Price"]) == ("PASSED", "eve", "99")
    assert found[0]["Position"] == "-100", "of the book, as it is now"


def test_an_older_frame_never_replaces_a_newer_one() -> None:
    sent = frames(*DAY)
    assert rows([*sent, *sent[:3]]) == rows(sent) == rows([frame for frame in sent for _ in (1, 2)])


def test_what_is_shown_can_be_chosen() -> None:
    sent = frames(*DAY)
    assert [row["ID"] for row in rows(sent, "live")] == ["3"]
    assert [row["ID"] for row in rows(sent, "done")] == ["1"]
    assert [row["ID"] for row in rows(sent, "over")] == ["2"]
    assert [row["ID"] for row in rows(sent, text=" EVE")] == ["2"]


def test_a_snapshot_and_what_follows_it_are_the_same_as_all_frames() -> None:
    sent = frames(*DAY)
    snapshot = {"type": "SNAPSHOT", "inquiries": [sent[1]["inquiry"], sent[3]["inquiry"]], "positions": []}
    assert rows([snapshot, *sent]) == rows(sent)


def test_no_more_than_fifty_rows_are_shown() -> None:
    assert len(rows(frames(*[inquire(str(n)) for n in range(60)]))) == 50


@pytest.mark.parametrize(
    ("commands", "terms", "wanted"),
    [
        ([inquire("1")], {}, ["quote", "pass"]),
        ([inquire("1", price=100)], {}, ["quote", "accept", "pass"]),
        ([inquire("1"), quote("1", ask=101)], {}, ["requote", "pass", "withdraw"]),
        ([inquire("1"), quote("1", ask=101), respond("1", "COUNTER", 100)], {}, ["quote", "accept", "pass"]),
        ([inquire("1"), quote("1", ask=101), accept("1")], {"last_look_ns": NANOS}, ["accept", "pass"]),
        ([inquire("1"), quote("1", ask=101), accept("1")], {}, []),
    ],
)
def test_a_dealer_may_do_what_the_desk_would_take(commands: Any, terms: Any, wanted: list[str]) -> None:
    assert actions(frames(*commands, **terms)) == wanted


def test_buttons_go_when_what_they_send_would_come_too_late() -> None:
    sent = frames(inquire("1"), quote("1", ask=101), firm_ns=10 * NANOS)
    assert actions(sent, NOW_MS + 9_700, round_trip_ms=200) != []
    assert actions(sent, NOW_MS + 9_900, round_trip_ms=200) == []


def test_requests_name_the_version_that_was_seen_and_the_sides_that_were_asked_for() -> None:
    body = SHOW + 'return ["quote", "accept", "withdraw"].map((each) => page.requestOf(each, shown[0], given.prices));'
    prices = {"bid": "", "ask": "101", "qty": ""}
    given = {"frames": frames(inquire("a.b")), "which": "all", "text": "", "prices": prices}
    asked, taken, back = node("blotter.js", body, given)
    assert asked == {"path": "/api/v1/inquiries/a.b/quote", "body": {"expected_version": 2, "ask": "101"}}
    assert taken["body"] == {"expected_version": 2, "by": "dealer"}
    assert back["body"] == {"expected_version": 2}
