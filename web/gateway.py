"""The gateway of this worker: replicas, views and routes."""

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from app.main import app
from app.metrics import ledger_imbalance
from tables.accounts import NOUN as ACCOUNTS
from tables.inquiries import NOUN as INQUIRIES
from tables.order_books import NOUN as ORDER_BOOKS
from tables.positions import NOUN as POSITIONS
from web.inquiry_views import InquiriesView
from web.problems import Problem, as_problems, only_json
from web.replicas import Shards, View
from web.views import AccountsView, BooksView, PositionsView

PAGE_MAX, PAGE_DEFAULT = 500, 100


class Gateway:
    """What every handler needs. There once Kafka is."""

    accounts: Shards
    books: Shards
    positions: Shards
    inquiries: Shards

    def __init__(self) -> None:
        self.accounts_view, self.books_view, self.positions_view = AccountsView(), BooksView(), PositionsView()
        self._views: list[View] = []
        self._followed: dict[View, Shards] = {}
        self.inquiries_view = InquiriesView()
        self.is_open = False

    def follow(self, view: View) -> None:
        """One more view, of a noun that no other one follows. Before Kafka is there."""
        self._views.append(view)

    def shards_of(self, view: View) -> Shards:
        """The replicas that such a view follows."""
        return self._followed[view]

    async def open(self) -> None:
        """Begins to follow all shards."""
        self.accounts = Shards(ACCOUNTS, self.accounts_view)
        self.books = Shards(ORDER_BOOKS, self.books_view)
        self.positions = Shards(POSITIONS, self.positions_view)
        self._followed = {view: Shards(view.noun, view) for view in self._views}
        self.inquiries = Shards(INQUIRIES, self.inquiries_view)
        self.is_open = True
        self._watch = asyncio.create_task(self._watch_ledger(), name="ledger")

    async def _watch_ledger(self) -> None:
        while True:
            await asyncio.sleep(1)
            ledger_imbalance.set(self.accounts_view.imbalance())

    def reason_not_ready(self) -> str | None:
        """Why reads would be wrong now."""
        if not self.is_open:
            return "no Kafka yet"
        for shards in (self.accounts, self.books, self.positions, self.inquiries, *self._followed.values()):
            if not shards.is_caught_up():
                return f"reading the changelog of {shards.noun.name}"
        return None


gateway = Gateway()
app.when_connected.append(gateway.open)
app.more_reasons.append(gateway.reason_not_ready)
app.http.middlewares.extend((as_problems, only_json))


def opened() -> Gateway:
    """The gateway, or a problem where it cannot answer yet."""
    if not gateway.is_open:
        raise Problem(503, "NOT_READY", "no Kafka yet")
    return gateway


def page_of(request: web.Request) -> tuple[int, dict[int, int]]:
    """-> how many entries are wanted, and after which number of each shard."""
    try:
        limit = int(request.query.get("limit", PAGE_DEFAULT))
        cursor = request.query.get("cursor", "")
        pairs = base64.urlsafe_b64decode(cursor).decode().split(",") if cursor else []
        positions = {int(pair.split(":")[0]): int(pair.split(":")[1]) for pair in pairs}
    except (ValueError, IndexError) as error:
        raise Problem(400, "BAD_CURSOR", "limit is a number, cursor is what `next` said") from error
    if not 1 <= limit <= PAGE_MAX:
        raise Problem(400, "BAD_LIMIT", f"limit lies between 1 and {PAGE_MAX}")
    return limit, positions


def cut(entries: Iterator[tuple[int, int, Any]], limit: int, positions: dict[int, int]) -> tuple[list[Any], str | None]:
    """-> one page, and the cursor of the next one."""
    rows: list[Any] = []
    last = dict(positions)
    for partition, number, row in entries:
        if len(rows) == limit:
            pairs = ",".join(f"{partition}:{number}" for partition, number in sorted(last.items()))
            return rows, base64.urlsafe_b64encode(pairs.encode()).decode()
        rows.append(row)
        last[partition] = number
    return rows, None
