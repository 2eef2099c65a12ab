"""A whole worker without its gateway: measures how fast it takes a backlog of orders, and ends when all is durable."""

import asyncio
import json
import os
import resource
import time

from app.exactly_once.log import Partition
from app.main import app
from app.topics import INBOXES, partitions_of

ORDERS = int(os.environ["ORDERS"])
PREPARED = int(os.environ["PREPARED"])
"""Records in the accounts inboxes before the orders."""


def taken(topic: str) -> int:
    return sum(owned.shard.next for partition, owned in app.owner.shards.items() if partition.topic == topic)


async def is_drained() -> bool:
    """Whether every inbox is durable to its end, twice in a row."""
    for _ in range(2):
        for topic in INBOXES.values():
            for number in range(partitions_of(topic, app.settings.profile)):
                partition = Partition(topic, number)
                _, end = await app.kafka.bounds(partition)
                owned = app.owner.shards.get(partition)
                if owned is None or owned.journal.durable < end:
                    return False
    return True


@app.task()
async def measure() -> None:
    while app.not_ready is not None or taken(INBOXES["accounts"]) <= PREPARED:
        await asyncio.sleep(0.001)
    began, cpu = time.perf_counter(), time.process_time()
    while taken(INBOXES["accounts"]) - PREPARED < ORDERS:
        await asyncio.sleep(0.01)
    while not await is_drained():
        await asyncio.sleep(0.01)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(
        json.dumps(
            {
                "rate": ORDERS / seconds,
                "cpu_us": cpu / ORDERS * 1e6,
                "sent": app.kafka.sent,
                "counts": dict(app.owner.counts),
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        ),
        flush=True,
    )
    os._exit(0)


if __name__ == "__main__":
    app.finalize()
    app.discover()
    app.Worker(loglevel="info", redirect_stdouts=False).execute_from_commandline()
