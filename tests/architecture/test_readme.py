"""The README's table of requirements names only what exists."""

import re
from pathlib import Path

from app.topics import TOPICS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in README.splitlines()
    if re.match(r"\| S\d", line)
]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_row_has_an_id_of_its_own() -> None:
    ids = [row[0] for row in ROWS]
    assert len(ids) > 60
    assert all(re.fullmatch(r"S[0-4]\.\d+[a-e]?", found) for found in ids)
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids, key=lambda found: (found[:2], int(re.findall(r"\d+", found)[1]), found))


def test_every_file_that_the_table_names_exists() -> None:
    for number, _, module, _, test in ROWS:
        assert names(module), number
        assert names(test), number
        for name in names(module) + names(test):
            assert (ROOT / name).is_file(), f"{number}: {name}"


def test_every_topic_that_the_table_names_is_in_the_catalogue() -> None:
    assert {topic for row in ROWS for topic in names(row[3])} <= set(TOPICS)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_picture_is_small() -> None:
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).stat().st_size < 300_000


def test_the_changelog_keeps_to_its_form() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", changelog, re.MULTILINE)) <= kinds
