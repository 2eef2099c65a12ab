"""The agent of the feeds inbox."""

from faust.types import StreamT

from app.main import app
from tables.feeds import NOUN

inbox = app.register(NOUN)


@app.agent(inbox, name="feeds")
async def feeds(batches: StreamT[bytes]) -> None:
    """Hands each batch to its shard, which decides, evolves and emits exactly once."""
    await app.take(batches)
