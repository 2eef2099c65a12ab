"""The agent of the inquiry_commands inbox."""

from faust.types import StreamT

from app.main import app
from tables.inquiry_commands import NOUN

inbox = app.register(NOUN)


@app.agent(inbox, name="inquiry_commands")
async def inquiry_commands(batches: StreamT[bytes]) -> None:
    """Hands each batch to its shard, which decides, evolves and emits exactly once."""
    await app.take(batches)
