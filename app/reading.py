"""Reading shards from outside the workers: what operators and tests look at. Never claims, never writes."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, NamedTuple

from app.exactly_once.changelog import Follower, topic_of
from app.exactly_once.kafka import KafkaLog
from app.exactly_once.log import Partition
from app.exactly_once.rows import Rows
from app.exactly_once.shard import SYSTEM_TABLES
from app.machine import Noun
from app.settings import NOUNS, Settings
from app.topics import INBOXES, partitions_of
from domain.account_rows import CLEARING, EXTERNAL, FEES
from domain.trades import HOUSE


class Reading(NamedTuple):
    """One shard as its changelog tells it."""

    inbox: Partition
    follower: Follower
    first: int
    end: int
    """The changelog's first offset, and the one after its last."""
    inbox_end: int

    @property
    def lag(self) -> int:
        """Inbox records that are not durable yet."""
        return self.inbox_end - (self.follower.next or 0)


def noun_of(name: str) -> Noun:
    """A noun by its name. Imported by name: this layer lies below the tables."""
    found = import_module(f"tables.{name}").NOUN
    assert isinstance(found, Noun)
    return found


@asynccontextmanager
async def reader(settings: Settings) -> AsyncIterator[KafkaLog]:
    """Kafka for reading alone."""
    log = KafkaLog({"bootstrap_servers": settings.brokers}, _no_producer, _no_fault, {})
    try:
        yield log
    finally:
        await log.stop()


def _no_producer() -> Any:
    raise AssertionError("a reader never writes")


def _no_fault(why: str) -> Any:
    raise AssertionError(why)


async def shard(log: KafkaLog, noun: Noun, number: int) -> Reading:
    """One shard, read to the end of its changelog; its digest is checked."""
    inbox = Partition(noun.inbox, number)
    changelog = Partition(topic_of(noun.inbox), number)
    first, end = await log.bounds(changelog)
    follower = Follower(Rows(SYSTEM_TABLES | noun.tables))
    follower.offset = first
    async for records in log.read(changelog, first, end):
        for record in records:
            follower.apply(record)
    follower.check()
    return Reading(inbox, follower, first, end, (await log.bounds(inbox))[1])


async def shards(log: KafkaLog, settings: Settings, nouns: tuple[str, ...] = NOUNS) -> AsyncIterator[Reading]:
    """Every shard of these nouns."""
    for name in nouns:
        for number in range(partitions_of(INBOXES[name], settings.profile)):
            yield await shard(log, noun_of(name), number)


class Ledger(NamedTuple):
    """Sums over all account shards, by asset, in nanos."""

    totals: dict[str, dict[str, int]]
    """asset -> accounts, clearing, fees, house, external, reserved, held"""
    faults: list[str]
    """What does not agree; empty where money was neither made nor lost."""


async def ledger(log: KafkaLog, settings: Settings) -> Ledger:
    """Adds up every ledger: exact in each shard, and over all of them."""
    totals: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    faults: list[str] = []
    async for reading in shards(log, settings, ("accounts",)):
        for asset, sums in sums_of(reading.follower.rows).items():
            reserved, held = sums["reserved"], sums["held"]
            if imbalance := sum(sums[name] for name in ("accounts", *SYSTEM_ACCOUNTS.values())):
                faults.append(f"{reading.inbox}: the entries in {asset} sum to {imbalance} nanos, not to 0")
            if reserved != held:
                faults.append(f"{reading.inbox}: {reserved} nanos of {asset} reserved, orders hold {held}")
            for name in SUMS:
                totals[asset][name] += sums[name]
    return Ledger(dict(sorted(totals.items())), faults)


SYSTEM_ACCOUNTS = {CLEARING: "clearing", FEES: "fees", HOUSE: "house", EXTERNAL: "external"}
"""Their names for people."""
SUMS = ("accounts", "clearing", "fees", "house", "external", "reserved", "held")


def sums_of(rows: Rows) -> dict[str, dict[str, int]]:
    """Sums of one account shard by asset."""
    sums: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    for key, balance in rows["balances"].scan():
        account_id, _, asset = key.partition("|")
        sums[asset][SYSTEM_ACCOUNTS.get(account_id, "accounts")] += balance.total
        sums[asset]["reserved"] += balance.reserved
    for _, order in rows["orders"].scan():
        if order.held:
            sums[order.held_asset]["held"] += order.held
    return dict(sums)
