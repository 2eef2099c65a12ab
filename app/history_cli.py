"""The command of `faust -A app` for the history."""

import sys
from pathlib import Path

import click
from faust.cli import AppCommand, argument, option

from app.cli import EX_DIFFERENCE, in_words, say
from app.codecs import Codec
from app.history import files
from app.history.ledger import HistoryError, Ledger
from app.history.recorder import record
from app.main import app
from app.registry import FileRegistry


@app.command(
    argument("action", type=click.Choice(["record", "ask", "compact"])),
    argument("sql", required=False),
    option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Default: history in DATA_DIR."),
    option("--once", is_flag=True, help="record: end where the topics end now."),
)
@in_words
async def history(self: AppCommand, action: str, sql: str | None, folder: Path | None, once: bool) -> None:  # noqa: ARG001
    """Records quotes, trades and bars as Parquet files by hour, and answers SQL about them.

    `record` follows the topics until Ctrl-C; killed at any moment and started again, every record counts once. `ask`
    takes one statement over the views quotes, prints, bars and bar_revisions, and prints a tab-separated line a row.
    `compact` makes one file of each hour; `record` does so when an hour is over.
    """
    where = folder or app.settings.data_dir / "history"
    try:
        if action == "ask":
            _answer(where, sql or "SELECT symbol, count(*) AS prints FROM prints GROUP BY symbol ORDER BY symbol")
            return
        with Ledger(where) as ledger:
            if action == "compact":
                say(f"{files.compact(ledger, before='9999')} files less")
            else:
                await record(app.settings, ledger, Codec(FileRegistry()), once=once, tell=say)
    except HistoryError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EX_DIFFERENCE)


def _answer(folder: Path, sql: str) -> None:
    names, rows = files.ask(folder, sql)
    say("\t".join(names))
    for row in rows:
        say("\t".join("" if value is None else str(value) for value in row))
