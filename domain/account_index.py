"""Whose the orders of a book are: brought up to date when somebody asks, so that entering and trading cost nothing.

What came since is at the end of the book's orders, for these are in order of their priorities. So every order is looked
at once, however often somebody asks; ids of those that are gone are dropped when they are met.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from domain.resting import RestingOrder

Entry = TypeVar("Entry")

STALE_MAX = 64
"""Ids of orders that are gone, beside as many as there are orders."""


class AccountIndex(Generic[Entry]):
    """Ids by account, of the entries of one dict."""

    __slots__ = ("_by_account", "_count", "_entries", "_order_of", "_until")

    def __init__(self, entries: dict[str, Entry], order_of: Callable[[Entry], RestingOrder]) -> None:
        self._entries, self._order_of = entries, order_of
        self._forget()

    def _forget(self) -> None:
        self._by_account: dict[str, dict[str, None]] = {}
        self._count = self._until = 0
        """Ids that were added, and the priority of the last one."""

    def of(self, account_id: str) -> Iterator[RestingOrder]:
        """Orders of the account."""
        self._bring_up_to_date()
        ids = self._by_account.get(account_id, {})
        for order_id in list(ids):
            entry = self._entries.get(order_id)
            order = None if entry is None else self._order_of(entry)
            if order is None or order.account_id != account_id:
                del ids[order_id]
            else:
                yield order

    def _bring_up_to_date(self) -> None:
        if self._count > 2 * len(self._entries) + STALE_MAX:
            self._forget()
        newest = []
        for entry in reversed(self._entries.values()):
            order = self._order_of(entry)
            if order.priority <= self._until:
                break
            newest.append(order)
        for order in reversed(newest):
            self._by_account.setdefault(order.account_id, {})[order.order_id] = None
            self._until = max(self._until, order.priority)
        self._count += len(newest)
