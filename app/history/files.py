"""Parquet files of the history, written and read by DuckDB."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from app.history.ledger import UNPUBLISHED, File, HistoryError, Ledger, files_in
from app.history.tables import DECIMAL, HOUR_NS, TABLES, Table, text_of
from schemas.wire import NANOS

Rows = Mapping[tuple[str, int], Sequence[Any]]
"""Messages by kind and by the hour in which they were so, counted since the epoch."""


def write(ledger: Ledger, rows: Rows) -> list[File]:
    """The rows as files that are no part of the history yet."""
    number = ledger.next_batch()
    return [_written(ledger.folder, kind, hour, number, messages) for (kind, hour), messages in sorted(rows.items())]


def _written(folder: Path, kind: str, hour: int, number: int, messages: Sequence[Any]) -> File:
    table = TABLES[kind]
    columns: dict[str, list[Any]] = {}
    for name, column_type in table.columns.items():
        values = [getattr(message, name) for message in messages]
        if column_type == DECIMAL:
            values = [None if value is None else text_of(value) for value in values]
        columns[name] = values
    file = _file(kind, hour_text(hour), f"{number:012d}", len(messages))
    frame = pd.DataFrame(columns)  # found by DuckDB under its name
    casts = ", ".join(f'{_cast(name, kind_of_column)} AS "{name}"' for name, kind_of_column in table.columns.items())
    with contextlib.closing(duckdb.connect()) as base:
        base.register("frame", frame)
        _copy(base, f"SELECT {casts} FROM frame", folder / file.path)  # noqa: S608 - our own names
    return file


def _cast(name: str, column_type: str) -> str:
    if column_type == "TIMESTAMP_NS":
        return f'make_timestamp_ns("{name}")'
    return f'CAST("{name}" AS {column_type})'


def _copy(base: duckdb.DuckDBPyConnection, select: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + UNPUBLISHED)
    base.execute(f"COPY ({select}) TO '{part}' (FORMAT parquet, COMPRESSION zstd)")


def _file(kind: str, hour: str, name: str, rows: int) -> File:
    return File(f"{kind}/{hour}/{name}.parquet", kind, hour, rows)


def hour_text(hour: int) -> str:
    """An hour since the epoch as the name of its folder."""
    return datetime.fromtimestamp(hour * HOUR_NS // NANOS, UTC).strftime("%Y-%m-%dT%H")


def compact(ledger: Ledger, *, before: str) -> int:
    """Makes one file of all those of each hour that is over -> how many files there are less."""
    groups: dict[tuple[str, str], list[File]] = {}
    for file in ledger.files():
        if file.hour < before:
            groups.setdefault((file.kind, file.hour), []).append(file)
    saved = 0
    for (kind, hour), found in sorted(groups.items()):
        if len(found) > 1:
            merged = _file(kind, hour, f"{ledger.next_batch():012d}", sum(file.rows for file in found))
            with contextlib.closing(duckdb.connect()) as base:
                _copy(base, f"SELECT * FROM {_scan(ledger.folder, found)}", ledger.folder / merged.path)  # noqa: S608
            ledger.commit([merged], found)
            saved += len(found) - 1
    return saved


def _scan(folder: Path, files: Sequence[File]) -> str:
    return f"read_parquet({[str(folder / file.path) for file in files]})"


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with one view a kind, of the files that are part of the history now.

    `bars` has the last revision of each bar, `bar_revisions` all of them. Raises HistoryError.
    """
    files = files_in(folder)
    with contextlib.closing(duckdb.connect()) as base:
        for kind, table in TABLES.items():
            name = "bar_revisions" if kind == "bars" else kind
            found = [file for file in files if file.kind == kind]
            select = f"SELECT * FROM {_scan(folder, found)}" if found else _nothing(table)  # noqa: S608
            base.execute(f"CREATE VIEW {name} AS {select}")
        base.execute(
            "CREATE VIEW bars AS SELECT * FROM bar_revisions "
            "QUALIFY row_number() OVER (PARTITION BY symbol, interval_s, start ORDER BY revision DESC) = 1"
        )
        yield base


def _nothing(table: Table) -> str:
    columns = ", ".join(f'CAST(NULL AS {column_type}) AS "{name}"' for name, column_type in table.columns.items())
    return f"SELECT {columns} WHERE false"


def ask(folder: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """What the history answers -> names of columns, rows. Raises HistoryError."""
    try:
        with opened(folder) as base:
            found = base.execute(sql)
            return [column[0] for column in found.description or ()], found.fetchall()
    except duckdb.Error as error:
        raise HistoryError(str(error)) from error
