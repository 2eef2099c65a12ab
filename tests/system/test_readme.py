"""Every command of the README runs, and what it prints is what the README says."""

import asyncio
import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from system import ROOT, System, running

README = (ROOT / "README.md").read_text()
ANYTHING = "…"
NUMBER = re.compile(r'(?<="id":)\d+')
COMMAND_S = 30.0
pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")


class Step(NamedTuple):
    """A command and what it must print."""

    command: str
    output: str


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def steps() -> list[Step]:
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            end = next(end for end in range(1, len(lines) + 1) if _is_whole("\n".join(lines[:end])))
            found.append(Step("\n".join(lines[:end]), "\n".join(lines[end:])))
    return found


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True


def fits(wanted: str, found: str) -> bool:
    """Is this what the README prints? There `…` stands for anything; how many blanks there are does not matter."""
    first, *rest = (" ".join(part.split()) for part in wanted.split(ANYTHING))
    text = " ".join(found.split())
    if not rest:
        return text == first
    at = len(first)
    for part in rest[:-1]:
        begin = text.find(part, at)
        if begin < 0:
            return False
        at = begin + len(part)
    return text.startswith(first) and text[at:].endswith(rest[-1])


def renumbered(text: str, numbers: dict[str, str]) -> str:
    """With the numbers that the orders got, in place of those that stand for them."""
    return re.sub(r'(?<="id":)\d+|(?<=/orders/)\d+', lambda found: numbers.get(found[0], found[0]), text)


async def run(system: System, command: str) -> str:
    """Runs a command as the README has it, on the ports of this system."""
    command = command.replace("localhost:6066", f"127.0.0.1:{system.web_port}")
    command = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=ROOT,
        env=system.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), COMMAND_S)
    assert process.returncode == 0, (command, said)
    return said.decode()


async def test_the_walkthrough_does_what_it_says(tmp_path: Path) -> None:
    async with running(tmp_path, "demo") as system:
        await _walk(system)
        await _send_from_another_system(system)
        await _look_inside(system)
        (said,) = [json.loads(line) for line in system.log.splitlines() if line[:1] == "{" and "ADAUSDT" in line]
        (trade,) = (await system.get("/api/v1/trades?symbol=ADAUSDT"))["trades"]
        assert (said["event"], said["trade_id"]) == ("trade_published", trade["trade_id"])


async def _walk(system: System) -> None:
    walk, numbers = steps(), dict[str, str]()
    assert len(walk) == 18
    for step in walk:

        async def is_so(step: Step = step) -> bool:
            said = await run(system, renumbered(step.command, numbers))
            if "POST" in step.command:
                numbers.update(zip(NUMBER.findall(step.output), NUMBER.findall(said), strict=False))
            wanted = renumbered(step.output, numbers)
            assert "POST" not in step.command or fits(wanted, said), (step, said)
            return fits(wanted, said)

        await system.eventually(is_so)


async def _send_from_another_system(system: System) -> None:
    (snippet,) = blocks("python")
    snippet = snippet.replace("localhost:6066", f"127.0.0.1:{system.web_port}")
    snippet = snippet.replace("localhost:9092", system.bootstrap)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", snippet, cwd=ROOT)
    assert await process.wait() == 0

    async def is_there() -> bool:
        book = await system.get("/api/v1/orderbook/ADAUSDT")
        return ["1.5", "5"] in book["bids"]

    await system.eventually(is_there)


async def _look_inside(system: System) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [line for line in lines if re.match(r"\.venv/bin/faust -A app tables accounts|curl", line)]
    assert len(commands) == 2
    for command in commands:
        await run(system, command)


def test_every_command_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    text = "\n".join(blocks("sh"))
    for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
        assert f"\n{target}:" in makefile
    code = "".join(path.read_text() for path in (ROOT / "app").glob("*cli.py"))
    commands = set(re.findall(r"faust -A app ([a-z-]+)", README)) - {"worker"}
    assert commands
    for command in commands:
        assert f"async def {command.replace('-', '_')}(" in code, command
