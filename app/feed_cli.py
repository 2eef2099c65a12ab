"""Commands of `faust -A app` for market data of elsewhere."""

import asyncio
import sys
import time
from pathlib import Path

import click
from faust.cli import AppCommand, argument, option

from app.cli import EX_DIFFERENCE, decimal, in_words, say
from app.feeds import feed_metrics, live, simulator, symbols
from app.feeds.playing import Report, play
from app.feeds.publishing import Digest, FeedError, Publisher, publisher, shifted
from app.feeds.venues import VENUES
from app.main import app
from domain.names import is_name
from schemas.wire import NANOS

VENUE = click.Choice(sorted(VENUES))


@app.command(
    argument("what", nargs=-1, required=True),
    option("--venue", type=VENUE, help="Whose recordings the files are."),
    option("--live", "live_venue", type=click.Choice(sorted(live.ENDPOINTS)), help="Not files: its instruments, now."),
    option("--speed", default=0.0, show_default=True, help="Times the recorded speed; 0: as fast as it goes."),
    option("--count", default=1, show_default=True, type=click.IntRange(0), help="How often to play it; 0: for ever."),
    option("--now", is_flag=True, help="As if it began now, at recorded speed where none is given: other events."),
    option("--seconds", default=0.0, help="Stop --live after so long; 0: never."),
    option("--metrics-port", default=0, help="Serve what is counted to Prometheus there; 0: not."),
)
@in_words
async def feed(
    self: AppCommand,  # noqa: ARG001
    what: tuple[str, ...],
    venue: str | None,
    live_venue: str | None,
    speed: float,
    count: int,
    now: bool,
    seconds: float,
    metrics_port: int,
) -> None:
    """Sends market data to the topic market-data: of recordings WHAT, or of the instruments WHAT of a venue.

    Every frame is counted. Exits with 1 where one could not be used.
    """
    if (venue is None) is (live_venue is None):
        raise FeedError("either --venue, with files, or --live, with instruments as the venue names them")
    sources, report = symbols.read(), Report()
    paths = [] if venue is None else [_file(name) for name in what]
    if metrics_port:
        feed_metrics.serve(metrics_port, venue or live_venue or "", report)
    async with publisher(app.settings, venue or "") as out:
        try:
            if live_venue is not None:
                await live.run(live_venue, what, sources, out.send, report, seconds)
            else:
                start = time.time_ns() if now else None
                assert venue is not None
                await play(paths, venue, sources, out.send, report, speed or float(now), count, start)
            await out.flush()
        finally:
            report.follow(None)
            tell(report, out)
    if report.faulty:
        sys.exit(EX_DIFFERENCE)


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise FeedError(f"no file {name}")
    return path


def tell(report: Report, out: Publisher) -> None:
    """What became of all frames, and what was sent."""
    for title, counts in (("frames", report.frames), ("messages", report.messages), ("flags", report.flags)):
        parts = [f"{name} {number}" for name, number in sorted(counts.items())]
        say(f"{title:<9} {counts.total():>9}  {', '.join(parts)}".rstrip())
    for fault in report.faults:
        say(f"fault     frame {fault.frame}: {fault.code} {fault.detail}")
    if report.skew is not None:
        say(f"clock     {decimal(report.skew)} s from theirs to ours, with the least time on the way")
    say(f"sent      {out.sent:>9}  digest {out.digest.hexdigest()}")


@app.command(
    option("--seed", default=1, show_default=True, help="The same seed: the same market."),
    option("--symbols", "names", default="SIMA,SIMB", show_default=True, help="Instruments, parted by commas."),
    option("--rate", default=100, show_default=True, type=click.IntRange(1), help="Messages a second."),
    option("--seconds", default=10, show_default=True, type=click.IntRange(1), help="How long."),
)
@in_words
async def simulate_feed(self: AppCommand, seed: int, names: str, rate: int, seconds: int) -> None:  # noqa: ARG001
    """Sends a simulated market to the topic market-data: quotes, trades and books that walk at random.

    The digest is that of the messages with times from 0 on: the same for the same seed.
    """
    wanted, digest, start = names.split(","), Digest(), time.time_ns()
    for name in wanted:
        if not is_name(name) or len(name) > symbols.SYMBOL_LENGTH_MAX:
            raise FeedError(f"{name!r} is no symbol")
    async with publisher(app.settings) as out:
        for message in simulator.simulate(seed, wanted, rate, seconds):
            digest.add(message.symbol, message.encoded())
            await asyncio.sleep((start + message.timestamp - time.time_ns()) / NANOS)
            await out.send(shifted(message, start))
    say(f"sent {out.sent} digest {digest.hexdigest()}")
