"""What the page of rules says of accounts and risk names modules and tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/trading-rules.md").read_text().split("## Accounts and risk\n")[1].split("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
RULES = [row for row in ROWS if row[0] not in ("rule", "---")]


def test_each_rule_has_a_module_and_a_test() -> None:
    assert RULES
    assert all(len(row) == 3 and all(row) for row in RULES), [row for row in RULES if len(row) != 3 or not all(row)]


def test_the_modules_are_there() -> None:
    named = {name.strip() for _, modules, _ in RULES for name in modules.split(",")}
    missing = {name for name in named if not any((ROOT / base / f"{name}.py").exists() for base in ("domain", "."))}
    assert not missing


def test_the_tests_are_there() -> None:
    """After the name of a file, the names of its tests; one that is cut off ends with dots."""
    missing = []
    for _, _, tests in RULES:
        for part in tests.split(";"):
            found = re.fullmatch(r"\s*(?:tests/(\w+)/)?(test_\w+)(?:: (.*)|\W.*)?", part)
            if found is None:
                continue
            folder, file, names = found.groups()
            path = ROOT / "tests" / (folder or "domain") / f"{file}.py"
            text = path.read_text() if path.exists() else ""
            wanted = [name.strip() for name in (names or "").split(",")]
            missing += [f"{file}: {name}" for name in wanted if f"def test_{name.rstrip('…')}" not in text]
    assert not missing
