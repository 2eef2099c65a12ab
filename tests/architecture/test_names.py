"""The house rules that no linter knows: plain top-level names that stay ours, layers, sizes, nothing of one machine."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "agents", "tables", "schemas", "web", "domain")
TOOLS = {"bench"}
"""Packages that are run beside the product and never by it."""
FILE_LINES_MAX, TEST_LINES_MAX, FUNCTION_LINES_MAX = 300, 700, 40
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REGISTRY_HOSTS = re.compile(r"pypi\.org|pythonhosted\.org|npmjs\.org|maven\.org|repo1\.maven|proxy\.golang")
LOCAL_PATHS = re.compile(r"""(?<![\w.$}/-])/(work|root|home/\w+|Users/\w+|tmp|var/folders)/""")


def tracked() -> list[Path]:
    """Files of the project, those included that are about to be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(path for name in names if (path := ROOT / name).is_file())


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8_000]:
            yield path, data.decode()


def is_generated(path: Path) -> bool:
    return path.read_text().startswith('"""Generated')


def python_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and not is_generated(path)]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_plain_name_is_ours(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT), f"{name} comes from {spec.origin}"
    assert ".venv" not in Path(spec.origin).relative_to(ROOT).parts


@pytest.mark.parametrize("name", PACKAGES)
def test_no_installed_distribution_claims_a_plain_name(name: str) -> None:
    ours = PROJECT["project"]["name"]
    assert set(packages_distributions().get(name, [])) <= {ours}
    folders = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    assert folders
    taken = [str(found) for folder in folders for found in (folder / name, folder / f"{name}.py") if found.exists()]
    assert not taken


def test_the_project_can_never_be_published_by_mistake() -> None:
    assert "Private :: Do Not Upload" in distribution(PROJECT["project"]["name"]).metadata.get_all("Classifier", [])


def test_nothing_under_tests_or_bench_can_shadow_a_plain_name() -> None:
    for folder in ("tests", "tests/support", "bench"):
        names = {path.stem for path in (ROOT / folder).iterdir() if (path / "__init__.py").exists() or path.is_file()}
        assert not names & set(PACKAGES), folder
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_every_package_has_its_layer() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - TOOLS
    assert packages == set(PACKAGES)
    linter = PROJECT["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in linter["contracts"] if contract["type"] == "layers")
    assert {name for layer in layers for name in layer.split(" | ")} == packages
    for listed in (
        linter["root_packages"],
        PROJECT["tool"]["mypy"]["packages"],
        PROJECT["tool"]["coverage"]["run"]["source"],
    ):
        assert set(listed) == packages
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == packages
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert {name for name in packages if f"COPY {name} {name}\n" in dockerfile} == packages


def test_no_file_grows_past_a_few_screens() -> None:
    def limit(path: Path) -> int:
        return TEST_LINES_MAX if path.is_relative_to(ROOT / "tests") else FILE_LINES_MAX

    sizes = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in python_files()}
    assert not {str(path): size for path, size in sizes.items() if size > limit(ROOT / path)}


def test_no_function_is_longer_than_a_screen() -> None:
    long = []
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert not long


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    own = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()[:100]}"
        for path, text in texts()
        if path != own
        for line in text.splitlines()
        if REGISTRY_HOSTS.search(line) or LOCAL_PATHS.search(line)
    ]
    assert not found


def test_the_lock_has_a_hash_for_every_package_and_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]


def test_the_lock_has_every_dependency_at_the_version_that_the_project_asks_for() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock, re.MULTILINE))
    for wanted in (*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]):
        name, _, pin = re.sub(r"\[.*?\]|;.*", "", wanted).strip().partition("==")
        assert name in locked, f"{name} is not in requirements.lock: `make lock`"
        assert pin in ("", locked[name])


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", ".env"])
def test_files_that_name_hosts_or_secrets_are_never_committed(name: str) -> None:
    assert ROOT / name not in tracked()
