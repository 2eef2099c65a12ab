"""What is there from the first moment, for people and for tests (D12): brought in by commands like any other."""

import asyncio
import logging
from typing import Any

from app.feeds.tape import MAKER, TAKER
from app.main import app
from app.settings import Profile
from domain.instruments import from_listing, listing_fault
from schemas.accounts import DepositFunds
from schemas.enums import InstrumentType, Venue
from schemas.order_books import ListInstrument
from schemas.wire import NANOS
from web import clock
from web.commands import happens, is_taken, send
from web.gateway import opened
from web.ids import id_of_key, new_id
from web.order_books import instrument
from web.problems import Problem, refused

logger = logging.getLogger(__name__)

OPERATOR = "operator"
RETRY_S = 1.0
CENT = NANOS // 100
INSTRUMENTS = (
    ("PUBLIC", "PUB", "USD", CENT, NANOS),
    ("ADAUSDT", "ADA", "USDT", CENT // 100, NANOS // 1_000),
    ("ETHUSDT", "ETH", "USDT", CENT, NANOS // 10_000),
)
"""Symbol, base, quote, tick and lot."""
DEPOSITS = (("public", "USD", 1_000_000_000), ("public", "PUB", 1_000_000_000))
DEMO_DEPOSITS = (
    ("1", "USDT", 1_000),
    ("2", "ADA", 500),
    (MAKER, "USDT", 10**12),
    (MAKER, "ETH", 10**9),
    (TAKER, "USDT", 10**12),
    (TAKER, "ETH", 10**9),
)

_state = {"is_done": False}


def envelope(command_id: str) -> dict[str, Any]:
    """The envelope of an operator's command."""
    return {
        "event_id": command_id,
        "command_id": command_id,
        "correlation_id": command_id,
        "actor_id": OPERATOR,
        "timestamp": clock.now(),
    }


async def listed(command: ListInstrument) -> Problem | None:
    """Lists an instrument and waits until every account shard knows it -> the problem, where there is one."""
    fault = listing_fault(command)
    if fault is not None:
        return refused(*fault)
    books, wanted, symbol = opened().books, from_listing(command), command.symbol
    sent = await send("order_books", symbol, command)
    if not await is_taken(books.of(symbol), sent):
        return Problem(503, "ANSWER_UNKNOWN", "the book did not answer in time")
    if instrument(symbol) != wanted:
        return Problem(409, "NO_CHANGE", f"{symbol} is listed otherwise, and orders rest in its book")
    for replica in opened().accounts.replicas:

        def is_known(rows: Any = replica) -> bool:
            return bool(rows.rows["instruments"].get(symbol) == wanted)

        if not await happens(replica, is_known):
            return Problem(503, "ANSWER_UNKNOWN", "not every account shard knows the instrument yet")
    return None


async def begin(occasion: str = "") -> None:
    """Brings in instruments and deposits. Doing it twice, or on two gateways, does it once an occasion."""
    for shards in (opened().accounts, opened().books):
        for replica in shards.replicas:
            await replica.is_caught_up.wait()
    for symbol, base, quote, tick, lot in INSTRUMENTS:
        command = ListInstrument(
            symbol=symbol,
            instrument_type=InstrumentType.SPOT,
            base=base,
            quote=quote,
            tick=tick,
            lot=lot,
            multiplier=NANOS,
            maker_fee_rate=0,
            taker_fee_rate=0,
            venue=Venue.INTERNAL,
            **envelope(new_id()),
        )
        while instrument(symbol) is None and (fault := await listed(command)) is not None:
            logger.info("not seeded yet: %s", fault)
            await asyncio.sleep(RETRY_S)
    for account_id, asset, amount in DEPOSITS + (DEMO_DEPOSITS if app.settings.profile is Profile.DEMO else ()):
        await _deposit(account_id, asset, amount * NANOS, occasion)


async def _deposit(account_id: str, asset: str, amount: int, occasion: str) -> None:
    command_id = id_of_key("seed", occasion, account_id, asset)
    command = DepositFunds(account_id=account_id, asset=asset, amount=amount, **envelope(command_id))
    replica = opened().accounts.of(account_id)
    if replica.rows["outcomes"].get(command_id) is None:
        sent = await send("accounts", account_id, command)
        while not await is_taken(replica, sent):
            logger.info("not seeded yet: no answer from the account of %s", account_id)


async def _at_start() -> None:
    await begin()
    _state["is_done"] = True


async def _begin_at_start() -> None:
    _state["task"] = asyncio.create_task(_at_start(), name="seeding")  # type: ignore[assignment]


def reason_not_ready() -> str | None:
    """Nothing to trade yet."""
    return None if _state["is_done"] else "seeding instruments and accounts"


if app.settings.profile in (Profile.DEMO, Profile.TEST):
    app.when_connected.append(_begin_at_start)
    app.more_reasons.append(reason_not_ready)
