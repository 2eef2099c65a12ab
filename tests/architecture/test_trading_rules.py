"""The page of rules names only modules, tests and scenarios that exist, and for every rule one of each."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/trading-rules.md").read_text()
CASES = ROOT / "tests/conformance/cases"
NAMED = sorted(set(re.findall(r"`((?:domain|web|app|tests|cases)/[^`]+)`", PAGE)))


def rules() -> Iterator[list[str]]:
    """Rows of the tables whose last column says what proves them."""
    last = ""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and last == "proved by":
            yield cells
        elif not line.startswith("|-"):
            last = cells[-1]


@pytest.mark.parametrize("name", NAMED)
def test_what_the_page_names_exists(name: str) -> None:
    if name.startswith("cases/"):
        _, file, case = name.split("/")
        assert case in [json.loads(line)["name"] for line in (CASES / f"{file}.jsonl").read_text().splitlines()]
        return
    path, _, test = name.partition("::")
    assert (ROOT / path).is_file()
    assert not test or re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_the_page_names_many() -> None:
    assert len(NAMED) > 200


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: str(rule[0])[:60])
def test_every_rule_says_where_it_is_decided_and_what_proves_it(rule: list[str]) -> None:
    *_, decided, proved = rule
    assert re.match(r"`(domain|web|app)/", decided)
    assert re.match(r"`(tests|cases)/", proved)
