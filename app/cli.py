"""Commands of `faust -A app` beside `worker`."""

import functools
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from aiokafka.errors import KafkaConnectionError
from faust.cli import AppCommand, argument, option

from app import bootstrap, operating, processes, reading
from app.exactly_once.adopt import NothingToAdopt
from app.exactly_once.changelog import ChangelogError
from app.exactly_once.log import Unavailable
from app.feeds import publishing, recorded, recording, replay, symbols
from app.feeds.door import ReplayError
from app.feeds.tape import Quote, Trade
from app.main import app
from app.settings import NOUNS, Profile
from app.topics import TOPICS
from schemas.wire import NANOS

EX_DIFFERENCE = 1
EX_UNAVAILABLE = 69
EXPECTED = (
    publishing.FeedError,
    recording.RecordingError,
    symbols.SourcesError,
    ReplayError,
    operating.NoSuchShard,
    NothingToAdopt,
    ChangelogError,
)
"""Errors whose message is all that there is to say."""


def say(text: str) -> None:
    """A line for people or for a pipe."""
    click.echo(text)


def decimal(nanos: int) -> str:
    """Nanos as a decimal."""
    sign, (units, rest) = "-" if nanos < 0 else "", divmod(abs(nanos), NANOS)
    return f"{sign}{units}.{rest:09d}".rstrip("0").rstrip(".")


