"""The door for market data of other systems: looks at it, and hands it to the shard of its instrument, packed.

Any producer may write to the public topic, under any key. What goes to one shard of `market_data` leaves here in the
order in which it came. The first of it leaves at once; what comes within the next milliseconds leaves together.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from domain.ingress import AHEAD_NS_MAX, Refused
from domain.money import AMOUNT_MAX
from domain.names import NAME_LENGTH_MAX, is_name
from domain.observations import Observation, depth_changed, packed, printed, quoted
from domain.state import Table
from schemas.enums import Side
from schemas.feeds import DepthUpdate, MarketDataEvent, PriceLevel, TradePrint
from schemas.market_data import RecordObservations
from schemas.shared import Tick

PACK_NS = 5_000_000
"""How long an observation may wait for others: less than anybody sees, enough for a busy market to be cheap."""
PACKED_MAX = 256
LEVELS_MAX = 10_000
"""In one message."""

Command = MarketDataEvent | TradePrint | DepthUpdate | Tick


class Pack(msgspec.Struct, frozen=True, array_like=True):
    """What waits to go to one shard."""

    sent_at: int = 0
    """When the last one left, by this shard's clock."""
    since: int = 0
    """When the first of those that wait came."""
    observations: tuple[Observation, ...] = ()


class Kept(msgspec.Struct, frozen=True, gc=False):
    """An observation waits for others."""

    place: int
    observation: Observation


Event = RecordObservations | Kept | Refused
EMPTY = Pack()


class State:
    """Rows of one shard."""

    def __init__(self, packs: Table[Pack], place_of: Callable[[str], int]) -> None:
        self.packs = packs
        self.place_of = place_of
        """The shard of `market_data` where a symbol lives."""
        self.now = 0

    def rebuild(self) -> None:
        """Nothing is derived from the rows."""


def deadline(state: State) -> int | None:
    """When the shard wants to hear the time; None while nothing is due."""
    return min((pack.sent_at + PACK_NS for _, pack in state.packs.scan() if pack.observations), default=None)


def decide(state: State, command: Command) -> Iterator[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    if type(command) is Tick:
        for _, pack in list(state.packs.scan()):
            if pack.observations and state.now >= pack.sent_at + PACK_NS:
                yield _sent(pack.observations, pack.since)
        return
    refused, observation = _CHECKS[type(command)](command, state.now)
    if refused is not None:
        yield refused
        return
    place = state.place_of(observation.symbol)
    pack = state.packs.get(str(place)) or EMPTY
    if state.now >= pack.sent_at + PACK_NS or len(pack.observations) + 1 >= PACKED_MAX:
        yield _sent((*pack.observations, observation), pack.since or state.now)
    elif type(command) is DepthUpdate:  # it may be large: never more than one in a record
        if pack.observations:
            yield _sent(pack.observations, pack.since)
        yield _sent((observation,), state.now)
    else:
        yield Kept(place, observation)


def _sent(observations: tuple[Observation, ...], since: int) -> RecordObservations:
    return RecordObservations(observations[0].symbol, packed(observations), len(observations), since)


Checked = tuple[Refused | None, Any]


def _check_quote(command: MarketDataEvent, now: int) -> Checked:
    prices = (command.bid_price, command.ask_price, command.last_price)
    amounts = (*prices, command.bid_size, command.ask_size, command.volume)
    refused = _check_names(command, now)
    if refused is None and not all(amount is None or 0 <= amount <= AMOUNT_MAX for amount in amounts):
        refused = Refused("BAD_PRICE", f"{command.symbol}: {amounts} bid, asked, last, sizes, volume, in nanos")
    return refused, quoted(command, command.timestamp or now)


def _check_print(command: TradePrint, now: int) -> Checked:
    refused = _check_names(command, now)
    if refused is None and not (0 < command.price <= AMOUNT_MAX and 0 < command.quantity <= AMOUNT_MAX):
        refused = Refused("BAD_PRICE", f"{command.symbol}: {command.quantity} traded at {command.price}, in nanos")
    return refused, printed(command, command.timestamp or now)


def _check_depth(command: DepthUpdate, now: int) -> Checked:
    refused = _check_names(command, now)
    if refused is None and len(command.levels) > LEVELS_MAX:
        refused = Refused("TOO_MANY_LEVELS", f"{command.symbol}: {len(command.levels)} levels")
    if refused is None and not all(map(_is_level, command.levels)):
        refused = Refused("BAD_PRICE", f"{command.symbol}: a level outside of what can be")
    return refused, depth_changed(command, command.timestamp or now)


def _is_level(level: PriceLevel) -> bool:
    return level.side is not Side.UNKNOWN and 0 < level.price <= AMOUNT_MAX and 0 <= level.quantity <= AMOUNT_MAX


def _check_names(command: MarketDataEvent | TradePrint | DepthUpdate, now: int) -> Refused | None:
    if not is_name(command.symbol) or (command.exchange and not is_name(command.exchange)):
        return Refused("BAD_NAME", f"symbol {command.symbol!r}, exchange {command.exchange!r}")
    if len(command.event_id) > NAME_LENGTH_MAX:
        return Refused("BAD_NAME", f"event id of {len(command.event_id)} characters")
    if command.timestamp > now + AHEAD_NS_MAX:
        return Refused("SENT_TOO_FAR_AHEAD", f"priced at {command.timestamp}, received at {now}")
    if command.timestamp < 0:
        return Refused("BAD_TIME", f"priced at {command.timestamp}")
    if command.sequence < 0:
        return Refused("BAD_SEQUENCE", f"{command.symbol}: sequence {command.sequence}")
    return None


_CHECKS: dict[type, Callable[[Any, int], Checked]] = {
    MarketDataEvent: _check_quote,
    TradePrint: _check_print,
    DepthUpdate: _check_depth,
}


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state."""
    if type(event) is Kept:
        key = str(event.place)
        pack = state.packs.get(key) or EMPTY
        state.packs.put(key, Pack(pack.sent_at, pack.since or state.now, (*pack.observations, event.observation)))
    elif type(event) is RecordObservations:
        state.packs.put(str(state.place_of(event.symbol)), Pack(state.now))
