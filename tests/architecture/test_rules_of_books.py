"""What the page of rules says of books and orders names only modules, tests and scenarios that exist."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/trading-rules.md").read_text().split("## Book and orders\n")[1].split("\n## ")[0]
CASES = ROOT / "tests/conformance/cases"
NAMED = sorted(set(re.findall(r"`((?:domain|web|app|tests|cases)/[^`]+)`", PAGE)))


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
    assert len(NAMED) > 100
