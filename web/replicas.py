"""What the gateway knows: replicas of every shard, and views that follow their changes."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

from app.exactly_once.changelog import Data
from app.exactly_once.log import Partition
from app.exactly_once.replica import Replica
from app.exactly_once.rows import Rows
from app.machine import Noun
from app.main import app
from app.topics import partition_of, partitions_of
from tables.accounts import NOUN as ACCOUNTS
from tables.inquiries import NOUN as INQUIRIES
from tables.market_data import NOUN as MARKET_DATA
from tables.order_books import NOUN as ORDER_BOOKS
from tables.positions import NOUN as POSITIONS

logger = logging.getLogger(__name__)

NOUNS = (ACCOUNTS, ORDER_BOOKS, POSITIONS, MARKET_DATA, INQUIRIES)

RowHandler = Callable[[int, str, Any], None]
"""Called with partition, key and row; None where the row was deleted."""


class View:
    """Hears rows of some tables of one noun. Subclasses fill `handlers`, and forget a shard in `forget`."""

    noun: Noun
    handlers: dict[str, RowHandler]

    def forget(self, partition: int) -> None:
        """A shard's rows come anew."""

    def reset(self, inbox: Partition, rows: Rows) -> None:
        """Takes a whole shard."""
        self.forget(inbox.number)
        for table, handler in self.handlers.items():
            for key in list(rows[table].warm):
                handler(inbox.number, key, rows[table].get(key))

    def changed(self, inbox: Partition, rows: Rows, data: Data) -> None:
        """Takes the rows of one changelog record."""
        for table, handler in self.handlers.items():
            for key in data.rows.get(table, ()):
                handler(inbox.number, key, rows[table].get(key))


class Shards:
    """The replicas of one noun, one a partition."""

    def __init__(self, noun: Noun, view: View) -> None:
        self.noun = noun
        self.count = partitions_of(noun.inbox, app.settings.profile)
        self.replicas = [
            Replica(app.kafka, Partition(noun.inbox, number), noun.tables, view) for number in range(self.count)
        ]
        self._tasks = [
            asyncio.create_task(self._run(replica), name=f"replica {replica.inbox}") for replica in self.replicas
        ]

    async def _run(self, replica: Replica) -> None:
        while True:
            try:
                await replica.run()
            except Exception:
                logger.exception("replica of %s begins again", replica.inbox)
                await asyncio.sleep(1)

    def number_of(self, key: str) -> int:
        """The partition in which the key lives."""
        return partition_of(key, self.count)

    def of(self, key: str) -> Replica:
        """The replica in which the key lives."""
        return self.replicas[self.number_of(key)]

    def rows(self, table: str, key: str) -> Iterator[Any]:
        """The rows of all shards under this key, where the key does not say in which one it lives."""
        for replica in self.replicas:
            row = replica.rows[table].get(key)
            if row is not None:
                yield row

    def is_caught_up(self) -> bool:
        """Whether every replica has read what there was at the start."""
        return all(replica.is_caught_up.is_set() for replica in self.replicas)

    async def stop(self) -> None:
        """Ends following."""
        for task in self._tasks:
            task.cancel()
