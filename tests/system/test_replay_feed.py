"""Real input: a recorded market through the whole path, by the command that users have."""

from pathlib import Path

import pytest
from system import ROOT, System

RECORDING = str(ROOT / "app/recordings/binance_ethusdt_20240808.gz")


async def test_recorded_trades_happen_again_one_by_one(system: System) -> None:
    code, said = await system.run("replay-feed", RECORDING, "--symbol", "RECORDED", "--trades", "300")
    assert (code, "all trades equal" in said) == (0, True), said
    assert "300 recorded" in said
    await system.conserved()


async def test_a_line_that_cannot_be_read_ends_the_replay_with_its_number(system: System, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(b"nonsense\n")
    code, said = await system.run("replay-feed", str(path))
    assert code == 1
    assert "recording:1:" in said
    assert "Traceback" not in said


async def test_operators_see_shards_rows_and_an_exact_ledger(system: System) -> None:
    await system.order("public", "PUBLIC", "buy", "2", "10")
    code, said = await system.run("shards", "--noun", "accounts")
    assert (code, said.count("accounts-inbox")) == (0, 4), said
    code, said = await system.run("tables", "order_books", "orders")
    assert code == 0
    assert '"limit_price"' in said
    code, said = await system.run("check-ledger")
    assert (code, said.strip().splitlines()[-1]) == (0, "difference 0")
    code, said = await system.run("create-topics")
    assert (code, said.strip().splitlines()[-1].split(",")[1:]) == (0, [" 0 made", " 0 differences"])


@pytest.mark.parametrize("command", ["shards", "create-topics"])
async def test_without_kafka_a_command_says_so_in_one_line(system: System, command: str) -> None:
    code, said = await system.run(command, KAFKA_PORT="1025")
    assert code == 69
    assert "no Kafka at 127.0.0.1:1025" in said
    assert "Traceback" not in said
