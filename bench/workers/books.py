"""Books and machines in memory, without Kafka: one measurement a process, named by the first argument."""

import gc
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from math import inf
from typing import Any

from msgspec.structs import replace

from app.machine import Noun, Place
from app.topics import ACCOUNTS, BOOKS, POSITIONS, ROUTES
from bench.mixed_flow import PlainBook, Step, deep_level, mixed_flow
from bench.opening import listing
from bench.orders import ASSETS, CENT, TRADERS, crossing
from domain.books import Book
from domain.resting import RestingOrder
from schemas.accounts import DepositFunds
from schemas.enums import Side
from schemas.order_books import CancelRestingOrder, EnterLimitOrder
from schemas.wire import NANOS
from tables import accounts, order_books, positions

OPERATIONS, PRELOADED = 200_000, 2_000
DEEP, SHALLOW = 50_000, 5_000
DEEP_ROUNDS = 3
PATH_ORDERS = 30_000
SYMBOL = "B0USDT"
SIDES = (Side.SELL, Side.BUY)
NOUN_OF = {ACCOUNTS: accounts.NOUN, BOOKS: order_books.NOUN, POSITIONS: positions.NOUN}
ONE_OF_EACH = Place(0, {"accounts": 1, "order_books": 1, "positions": 1})
BATCH = 250
"""Commands that are decoded before they are played."""
Play = Callable[[Any], None]
Player = tuple[Play, Callable[[], int]]
"""What plays an operation, and what says how many trades there were."""
Convert = Callable[[Sequence[Step]], Sequence[Any]]


