"""The Python text of runs: fields that stand together, and are written and read as a whole where they can be."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from schemas.field_code import Field, Schema, default_bytes, default_of, encoding, python_type


class Run(NamedTuple):
    """Fields that stand together, which mostly are all as they usually are, or as in the message before.

    A schema says so by the attribute "runs", of each the first field and the last. They are compared as a whole, and
    then need not be encoded, or decoded, one by one. On the wire they are fields like all others.
    """

    name: str
    fields: list[Field]

    @property
    def has_usual(self) -> bool:
        """Whether all may be left out."""
        return all("default" in field.avro for field in self.fields)

    @property
    def usual(self) -> str:
        """The expression of their defaults; that of no values where one of them must be given."""
        defaults = [default_of(field.kind, field.avro["default"]) for field in self.fields if self.has_usual]
        return f"({', '.join(defaults)})"

    @property
    def usual_bytes(self) -> bytes:
        """Their defaults as Avro."""
        return b"".join([default_bytes(field) for field in self.fields]) if self.has_usual else b""


def runs_of(schema: Schema, fields: list[Field]) -> Iterator[Run]:
    """The runs of a message."""
    names = [field.name for field in fields]
    for number, (first, last) in enumerate(schema.get("runs", ()), 1):
        run = fields[names.index(first) : names.index(last) + 1]
        assert not {field.kind for field in run} & {"double", "bytes"}, "equal values have equal bytes"
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", schema["name"]).upper()
        yield Run(f"{name}_RUN_{number}", run)


def run_encoding(run: Run, number: int) -> Iterator[str]:
    """The lines that find the bytes of a run, or make them."""
    values, data = f"values_{number}", f"data_{number}"
    yield f"{values} = ({', '.join(f'self.{field.python}' for field in run.fields)})"
    if run.has_usual:
        yield f"if {values} == {run.name}.usual:"
        yield f"    {data} = {run.name}.usual_bytes"
        yield "else:"
    indent = "    " if run.has_usual else ""
    yield f"{indent}known, {data} = {run.name}.last"
    yield f"{indent}if {values} != known:"
    parts = ", ".join(encoding(field, f"self.{field.python}") for field in run.fields)
    yield f'{indent}    {data} = b"".join(({parts}))'
    yield f"{indent}    {run.name}.last = {values}, {data}"


def run_decoding(run: Run) -> Iterator[str]:
    """The lines that read a run in one go, where it is as usual; what reads its fields follows."""
    for field in run.fields:
        yield f"{field.python}: {python_type(field.kind, nullable=field.nullable)}"
    size = len(run.usual_bytes)
    yield f"if data[at : at + {size}] == {run.usual_bytes!r}:"
    yield f"    {', '.join(field.python for field in run.fields)} = {run.name}.usual"
    yield f"    at += {size}"
    yield "else:"
