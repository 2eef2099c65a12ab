"""The Python text of message types: a class with its encoder and decoders for each schema."""

from collections.abc import Iterator
from typing import Any

from schemas.field_code import (
    Field,
    Schema,
    attribute,
    decoding,
    default_of,
    encoding,
    from_avro,
    kind_of,
    python_type,
    reading,
)
from schemas.run_code import Run, run_decoding, run_encoding, runs_of

ENVELOPE = ("event_id", "command_id", "correlation_id", "caused_by", "actor_id", "timestamp")
"""Fields that every message has. The sender fills them in, machines do not."""

LEFT_OUT = ENVELOPE[1:5]
"""What other systems hardly ever say: empty, it is read in one go."""
DOORS = ("feeds", "order_commands", "inquiry_commands")


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
    runs = list(runs_of(schema, fields))
    yield from (f"{run.name} = Run({run.usual}, {run.usual_bytes!r})" for run in runs)
    yield from ["", ""] if runs else []
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
    yield from encoder(fields, runs, cause if registry_name else None)
    yield ""
    is_from_outside = bool(registry_name) and str(registry_name).partition(".")[0] in DOORS
    yield from decoder(fields, in_order, runs, is_message=bool(registry_name), is_from_outside=is_from_outside)
    yield ""
    yield "    @classmethod"
    yield "    def from_avro(cls, data: dict[str, Any]) -> Self:"
    yield '        """From what an Avro library reads."""'
    yield "        return cls("
    for field in in_order:
        yield f"            {field.python}={from_avro(field)},"
    yield "        )"


def encoder(fields: list[Field], runs: list[Run], cause: str | None) -> Iterator[str]:
    """The method that writes Avro: one expression, for this is the hot path of everything.

    A message names what caused it in one of its fields. Its schema may say in which, by the attribute "cause", where
    machines know it anyway: Python calls with up to 30 arguments take half as long as those with more.
    """
    is_message = cause is not None
    parameter = ", sent: Sender | None = None" if is_message else ""
    yield f"    def encoded(self{parameter}) -> bytes:"
    yield '        """The Avro bytes."""'
    yield from (f"        {line}" for number, run in enumerate(runs, 1) for line in run_encoding(run, number))
    yield '        return b"".join('
    yield "            ("
    begins = {run.fields[0].name: number for number, run in enumerate(runs, 1)}
    within = {field.name for run in runs for field in run.fields}
    for field in fields[: -len(ENVELOPE)] if is_message else fields:
        if field.name in begins:
            yield f"                data_{begins[field.name]},"
        elif field.name not in within:
            yield f"                {encoding(field, f'self.{field.python}')},"
    if is_message:
        assert tuple(field.python for field in fields[-len(ENVELOPE) :]) == ENVELOPE, "the envelope comes last"
        yield f"                envelope_bytes(self) if sent is None else sent.event_id + sent[self.{cause}],"
    yield "            )"
    yield "        )"


def decoder(
    fields: list[Field], in_order: list[Field], runs: list[Run], *, is_message: bool, is_from_outside: bool
) -> Iterator[str]:
    """The method that reads Avro bytes that were written with this very schema."""
    yield "    @classmethod"
    yield "    def decoded(cls, data: bytes, at: int) -> " + ("Self:" if is_message else "tuple[Self, int]:")
    yield '        """From the Avro bytes that begin there. Raises ValueError or LookupError for anything else."""'
    begins = {run.fields[0].name: run for run in runs if run.has_usual}
    within = {field.name for run in begins.values() for field in run.fields}
    for field in fields:
        if field.name in begins:
            yield from (f"        {line}" for line in run_decoding(begins[field.name]))
        indent = " " * (12 if field.name in within else 8)
        if is_from_outside and field.python == LEFT_OUT[0]:
            yield f"{indent}if data[at : at + {len(LEFT_OUT)}] == {bytes(len(LEFT_OUT))!r}:"
            yield f"{indent}    {' = '.join(LEFT_OUT)} = ''"
            yield f"{indent}    at += {len(LEFT_OUT)}"
            yield f"{indent}else:"
        if is_from_outside and field.python in LEFT_OUT:
            yield from (f"{indent}    {line}" for line in decoding(field))
        else:
            yield from (indent + line for line in reading(field, is_declared=field.name in within))
    names = ", ".join(field.python for field in in_order)
    if is_message:
        yield "        if at != len(data):"
        yield '            raise ValueError(f"{len(data)} bytes, not {at}")'
        yield f"        return cls({names})"
    else:
        yield f"        return cls({names}), at"
