"""Frames of a recorded venue to bytes for the topic, by CPU time; or the same frames as plain JSON alone."""

import json
import sys
import time
from pathlib import Path

from app.codecs import Codec
from app.feeds import recording, symbols
from app.feeds.venues import opened
from app.registry import FileRegistry

RECORDING = Path("app/recordings/binance_ethusdt_20240808.gz")


def parsed(frames: list[recording.Frame]) -> float:
    venue, codec = opened("binance", symbols.read()), Codec(FileRegistry())
    began = time.process_time()
    for frame in frames:
        for message in venue.take(frame):
            codec.encode(message)
    return time.process_time() - began


def plain(frames: list[recording.Frame]) -> float:
    began = time.process_time()
    for frame in frames:
        json.loads(frame.text)
    return time.process_time() - began


if __name__ == "__main__":
    found = list(recording.read(RECORDING))
    seconds = {"parsed": parsed, "plain": plain}[sys.argv[1]](found)
    print(json.dumps({"rate": len(found) / seconds}))
