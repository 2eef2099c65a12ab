"""`faust -A app generate-inquiries`: a stream of inquiries into the running system."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import click
from aiokafka import AIOKafkaProducer
from faust.cli import AppCommand, option

from app import inquiry_flow, reading
from app.cli import in_words, say
from app.codecs import Codec
from app.feeds.door import LOOK_S, QUIET_S_MAX, ReplayError
from app.inquiry_flow import BOOKS, CLIENTS, INSTRUMENTS, QUOTE, Sent
from app.main import app
from app.registry import FileRegistry
from app.topics import ACCOUNTS, INQUIRIES, INQUIRY_COMMANDS, partition_of, partitions_of
from app.topics import BOOKS as ORDER_BOOKS
from schemas.accounts import ChangeAccountKind, DepositFunds
from schemas.enums import AccountKind, InstrumentType, Venue
from schemas.order_books import ListInstrument
from schemas.wire import NANOS, Message

WAIT_NS_MIN = 1_000_000
"""Nobody sleeps for less: what is due within it goes out together."""


class Desk:
    """The running system, as whoever asks for quotes sees it."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.codec, self._producer = Codec(FileRegistry()), producer

    async def send(self, topic: str, key: str, message: Message) -> None:
        """Sends a message to where its key lives."""
        number = partition_of(key, partitions_of(topic, app.settings.profile))
        await self._producer.send(topic, self.codec.encode(message), key.encode(), partition=number)

    async def open(self) -> None:
        """Lists what is asked for, and opens margin accounts for those who ask and those who quote.

        Raises ReplayError where no worker takes them.
        """
        for symbol in INSTRUMENTS:
            terms = (symbol, InstrumentType.EQUITY, symbol, QUOTE, NANOS // 100, NANOS, NANOS, 0, 0, Venue.INTERNAL)
            await self.send(ORDER_BOOKS, symbol, ListInstrument(*terms, command_id=f"generator-{symbol}"))
        names = (*BOOKS, *CLIENTS)
        for name in names:
            await self.send(ACCOUNTS, name, DepositFunds(name, QUOTE, NANOS, command_id=f"generator-funds-{name}"))
            kind = ChangeAccountKind(name, AccountKind.MARGIN, QUOTE, command_id=f"generator-kind-{name}")
            await self.send(ACCOUNTS, name, kind)
        await self._producer.flush()
        try:
            async with asyncio.timeout(QUIET_S_MAX):
                while True:
                    if await _knows(names):
                        return
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise ReplayError("no worker took the instruments and the accounts: is the system running?") from error

    async def play(self, flow: list[Sent]) -> float:
        """Sends each when it is due -> how many seconds that took."""
        began = time.perf_counter_ns()
        for sent in flow:
            wait_ns = sent.after_ns - (time.perf_counter_ns() - began)
            if wait_ns > WAIT_NS_MIN:
                await asyncio.sleep(wait_ns / NANOS)
            inquiry = sent.inquiry
            await self.send(INQUIRY_COMMANDS, f"{inquiry.book_id}|{inquiry.instrument_id}", inquiry)
        await self._producer.flush()
        return (time.perf_counter_ns() - began) / NANOS


async def _knows(names: tuple[str, ...]) -> bool:
    """Whether every shard of the desk knows all of them."""
    noun = reading.noun_of("inquiries")
    async with reading.reader(app.settings) as log:
        for number in range(partitions_of(INQUIRIES, app.settings.profile)):
            rows = (await reading.shard(log, noun, number)).follower.rows
            if not all(rows["accounts"].get(name) for name in names):
                return False
            if not all(rows["instruments"].get(symbol) for symbol in INSTRUMENTS):
                return False
    return True


@asynccontextmanager
async def _desk() -> AsyncIterator[Desk]:
    producer = AIOKafkaProducer(bootstrap_servers=app.settings.brokers, enable_idempotence=True, linger_ms=1)
    await producer.start()
    try:
        yield Desk(producer)
    finally:
        await producer.stop()


def moment(_context: click.Context, _option: click.Parameter, text: str | None) -> int:
    """Nanoseconds since the epoch."""
    if text is None:
        return time.time_ns()
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("a time as RFC 3339 has it") from error
    if found.tzinfo is None:
        raise click.BadParameter("it needs a zone, like Z")
    return round(found.timestamp()) * NANOS


@app.command(
    option("--rate", default=1.0, show_default=True, type=click.FloatRange(0.001, 100_000), help="Inquiries a second."),
    option("--count", default=60, show_default=True, type=click.IntRange(1, 10_000_000), help="How many."),
    option("--seed", default=1, show_default=True, help="The same seed gives the same inquiries."),
    option("--start", callback=moment, help="Time of the first one, RFC 3339. Default: now."),
    option("--realistic", is_flag=True, help="Arrivals by chance, client tiers, small and large sizes."),
    option("--dry-run", is_flag=True, help="Only tells the digest."),
)
@in_words
async def generate_inquiries(
    self: AppCommand,  # noqa: ARG001
    rate: float,
    count: int,
    seed: int,
    start: int,
    realistic: bool,
    dry_run: bool,
) -> None:
    """Asks for quotes: so many a second, made up from a seed."""
    flow = list(inquiry_flow.flow(seed, start, rate, count, is_realistic=realistic))
    codec = Codec(FileRegistry())
    say(f"digest    {inquiry_flow.digest(codec, [sent.inquiry for sent in flow])}")
    if dry_run:
        return
    async with _desk() as desk:
        await desk.open()
        seconds = await desk.play(flow)
    say(f"inquiries {count}, {count / seconds:.1f} a second, {rate:.1f} asked for")
