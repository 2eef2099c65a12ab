"""The page of inquiries as a dealer uses it: rows, versions, filters and the file, with a document of our own."""

import csv
import io
import json
from typing import Any

import msgspec
import pytest
from desk import CLIENT_SELLS, TWO_WAY, accept, by_hand, decide, desk_with, inquire, market, quote
from machines import of_type
from node import STATIC, needs_node, node
from system import ROOT

from schemas.inquiries import DeskPositionChanged, InquiryEvent
from web.inquiry_sockets import typed

pytestmark = needs_node
OPEN = """
const desk = page.opened(given.page);
desk.hear([{ type: 'SNAPSHOT', inquiries: [], positions: [] }, ...given.frames]);
const column = (name) => desk.byId('columns').children.findIndex((cell) => cell.textContent === name);
const type = (name, text) => {
  const input = desk.byId('filters').children[column(name)].firstChild;
  input.value = text; input.oninput(); desk.draw();
};
"""
NAMES = "desk.rows().map(([name]) => name)"
DAY = (
    inquire("1"),
    inquire("2", CLIENT_SELLS, 30, price=99, trader="eve"),
    quote("1", ask="100.50"),
    accept("1"),
    inquire("3", TWO_WAY, 7, trader="=1+1"),
    decide("2", "PASS"),
)


def frames(*commands: Any) -> list[Any]:
    """What the socket sends of a desk by hand, where these are said one after the other."""
    machine = desk_with(by_hand(), market(100))
    events = [event for each in commands for event in machine.run(each, at=machine.state.now + 1)]
    return [json.loads(msgspec.json.encode(typed(e))) for e in of_type(events, InquiryEvent, DeskPositionChanged)]


def on_page(body: str, sent: list[Any] | None = None, **more: Any) -> Any:
    """What a script finds that knows the page, `desk`, on which a day was heard."""
    given = {"page": str(STATIC / "inquiries.html"), "frames": frames(*DAY) if sent is None else sent} | more
    return node(str(ROOT / "tests/support/page.js"), OPEN + body, given)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_inquiry_has_a_row_and_the_page_says_how_many_there_are() -> None:
    assert on_page(f"return [{NAMES}, desk.byId('count').textContent];") == [["3", "2", "1"], "3 of 3"]
    many = frames(*[inquire(str(n)) for n in range(60)])
    assert on_page("return [desk.rows().length, desk.byId('count').textContent];", many) == [50, "50 of 60"]


def test_a_click_shows_the_earlier_versions_below_and_another_one_hides_them() -> None:
    found = on_page(f"""
        const line = desk.lines()[2], status = column('Status'), said = () => line.getAttribute('aria-expanded');
        const before = said();
        line.click(); desk.draw();
        const open = desk.rows().map((cells) => [cells[0], cells[status]]), expanded = said();
        const ticket = desk.byId('chosen').textContent;
        line.click(); desk.draw();
        return [before, open, expanded, ticket, {NAMES}, said(), desk.lines()[2] === line];
    """)
    versions = [["v4", "ACCEPTED"], ["v3", "QUOTED"], ["v2", "ENRICHED"], ["v1", "NEW"]]
    open_rows = [["3", "ENRICHED"], ["2", "REJECTED"], ["1", "BOOKED"], *versions]
    assert found[:3] == ["false", open_rows, "true"]
    assert found[3].startswith("1: buy 100 AAPL, BOOKED")
    assert found[4:] == [["3", "2", "1"], "false", True]


def test_versions_that_come_while_they_are_shown_come_to_the_top_and_of_one_inquiry_there_are_sixteen() -> None:
    sent = frames(inquire("1"), *[quote("1", ask=100 + n, command=f"q{n}") for n in range(20)])
    found = on_page(
        f"""
            desk.lines()[0].click(); desk.draw();
            const before = {NAMES};
            desk.hear(given.later);
            return [before, {NAMES}];
        """,
        sent[:3],
        later=sent[3:],
    )
    assert found == [["1", "v2", "v1"], ["1", *[f"v{n}" for n in range(21, 5, -1)]]]


def test_only_one_inquiry_is_open_at_a_time() -> None:
    found = on_page(f"for (const n of [2, 1]) {{ desk.lines()[n].click(); desk.draw(); }} return {NAMES};")
    assert found == ["3", "2", "v2", "v1", "1"]


