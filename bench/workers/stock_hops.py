"""Stock Faust in two hops: a table in memory, then on to the next topic. Runs until killed."""

import os
from pathlib import Path
from typing import Any

import mode.loop

mode.loop.use("uvloop")

import faust

FOLDER = Path(os.environ["FOLDER"])
FOLDER.mkdir(parents=True, exist_ok=True)
RAW: dict[str, Any] = {
    "key_type": bytes,
    "value_type": bytes,
    "key_serializer": "raw",
    "value_serializer": "raw",
    "partitions": 4,
}

app = faust.App(
    "bench-stock-hops",
    broker=f"kafka://{os.environ['BROKERS']}",
    store="memory://",
    web_enabled=False,
    datadir=str(FOLDER),
    topic_partitions=4,
    consumer_auto_offset_reset="earliest",
    worker_redirect_stdouts=False,
)
inbox, middle, out = (app.topic(f"stock-{name}", **RAW) for name in ("inbox", "middle", "out"))
first_counts = app.Table("first", default=int, key_type=str, value_type=int)
second_counts = app.Table("second", default=int, key_type=str, value_type=int)


@app.agent(inbox)
async def first(stream: Any) -> None:
    async for key, value in stream.items():
        first_counts[key.decode()] += 1
        await middle.send(key=key, value=value)


@app.agent(middle)
async def second(stream: Any) -> None:
    async for key, value in stream.items():
        second_counts[key.decode()] += 1
        await out.send(key=key, value=value)


if __name__ == "__main__":
    app.main()
