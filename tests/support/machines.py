"""Machines without Kafka, without bytes: rows in dicts, commands in, events out.

`Table` keeps the contract of `app.exactly_once.table.Table`, and insists on it: no write while a scan is under way.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

import msgspec

from app.machine import Noun, Place
from app.settings import NOUNS as NAMES

NOUNS: dict[str, Noun] = {name: import_module(f"tables.{name}").NOUN for name in NAMES}
ONE_OF_EACH = dict.fromkeys(NOUNS, 1) | {"inquiries": 0}
"""But for the desk, which is there in its own examples: a reset would wait for it."""
_ABSENT: Any = object()

Snapshot = dict[str, dict[str, Any]]


class Table:
    """Rows under string keys, with undo."""

    def __init__(self, undo: list[tuple["Table", str, Any]], rows: Mapping[str, Any]) -> None:
        self.rows = dict(rows)
        self._undo = undo
        self._writes = 0

    def get(self, key: str) -> Any:
        return self.rows.get(key)

    def put(self, key: str, row: Any) -> None:
        assert row is not None
        self._write(key, row)

    def delete(self, key: str) -> None:
        self._write(key, _ABSENT)

    def scan(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        writes = self._writes
        for key in sorted(key for key in self.rows if key.startswith(prefix)):
            assert writes == self._writes, "a write while a scan was under way"
            yield key, self.rows[key]

    def _write(self, key: str, row: Any) -> None:
        self._writes += 1
        self._undo.append((self, key, self.rows.get(key, _ABSENT)))
        self.restore(key, row)

    def restore(self, key: str, row: Any) -> None:
        if row is _ABSENT:
            self.rows.pop(key, None)
        else:
            self.rows[key] = row


class Machine:
    """One shard of one noun."""

    def __init__(
        self,
        noun: str,
        partition: int = 0,
        partitions: Mapping[str, int] = ONE_OF_EACH,
        rows: Snapshot | None = None,
        now: int = 0,
    ) -> None:
        self.noun, self.place = NOUNS[noun], Place(partition, {**partitions, noun: partitions.get(noun) or 1})
        self.undo: list[tuple[Table, str, Any]] = []
        self.tables = {name: Table(self.undo, (rows or {}).get(name, {})) for name in self.noun.tables}
        self.state = self.noun.state(self.tables, self.place)
        self.now = self.state.now = now

    def run(self, command: Any, *, at: int | None = None) -> list[Any]:
        """Decides and evolves, event by event, as `NounMachine.handle` does -> all events, the inner ones too, and the
        records that are made of them."""
        assert type(command) in self.noun.commands, command
        self.now = self.state.now = max(self.now, command.timestamp if at is None else at)
        events = []
        for event in self.noun.decide(self.state, command):
            self.noun.evolve(self.state, event)
            records = self.noun.records.get(type(event))
            told = [event] if records is None else list(records(event))
            assert all(map(self._is_numbered, told)), event
            events += told if records is None else [event, *told]
        return events

    def _is_numbered(self, event: Any) -> bool:
        """What is told of a book has the number that the book has after it."""
        number = getattr(event, "sequence", 0) if self.noun.name == "order_books" else 0
        return not number or number == self.state.book(event.symbol).sequence

    def run_all(self, commands: Iterable[Any]) -> list[Any]:
        return [event for command in commands for event in self.run(command)]

    def take_back(self, mark: int) -> None:
        """Rows as they were when `undo` was `mark` long, as the shard does after a record that failed."""
        for table, key, row in reversed(self.undo[mark:]):
            table.restore(key, row)
        del self.undo[mark:]
        self.state.rebuild()

    def snapshot(self) -> Snapshot:
        return {name: dict(table.rows) for name, table in self.tables.items()}

    def rebuilt(self) -> "Machine":
        """Another machine made of nothing but the rows, each of them written and read once, in another order."""
        rows = {
            name: {
                key: msgspec.json.decode(msgspec.json.encode(row), type=self.noun.tables[name])
                for key, row in reversed(table.rows.items())
            }
            for name, table in self.tables.items()
        }
        return Machine(self.noun.name, self.place.partition, self.place.partitions, rows, self.now)


def of_type(events: Iterable[Any], *types: type) -> list[Any]:
    """Those events that are of one of the types."""
    return [event for event in events if isinstance(event, types)]


def about(event: Any, *fields: str) -> tuple[Any, ...]:
    """Some fields of an event: what an example speaks of."""
    return tuple(getattr(event, field) for field in fields)
