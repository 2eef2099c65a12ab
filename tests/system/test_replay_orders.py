"""Recorded order flow through the whole path, by the command that users have: every trade, in order, and the book."""

from pathlib import Path
from random import Random

from flows import Chance, recorded, written
from system import System


async def test_a_recorded_market_goes_through_the_system_as_it_was_recorded(system: System, tmp_path: Path) -> None:
    commands, expected = recorded(100)
    files = [written(tmp_path / "commands.jsonl.gz", commands), written(tmp_path / "expected.jsonl.gz", expected)]
    code, said = await system.run("replay-orders", *map(str, files), "--through-kafka")
    assert (code, said.splitlines()[-1]) == (0, "all equal"), said
    assert "trades    100 of 100 equal on trade-events" in said
    await system.conserved()


async def test_orders_of_every_recorded_kind_go_through_the_system_again_and_again(
    system: System, tmp_path: Path
) -> None:
    for seed in (1, 2):
        chance = Chance(Random(seed))
        chance.play(500)
        amends = [number for number, each in enumerate(chance.commands) if each["op"] in ("modify", "reduce")]
        assert len(amends) > 50
        files = [
            written(tmp_path / "commands.jsonl", chance.commands),
            written(tmp_path / "expected.jsonl", chance.expected),
        ]
        code, said = await system.run("replay-orders", *map(str, files), "--through-kafka", "--symbol", "CHANCE")
        assert (code, said.splitlines()[-1]) == (0, "all equal"), said
    await system.conserved()


async def test_one_order_may_be_amended_more_often_than_its_account_lets_wait(system: System, tmp_path: Path) -> None:
    commands = [{"op": "add", "id": 1, "side": "B", "px": 5, "qty": 1000}]
    commands += [{"op": "modify", "id": 1, "px": 5, "qty": 999 - count, "keep": True} for count in range(50)]
    numbered = [{"seq": number, "t_ns": 0} | each for number, each in enumerate(commands)]
    files = [
        written(tmp_path / "commands.jsonl", numbered),
        written(tmp_path / "expected.jsonl", [{"after_seq": 50, "bids": [[5, 950]], "asks": []}]),
    ]
    code, said = await system.run("replay-orders", *map(str, files), "--through-kafka", "--symbol", "AMENDED")
    assert (code, said.splitlines()[-1]) == (0, "all equal"), said


async def test_what_the_system_does_otherwise_is_told(system: System, tmp_path: Path) -> None:
    commands, expected = recorded(20)
    expected[-1]["fills"][0]["qty"] += 1
    files = [written(tmp_path / "commands.jsonl", commands), written(tmp_path / "expected.jsonl", expected)]
    code, said = await system.run("replay-orders", *map(str, files), "--through-kafka")
    assert code == 1, said
    assert "fills     19 of 20 equal" in said
    assert "trades    19 of 20 equal on trade-events" in said
    assert "trades[19]: expected" in said
