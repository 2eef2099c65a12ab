"""A trace goes on with whatever a command causes, and where the command has to wait, it waits with it."""

from typing import Any

import pytest
from examples import BUY, SELL, enter, listing
from venues import ByteShard

from app.codecs import Codec
from app.exactly_once.log import Message
from app.machine import TRACEPARENT
from app.registry import FileRegistry
from app.topics import INBOXES
from domain import order_books
from schemas.order_books import TradeExecuted


class Books:
    """A shard of books, whose records to itself come back to it."""

    def __init__(self) -> None:
        self.codec = Codec(FileRegistry())
        self.shard = ByteShard("order_books", 0, self.codec)
        self.told: list[tuple[Any, bytes]] = []
        self.send(listing())

    def send(self, command: Any, trace: bytes = b"") -> None:
        headers = [(TRACEPARENT, trace)] if trace else []
        self.shard.append(Message(None, self.codec.encode(command), headers), 0)

    def take(self) -> None:
        for partition, messages in self.shard.take(1).items():
            for message in messages:
                if partition.topic == INBOXES["order_books"]:
                    self.shard.append(message, 0)
                elif partition.topic == "trade-events":
                    self.told.append((self.codec.decode(message.value), dict(message.headers).get(TRACEPARENT, b"")))
        self.shard.commit()


def test_an_order_that_waits_for_another_one_trades_under_its_own_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_books, "STEPS_PER_RECORD_MAX", 2)
    books = Books()
    for number in range(9):
        books.send(enter(f"s{number}", SELL, 1, 1))
    books.send(enter("first", BUY, 5, 1), b"trace of the first")
    books.send(enter("second", BUY, 3, 1), b"trace of the second")
    books.send(enter("third", BUY, 1, 1))
    while books.shard.backlog:
        books.take()
        books.shard.restore()
    found = [(trade.buy_order_id, trace) for trade, trace in books.told if isinstance(trade, TradeExecuted)]
    assert found == [
        *[("first", b"trace of the first")] * 5,
        *[("second", b"trace of the second")] * 3,
        ("third", b""),
    ]
