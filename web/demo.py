"""The demo's live market: a recorded one, played at its own speed, over and over, by the worker that owns the door."""

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import app.recordings
from app.exactly_once.log import Message, Partition
from app.feeds import recorded
from app.feeds.tape import MAKER, Command, Quote, Tape, Trade
from app.main import app as application
from app.topics import FEEDS, ORDER_COMMANDS, partition_of, partitions_of
from domain.account_rows import FINAL, Order
from schemas.feeds import MarketDataEvent, TradePrint
from schemas.order_commands import CancelRequest
from schemas.wire import NANOS
from web import seeding
from web.gateway import gateway
from web.ids import new_id

logger = logging.getLogger(__name__)

RECORDING = Path(app.recordings.__file__).with_name("binance_ethusdt_20240808.gz")
EXCHANGE = "BINANCE"
QUOTE_EVERY_NS = NANOS // 10
"""Quotes between are passed over: nobody sees more than ten a second."""
LOOK_S = 1.0
GRACE_S = 5.0
"""An order of the maker that is neither a quote nor this young met somebody else's: it is pulled."""


class Market:
    """Plays while this worker owns the door's shard; so one worker plays, however many there are."""

    def __init__(self) -> None:
        number = partition_of(MAKER, partitions_of(ORDER_COMMANDS, application.settings.profile))
        self._door = Partition(ORDER_COMMANDS, number)
        self._resting: dict[str, float] = {}
        self._tape = Tape("")

    async def run(self) -> None:
        """For ever."""
        while True:
            if seeding.reason_not_ready() is None and self._plays_here():
                await self._play()
            await asyncio.sleep(LOOK_S)

    def heard(self, order: Order) -> None:
        """Keeps track of what the maker has in the book."""
        if order.account_id != MAKER:
            return
        if order.status in FINAL:
            self._resting.pop(order.order_id, None)
        else:
            self._resting.setdefault(order.order_id, time.monotonic())

    def _plays_here(self) -> bool:
        return self._door in application.owner.shards

    async def _play(self) -> None:
        self._tape = Tape(f"demo-{new_id()}")
        began, first, looked = time.monotonic(), None, 0.0
        for event in conflated(recorded.read(RECORDING)):
            first = event.at if first is None else first
            await asyncio.sleep((event.at - first) / NANOS - (time.monotonic() - began))
            if not self._plays_here():
                return
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                self._send(self._left_behind(looked))
            self._send(self._tape.play(event))
            self._tell(event)
        self._send(self._tape.pull())

    def _left_behind(self, now: float) -> Iterator[Command]:
        for order_id, since in list(self._resting.items()):
            if now - since > GRACE_S and not self._tape.is_quoted(order_id):
                yield CancelRequest(order_id=order_id, account_id=MAKER, event_id=new_id())

    def _tell(self, event: Quote | Trade) -> None:
        """The same as market data of the venue where it was recorded, as if it were now."""
        message = told(event, time.time_ns())
        number = partition_of(event.symbol, partitions_of(FEEDS, application.settings.profile))
        value = Message(event.symbol.encode(), application.codec.encode(message), [])
        application.kafka.send(Partition(FEEDS, number), [value])

    def _send(self, commands: Iterator[Command]) -> None:
        codec = application.codec
        messages = [Message(command.account_id.encode(), codec.encode(command), []) for command in commands]
        if messages:
            application.kafka.send(self._door, messages)


def told(event: Quote | Trade, at: int) -> MarketDataEvent | TradePrint:
    """What a feed of that venue tells."""
    if isinstance(event, Trade):
        taker, trade_id = event.taker, str(event.trade_id)
        return TradePrint(event.symbol, event.price, event.quantity, EXCHANGE, taker, trade_id, timestamp=at)
    return MarketDataEvent(
        event.symbol, EXCHANGE, event.bid, event.ask, event.bid_quantity, event.ask_quantity, timestamp=at
    )


def conflated(events: Iterator[Quote | Trade]) -> Iterator[Quote | Trade]:
    """All trades, and of the quotes the latest, ten times a second."""
    latest: Quote | None = None
    told_at = 0
    for event in events:
        if isinstance(event, Quote):
            latest = event
        if latest is not None and event.at - told_at >= QUOTE_EVERY_NS:
            yield latest
            told_at, latest = event.at, None
        if isinstance(event, Trade):
            yield event


_market = Market()
gateway.accounts_view.listeners.append(_market.heard)


@application.task()  # type: ignore[untyped-decorator]
async def play() -> None:
    """The live market of the demo."""
    await _market.run()