class Rows(dict[str, Any]):
    """A table without a changelog: what the machines themselves cost."""

    put = dict.__setitem__

    def delete(self, key: str) -> None:
        self.pop(key, None)

    def scan(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        return iter(sorted(item for item in self.items() if item[0].startswith(prefix)))


def opened(noun: Noun) -> Any:
    """The state of a shard without rows."""
    return noun.state({name: Rows() for name in noun.tables}, ONE_OF_EACH)


def core_player() -> Player:
    """An order at a time through what `decide` and `evolve` call of the book, without events and rows."""
    book, buy, count = Book(), Side.BUY, 0

    def play(operation: RestingOrder | str) -> None:
        nonlocal count
        if type(operation) is str:
            book.remove(book.orders[operation])
            return
        is_buy, limit = operation.side is buy, operation.limit_price
        opposite = book.asks if is_buy else book.bids
        while (level := opposite.best) is not None:
            maker = level[next(iter(level))]
            price = maker.limit_price
            if limit < price if is_buy else limit > price:
                break
            count += 1
            quantity = min(maker.leaves, operation.leaves)
            if quantity == maker.leaves:
                book.remove(maker)
            else:
                book.rest(replace(maker, leaves=maker.leaves - quantity, fee_accrued=0))
            if quantity == operation.leaves:
                return
            operation = replace(operation, leaves=operation.leaves - quantity, fee_accrued=0)
        book.rest(operation)

    return play, lambda: count


def core_operations(steps: Sequence[Step]) -> list[RestingOrder | str]:
    """Orders as a book knows them; a cancel is the order's id."""
    return [
        RestingOrder(str(number), "trader", SYMBOL, number, SIDES[is_buy], price, quantity, quantity, number, 0, 0, 0)
        if price
        else str(number)
        for number, is_buy, price, quantity in steps
    ]


def machine_player(*, is_told: bool = False) -> Player:
    """A command at a time through `decide` and `evolve`; where `is_told`, with the records that others get of it."""
    noun = order_books.NOUN
    state, decide, evolve, records = opened(noun), noun.decide, noun.evolve, noun.records
    for event in decide(state, listing("B0")):
        evolve(state, event)

    def play(command: Any) -> None:
        for event in decide(state, command):
            evolve(state, event)

    def tell(command: Any) -> None:
        for event in decide(state, command):
            evolve(state, event)
            if type(event) in records:
                records[type(event)](event)

    return tell if is_told else play, lambda: state.trade_count


def machine_operations(steps: Sequence[Step]) -> list[Any]:
    """Commands as accounts send them."""
    return [
        EnterLimitOrder(
            str(number),
            f"trader-{number % 64:02}",
            SYMBOL,
            number,
            SIDES[is_buy],
            price * CENT,
            quantity * NANOS,
            0,
            0,
        )
        if price
        else CancelRestingOrder(str(number), f"trader-{number % 64:02}", SYMBOL)
        for number, is_buy, price, quantity in steps
    ]


def plain_player() -> Player:
    """The floor."""
    book, count = PlainBook(), 0

    def play(step: Step) -> None:
        nonlocal count
        number, is_buy, price, quantity = step
        if price:
            count += book.add(number, is_buy, price, quantity)
        else:
            book.cancel(number)

    return play, lambda: count


KINDS: Mapping[str, tuple[Callable[[], Player], Convert]] = {
    "core": (core_player, core_operations),
    "machine": (machine_player, machine_operations),
    "told": (partial(machine_player, is_told=True), machine_operations),
    "plain": (plain_player, list),
}


def mixed(kind: str) -> dict[str, Any]:
    """Operations a second of the mixed flow, and how long one takes at p50 and p99, in a second run."""
    make, convert = KINDS[kind]
    steps = mixed_flow(OPERATIONS, PRELOADED)
    play, trades = make()
    for operation in convert(steps[:PRELOADED]):
        play(operation)
    quiet()
    took, before = 0.0, trades()
    for operations in batches(steps[PRELOADED:], convert):
        began = time.process_time()
        for operation in operations:
            play(operation)
        took += time.process_time() - began
    return {"rate": OPERATIONS / took, "trades": trades() - before} | latencies(make()[0], steps, convert)


def batches(steps: Sequence[Step], convert: Convert) -> Iterator[Sequence[Any]]:
    """Operations as a worker gets them: so many at a time, just decoded. What that costs is not measured here."""
    for first in range(0, len(steps), BATCH):
        yield convert(steps[first : first + BATCH])


def latencies(play: Play, steps: Sequence[Step], convert: Convert) -> dict[str, float]:
    """Of each operation by itself, the two looks at the clock included."""
    for operation in convert(steps[:PRELOADED]):
        play(operation)
    took, clock = [], time.perf_counter_ns
    for operations in batches(steps[PRELOADED:], convert):
        for operation in operations:
            began = clock()
            play(operation)
            took.append(clock() - began)
    took.sort()
    return {"p50_us": took[len(took) // 2] / 1000, "p99_us": took[len(took) * 99 // 100] / 1000}


def deep(kind: str) -> dict[str, Any]:
    """Microseconds that a taker of one unit costs at a level of so many makers: the least of a few rounds, in turns."""
    make, convert = KINDS[kind]
    found: dict[str, float] = {}
    for name, makers in (("shallow", SHALLOW), ("deep", DEEP)) * DEEP_ROUNDS:
        resting, takers = deep_level(makers)
        play, trades = make()
        for operations in batches(resting, convert):
            for operation in operations:
                play(operation)
        quiet()
        took = 0.0
        for operations in batches(takers, convert):
            began = time.process_time()
            for operation in operations:
                play(operation)
            took += time.process_time() - began
        assert trades() == makers
        found[name] = min(found.get(name, inf), took / makers * 1e6)
    return found


class Path:
    """Accounts, order books and positions in one process: messages go to the inboxes that the catalogue names.

    What goes to another inbox is made of events that stay inside, as by whoever sends it; where `is_told`, so are the
    records that only others read.
    """

    def __init__(self, *, is_told: bool) -> None:
        self.shards = {topic: (opened(noun), noun.decide, noun.evolve, {}, {}) for topic, noun in NOUN_OF.items()}
        self.waiting: deque[tuple[Any, Any]] = deque()
        """Messages, each with the shard that takes it."""
        for topic, noun in NOUN_OF.items():
            *_, ways, makers = self.shards[topic]
            for message, routes in ROUTES[noun.name].items():
                found = [self.shards[route.topic] for route in routes if route.topic in NOUN_OF and not route.is_own]
                ways.update({message: found} if found else {})
            makers.update(noun.records if is_told or topic == BOOKS else {})

    def take(self, topic: str, command: Any) -> int:
        """One command, and all that follows from it -> how many events."""
        waiting = self.waiting
        waiting.append((self.shards[topic], command))
        count = 0
        while waiting:
            (state, decide, evolve, ways, makers), command = waiting.popleft()
            for event in decide(state, command):
                evolve(state, event)
                count += 1
                kind = type(event)
                if kind in ways:
                    for shard in ways[kind]:
                        waiting.append((shard, event))
                elif kind in makers:
                    for message in makers[kind](event):
                        for shard in ways.get(type(message), ()):
                            waiting.append((shard, message))
        return count


def path() -> dict[str, Any]:
    """Orders a second that are checked, held for, matched, settled and brought into positions."""
    found, told = walked(is_told=False), walked(is_told=True)
    return found | {"told_rate": told["rate"]}


def walked(*, is_told: bool) -> dict[str, Any]:
    """What became of the orders of one market."""
    found = Path(is_told=is_told)
    for asset in ASSETS:
        found.take(BOOKS, listing(asset))
    for trader in TRADERS:
        for asset in (*ASSETS, "USDT"):
            found.take(ACCOUNTS, DepositFunds(trader, asset, 10**9 * NANOS, command_id=f"{trader}-{asset}"))
    orders = list(islice(crossing("order"), PATH_ORDERS))
    state = found.shards[BOOKS][0]
    quiet()
    began = time.process_time()
    events = 0
    for order in orders:
        events += found.take(ACCOUNTS, order)
    rate = len(orders) / (time.process_time() - began)
    return {"rate": rate, "events": events / len(orders), "trades": state.trade_count}


def quiet() -> None:
    """Garbage as workers collect it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    print(json.dumps({"mixed": mixed, "deep": deep, "path": path}[what](*arguments)))
