"""Stock Faust: one write to a table in memory for every event, as its documentation has it. Ends after LIMIT events."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import mode.loop

mode.loop.use("uvloop")

import faust

LIMIT = int(os.environ["LIMIT"])
FOLDER = Path(os.environ["FOLDER"])
FOLDER.mkdir(parents=True, exist_ok=True)

app = faust.App(
    "bench-stock",
    broker=f"kafka://{os.environ['BROKERS']}",
    store="memory://",
    value_serializer="raw",
    web_enabled=False,
    datadir=str(FOLDER),
    topic_partitions=4,
    consumer_auto_offset_reset="earliest",
    worker_redirect_stdouts=False,
)
inbox = app.topic("bench-a", key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
counts = app.Table("counts", default=int, key_type=str, value_type=int)


@app.agent(inbox)
async def engine(stream: Any) -> None:
    taken, began, cpu = 0, 0.0, 0.0
    async for value in stream:
        if not taken:
            began, cpu = time.perf_counter(), time.process_time()
        counts[value[:4].decode()] += 1
        taken += 1
        if taken == LIMIT:
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            found = json.dumps({"rate": taken / seconds, "cpu_us": cpu / taken * 1e6})
            print(found, file=sys.__stdout__, flush=True)  # Faust has put its log in the other one's place
            os._exit(0)


if __name__ == "__main__":
    app.main()
