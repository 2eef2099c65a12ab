"""What a machine may ask of its state: rows of tables, and the time. Whoever drives it brings both."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

Row = TypeVar("Row")


class Table(Protocol[Row]):
    """Rows under string keys. Rows are frozen: a change is another row."""

    def get(self, key: str) -> Row | None:
        """The row, or None."""

    def put(self, key: str, row: Row) -> None:
        """Writes the row."""

    def delete(self, key: str) -> None:
        """Removes the row."""

    def scan(self, prefix: str = "") -> Iterator[tuple[str, Row]]:
        """Rows whose key begins with `prefix`, in key order."""
