"""A whole worker without its gateway: measures how fast it takes a backlog, and ends when all is durable."""

import asyncio
import json
import os
import resource
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from app.exactly_once import journal
from app.exactly_once.kafka import KafkaLog
from app.exactly_once.log import Partition
from app.exactly_once.rows import Rows
from app.exactly_once.shard import Shard
from app.main import app
from app.topics import INBOXES, partitions_of

FIRST = INBOXES[os.environ.get("FIRST", "accounts")]
"""Where the backlog lies."""
RECORDS = int(os.environ["RECORDS"])
PREPARED = int(os.environ["PREPARED"])
"""Records there before the backlog."""


STAGES: Counter[str] = Counter()
"""CPU seconds of the main thread, by what it did."""


def timed(owner: Any, name: str, stage: Callable[..., str]) -> None:
    """Counts the CPU time of a function that is called once a sub-batch, or less often."""
    function = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        began = time.thread_time()
        try:
            return function(*arguments, **named)
        finally:
            STAGES[stage(*arguments)] += time.thread_time() - began

    setattr(owner, name, wrapped)


timed(Shard, "take", lambda shard, *_: f"take {shard.inbox.topic}")
timed(KafkaLog, "send", lambda *_: "send")
timed(journal.Journal, "add", lambda *_: "journal: copy-forward")
timed(journal, "encode", lambda *_: "journal: encode")
timed(Rows, "stored", lambda *_: "journal: RocksDB")


class Beginning:
    """What there was when the first record was taken: that may be before Faust lets tasks of its app begin."""

    def __init__(self) -> None:
        self.has_come = asyncio.Event()
        self.time = self.cpu_s = self.main_s = 0.0

    def note(self, shard: Shard) -> None:
        """Called before every sub-batch."""
        if self.has_come.is_set() or shard.inbox.topic != FIRST:
            return
        self.time, self.cpu_s, self.main_s = time.perf_counter(), time.process_time(), time.thread_time()
        STAGES.clear()
        app.kafka.sent.clear()
        self.has_come.set()


BEGINNING = Beginning()
take = Shard.take


def noted_take(shard: Shard, *arguments: Any) -> Any:
    BEGINNING.note(shard)
    return take(shard, *arguments)


Shard.take = noted_take  # type: ignore[method-assign]


def taken(topic: str) -> int:
    return sum(owned.shard.next for partition, owned in app.owner.shards.items() if partition.topic == topic)


async def is_drained() -> bool:
    """Whether every inbox is durable to its end, twice in a row."""
    for _ in range(2):
        for topic in app.inboxes:
            for number in range(partitions_of(topic, app.settings.profile)):
                partition = Partition(topic, number)
                _, end = await app.kafka.bounds(partition)
                owned = app.owner.shards.get(partition)
                if owned is None or owned.journal.durable < end:
                    return False
    return True


@app.task()
async def measure() -> None:
    await BEGINNING.has_come.wait()
    while taken(FIRST) - PREPARED < RECORDS:
        await asyncio.sleep(0.01)
    while not await is_drained():
        await asyncio.sleep(0.01)
    seconds, cpu = time.perf_counter() - BEGINNING.time, time.process_time() - BEGINNING.cpu_s
    main = time.thread_time() - BEGINNING.main_s
    stages = dict(sorted(STAGES.items()))
    stages["main thread, the rest: network"] = main - sum(STAGES.values())
    stages["other threads: reading, RocksDB"] = cpu - main
    print(
        json.dumps(
            {
                "rate": RECORDS / seconds,
                "cpu_us": cpu / RECORDS * 1e6,
                "stages": stages,
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
