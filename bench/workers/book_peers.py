"""Other Python engines on the mixed flow of bench/mixed_flow.py: the engine's name is the argument.

Runs in the environment of the peers. Orders are made within the measured time where the engine makes them itself.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import orderbook
from lightmatchingengine import lightmatchingengine
from pyorderbook.book import Book
from pyorderbook.order import Order, Side

from bench.mixed_flow import Step, mixed_flow

OPERATIONS, PRELOADED = 200_000, 2_000
Play = Callable[[list[Step]], int]


def akhil4n() -> Play:
    """akhil4n-orderbook: sortedcontainers, ordered dicts. Counts what stands in its trade log."""
    book = orderbook.OrderBook()
    orders: dict[int, orderbook.Order] = {}
    sides = (orderbook.OrderSide.ASK, orderbook.OrderSide.BID)

    def play(steps: list[Step]) -> int:
        before = len(book.trade_log)
        for number, is_buy, price, quantity in steps:
            if price:
                order = orders[number] = orderbook.Order(sides[is_buy], price, quantity)
                book.add_limit_order(order)
            else:
                book.cancel_order(orders[number].order_id)
        return len(book.trade_log) - before

    return play


def light() -> Play:
    """lightmatchingengine: lists in dicts, min and max for the best price. It tells both sides of each trade."""
    engine = lightmatchingengine.LightMatchingEngine()
    orders: dict[int, int] = {}
    buy, sell = lightmatchingengine.Side.BUY, lightmatchingengine.Side.SELL

    def play(steps: list[Step]) -> int:
        count = 0
        for number, is_buy, price, quantity in steps:
            if price:
                order, trades = engine.add_order("A", price, quantity, buy if is_buy else sell)
                orders[number] = order.order_id
                count += sum(trade.order_id != order.order_id for trade in trades)
            else:
                engine.cancel_order(orders[number], "A")
        return count

    return play


def pyorderbook() -> Play:
    """pyorderbook: heaps of levels, dicts of orders by UUID, Decimal prices."""
    book = Book()
    orders: dict[int, Order] = {}

    def play(steps: list[Step]) -> int:
        count = 0
        for number, is_buy, price, quantity in steps:
            if price:
                order = orders[number] = Order(Side.BID if is_buy else Side.ASK, "A", price, quantity)
                count += len(book.match(order).trades)
            else:
                book.cancel(orders[number])
        return count

    return play


ENGINES: dict[str, Callable[[], Play]] = {"akhil4n-orderbook": akhil4n, "lightmatchingengine": light}
ENGINES["pyorderbook"] = pyorderbook


def main(name: str) -> dict[str, Any]:
    steps = mixed_flow(OPERATIONS, PRELOADED)
    play = ENGINES[name]()
    play(steps[:PRELOADED])
    measured = steps[PRELOADED:]
    began = time.process_time()
    trades = play(measured)
    return {"rate": len(measured) / (time.process_time() - began), "trades": trades}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
