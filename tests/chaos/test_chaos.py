"""Workers are killed, paused and moved about under load, and the broker too: not one unit is lost or doubled."""

import os
import sys
from pathlib import Path

import pytest
from chaos import Chaos, Plan
from chaos_fold import Verdict

SEED = int(os.environ.get("CHAOS_SEED", "20261"))
"""Of commands, faults and victims; printed by every run."""

CUT = Plan(
    seed=SEED,
    commands=20_000,
    workers=2,
    kills=2,
    downs=1,
    losses=1,
    pauses=1,
    pause_s=0,
    visits=0,
    leaves=1,
    broker_kills=1,
    settle=0.3,
)
FULL = Plan(
    seed=SEED,
    commands=int(os.environ.get("CHAOS_COMMANDS", "210000")),
    workers=3,
    kills=10,
    downs=8,
    losses=2,
    pauses=5,
    pause_s=15,
    visits=3,
    leaves=2,
    broker_kills=2,
    settle=0.5,
)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def run(plan: Plan, folder: Path) -> Verdict:
    verdict = await Chaos(plan, folder, say).run()
    assert verdict.faults == []
    assert verdict.figures["commands"] >= plan.commands
    assert verdict.figures["trades"] > plan.commands // 10
    return verdict


@pytest.mark.timeout(600)
async def test_a_short_storm_loses_and_doubles_nothing(tmp_path: Path) -> None:
    await run(CUT, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
async def test_a_long_storm_loses_and_doubles_nothing_and_late_records_of_sleepers_are_fenced(tmp_path: Path) -> None:
    verdict = await run(FULL, tmp_path)
    assert verdict.figures["fenced records"] > 0
    assert verdict.figures["repeated outputs"] > 0
