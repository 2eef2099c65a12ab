"""A worker like any other that has, beside its inboxes, a topic of many partitions in which nothing happens."""

import os
from typing import Any

from app.main import app

beside = app.topic(os.environ["BESIDE"], key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


@app.agent(beside)
async def listen(stream: Any) -> None:
    async for _ in stream.noack().events():
        pass


if __name__ == "__main__":
    app.finalize()
    app.discover()
    app.Worker(loglevel="info", redirect_stdouts=False).execute_from_commandline()
