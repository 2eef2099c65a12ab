"""Commands of `faust -A app` for recorded order flow."""

import sys
from pathlib import Path

import click
from faust.cli import AppCommand, argument, option

from app.cli import EX_DIFFERENCE, in_words, say
from app.feeds import lobster
from app.feeds.flow_replay import Comparison
from app.feeds.flow_system import SystemReplay, replay_through
from app.feeds.order_flow import FlowError
from app.main import app

EX_DAMAGED = 2
A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
A_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@app.command(
    argument("commands", type=A_FILE),
    argument("expected", type=A_FILE),
    option("--through-kafka", is_flag=True, help="Through the whole running system, not on the book alone."),
    option("--symbol", default="RECORDED-ORDERS", show_default=True, help="Where the system trades it."),
)
@in_words
async def replay_orders(
    self: AppCommand,  # noqa: ARG001
    commands: Path,
    expected: Path,
    through_kafka: bool,
    symbol: str,
) -> None:
    """Plays a venue's recorded orders on the book alone, and compares fills and book with what the record says.

    Exits with 0 where all is equal, with 1 where something is not, with 2 where a file cannot be played.
    """
    comparison = Comparison(commands, expected)
    system: SystemReplay | None = None
    try:
        if through_kafka:
            system = await replay_through(app.settings, comparison, symbol)
        else:
            comparison.run()
    except FlowError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EX_DAMAGED)
    _tell(comparison, system)
    if not comparison.is_equal or (system is not None and not system.is_equal):
        sys.exit(EX_DIFFERENCE)


def _tell(comparison: Comparison, system: SystemReplay | None) -> None:
    seconds = comparison.seconds if system is None else system.seconds
    say(f"commands  {comparison.commands}, {comparison.commands / seconds:.0f} a second")
    say(f"fills     {comparison.fills_equal} of {comparison.fills} equal")
    say(f"rows      {comparison.rows_equal} of {comparison.rows} equal")
    differences = [comparison.first_difference]
    if system is not None:
        say(f"trades    {system.trades_equal} of {system.trades} equal on trade-events")
        differences.append(system.first_difference)
    found = [difference for difference in differences if difference is not None]
    for difference in found:
        say(f"first difference at {difference}")
    if not found:
        say("all equal")


@app.command(
    argument("messages", type=A_FILE),
    argument("orderbook", type=A_FILE),
    argument("commands", type=A_NEW_FILE),
    argument("expected", type=A_NEW_FILE),
)
async def convert_lobster(
    self: AppCommand,  # noqa: ARG001
    messages: Path,
    orderbook: Path,
    commands: Path,
    expected: Path,
) -> None:
    """Turns order flow in the layout of LOBSTER into COMMANDS and EXPECTED for `replay-orders`, and counts it.

    What each type of message becomes, and what cannot be played, is told in app/feeds/lobster.py.
    """
    try:
        counts = lobster.convert(messages, orderbook, commands, expected)
    except lobster.LobsterError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EX_DAMAGED)
    for what, count in counts.items():
        say(f"{what}  {count}")
