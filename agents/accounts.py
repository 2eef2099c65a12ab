"""The agent of the accounts inbox."""

from faust.types import StreamT

from app.main import app
from tables.accounts import NOUN

inbox = app.register(NOUN)


@app.agent(inbox, name="accounts")
async def accounts(batches: StreamT[bytes]) -> None:
    """Hands each batch to its shard, which decides, evolves and emits exactly once."""
    await app.take(batches)
