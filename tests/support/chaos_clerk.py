"""Checks that need no fold: money and things as a clerk adds them up from what was published, and stores on disk."""

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from chaos_fold import Judge
from chaos_watch import SHARDS
from venues import NOUN_OF

from app import reading
from app.exactly_once import identity
from app.exactly_once.journal import StoreMark
from app.exactly_once.log import Partition
from app.exactly_once.rows import Rows
from app.exactly_once.shard import SYSTEM_TABLES
from app.exactly_once.store import RocksStore
from app.settings import Profile
from app.topics import partitions_of
from domain.money import value_of
from schemas.accounts import BalanceEvent
from schemas.enums import BalanceReason
from schemas.order_books import TradeExecuted

PURSES = (BalanceReason.DEPOSIT, BalanceReason.WITHDRAWAL)


async def published(judge: Judge, topic: str) -> AsyncIterator[Any]:
    """Every message of a public topic once, as a careful consumer takes them: repetitions are known by identity."""
    for number in range(partitions_of(topic, Profile.TEST)):
        known: set[bytes] = set()
        async for records, _ in judge.read(Partition(topic, number)):
            for record in records:
                sender = dict(record.headers)[identity.HEADER]
                if sender not in known:
                    known.add(sender)
                    yield judge.codec.decode(record.value)


async def check_settlement(judge: Judge) -> None:
    """Every balance is what deposits, withdrawals and trades make of it, to the last nano."""
    totals: defaultdict[str, int] = defaultdict(int)
    verdict = judge.verdict
    async for event in published(judge, "balance-events"):
        if isinstance(event, BalanceEvent) and event.reason in PURSES:
            totals[f"{event.account_id}|{event.asset}"] += event.change
    async for trade in published(judge, "trade-events"):
        assert isinstance(trade, TradeExecuted)
        verdict.figures["trades"] += 1
        value = value_of(trade.quantity, trade.execution_price)
        buyer, seller = trade.buy_account_id, trade.sell_account_id
        totals[f"{buyer}|{trade.quote}"] -= value + trade.buy_commission
        totals[f"{seller}|{trade.quote}"] += value - trade.sell_commission
        totals[f"{buyer}|{trade.base}"] += trade.quantity
        totals[f"{seller}|{trade.base}"] -= trade.quantity
    for inbox, rows in verdict.rows.items():
        if inbox.topic == "accounts-inbox":
            for key, balance in rows["balances"].scan():
                if not key.startswith("@"):
                    verdict.compare(f"{key} by the clerk", totals.pop(key, 0), balance.total)
    verdict.compare("what nobody owns", {}, {key: total for key, total in totals.items() if total})


async def check_ledger(judge: Judge) -> None:
    """Double entry, in each shard and over all of them; nothing is on its way between accounts."""
    async with reading.reader(judge.settings) as log:
        found = await reading.ledger(log, judge.settings)
    judge.verdict.faults += found.faults
    for asset, sums in found.totals.items():
        judge.verdict.compare(f"clearing of {asset}", 0, sums["clearing"])
        judge.verdict.compare(f"{asset} in all", 0, sums["accounts"] + sums["fees"] + sums["house"] + sums["external"])


def check_stores(judge: Judge, folder: Path) -> None:
    """Each store on disk is whole; one that names its inbox's end holds the very rows of the fold."""
    verdict = judge.verdict
    for path in sorted(folder.glob("*/worker-*/shards/*")):
        inbox = next(shard for shard in SHARDS if str(shard) == path.name)
        store = RocksStore(path)
        try:
            meta = store.meta()
            if meta is None:
                continue
            mark = msgspec.msgpack.decode(meta, type=StoreMark)
            rows = Rows(SYSTEM_TABLES | reading.noun_of(NOUN_OF[inbox.topic]).tables)
            verdict.compare(f"digest of {path.parts[-4:]}", True, rows.load(store.all_items(), mark.digest))
        finally:
            store.close()
        is_current = mark.next == verdict.ends[inbox]
        verdict.figures["stores at the end" if is_current else "stores behind"] += 1
        if is_current:
            verdict.compare_rows(inbox, rows)
