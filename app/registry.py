"""Which schema travels under which id: from the committed file, or from any registry that speaks Confluent's API."""

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import schemas

logger = logging.getLogger(__name__)

REGISTERED_AT_ONCE = 8
"""A registry needs some ten milliseconds a schema, and there are a hundred."""
FILE = Path(schemas.__file__).parent / "registry.json"


class Entry(NamedTuple):
    """One version of one message's schema."""

    name: str
    """Noun and message: accounts.PlaceOrder."""
    schema: dict[str, Any]
    released: str | None


class UnknownSchemaId(Exception):  # noqa: N818 - what it is
    """The registry answered, and has no such schema."""


class RegistryUnreachable(Exception):  # noqa: N818 - what it is
    """The registry did not answer: says nothing about the schema."""


class Registry(Protocol):
    """Ids of schemas."""

    def id_of(self, name: str) -> int:
        """The id under which today's version of our message travels."""

    def schema_of(self, number: int) -> dict[str, Any]:
        """The schema that a writer named by this id. Raises UnknownSchemaId, RegistryUnreachable."""


def committed() -> dict[int, Entry]:
    """Every version of every schema that this code knows, by its committed id."""
    entries = json.loads(FILE.read_text())
    return {int(number): Entry(entry["name"], entry["schema"], entry["released"]) for number, entry in entries.items()}


class FileRegistry:
    """The committed ids: needs nothing that runs."""

    def __init__(self, entries: Mapping[int, Entry] | None = None) -> None:
        self._entries = committed() if entries is None else entries
        self._ids = {entry.name: number for number, entry in sorted(self._entries.items())}

    def id_of(self, name: str) -> int:
        """The id under which today's version of our message travels."""
        return self._ids[name]

    def schema_of(self, number: int) -> dict[str, Any]:
        """The schema that a writer named by this id."""
        if number not in self._entries:
            raise UnknownSchemaId(f"no schema has the id {number}")
        return self._entries[number].schema


class ConfluentRegistry:
    """A registry server: its ids win. Ours are registered at the start; what was read once is remembered."""

    def __init__(self, url: str, topics: Mapping[str, str]) -> None:
        """`topics`: message name -> the topic under whose subject its schema is registered; empty where it has none."""
        from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415 - 40 MB that the file needs not

        self._client = SchemaRegistryClient({"url": url})
        self._topics, self._entries = topics, FileRegistry()
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, dict[str, Any]] = {}

    def register(self) -> None:
        """Registers today's schemas, under topic and record name, and learns their ids."""
        with ThreadPoolExecutor(REGISTERED_AT_ONCE) as pool:
            for name, number in pool.map(self._registered, self._topics.items()):
                self._ids[name] = number
                self._schemas[number] = self._entries.schema_of(self._entries.id_of(name))

    def _registered(self, item: tuple[str, str]) -> tuple[str, int]:
        from confluent_kafka.schema_registry import Schema  # noqa: PLC0415

        name, topic = item
        schema = self._entries.schema_of(self._entries.id_of(name))
        record = f"{schema['namespace']}.{schema['name']}"
        subject = f"{topic}-{record}" if topic else record
        return name, self._asked(self._client.register_schema, subject, Schema(json.dumps(schema), "AVRO"))

    def id_of(self, name: str) -> int:
        """The id under which today's version of our message travels."""
        return self._ids[name]

    def schema_of(self, number: int) -> dict[str, Any]:
        """The schema that a writer named by this id."""
        found = self._schemas.get(number)
        if found is None:
            found = json.loads(self._asked(self._client.get_schema, number).schema_str)
            self._schemas[number] = found
        return found

    @staticmethod
    def _asked(question: Any, *arguments: Any) -> Any:
        from confluent_kafka.schema_registry import SchemaRegistryError  # noqa: PLC0415

        try:
            return question(*arguments)
        except SchemaRegistryError as error:
            if error.http_status_code == 404:  # noqa: PLR2004 - not found
                raise UnknownSchemaId(str(error)) from error
            raise RegistryUnreachable(str(error)) from error
        except Exception as error:
            raise RegistryUnreachable(repr(error)) from error
