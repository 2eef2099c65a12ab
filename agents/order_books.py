"""The agent of the order_books inbox."""

from faust.types import StreamT

from app.main import app
from tables.order_books import NOUN

inbox = app.register(NOUN)


@app.agent(inbox, name="order_books")
async def order_books(batches: StreamT[bytes]) -> None:
    """Hands each batch to its shard, which decides, evolves and emits exactly once."""
    await app.take(batches)