def test_rows_are_reached_opened_and_left_by_keys() -> None:
    found = on_page(
        f"""
        const said = [];
        desk.lines()[0].focus();
        for (const key of given.keys) {{
          desk.focused().press(key); desk.draw();
          said.push([desk.focused().children[0].textContent, {NAMES}.length]);
        }}
        return said;
    """,
        keys=[
            "ArrowDown",
            "Enter",
            "ArrowRight",
            "ArrowDown",
            "ArrowDown",
            " ",
            "ArrowLeft",
            "ArrowLeft",
            "ArrowUp",
            "x",
        ],
    )
    assert found == [
        ["2", 3], ["2", 5], ["2", 5], ["1", 5], ["1", 5], ["1", 7], ["1", 3], ["1", 3], ["2", 3], ["2", 3],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "text", "wanted"),
    [
        ("Side", "BUY", ["1"]),
        ("Side", "!buy", ["3", "2"]),
        ("Quantity", "0", ["2", "1"]),
        ("Quantity", ">= 30", ["2", "1"]),
        ("Quantity", "< 30", ["3"]),
        ("Quantity", ">", ["3", "2", "1"]),
        ("Quantity", "=7", ["3"]),
        ("Position", "<0", ["3", "2", "1"]),
        ("Ask", "=", ["3", "2"]),
        ("Ask", "> 100", ["1"]),
        ("Trader", "=eve", ["2"]),
        ("ID", " 2 ", ["2"]),
        ("Status", "(", []),
    ],
)
def test_every_column_has_a_filter(column: str, text: str, wanted: list[str]) -> None:
    assert on_page(f"type(given.column, given.text); return {NAMES};", column=column, text=text) == wanted


def test_filters_work_together_and_are_cleared_by_one_button() -> None:
    found = on_page(f"""
        type('Book', 'book1'); type('Quantity', '> 10');
        const both = {NAMES};
        desk.byId('which').value = 'done'; desk.byId('which').onchange(); desk.draw();
        const done = {NAMES}, count = desk.byId('count').textContent;
        desk.byId('clear').click(); desk.draw();
        return [both, done, count, {NAMES}];
    """)
    assert found == [["2", "1"], ["1"], "1 of 1", ["3", "2", "1"]]


def test_every_filter_has_a_name_that_is_read_out() -> None:
    names = on_page("return desk.byId('filters').children.map((cell) => cell.firstChild.getAttribute('aria-label'));")
    columns = on_page("return desk.byId('columns').children.map((cell) => cell.textContent);")
    assert names == [f"Filter {column}" for column in columns]


def test_the_file_has_what_the_filters_let_through_with_times_in_full() -> None:
    (file,) = on_page("type('Side', '!two'); desk.byId('csv').click(); return desk.files;")
    assert file["name"].startswith("inquiries-")
    assert file["name"].endswith("Z.csv")
    found = table(file["text"])
    assert [(row["ID"], row["Quantity"], row["Position"], row["Ask"]) for row in found] == [
        *(("2", "30", "-100", ""), ("1", "100", "-100", "100.5")),
    ]
    assert found[0]["Time"].startswith("1970-01-01T00:16:40.")
    assert file["text"].endswith("\r\n")
    assert file["text"].count("\r\n") == 3


def test_the_file_has_those_too_for_which_the_page_has_no_room_and_no_versions() -> None:
    sent = frames(*[inquire(str(n)) for n in range(60)])
    (file,) = on_page("desk.lines()[0].click(); desk.draw(); desk.byId('csv').click(); return desk.files;", sent)
    assert [row["ID"] for row in table(file["text"])] == [str(n) for n in range(59, -1, -1)]


NASTY = [
    "=1+1",
    "+49",
    "-2+3",
    "@sum",
    "\t=1",
    "\r=1",
    'a "b", c',
    "a\nb",
    "a\r\nb",
    "plain",
    "",
    "-",
    "ä€😀",
    ",",
    '"',
    '"=1"',
]


@pytest.mark.parametrize("trader", NASTY)
def test_what_a_client_writes_comes_back_as_text_and_is_no_formula(trader: str) -> None:
    sent = frames(inquire("1", trader=trader))
    (file,) = on_page("desk.byId('csv').click(); return desk.files;", sent)
    (row,) = table(file["text"])
    assert row["Trader"] in (trader, f"'{trader}")
    assert not row["Trader"].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize("number", ["-100", "-0.5", "0", "1e5", "99.90"])
def test_a_number_below_zero_is_none(number: str) -> None:
    assert node("blotter.js", "return page.csvOf(given);", number) == number
