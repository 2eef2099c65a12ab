"""What the gateway knows of inquiries: those there are in order of their numbers, and what books have."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from domain.inquiry_rows import Inquiry
from domain.positions import Position
from tables.inquiries import NOUN as INQUIRIES
from web.replicas import View
from web.views import Sequence

NEWEST_MAX = 1_000
"""Inquiries of each shard that a late joiner is shown."""


class InquiriesView(View):
    """Inquiries in order of their numbers; positions by book and instrument."""

    noun = INQUIRIES

    def __init__(self) -> None:
        self.handlers = {"inquiries": self._inquiry, "positions": self._position}
        self.numbers: defaultdict[int, Sequence] = defaultdict(Sequence)
        self._known: defaultdict[int, dict[str, int]] = defaultdict(dict)
        self._positions: defaultdict[int, dict[str, Position]] = defaultdict(dict)

    def forget(self, partition: int) -> None:
        """A shard's rows come anew."""
        for views in (self.numbers, self._known, self._positions):
            views.pop(partition, None)

    def _inquiry(self, partition: int, inquiry_id: str, inquiry: Inquiry | None) -> None:
        if inquiry is not None:
            self._known[partition][inquiry_id] = inquiry.inquiry_number
            self.numbers[partition].add(inquiry.inquiry_number, inquiry_id)
        elif inquiry_id in self._known[partition]:
            self.numbers[partition].remove(self._known[partition].pop(inquiry_id))

    def _position(self, partition: int, key: str, position: Position | None) -> None:
        if position is None:
            self._positions[partition].pop(key, None)
        else:
            self._positions[partition][key] = position

    def positions(self) -> Iterator[tuple[str, Position]]:
        """Positions of all books, by `book|instrument`."""
        found: dict[str, Any] = {}
        for rows in self._positions.values():
            found.update(rows)
        yield from sorted(found.items())

    def newest(self, partition: int, count: int = NEWEST_MAX) -> list[str]:
        """Ids of the newest inquiries of a shard, the oldest of them first."""
        return self.numbers[partition].newest(count)