def in_words(command: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The command, ending with one line in place of a traceback where the cause lies outside."""

    @functools.wraps(command)
    async def run(*args: Any, **options: Any) -> None:
        try:
            await command(*args, **options)
        except (KafkaConnectionError, Unavailable):
            _end(EX_UNAVAILABLE, f"no Kafka at {app.settings.brokers}: `faust -A app worker` or `… kafka` starts one")
        except EXPECTED as error:
            _end(EX_DIFFERENCE, str(error))

    return run


def _end(code: int, why: str) -> None:
    sys.stderr.write(f"{why}\n")
    sys.exit(code)


@app.command()
async def kafka(self: AppCommand) -> None:  # noqa: ARG001
    """Runs the embedded Kafka in the foreground until Ctrl-C: workers started meanwhile share it."""
    script = Path(processes.__file__).with_name("broker.py")
    settings = app.settings
    where = ["--data-dir", str(settings.data_dir), "--port", str(settings.kafka_port)]
    os.execv(sys.executable, [sys.executable, "-P", str(script), "run", *where])  # noqa: S606 - ourselves


@app.command(option("--profile", type=click.Choice([profile.value for profile in Profile]), help="Default: PROFILE."))
@in_words
async def create_topics(self: AppCommand, profile: str | None = None) -> None:  # noqa: ARG001
    """Makes the topics of the catalogue that are missing, and reports how the others differ."""
    wanted = Profile(profile) if profile else app.settings.profile
    admin = await bootstrap.connect_now(app.settings)
    try:
        made, differences = await bootstrap.create_topics(admin, wanted)
    finally:
        await admin.close()
    for name in made:
        say(f"made {name}")
    for difference in differences:
        say(f"differs {difference}")
    say(f"{len(TOPICS)} topics in the catalogue, {len(made)} made, {len(differences)} differences")
    if differences:
        sys.exit(EX_DIFFERENCE)


@app.command(option("--noun", type=click.Choice(NOUNS), help="Only shards of this noun."))
@in_words
async def shards(self: AppCommand, noun: str | None = None) -> None:  # noqa: ARG001
    """Shows each shard: position, lag, epoch, owner, rows, and the size of its changelog."""
    line = "{:<26} {:>10} {:>8} {:>6} {:>8} {:>22} {:>9}  {}"
    say(line.format("shard", "next", "lag", "epoch", "rows", "changelog", "versions", "owner"))
    async with reading.reader(app.settings) as log:
        async for found in reading.shards(log, app.settings, (noun,) if noun else NOUNS):
            follower = found.follower
            bounds = f"{found.first}..{found.end}"
            values = (follower.next or 0, found.lag, follower.epoch, follower.rows.live, bounds, follower.row_versions)
            say(line.format(str(found.inbox), *values, follower.owner or "-"))


@app.command(
    argument("noun", required=False, type=click.Choice(NOUNS)),
    argument("table", required=False),
    option("--prefix", default="", help="Only rows whose key begins with this."),
    option("--limit", default=100, show_default=True, help="Rows at most."),
)
@in_words
async def tables(self: AppCommand, noun: str | None, table: str | None, prefix: str, limit: int) -> None:  # noqa: ARG001
    """Shows how many rows each table has; with NOUN and TABLE the rows themselves, one JSON object a line."""
    async with reading.reader(app.settings) as log:
        async for found in reading.shards(log, app.settings, (noun,) if noun else NOUNS):
            rows = found.follower.rows
            if table is None:
                counts = " ".join(f"{name}={len(part.warm)}" for name, part in rows.tables.items() if part.warm)
                say(f"{found.inbox!s:<26} {counts}")
                continue
            if table not in rows.tables:
                raise click.UsageError(f"{noun} has the tables {', '.join(sorted(rows.tables))}")
            for key, row in rows[table].scan(prefix):
                if limit <= 0:
                    return
                limit -= 1
                say(json.dumps({"shard": str(found.inbox), "key": key, "row": _plain(row)}))


def _plain(row: Any) -> Any:
    fields = msgspec.structs.asdict(row) if isinstance(row, msgspec.Struct) else row
    return msgspec.to_builtins(fields)


@app.command()
@in_words
async def check_ledger(self: AppCommand) -> None:  # noqa: ARG001
    """Adds up every account of every shard: what is owned, with clearing and fees, is what was deposited, exactly."""
    async with reading.reader(app.settings) as log:
        found = await reading.ledger(log, app.settings)
    line = "{:<10} {:>28} {:>20} {:>20} {:>28} {:>28} {:>20}"
    say(line.format("asset", "accounts", "clearing", "fees", "house", "deposited - withdrawn", "reserved"))
    for asset, sums in found.totals.items():
        amounts = [sums[name] for name in ("accounts", "clearing", "fees", "house")]
        say(line.format(asset, *map(decimal, (*amounts, -sums["external"], sums["reserved"]))))
    for fault in found.faults:
        say(f"FAULT {fault}")
    say("difference 0" if not found.faults else f"{len(found.faults)} faults")
    if found.faults:
        sys.exit(EX_DIFFERENCE)


@app.command(
    argument("shard"), option("--yes", is_flag=True, help="Without being asked: you have looked at both topics.")
)
@in_words
async def adopt(self: AppCommand, shard: str, yes: bool) -> None:  # noqa: ARG001
    """Accepts the inbox of SHARD, like accounts-inbox-3, where it was truncated or made anew: the shard goes on.

    It keeps its rows and takes the inbox from its first record.
    """
    inbox = operating.shard_named(shard, app.settings)
    if not yes:
        click.confirm(f"{inbox} keeps its rows and takes its inbox from the first record. Go on?", abort=True)
    adoption = await operating.adopted(app.settings, inbox)
    say(f"{inbox} was at {adoption.before}, goes on at {adoption.begin}; incarnation {adoption.incarnation}")


@app.command(
    argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    option("--symbol", help="Trade under this symbol. Default: the recorded one."),
    option("--speed", default=0.0, show_default=True, help="Times the recorded speed; 0: as fast as it goes."),
    option("--trades", default=0, help="Stop after so many recorded trades; 0: all."),
)
@in_words
async def replay_feed(
    self: AppCommand,  # noqa: ARG001
    file: Path,
    symbol: str | None,
    speed: float,
    trades: int,
) -> None:
    """Plays a recorded Binance market through the running system, and compares its trades with the recorded ones."""
    events = until(list(recorded.read(file)), trades)
    report = await replay.replay(app.settings, events, symbol or events[0].symbol, ("ETH", "USDT"), speed)
    ours, theirs = report.made, report.recorded
    say(f"commands  {report.commands}, {report.commands / report.seconds:.0f} a second")
    line = "{:<9} {:>16} recorded {:>16} made"
    say(line.format("trades", len(theirs), len(ours)))
    say(line.format("volume", decimal(replay.volume(theirs)), decimal(replay.volume(ours))))
    say(line.format("value", decimal(replay.value(theirs)), decimal(replay.value(ours))))
    say(line.format("vwap", *(decimal(replay.vwap(prints)) for prints in (theirs, ours))))
    first = report.first_difference
    if first is None:
        say("all trades equal")
        return
    say(f"first difference at trade {first}: {theirs[first : first + 1]} recorded, {ours[first : first + 1]} made")
    sys.exit(EX_DIFFERENCE)


def until(events: list[Quote | Trade], trades: int) -> list[Quote | Trade]:
    """The events up to the trade of this number; all of them for 0. Raises RecordingError where there are none."""
    places = [index for index, event in enumerate(events) if isinstance(event, Trade)]
    if not places:
        raise recording.RecordingError("no trades in this recording")
    return events[: places[trades - 1] + 1] if 0 < trades < len(places) else events
