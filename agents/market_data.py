"""The agent of the market_data inbox."""

from faust.types import StreamT

from app.main import app
from tables.market_data import NOUN

inbox = app.register(NOUN)


@app.agent(inbox, name="market_data")
async def market_data(batches: StreamT[bytes]) -> None:
    """Hands each batch to its shard, which decides, evolves and emits exactly once."""
    await app.take(batches)
