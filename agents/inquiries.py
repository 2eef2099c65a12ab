"""The agent of the inquiries inbox."""

from faust.types import StreamT

from app.main import app
from tables.inquiries import NOUN

inbox = app.register(NOUN)


@app.agent(inbox, name="inquiries")
async def inquiries(batches: StreamT[bytes]) -> None:
    """Hands each batch to its shard, which decides, evolves and emits exactly once."""
    await app.take(batches)
