import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from system import System, running


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One system for all tests that can live with a clean sheet in place of a new one."""
    system = System(tmp_path_factory.mktemp("shared"))

    async def start() -> None:
        async with aiohttp.ClientSession() as system.session:
            system.start_worker()
            await system.until_ready()

    asyncio.run(start())
    yield system
    asyncio.run(system.stop())


@pytest.fixture
async def system(shared: System) -> AsyncIterator[System]:
    """A system in the test profile, reset before the test."""
    async with aiohttp.ClientSession() as shared.session:
        await shared.begin()
        yield shared


@pytest.fixture
async def fresh_system(tmp_path: Path) -> AsyncIterator[System]:
    """A system of the test's own, which it may hurt."""
    async with running(tmp_path) as found:
        yield found
