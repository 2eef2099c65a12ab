"""The agent of the order_commands inbox."""

from faust.types import StreamT

from app.main import app
from tables.order_commands import NOUN

inbox = app.register(NOUN)


@app.agent(inbox, name="order_commands")
async def order_commands(batches: StreamT[bytes]) -> None:
    """Hands each batch to its shard, which decides, evolves and emits exactly once."""
    await app.take(batches)
