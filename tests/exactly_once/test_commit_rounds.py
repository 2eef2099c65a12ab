"""Rounds: who comes after a quiet time goes at once, who comes then goes together."""

import asyncio

from app.exactly_once.commit_rounds import CommitRounds

INTERVAL_S = 0.05


async def goes_at_once(rounds: CommitRounds) -> bool:
    coming = asyncio.create_task(rounds.next())
    await asyncio.sleep(0)
    coming.cancel()
    return coming.done()


async def test_the_first_goes_at_once_and_who_comes_within_the_interval_waits() -> None:
    time = 7.0
    rounds = CommitRounds(INTERVAL_S, lambda: time)
    assert await goes_at_once(rounds)
    assert not await goes_at_once(rounds)
    time += INTERVAL_S / 2
    assert not await goes_at_once(rounds)
    time += INTERVAL_S / 2
    assert await goes_at_once(rounds)
    assert not await goes_at_once(rounds)


async def test_all_who_waited_go_in_one_round() -> None:
    loop = asyncio.get_running_loop()
    rounds, went = CommitRounds(INTERVAL_S, loop.time), []
    await rounds.next()
    began = loop.time()

    async def one() -> None:
        await rounds.next()
        went.append(loop.time())

    await asyncio.gather(*(one() for _ in range(20)))
    assert min(went) - began >= INTERVAL_S * 0.9
    assert rounds._next <= went[0] + INTERVAL_S  # the first of them opened the round, and no other one another


async def test_without_an_interval_nobody_waits() -> None:
    rounds = CommitRounds(0, lambda: 7.0)
    assert all([await goes_at_once(rounds) for _ in range(10)])
