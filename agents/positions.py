"""The agent of the positions inbox."""

from faust.types import StreamT

from app.main import app
from tables.positions import NOUN

inbox = app.register(NOUN)


@app.agent(inbox, name="positions")
async def positions(batches: StreamT[bytes]) -> None:
    """Hands each batch to its shard, which decides, evolves and emits exactly once."""
    await app.take(batches)
