"""The Python text of one field of a message: its name, its type, and what writes and reads it."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

Schema = dict[str, Any]


def attribute(field: str) -> str:
    """The Python name of a field: rejectionReason -> rejection_reason."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), field)


def kind_of(avro: Any) -> tuple[str, bool]:
    """-> string, long, double, nanos, an enum's or a record's name, or array:NAME; and whether it may be null."""
    if isinstance(avro, list):
        (other,) = [option for option in avro if option != "null"]
        return kind_of(other)[0], True
    if isinstance(avro, str):
        return avro.rpartition(".")[2], False
    if avro.get("logicalType") == "decimal":
        return "nanos", False
    if avro["type"] == "array":
        return "array:" + avro["items"]["name"], False
    return (avro["name"], False) if avro["type"] in ("enum", "record") else (avro["type"], False)


PYTHON = {
    "string": "str",
    "long": "int",
    "int": "int",
    "nanos": "int",
    "boolean": "bool",
    "bytes": "bytes",
    "double": "float",
}


def python_type(kind: str, *, nullable: bool) -> str:
    """The annotation of a field."""
    name = f"tuple[{kind[6:]}, ...]" if kind.startswith("array:") else PYTHON.get(kind, kind)
    return f"{name} | None" if nullable else name


class Field(NamedTuple):
    """A field of a record: names in Avro and in Python, kind, and its schema."""

    name: str
    python: str
    kind: str
    nullable: bool
    avro: Schema


def encoding(field: Field, source: str) -> str:
    """The expressions for one field: what is joined."""
    if field.kind.startswith("array:"):
        return f'(COUNT[len({source})] + b"".join([item.encoded() for item in {source}]) if {source} else b"") + b"\\0"'
    if field.kind == "bytes":
        if field.nullable:
            return f'b"\\0" if {source} is None else b"\\2" + LENGTH[len({source})] + {source}'
        return f"LENGTH[len({source})], {source}"
    tables = {"string": "STRING", "long": "LONG", "int": "LONG", "nanos": "NANOS_BYTES", "boolean": "BOOLEAN"}
    table = tables.get(field.kind) or f"{field.kind.upper()}_BYTES"
    written = f"DOUBLE.pack({source})" if field.kind == "double" else f"{table}[{source}]"
    return f'b"\\0" if {source} is None else b"\\2" + {written}' if field.nullable else written


def reading(field: Field, *, is_declared: bool) -> Iterator[str]:
    """The lines that read one field, which may be null."""
    if not field.nullable:
        yield from decoding(field)
        return
    yield f"{field.python}{'' if is_declared else ': ' + python_type(field.kind, nullable=True)} = None"
    yield "if data[at]:"
    yield from (f"    {line}" for line in ("at += PRESENT[data[at]]", *decoding(field)))
    yield "else:"
    yield "    at += 1"


def decoding(field: Field) -> Iterator[str]:
    """The lines that read the value of one field."""
    name, kind = field.python, field.kind
    if kind == "nanos":
        yield "end = at + NANOS_SIZE_AT[data[at]]"
        yield f"{name} = NANOS_FROM[data[at:end]]"
        yield "at = end"
    elif kind in ("string", "bytes"):
        yield "size = data[at]"
        yield "at += 1"
        yield "if size & 0x81:"
        yield "    size, at = long_size(data, at - 1)"
        yield "end = at + (size >> 1)"
        values = {"string": "data[at:end].decode()", "bytes": "data[at:end]"}
        yield f"{name} = {values[kind]}"
        yield "at = end"
    elif kind == "long" and field.avro["type"] != "long":  # a time: nanoseconds take nine bytes from 1971 to 2116
        yield "known = TIME_AT.get(data[at : at + 9])"
        yield f"{name}, at = read_time(data, at) if known is None else (known, at + 9)"
    elif kind in ("long", "int"):
        yield f"{name}, at = read_long(data, at)"
    elif kind == "double":
        yield f"{name}, at = read_double(data, at)"
    elif kind == "boolean":
        yield f"{name} = data[at] == 1"
        yield "at += 1"
    elif kind.startswith("array:"):
        yield f"{name}, at = read_items(data, at, {kind[6:]}.decoded)"
    else:
        yield f"{name} = {kind.upper()}_AT[data[at]]"
        yield "at += 1"


def from_avro(field: Field) -> str:
    """The expression that turns what an Avro library read into an attribute."""
    value = f'data["{field.name}"]'
    if field.kind.startswith("array:"):
        return f"tuple([{field.kind[6:]}.from_avro(item) for item in {value}])"
    if field.kind in PYTHON and field.kind != "nanos":
        return value
    converted = f"bytes_to_nanos({value})" if field.kind == "nanos" else f"{field.kind}({value})"
    return f"None if {value} is None else {converted}" if field.nullable else converted


def default_of(kind: str, default: Any) -> str:
    """The Python literal of a default."""
    return repr(default) if default is None or kind in PYTHON else f"{kind}.{default}"


def default_bytes(field: Field) -> bytes:
    """A default as Avro."""
    default = field.avro["default"]
    if not default:  # null, an empty string, zero, false
        return b"\0"
    return bytes([2 * field.avro["type"]["symbols"].index(default)])
