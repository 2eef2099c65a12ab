"""Which guarded accounts a price concerns, in order of their names. Derived from rows, and rebuilt from them."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable
from itertools import product
from typing import NamedTuple, Protocol


class Owner(Protocol):
    """What is known of an account."""

    @property
    def assets(self) -> tuple[str, ...]:
        """Of which it has a balance."""

    @property
    def loss_asset(self) -> str:
        """In which its losses are counted."""

    @property
    def margin_asset(self) -> str:
        """In which its margin is counted."""

    @property
    def is_guarded(self) -> bool:
        """Whether prices alone may change what it may do."""


class Pair(NamedTuple):
    """An asset, and the one in which it is priced."""

    base: str
    quote: str


class Owners:
    """Names by what they own, and in which asset that counts."""

    __slots__ = ("_names",)

    def __init__(self, rows: Iterable[tuple[str, Owner]]) -> None:
        self._names: defaultdict[Pair, list[str]] = defaultdict(list)
        for name, row in sorted(rows, key=lambda each: each[0]):
            for pair in _pairs(row):
                self._names[pair].append(name)

    def move(self, name: str, before: Owner, after: Owner) -> None:
        """An account is like this now."""
        old, new = _pairs(before), _pairs(after)
        if old == new:
            return
        for pair in old:
            names = self._names[pair]
            del names[bisect_left(names, name)]
            if not names:
                del self._names[pair]
        for pair in new:
            insort(self._names[pair], name)

    def after(self, base: str, quote: str, name: str, count: int) -> list[str]:
        """So many that own one asset, and count in the other, whose names come next."""
        names = self._names.get(Pair(base, quote), [])
        start = bisect_right(names, name)
        return names[start : start + count]


def _pairs(row: Owner) -> dict[Pair, None]:
    quotes = [each for each in (row.loss_asset, row.margin_asset) if each] if row.is_guarded else []
    return dict.fromkeys(Pair(*each) for each in product(row.assets, quotes))
