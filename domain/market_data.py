"""Market data: what markets elsewhere told of each instrument, in event time.

Quotes of every market, the best of all, and what order books hear of it. An order book whose instrument trades at that
market (venue SIM) hears every change of its prices, in order; others hear the latest, a few times a second.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast, get_args

import msgspec

from domain import alerts, analytics, market_depth, measures
from domain.alerts import Alert, Alerts
from domain.analytics_rows import Analytics
from domain.market_depth import Depths
from domain.market_quotes import Best, Market, Sources, best_of, reference_of, sources_after, with_sizes
from domain.observations import DepthChanged, Printed, Quoted, unpacked
from domain.state import Table
from schemas.enums import Venue
from schemas.market_data import (
    AnalyticsCalculated,
    PriceUpdated,
    RecordObservations,
    RemoveAlert,
    ResetMarketData,
    SetAlert,
)
from schemas.order_books import InstrumentListed, SetReferencePrices
from schemas.shared import Tick

REFERENCE_INTERVAL_NS_MIN = 125_000_000
"""Between two prices that a book hears: as often as accounts hear marks (D11)."""
SYMBOLS_MAX = 20_000
"""Of one shard: those that nobody listed, too."""
NO_MARKET = Market()
Measured = tuple[str, int, measures.Measured]
"""An instrument with alerts, when, and what they hear."""

Command = RecordObservations | InstrumentListed | SetAlert | RemoveAlert | ResetMarketData | Tick


class Listing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where an instrument trades."""

    venue: Venue
    exchange: str
    """Market whose prices count at the venue SIM; empty where all do."""


class ListingKept(msgspec.Struct, frozen=True, gc=False):
    """The instrument trades there."""

    symbol: str
    listing: Listing


class MarketMoved(msgspec.Struct, frozen=True, gc=False):
    """What is known of one instrument now."""

    symbol: str
    market: Market


class MarketsForgotten(msgspec.Struct, frozen=True, gc=False):
    """No prices are known any more."""


Event = (
    ListingKept
    | MarketMoved
    | MarketsForgotten
    | SetReferencePrices
    | analytics.Event
    | alerts.Event
    | market_depth.Event
)


class State:
    """Rows of one shard."""

    def __init__(
        self,
        markets: Table[Market],
        listings: Table[Listing],
        bars: Analytics,
        depths: Depths,
        alert_rows: Table[Alert],
        owns: Callable[[str], bool],
    ) -> None:
        self.markets, self.listings, self.analytics, self.depths = markets, listings, bars, depths
        self.alert_rows = alert_rows
        self.owns = owns
        """Whether an instrument's market data are kept here."""
        self.now = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Derived from the rows: which books have not heard the latest prices, and how many instruments there are."""
        self.untold = {symbol for symbol, market in self.markets.scan() if market.best != market.told}
        self.count = sum(1 for _ in self.markets.scan())
        self.analytics.rebuild()
        self.depths.rebuild()
        self.alerts = Alerts(self.alert_rows)


def deadline(state: State) -> int | None:
    """When the shard wants to hear the time; None while nothing is due."""
    told = (market.told_at for symbol in state.untold if (market := state.markets.get(symbol)) is not None)
    times = [at + REFERENCE_INTERVAL_NS_MIN for at in told]
    of_analytics = analytics.deadline(state.analytics, state.now)
    return min(times if of_analytics is None else [*times, of_analytics], default=None)


def decide(state: State, command: Command) -> Iterator[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    watched: list[Measured] = []
    if type(command) is RecordObservations:
        yield from _recorded(state, command, watched)
    else:
        yield from _DECIDERS[type(command)](state, command)
    if state.untold:
        yield from _tell_books(state)
    yield from analytics.closed(state.analytics)
    yield from _tell_everybody(state, watched)
    for symbol, at, measured in watched:
        for measure, value in measured:
            yield from alerts.heard(state.alerts, symbol, measure, value, at)


def _recorded(state: State, command: RecordObservations, watched: list[Measured]) -> Iterator[Event]:
    """Takes what was observed. A book of the venue SIM hears every change; all else moves once a record.

    Alerts hear every tick that is not too late.
    """
    observations = unpacked(command.observations)
    moved: dict[str, Sources] = {}
    for observation in observations:
        symbol = observation.symbol
        if type(observation) is DepthChanged or _hears_every_change(state, symbol):
            if symbol in moved:
                yield from _moved(state, symbol, moved.pop(symbol))
            before = state.markets.get(symbol)
            yield from _OBSERVERS[type(observation)](state, observation)
            market = state.markets.get(symbol)
            sources = market.sources if market is not None and market is not before else None
        else:
            sources = _sources_after(state, symbol, moved.get(symbol), cast("Quoted | Printed", observation))
            if sources is not None:
                moved[symbol] = sources
        if sources is not None and symbol in state.alerts.watched:
            _watch(state, symbol, sources, watched)
    for symbol, sources in moved.items():
        yield from _moved(state, symbol, sources)
    yield from analytics.observed(state.analytics, observations)


def _hears_every_change(state: State, symbol: str) -> bool:
    listing = state.listings.get(symbol)
    return listing is not None and listing.venue is Venue.SIM


def _watch(state: State, symbol: str, sources: Sources, watched: list[Measured]) -> None:
    """Keeps the prices of a tick for alerts, unless all of them are quiet there.

    Behind one at which an alert acts all are kept: what is quiet is another matter then.
    """
    best, watches = _best(state, symbol, sources), state.alerts.watched[symbol]
    for measure, value in measures.of_quotes(best):
        watch = watches.get(measure)
        if watch is not None and not watch.low <= value <= watch.high:
            break
    else:
        if not any(kept[0] == symbol for kept in watched):
            return
    watched.append((symbol, best.at, measures.of_quotes(best)))


def _tell_everybody(state: State, watched: list[Measured]) -> Iterator[Event]:
    for event in analytics.tell(state.analytics, state.markets, state.now):
        yield event
        if type(event) is PriceUpdated and event.symbol in state.alerts.watched:
            watched.append((event.symbol, event.observed_at, measures.of_day(event)))
        elif type(event) is AnalyticsCalculated and event.symbol in state.alerts.watched:
            watched.append((event.symbol, event.observed_at, measures.of_bars(event)))


def _observed(state: State, observation: Quoted | Printed) -> Iterator[Event]:
    sources = _sources_after(state, observation.symbol, None, observation)
    if sources is not None:
        yield from _moved(state, observation.symbol, sources)


def _sources_after(state: State, symbol: str, sources: Sources | None, observation: Quoted | Printed) -> Sources | None:
    """What all markets told last, with what one tells now; None where that changes nothing."""
    if sources is None:
        market = state.markets.get(symbol)
        if market is None and state.count >= SYMBOLS_MAX:
            return None
        sources = () if market is None else market.sources
    return sources_after(sources, observation)


def _best(state: State, symbol: str, sources: Sources) -> Best:
    """The best of those markets that count for the instrument's book."""
    listing = state.listings.get(symbol)
    if listing is not None and listing.exchange:
        sources = tuple([source for source in sources if source.exchange == listing.exchange])
    best = best_of(sources)
    return best if listing is None or listing.venue is not Venue.SIM else with_sizes(best, sources)


