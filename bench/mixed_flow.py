"""Order flow for books, with prices and quantities in whole units, and the plainest book that is right about it.

Half of the operations add an order that rests, three tenths cancel one that is alive, a fifth add one that trades at
once. Which orders are alive the plain book knows: a cancel of an order that has traded would be no work.
"""

from collections import OrderedDict
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

MIDDLE, DEPTH, QUANTITY_MAX, TAKEN_MAX = 10_000, 100, 100, 80


class Step(NamedTuple):
    """An order, or the cancel of one."""

    number: int
    """Of the order."""
    is_buy: bool
    price: int
    """Zero for a cancel."""
    quantity: int


class Trade(NamedTuple):
    maker: int
    taker: int
    price: int
    quantity: int


class PlainBook:
    """Integers in ordered dicts by price, and a heap of prices a side: what a book costs that does nothing else."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}
        """Side (1 bids, 0 asks), price, quantity left."""
        self._levels: tuple[dict[int, OrderedDict[int, list[int]]], ...] = ({}, {})
        self._heaps: tuple[list[int], list[int]] = ([], [])

    def add(self, number: int, is_buy: bool, limit: int, quantity: int, trades: list[Trade] | None = None) -> int:
        """Trades what crosses, lets the rest rest -> how many trades."""
        sign = -1 if is_buy else 1
        heap, levels, orders, count = self._heaps[not is_buy], self._levels[not is_buy], self.orders, 0
        while quantity and heap:
            price = -sign * heap[0]
            level = levels.get(price)
            if level is None:
                heappop(heap)
                continue
            if sign * (price - limit) < 0:
                break
            maker = next(iter(level))
            order = level[maker]
            traded = min(order[2], quantity)
            count += 1
            if trades is not None:
                trades.append(Trade(maker, number, price, traded))
            quantity -= traded
            if traded == order[2]:
                del level[maker], orders[maker]
                if not level:
                    del levels[price]
            else:
                order[2] -= traded
        if quantity:
            own = self._levels[is_buy]
            level = own.get(limit)
            if level is None:
                level = own[limit] = OrderedDict()
                heappush(self._heaps[is_buy], sign * limit)
            level[number] = orders[number] = [is_buy, limit, quantity]
        return count

    def cancel(self, number: int) -> None:
        """Takes an order out that rests."""
        is_buy, price, _ = self.orders.pop(number)
        levels = self._levels[is_buy]
        level = levels[price]
        del level[number]
        if not level:
            del levels[price]

    def play(self, steps: list[Step]) -> int:
        """-> how many trades."""
        count = 0
        for number, is_buy, price, quantity in steps:
            if price:
                count += self.add(number, is_buy, price, quantity)
            else:
                self.cancel(number)
        return count


class Alive:
    """Numbers of orders, to pick one of at random."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._places: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int) -> None:
        self._places[number] = len(self._numbers)
        self._numbers.append(number)

    def remove(self, number: int) -> None:
        place, last = self._places.pop(number), self._numbers.pop()
        if last != number:
            self._numbers[place], self._places[last] = last, place

    def pick(self, rng: Random) -> int:
        return self._numbers[rng.randrange(len(self._numbers))]


def mixed_flow(count: int, preloaded: int, seed: int = 1) -> list[Step]:
    """`preloaded` orders that rest, then `count` operations."""
    rng, book, alive = Random(seed), PlainBook(), Alive()
    steps: list[Step] = []

    def play(step: Step) -> None:
        trades: list[Trade] = []
        book.add(*step, trades)
        if step.number in book.orders:
            alive.add(step.number)
        for trade in trades:
            if trade.maker not in book.orders:
                alive.remove(trade.maker)
        steps.append(step)

    for number in range(preloaded):
        play(passive(rng, number))
    for number in range(preloaded, preloaded + count):
        kind = rng.random()
        if kind < 0.5 or not alive:
            play(passive(rng, number))
        elif kind < 0.8:
            cancelled = alive.pick(rng)
            book.cancel(cancelled)
            alive.remove(cancelled)
            steps.append(Step(cancelled, False, 0, 0))
        else:
            is_buy = rng.random() < 0.5
            limit = MIDDLE + DEPTH if is_buy else MIDDLE - DEPTH
            play(Step(number, is_buy, limit, rng.randint(1, TAKEN_MAX)))
    return steps


def passive(rng: Random, number: int) -> Step:
    """An order that rests, or trades where the price has moved over it."""
    is_buy, distance = rng.random() < 0.5, rng.randint(1, DEPTH)
    return Step(number, is_buy, MIDDLE - distance if is_buy else MIDDLE + distance, rng.randint(1, QUANTITY_MAX))


def deep_level(makers: int) -> tuple[list[Step], list[Step]]:
    """So many makers of one unit at one price, and takers of one unit that eat them."""
    resting = [Step(number, False, MIDDLE, 1) for number in range(makers)]
    takers = [Step(makers + number, True, MIDDLE, 1) for number in range(makers)]
    return resting, takers
