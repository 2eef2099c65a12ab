"""What the reader's thread hands over: in order, never more than so many rounds, failures too."""

import asyncio
from threading import Thread

import pytest
from faust.types import TP

from app.exactly_once.arrivals import ROUNDS_MAX, Arrivals, Round
from app.exactly_once.log import Batch

PARTITION = TP("inbox", 0)


def numbered(number: int) -> Round:
    return Round({PARTITION: Batch([], number, number + 1)}, number)


async def test_rounds_come_out_in_order_and_the_thread_hears_of_room_whenever_it_had_none() -> None:
    rooms = asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()
    waiting = Arrivals(loop, rooms.release)

    def wait_for_room() -> None:
        while not waiting.has_room:
            asyncio.run_coroutine_threadsafe(rooms.acquire(), loop).result(10)

    def put_all() -> None:
        for number in range(1_000):
            wait_for_room()
            waiting.put(numbered(number))

    thread = Thread(target=put_all)
    thread.start()
    async with asyncio.timeout(30):
        found = [(await waiting.get()).generation for _ in range(1_000)]
    assert found == list(range(1_000))
    await asyncio.to_thread(thread.join)


async def test_there_is_room_again_as_soon_as_one_was_taken() -> None:
    rooms: list[bool] = []
    arrivals = Arrivals(asyncio.get_running_loop(), lambda: rooms.append(True))
    for number in range(ROUNDS_MAX):
        assert arrivals.has_room
        arrivals.put(numbered(number))
    assert not arrivals.has_room
    await arrivals.get()
    await arrivals.get()
    assert (arrivals.has_room, rooms) == (True, [True])


async def test_a_failure_of_the_thread_is_raised_where_its_rounds_are_taken() -> None:
    arrivals = Arrivals(asyncio.get_running_loop(), lambda: None)
    arrivals.put(numbered(1))
    arrivals.put(ConnectionError("lost"))
    assert (await arrivals.get()).generation == 1
    with pytest.raises(ConnectionError, match="lost"):
        await arrivals.get()
