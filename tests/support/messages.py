"""Random messages of every type, and what an Avro library must make of them."""

from decimal import Decimal, localcontext
from importlib import import_module
from io import BytesIO
from typing import Any

import fastavro
from hypothesis import strategies as st

from app.codecs import MESSAGES, NOUNS
from app.registry import committed
from schemas import enums
from schemas.field_code import attribute, kind_of
from schemas.wire import Message

SCHEMAS = {entry.name: entry.schema for _, entry in sorted(committed().items())}
"""Today's schemas: the last version of each."""
PARSED = {name: fastavro.parse_schema(schema, named_schemas={}) for name, schema in SCHEMAS.items()}
NAMES = sorted(MESSAGES)
DIGITS_MAX = 38
NANOS_MAX = 10**DIGITS_MAX - 1
_TYPES = {
    name: value
    for module in (*(import_module(f"schemas.{noun}") for noun in NOUNS), enums)
    for name, value in vars(module).items()
    if isinstance(value, type)
}

texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "x" * 63, "x" * 64, "é" * 64, "x" * 100, "x" * 101, "😀" * 2100, "y" * 8192, "z" * 70_000]),
)
longs = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, 1, -1, 63, 64, -64, -65, 127, 128, 2**63 - 1, -(2**63), 1_700_000_000_000_000_000]),
)
nanos = st.one_of(
    st.integers(-NANOS_MAX, NANOS_MAX),
    st.sampled_from([0, -1, 127, 128, -128, -129, 255, 256, 10**27, -(10**27), NANOS_MAX, -NANOS_MAX]),
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "string": texts,
    "bytes": st.one_of(st.binary(max_size=20), st.sampled_from([b"", b"\0" * 64, b"\xff" * 200])),
    "long": longs,
    "int": st.integers(-(2**31), 2**31 - 1),
    "nanos": nanos,
    "boolean": st.booleans(),
    "double": st.floats(allow_nan=False),
}


def messages(name: str) -> st.SearchStrategy[Message]:
    """Any message of this type."""
    return records(MESSAGES[name], SCHEMAS[name])


def records(record: type, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {}
    for field in schema["fields"]:
        kind, nullable = kind_of(field["type"])
        if kind.startswith("array:"):
            items = records(_TYPES[kind[6:]], field["type"]["items"])
            values = st.lists(items, max_size=5).map(tuple)
        else:
            values = KINDS[kind] if kind in KINDS else st.sampled_from(list(_TYPES[kind]))
        fields[attribute(field["name"])] = st.one_of(st.none(), values) if nullable else values
    return st.builds(record, **fields)


def as_avro(message: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """The message as an Avro library sees it that knows logical types."""
    found = {}
    for field in schema["fields"]:
        value = getattr(message, attribute(field["name"]))
        kind, _ = kind_of(field["type"])
        if value is None or kind in ("string", "bytes", "long", "int", "boolean", "double"):
            found[field["name"]] = value
        elif kind == "nanos":
            with localcontext() as context:
                context.prec = 60
                found[field["name"]] = Decimal(value).scaleb(-9)
        elif kind.startswith("array:"):
            found[field["name"]] = [as_avro(item, field["type"]["items"]) for item in value]
        else:
            found[field["name"]] = value.value
    return found


def written_by_fastavro(name: str, data: dict[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, PARSED[name], data)
    return out.getvalue()


def read_by_fastavro(name: str, data: bytes) -> Any:
    stream = BytesIO(data)
    found = fastavro.schemaless_reader(stream, PARSED[name], None)
    assert not stream.read(), "bytes are left"
    return found