def _moved(state: State, symbol: str, sources: Sources) -> Iterator[Event]:
    market, listing = state.markets.get(symbol) or NO_MARKET, state.listings.get(symbol)
    best = _best(state, symbol, sources)
    if listing is None:  # no book would hear it
        yield MarketMoved(symbol, Market(sources, best, best, market.told_at))
    elif listing.venue is Venue.SIM and best != market.told:
        yield MarketMoved(symbol, Market(sources, best, best, state.now))
        yield reference_of(symbol, best, market.told)
    else:
        yield MarketMoved(symbol, Market(sources, best, market.told, market.told_at))


def _depth_changed(state: State, observation: DepthChanged) -> Iterator[Event]:
    """A market's book is also what it quotes."""
    yield from market_depth.observed(state.depths, observation)
    quote = market_depth.quote_of(state.depths, observation)
    if quote is not None:
        yield from _observed(state, quote)


def _listed(state: State, command: InstrumentListed) -> Iterator[Event]:
    if state.owns(command.symbol):
        yield ListingKept(command.symbol, Listing(command.venue, command.exchange))
        market = state.markets.get(command.symbol)
        if market is not None:
            yield MarketMoved(command.symbol, Market(market.sources))
            yield from _moved(state, command.symbol, market.sources)


def _tell_books(state: State) -> Iterator[Event]:
    """Books that have not heard the latest, and have had their pause."""
    for symbol in sorted(state.untold):
        market = state.markets.get(symbol)
        assert market is not None
        if state.now >= market.told_at + REFERENCE_INTERVAL_NS_MIN:
            yield MarketMoved(symbol, Market(market.sources, market.best, market.best, state.now))
            yield reference_of(symbol, market.best, market.told)


_DECIDERS: dict[type, Callable[[State, Any], Iterator[Event]]] = {
    InstrumentListed: _listed,
    SetAlert: lambda state, command: alerts.set_alert(state.alerts, command),
    RemoveAlert: lambda state, command: alerts.remove_alert(state.alerts, command),
    ResetMarketData: lambda _state, _command: iter((MarketsForgotten(),)),
    Tick: lambda _state, _command: iter(()),
}
_OBSERVERS: dict[type, Callable[[State, Any], Iterator[Event]]] = {
    Quoted: _observed,
    Printed: _observed,
    DepthChanged: _depth_changed,
}


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state."""
    _EVOLVERS[type(event)](state, event)


def _market_moved(state: State, event: MarketMoved) -> None:
    symbol, market = event.symbol, event.market
    state.count += state.markets.get(symbol) is None
    state.markets.put(symbol, market)
    if market.best == market.told:
        state.untold.discard(symbol)
    else:
        state.untold.add(symbol)


def _forgotten(state: State, _: MarketsForgotten) -> None:
    for symbol in [symbol for symbol, _ in state.markets.scan()]:
        state.markets.delete(symbol)
    for alert_id in [alert_id for alert_id, _ in state.alert_rows.scan()]:
        state.alert_rows.delete(alert_id)
    state.analytics.forget()
    state.depths.forget()
    state.rebuild()


def _of_depths(state: State, event: market_depth.Event) -> None:
    market_depth.evolve(state.depths, event)


def _of_alerts(state: State, event: alerts.Event) -> None:
    alerts.evolve(state.alerts, event)


def _of_analytics(state: State, event: analytics.Event) -> None:
    analytics.evolve(state.analytics, event)


def _unchanged(_state: State, _event: SetReferencePrices) -> None:
    """It only tells."""


_EVOLVERS: dict[type, Callable[[State, Any], None]] = (
    dict.fromkeys(get_args(analytics.Event), _of_analytics)
    | dict.fromkeys(get_args(alerts.Event), _of_alerts)
    | dict.fromkeys(get_args(market_depth.Event), _of_depths)
    | {
        MarketMoved: _market_moved,
        ListingKept: lambda state, event: state.listings.put(event.symbol, event.listing),
        MarketsForgotten: _forgotten,
        SetReferencePrices: _unchanged,
    }
)
