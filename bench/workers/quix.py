"""Quix Streams: a count per account in its state, and one output an event. Runs in the environment of the peers."""

import json
import os
import time

from quixstreams import Application, State

LIMIT = int(os.environ["LIMIT"])
progress: dict[str, float] = {"taken": 0, "began": 0.0, "cpu": 0.0}

app = Application(
    broker_address=os.environ["BROKERS"],
    consumer_group="bench-quix",
    auto_offset_reset="earliest",
    processing_guarantee="at-least-once",
    state_dir=os.environ["FOLDER"],
    loglevel="WARNING",
)
inbox = app.topic("bench-a", key_deserializer="bytes", value_deserializer="bytes")
outputs = app.topic("bench-quix", key_serializer="bytes", value_serializer="bytes")


def count(value: bytes, state: State) -> bytes:
    if not progress["taken"]:
        progress["began"], progress["cpu"] = time.perf_counter(), time.process_time()
    key = value[:4].decode()
    state.set(key, state.get(key, 0) + 1)
    progress["taken"] += 1
    if progress["taken"] == LIMIT:  # before its last output is durable, which is to its advantage
        seconds, cpu = time.perf_counter() - progress["began"], time.process_time() - progress["cpu"]
        print(json.dumps({"rate": LIMIT / seconds, "cpu_us": cpu / LIMIT * 1e6}), flush=True)
        os._exit(0)
    return value[4:8] + value[8:]


app.dataframe(inbox).apply(count, stateful=True).to_topic(outputs, key=lambda value: value[:4])
app.run()
