"""The door for market data of other systems: looks at it, and hands it to the shard of its instrument, packed.

Any producer may write to the public topic, under any key. What goes to one shard of `market_data` leaves here in the
order in which it came. While few come each leaves at once, alone; what comes beyond that within some milliseconds
leaves together. The more come the longer they wait, for many ticks of an instrument cost hardly more than one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
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
ALONE_MAX = 8
"""So many leave at once in that time. To wait has its price: for those that wait the shard must hear the time."""
WAITS_MAX = 8
"""How often as long it may wait where many come: 40 ms, and what is told of prices is told every 50 ms at best."""
COUNT_A_WAIT = 8
"""For each so many that came in `PACK_NS`, to one shard, the next wait so long: twice from 3,200 a second on."""
PACKED_MAX = 1_024
MARKETS_MAX = 64
"""Instruments in a pack, and each again at every other market: what is remembered of one can weigh a lot, and all that
a record changes has to go into one record of a changelog."""
PORTION = 32
LEVELS_MAX = 10_000
"""In one message."""
SYMBOLS_AT_HAND = 1 << 14
_is_name = lru_cache(maxsize=SYMBOLS_AT_HAND)(is_name)

Command = MarketDataEvent | TradePrint | DepthUpdate | Tick


class Pack(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What waits to go to one shard."""

    sent_at: int = 0
    """When the last one left, by this shard's clock, but for those that left alone."""
    since: int = 0
    """When the first of those that wait came."""
    earlier: tuple[tuple[Observation, ...], ...] = ()
    """Those that wait, in portions: so one more copies a portion, and not all."""
    latest: tuple[Observation, ...] = ()
    """A portion that is not full."""
    wait: int = PACK_NS
    """From when the last one left until the next may leave."""
    alone: int = 0
    """How many left alone since then."""

    @property
    def due_at(self) -> int:
        """When it leaves, full or not."""
        return self.sent_at + self.wait

    @property
    def observations(self) -> tuple[Observation, ...]:
        """All that wait, in their order."""
        return (*chain.from_iterable(self.earlier), *self.latest)

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.earlier) * PORTION + len(self.latest)

    @property
    def lets_go(self) -> bool:
        """Whether the next one need not wait: few came, and none waits before it."""
        return self.wait == PACK_NS and self.alone < ALONE_MAX and not self.count

    def with_one_more(self, observation: Observation, now: int) -> "Pack":
        """The pack with this at its end."""
        latest = (*self.latest, observation)
        if len(latest) < PORTION:
            return Pack(self.sent_at, self.since or now, self.earlier, latest, self.wait, self.alone)
        return Pack(self.sent_at, self.since or now, (*self.earlier, latest), (), self.wait, self.alone)

    def left(self, count: int, now: int) -> "Pack":
        """What is there when so many have left. Those that leave alone begin no new wait."""
        if now < self.due_at and not self.count:
            return Pack(self.sent_at, wait=self.wait, alone=self.alone + count)
        came = (self.alone + count) * PACK_NS // max(PACK_NS, now - self.sent_at)
        return Pack(now, wait=PACK_NS * min(max(1, came // COUNT_A_WAIT), WAITS_MAX))


class Kept(msgspec.Struct, frozen=True, gc=False):
    """An observation waits for others: what waits now."""

    key: str
    pack: Pack
    market: tuple[str, str]
    """The instrument that it is about, and where it trades."""


Event = RecordObservations | Kept | Refused
EMPTY = Pack()


class State:
    """Rows of one shard."""

    def __init__(self, packs: Table[Pack], place_of: Callable[[str], int]) -> None:
        self.packs = packs
        self.key_of = lru_cache(maxsize=SYMBOLS_AT_HAND)(lambda symbol: str(place_of(symbol)))
        """The row of what waits for the shard of `market_data` where a symbol lives."""
        self.now = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Derived from the rows: which instruments wait, of which markets."""
        self.markets: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        for key, pack in self.packs.scan():
            self.markets[key].update((each.symbol, each.exchange) for each in pack.observations)


def deadline(state: State) -> int | None:
    """When the shard wants to hear the time; None while nothing is due."""
    return min((pack.due_at for _, pack in state.packs.scan() if pack.count), default=None)


def decide(state: State, command: Command) -> Iterable[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    if type(command) is Tick:
        return _due(state)
    refused, observation = _CHECKS[type(command)](command, state.now)
    if refused is not None:
        return (refused,)
    key = state.key_of(observation.symbol)
    pack, markets = state.packs.get(key) or EMPTY, state.markets[key]
    market = (observation.symbol, observation.exchange)
    is_full = pack.count + 1 >= PACKED_MAX or (len(markets) + 1 >= MARKETS_MAX and market not in markets)
    if is_full or state.now >= pack.due_at:
        return (_sent((*pack.observations, observation), pack.since or state.now),)
    if pack.lets_go:
        return (_sent((observation,), state.now),)
    if type(command) is not DepthUpdate:
        return (Kept(key, pack.with_one_more(observation, state.now), market),)
    # It may be large: never more than one in a record.
    earlier = (_sent(pack.observations, pack.since),) if pack.count else ()
    return (*earlier, _sent((observation,), state.now))


def _due(state: State) -> Iterator[Event]:
    for _, pack in list(state.packs.scan()):
        if pack.count and state.now >= pack.due_at:
            yield _sent(pack.observations, pack.since)


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
    if not _is_name(command.symbol) or (command.exchange and not _is_name(command.exchange)):
        return Refused("BAD_NAME", f"symbol {command.symbol!r}, exchange {command.exchange!r}")
    if len(command.event_id) > NAME_LENGTH_MAX:
        return Refused("BAD_NAME", f"event id of {len(command.event_id)} characters")
    if not 0 <= command.timestamp <= now + AHEAD_NS_MAX:
        if command.timestamp < 0:
            return Refused("BAD_TIME", f"priced at {command.timestamp}")
        return Refused("SENT_TOO_FAR_AHEAD", f"priced at {command.timestamp}, received at {now}")
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
        state.packs.put(event.key, event.pack)
        state.markets[event.key].add(event.market)
    elif type(event) is RecordObservations:
        key = state.key_of(event.symbol)
        state.packs.put(key, (state.packs.get(key) or EMPTY).left(event.count, state.now))
        state.markets[key].clear()
