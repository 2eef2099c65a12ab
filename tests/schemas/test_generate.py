import copy
import json
from enum import StrEnum
from pathlib import Path
from runpy import run_path
from types import ModuleType
from typing import Any

import pytest

from schemas import compatibility, field_code, generate, run_code, wire
from schemas.field_code import attribute, kind_of
from schemas.generate import enums_module, main, outputs, updated_registry

SCHEMA: dict[str, Any] = {"type": "record", "name": "Thing", "fields": [{"name": "x", "type": "long"}]}
OTHER = SCHEMA | {"doc": "Another one."}


def test_generated_files_are_fresh() -> None:
    assert main(["--check"]) == 0


@pytest.mark.parametrize("module", [generate, compatibility])
def test_both_tools_run_from_a_shell(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["python", "--check"])
    with pytest.raises(SystemExit) as caught:
        run_path(str(module.__file__), run_name="__main__")
    assert caught.value.code == 0


def test_a_stale_file_is_named_and_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "schemas" / "enums.py"
    path.parent.mkdir()
    monkeypatch.setattr(generate, "ROOT", path.parent)
    monkeypatch.setattr(generate, "outputs", lambda _release: {path: "new\n"})
    assert main(["--check"]) == 1
    assert "is stale" in capsys.readouterr().out
    assert not path.exists()
    assert main([]) == 0
    assert path.read_text() == "new\n"
    assert main([]) == main(["--check"]) == 0


def test_a_release_marks_what_was_not_released_yet() -> None:
    registry = json.loads(outputs("1.0")[generate.REGISTRY])
    assert {entry["released"] for entry in registry.values()} == {"1.0"}
    before = json.loads(generate.REGISTRY.read_text())
    assert {entry["released"] for entry in json.loads(outputs(None)[generate.REGISTRY]).values()} == {
        entry["released"] for entry in before.values()
    }


def test_a_release_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(generate, "outputs", lambda release: asked.append(release) or {})
    assert main(["--release", "1.0"]) == 0
    assert asked == ["1.0"]


def test_a_new_schema_gets_the_next_id() -> None:
    registry = {"7": {"name": "a.Other", "released": "1", "schema": OTHER}}
    assert updated_registry(registry, {"a.Thing": SCHEMA})["8"] == {
        "name": "a.Thing",
        "released": None,
        "schema": SCHEMA,
    }
    assert list(updated_registry({}, {"a.Thing": SCHEMA})) == ["1"]


def test_a_schema_that_was_not_released_is_replaced_and_a_released_one_is_kept_for_ever() -> None:
    draft = {"7": {"name": "a.Thing", "released": None, "schema": SCHEMA}}
    assert updated_registry(draft, {"a.Thing": OTHER}) == {"7": {"name": "a.Thing", "released": None, "schema": OTHER}}
    released = {"7": {"name": "a.Thing", "released": "1", "schema": SCHEMA}}
    before = copy.deepcopy(released)
    grown = updated_registry(released, {"a.Thing": OTHER})
    assert grown == before | {"8": {"name": "a.Thing", "released": None, "schema": OTHER}}
    assert released == before
    assert updated_registry(released, {"a.Thing": SCHEMA}) == before
    assert updated_registry(grown, {"a.Thing": OTHER}) == grown


@pytest.mark.parametrize(
    ("field", "expected"),
    [("rejectionReason", "rejection_reason"), ("eventId", "event_id"), ("symbol", "symbol"), ("realized_pnl",) * 2],
)
def test_names_in_camel_case_become_names_in_snake_case(field: str, expected: str) -> None:
    assert attribute(field) == expected


def test_kinds_of_types() -> None:
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}
    assert kind_of("string") == ("string", False)
    assert kind_of("trading.accounts.Side") == ("Side", False)
    assert kind_of(["null", decimal]) == ("nanos", True)
    assert kind_of({"type": "array", "items": {"type": "record", "name": "Item"}}) == ("array:Item", False)
    assert kind_of({"type": "long", "logicalType": "timestamp-nanos"}) == ("long", False)
    assert kind_of({"type": "enum", "name": "Side"}) == ("Side", False)


def test_an_enum_has_one_set_of_symbols() -> None:
    one = {"type": "enum", "name": "E", "doc": "E.", "symbols": ["UNKNOWN"]}
    with pytest.raises(SystemExit, match="two sets of symbols"):
        enums_module([one, one | {"symbols": ["UNKNOWN", "A"]}])


def test_an_enum_has_no_more_symbols_than_its_byte_tells_apart() -> None:
    large = StrEnum("Large", [f"S{number}" for number in range(65)])
    with pytest.raises(AssertionError, match="more symbols"):
        wire.positions(large)
    by_byte, bytes_of = wire.positions(StrEnum("Small", ["A", "B"]))
    assert [by_byte[data[0]] for data in bytes_of.values()] == list(bytes_of)


def test_a_run_has_no_field_whose_equal_values_have_other_bytes() -> None:
    """Zero and minus zero are equal: what is remembered of the one would be written for the other."""
    schema = {"name": "Thing", "runs": [["x", "x"]]}
    field = field_code.Field("x", "x", "double", nullable=False, avro={"name": "x"})
    with pytest.raises(AssertionError, match="equal values"):
        list(run_code.runs_of(schema, [field]))


def test_an_array_that_may_be_null_or_an_optional_flag_is_written_with_its_branch() -> None:
    for kind, default in (("boolean", None), ("bytes", None)):
        field = field_code.Field("x", "x", kind, nullable=True, avro={"name": "x", "default": default})
        assert "is None else" in field_code.encoding(field, "self.x")
    assert field_code.default_of("Side", "UNKNOWN") == "Side.UNKNOWN"
    assert field_code.default_of("string", "") == "''"
