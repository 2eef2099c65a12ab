"""The Python text of message types: a class with its encoder and decoders for each schema."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

ENVELOPE = ("event_id", "command_id", "correlation_id", "caused_by", "actor_id", "timestamp")
"""Fields that every message has. The sender fills them in, machines do not."""

LEFT_OUT = ENVELOPE[1:5]
"""What other systems hardly ever say: empty, it is read in one go."""
DOORS = ("feeds", "order_commands", "inquiry_commands")

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


def enums(schema: Any) -> Iterator[Schema]:
    """Every enum defined within a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "enum":
            yield schema
        for value in schema.values():
            yield from enums(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from enums(value)


def python_type(kind: str, *, nullable: bool) -> str:
    """The annotation of a field."""
    name = f"tuple[{kind[6:]}, ...]" if kind.startswith("array:") else PYTHON.get(kind, kind)
    return f"{name} | None" if nullable else name


def record_class(schema: Schema, registry_name: str | None) -> Iterator[str]:
    """The lines of one message type.

    Fields that must be given come first, so that everything can be built by position: by keyword it takes 16 times as
    long.
    """
    fields = [
        Field(field["name"], attribute(field["name"]), *kind_of(field["type"]), field) for field in schema["fields"]
    ]
    in_order = [field for field in fields if "default" not in field.avro] + [
        field for field in fields if "default" in field.avro
    ]
    yield f"class {schema['name']}({'Message' if registry_name else 'msgspec.Struct'}, frozen=True):"
    yield f'    """{schema["doc"]}"""'
    yield ""
    if registry_name:
        yield f'    schema_name: ClassVar[str] = "{registry_name}"'
        yield ""
    for field in in_order:
        default = f" = {default_of(field.kind, field.avro['default'])}" if "default" in field.avro else ""
        yield f"    {field.python}: {python_type(field.kind, nullable=field.nullable)}{default}"
        yield f'    """{field.avro["doc"]}"""'
    yield ""
    cause = attribute(schema.get("cause", "caused_by"))
    yield from encoder(fields, cause if registry_name else None)
    yield ""
    is_from_outside = bool(registry_name) and str(registry_name).partition(".")[0] in DOORS
    yield from decoder(fields, in_order, is_message=bool(registry_name), is_from_outside=is_from_outside)
    yield ""
    yield "    @classmethod"
    yield "    def from_avro(cls, data: dict[str, Any]) -> Self:"
    yield '        """From what an Avro library reads."""'
    yield "        return cls("
    for field in in_order:
        yield f"            {field.python}={from_avro(field)},"
    yield "        )"


class Field(NamedTuple):
    """A field of a record: names in Avro and in Python, kind, and its schema."""

    name: str
    python: str
    kind: str
    nullable: bool
    avro: Schema


def encoder(fields: list[Field], cause: str | None) -> Iterator[str]:
    """The method that writes Avro: one expression, for this is the hot path of everything.

    A message names what caused it in one of its fields. Its schema may say in which, by the attribute "cause", where
    machines know it anyway: Python calls with up to 30 arguments take half as long as those with more.
    """
    is_message = cause is not None
    parameter = ", sent: Sender | None = None" if is_message else ""
    yield f"    def encoded(self{parameter}) -> bytes:"
    yield '        """The Avro bytes."""'
    yield '        return b"".join('
    yield "            ("
    for field in fields[: -len(ENVELOPE)] if is_message else fields:
        yield f"                {encoding(field, f'self.{field.python}')},"
    if is_message:
        assert tuple(field.python for field in fields[-len(ENVELOPE) :]) == ENVELOPE, "the envelope comes last"
        yield f"                envelope_bytes(self) if sent is None else sent.event_id + sent[self.{cause}],"
    yield "            )"
    yield "        )"


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


def decoder(fields: list[Field], in_order: list[Field], *, is_message: bool, is_from_outside: bool) -> Iterator[str]:
    """The method that reads Avro bytes that were written with this very schema."""
    yield "    @classmethod"
    yield "    def decoded(cls, data: bytes, at: int) -> " + ("Self:" if is_message else "tuple[Self, int]:")
    yield '        """From the Avro bytes that begin there. Raises ValueError or LookupError for anything else."""'
    for field in fields:
        indent = " " * 8
        if is_from_outside and field.python == LEFT_OUT[0]:
            yield f"{indent}if data[at : at + {len(LEFT_OUT)}] == {bytes(len(LEFT_OUT))!r}:"
            yield f"{indent}    {' = '.join(LEFT_OUT)} = ''"
            yield f"{indent}    at += {len(LEFT_OUT)}"
            yield f"{indent}else:"
        if is_from_outside and field.python in LEFT_OUT:
            yield from (f"{indent}    {line}" for line in decoding(field))
        elif field.nullable:
            default = python_type(field.kind, nullable=True)
            yield f"{indent}{field.python}: {default} = None"
            yield f"{indent}if data[at]:"
            yield from (f"{indent}    {line}" for line in ("at += PRESENT[data[at]]", *decoding(field)))
            yield f"{indent}else:"
            yield f"{indent}    at += 1"
        else:
            yield from (indent + line for line in decoding(field))
    names = ", ".join(field.python for field in in_order)
    if is_message:
        yield "        if at != len(data):"
        yield '            raise ValueError(f"{len(data)} bytes, not {at}")'
        yield f"        return cls({names})"
    else:
        yield f"        return cls({names}), at"


def decoding(field: Field) -> Iterator[str]:
    """The lines that read one field."""
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
