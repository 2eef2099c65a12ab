"""Messages to bytes and back: a zero byte, the schema's id in four bytes, Avro. The only file that knows the wire."""

import struct
from importlib import import_module
from io import BytesIO
from typing import Any

import fastavro
from fastavro.types import Schema

from app.exactly_once.shard import Undecodable
from app.registry import Registry, UnknownSchemaId
from schemas.wire import Message, Sender

_FRAME = struct.Struct(">bI")
NOUNS = (
    "accounts",
    "feeds",
    "inquiries",
    "inquiry_commands",
    "market_data",
    "order_books",
    "order_commands",
    "positions",
    "shared",
)
MESSAGES: dict[str, type[Message]] = {
    message.schema_name: message for noun in NOUNS for message in import_module(f"schemas.{noun}").MESSAGES
}
"""Every message that this version knows, by noun and name."""
READ_TWICE = "order_books.TradeExecuted"
"""Goes to the shards of both accounts and to those of their positions: one process has several of them, mostly."""
READ_LATELY_MAX = 2_048
"""Of such messages: as many as one shard may be behind another one for which they were decoded."""


class Codec:
    """Encodes and decodes every message of the system."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._numbers = {name: registry.id_of(name) for name in MESSAGES}
        self._frames = {name: _FRAME.pack(0, number) for name, number in self._numbers.items()}
        self._current = {frame: MESSAGES[name] for name, frame in self._frames.items()}
        self._older: dict[int, tuple[Schema, Schema, type[Message]]] = {}
        self._read_twice = self._frames[READ_TWICE]
        self._read_lately: dict[bytes, Message] = {}

    def frame(self, message: type[Message]) -> bytes:
        """What stands before the Avro bytes of such a message."""
        return self._frames[message.schema_name]

    def encode(self, message: Message, sent: Sender | None = None) -> bytes:
        """The message as it travels; `sent` gives the envelope of one that a machine made."""
        return self._frames[message.schema_name] + message.encoded(sent)

    def decode(self, value: bytes | None) -> Message:
        """Raises Undecodable with a stable reason, or RegistryUnreachable."""
        if value is None:
            raise Undecodable("UNDECODABLE", "no message")
        frame = value[: _FRAME.size]
        if frame == self._read_twice and (known := self._read_lately.get(value)) is not None:
            return known
        message = self._current.get(frame)
        try:
            found = self._decode_older(value) if message is None else message.decoded(value, _FRAME.size)
        except (ValueError, LookupError) as error:
            raise Undecodable("UNDECODABLE", f"schema {schema_id(value)}: {error!r}") from error
        if frame == self._read_twice:
            if len(self._read_lately) >= READ_LATELY_MAX:
                self._read_lately.clear()
            self._read_lately[value] = found
        return found

    def _decode_older(self, value: bytes) -> Message:
        """A message that was written with another version of its schema."""
        number = schema_id(value)
        if number < 0:
            raise Undecodable("UNDECODABLE", "no message in Confluent's framing")
        writer, reader, message = self._older.get(number) or self._learn(number)
        try:
            data = fastavro.schemaless_reader(BytesIO(value[_FRAME.size :]), writer, reader)
        except fastavro.read.SchemaResolutionError as error:
            raise Undecodable("MISSING_FIELD", f"schema {number}: {error}") from error
        except (EOFError, TypeError) as error:
            raise Undecodable("UNDECODABLE", f"schema {number}: {error!r}") from error
        return message.from_avro(data)  # type: ignore[arg-type]

    def _learn(self, number: int) -> tuple[Schema, Schema, type[Message]]:
        try:
            schema = self._registry.schema_of(number)
        except UnknownSchemaId as error:
            raise Undecodable("UNKNOWN_SCHEMA", str(error)) from error
        name = f"{schema.get('namespace', '').removeprefix('trading.')}.{schema.get('name')}"
        message = MESSAGES.get(name)
        if message is None:
            raise Undecodable("UNKNOWN_MESSAGE", f"schema {number} is {name}, which is no message of this system")
        reader = _parsed(self._registry.schema_of(self._numbers[name]))
        self._older[number] = found = _parsed(schema), reader, message
        return found


def schema_id(value: bytes | None) -> int:
    """The id that a value names; -1 where it names none."""
    if value is None or len(value) < _FRAME.size or value[0] != 0:
        return -1
    return int(_FRAME.unpack_from(value)[1])


def _parsed(schema: dict[str, Any]) -> Schema:
    """The schema without logical types: decimals go as bytes, straight from and to whole numbers of nanos."""
    return fastavro.parse_schema(_without_logical_types(schema), named_schemas={})


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
    return [_without_logical_types(value) for value in schema] if isinstance(schema, list) else schema
