"""The market of the benchmarks: traders with money, symbols, and orders that cross."""

import time
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from app.codecs import Codec
from app.registry import FileRegistry
from app.settings import Profile
from app.topics import ACCOUNTS, partition_of, partitions_of
from schemas.accounts import PlaceOrder
from schemas.enums import OrderType, Side, TimeInForce
from schemas.wire import NANOS

TRADERS = [f"trader-{number:02}" for number in range(64)]
ASSETS = [f"B{number}" for number in range(8)]
PRICE = 100
CENT = NANOS // 100
INBOX = ACCOUNTS
codec = Codec(FileRegistry())


class Written(NamedTuple):
    """An order as it goes into the inbox."""

    order_id: str
    partition: int
    key: bytes
    value: bytes


def crossing(prefix: str, seed: int = 1) -> Iterator[PlaceOrder]:
    """Without end: one side, then the other side of the same symbol, of another trader, at a price that crosses."""
    rng, number = Random(seed), 0
    while True:
        asset, first = rng.choice(ASSETS), rng.choice((Side.BUY, Side.SELL))
        second = Side.SELL if first is Side.BUY else Side.BUY
        traders = rng.sample(TRADERS, 2)
        for trader, side in zip(traders, (first, second), strict=True):
            better = rng.randrange(5) * CENT
            price = PRICE * NANOS + (better if side is Side.BUY else -better)
            yield _order(f"{prefix}-{number:07}", trader, f"{asset}USDT", side, price)
            number += 1


def crossing_orders(prefix: str, profile: Profile, seed: int = 1) -> Iterator[Written]:
    """The same as they are written."""
    for order in crossing(prefix, seed):
        trader = order.account_id
        partition = partition_of_trader(trader, profile)
        yield Written(order.order_id, partition, trader.encode(), codec.encode(order))


def _order(order_id: str, trader: str, symbol: str, side: Side, price: int) -> PlaceOrder:
    return PlaceOrder(
        order_id=order_id,
        account_id=trader,
        symbol=symbol,
        side=side,
        order_type=OrderType.LIMIT,
        quantity=NANOS,
        limit_price=price,
        time_in_force=TimeInForce.GTC,
        source="kafka",
        event_id=order_id,
        command_id=order_id,
        correlation_id=order_id,
        actor_id=trader,
        timestamp=time.time_ns(),
    )


def partition_of_trader(trader: str, profile: Profile) -> int:
    """Of the inbox of accounts."""
    return partition_of(trader, partitions_of(INBOX, profile))
