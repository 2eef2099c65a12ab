"""Whether today's schemas can replace those that were released, and follow the rules that the registries cannot check.

`python -m schemas.compatibility` says what is wrong. A released schema is read for ever: every one of its versions is
compared, not only the last. Messages that others send us (`order_commands`) must also be readable by those who still
have an older version.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas.field_code import attribute
from schemas.generate import REGISTRY, load, nouns
from schemas.message_code import ENVELOPE

FULL = ("order_commands", "inquiry_commands")
"""Nouns with FULL_TRANSITIVE compatibility; the others have BACKWARD_TRANSITIVE."""
STATISTICS = ("market_data.AnalyticsCalculated",)
"""Messages that may have floats: nothing in them is owned or owed (D27)."""
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}
TIME = {"type": "long", "logicalType": "timestamp-nanos"}

Schema = dict[str, Any]


def faults() -> Iterator[str]:
    """Everything that is wrong with today's schemas."""
    released = [entry for entry in json.loads(REGISTRY.read_text()).values() if entry["released"]]
    for noun in nouns():
        for name, schema in load(noun).items():
            full_name = f"{noun}.{name}"
            yield from (f"{full_name}: {fault}" for fault in lint(noun, name, schema))
            for entry in released:
                if entry["name"] == full_name:
                    version = f"{full_name} since {entry['released']}"
                    found = incompatibilities(entry["schema"], schema, is_full=noun in FULL)
                    yield from (f"{version}: {fault}" for fault in found)


def lint(noun: str, name: str, schema: Schema) -> Iterator[str]:
    """What is wrong with a message's schema by itself."""
    if (schema["namespace"], schema["name"]) != (f"trading.{noun}", name):
        yield f"is called {schema['namespace']}.{schema['name']}"
    last = tuple(attribute(field["name"]) for field in schema["fields"][-len(ENVELOPE) :])
    if last != ENVELOPE:
        yield f"its last fields are {last}, not the envelope {ENVELOPE}"
    yield from _record_faults(schema, "", has_floats=f"{noun}.{name}" in STATISTICS)


def _record_faults(record: Schema, path: str, *, has_floats: bool) -> Iterator[str]:
    if not record.get("doc"):
        yield f"{path or record['name']} has no doc"
    for field in record["fields"]:
        name = f"{path}{field['name']}"
        if not field.get("doc"):
            yield f"{name} has no doc"
        yield from _type_faults(field["type"], name, has_floats=has_floats)
        if isinstance(field["type"], list) and (field["type"][0] != "null" or field.get("default", "") is not None):
            yield f"{name} may be null, and its default is not null"


def _type_faults(avro: Any, name: str, *, has_floats: bool) -> Iterator[str]:
    if isinstance(avro, list):
        for option in avro:
            yield from _type_faults(option, name, has_floats=has_floats)
    elif isinstance(avro, str):
        if avro == "float" or (avro == "double" and not has_floats):
            yield f"{name} is a {avro}: amounts and prices are decimals"
    elif avro["type"] == "enum":
        if avro.get("default") != "UNKNOWN" or avro["symbols"][0] != "UNKNOWN":
            yield f"{name} has no default UNKNOWN for symbols of the future"
    elif avro["type"] == "array":
        yield from _record_faults(avro["items"], f"{name}.", has_floats=has_floats)
    elif avro not in (DECIMAL, TIME):
        yield f"{name} is {json.dumps(avro)}: neither a decimal (38, 9) nor a time in nanoseconds"


def incompatibilities(old: Schema, new: Schema, *, is_full: bool) -> Iterator[str]:
    """Why a released schema and today's do not understand each other."""
    yield from (f"cannot be read any more: {fault}" for fault in _unreadable(reader=new, writer=old))
    if is_full:
        yield from (f"its readers cannot read today's: {fault}" for fault in _unreadable(reader=old, writer=new))
    yield from meaning_changes(old, new)


def _unreadable(*, reader: Schema, writer: Schema) -> Iterator[str]:
    parsed = (avro.schema.parse(json.dumps(_without_logical_types(schema))) for schema in (reader, writer))
    found = ReaderWriterCompatibilityChecker().get_compatibility(*parsed)  # type: ignore[arg-type,no-untyped-call]
    if found.compatibility is not SchemaCompatibilityType.compatible:
        yield from map(str, found.messages)


def _without_logical_types(schema: Any) -> Any:
    """The library compares none of them, and warns of those that it does not know."""
    if isinstance(schema, dict):
        return {key: _without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
    return [_without_logical_types(value) for value in schema] if isinstance(schema, list) else schema


def meaning_changes(old: Schema, new: Schema, path: str = "") -> Iterator[str]:
    """Fields whose bytes can be read and would be misread: another scale, precision or logical type."""
    types = {field["name"]: field["type"] for field in new["fields"]}
    for field in old["fields"]:
        if field["name"] in types:
            yield from _type_changes(field["type"], types[field["name"]], f"{path}{field['name']}")


def _type_changes(old: Any, new: Any, name: str) -> Iterator[str]:
    old, new = (_only(each) for each in (old, new))
    if _meaning(old) != _meaning(new):
        yield f"{name} meant {_meaning(old)} and means {_meaning(new)}"
    elif old["type"] == "array" == new["type"]:
        yield from meaning_changes(old["items"], new["items"], f"{name}.")


def _only(avro: Any) -> Schema:
    """What a type is beside null."""
    if isinstance(avro, list):
        (avro,) = [option for option in avro if option != "null"]
    return {"type": avro} if isinstance(avro, str) else avro


def _meaning(avro: Schema) -> tuple[Any, ...]:
    return avro.get("logicalType"), avro.get("precision"), avro.get("scale")


def main() -> int:
    """Says what is wrong."""
    found = list(faults())
    for fault in found:
        print(fault)  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
