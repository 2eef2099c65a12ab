"""The ledger of the history: which files are part of it, and how far each topic was read.

Files and positions change in one transaction of SQLite. So a recorder that is killed at any moment leaves a history in
which every record counts once: files that are not in the ledger are none of it, and are removed at the next start.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

LEDGER, LOCK = "ledger.sqlite", "lock"
UNPUBLISHED = ".part"
_TABLES = """
CREATE TABLE IF NOT EXISTS positions (topic TEXT, partition INTEGER, next INTEGER, PRIMARY KEY (topic, partition));
CREATE TABLE IF NOT EXISTS numbers (place TEXT PRIMARY KEY, number INTEGER);
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, kind TEXT, hour TEXT, rows INTEGER);
CREATE TABLE IF NOT EXISTS batches (number INTEGER PRIMARY KEY AUTOINCREMENT);
"""


class HistoryError(Exception):
    """What is wrong with the folder of the history."""


class File(NamedTuple):
    """One Parquet file: its path below the folder, what is in it, the hour of its rows, and how many."""

    path: str
    kind: str
    hour: str
    rows: int


Position = tuple[str, int]
"""A topic and a partition."""


class Ledger:
    """The ledger of one folder. One process at a time writes it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = (folder / LOCK).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise HistoryError(f"another process records into {folder}") from error
        self._base = sqlite3.connect(folder / LEDGER, isolation_level=None, check_same_thread=False)
        try:
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.executescript(_TABLES)
            self._reconcile()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Lets others write."""
        self._base.close()
        self._lock.close()

    def positions(self) -> dict[Position, int]:
        """The offset after the last one that is part of the history, of each partition."""
        found = self._base.execute("SELECT topic, partition, next FROM positions")
        return {(topic, partition): following for topic, partition, following in found}

    def numbers(self) -> dict[str, int]:
        """The number of the last event that each shard told into each partition."""
        return dict(self._base.execute("SELECT place, number FROM numbers"))

    def files(self) -> list[File]:
        """The files of the history."""
        return files_of(self._base)

    def next_batch(self) -> int:
        """A number that no other batch has."""
        return int(self._base.execute("INSERT INTO batches DEFAULT VALUES").lastrowid or 0)

    def commit(
        self,
        added: Iterable[File],
        removed: Iterable[File] = (),
        positions: Mapping[Position, int] | None = None,
        numbers: Mapping[str, int] | None = None,
    ) -> None:
        """Files become part of the history or cease to be, and positions move: all of it, or nothing."""
        added, removed = list(added), list(removed)
        for file in added:
            _flush(self.folder / (file.path + UNPUBLISHED))
        self._base.execute("BEGIN IMMEDIATE")
        with self._base:
            self._base.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", added)
            self._base.executemany("DELETE FROM files WHERE path = ?", [(file.path,) for file in removed])
            places = [(topic, partition, following) for (topic, partition), following in (positions or {}).items()]
            self._base.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", places)
            self._base.executemany("INSERT OR REPLACE INTO numbers VALUES (?, ?)", list((numbers or {}).items()))
        for file in added:
            self._publish(file)
        for file in removed:
            (self.folder / file.path).unlink(missing_ok=True)

    def _publish(self, file: File) -> None:
        path = self.folder / file.path
        path.with_name(path.name + UNPUBLISHED).rename(path)

    def _reconcile(self) -> None:
        """Ends what a process before began: the ledger is right."""
        known = {file.path: file for file in self.files()}
        for part in self.folder.rglob("*.parquet" + UNPUBLISHED):
            path = str(part.relative_to(self.folder)).removesuffix(UNPUBLISHED)
            if path in known:
                self._publish(known[path])
            else:
                part.unlink()
        for found in self.folder.rglob("*.parquet"):
            if str(found.relative_to(self.folder)) not in known:
                found.unlink()
        missing = [path for path in known if not (self.folder / path).exists()]
        if missing:
            raise HistoryError(f"{len(missing)} files of the ledger are gone, the first is {missing[0]}")


def files_of(base: sqlite3.Connection) -> list[File]:
    """The files of a ledger."""
    return [File(*row) for row in base.execute("SELECT path, kind, hour, rows FROM files ORDER BY path")]


def files_in(folder: Path) -> list[File]:
    """The files of a history that somebody else may be writing. Raises HistoryError where there is none."""
    if not (folder / LEDGER).exists():
        raise HistoryError(f"no history in {folder}: `faust -A app history record` writes one")
    base = sqlite3.connect(f"file:{folder / LEDGER}?mode=ro", uri=True)
    try:
        return files_of(base)
    finally:
        base.close()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
