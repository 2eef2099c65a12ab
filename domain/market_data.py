"""Market data: what markets elsewhere told of each instrument, in event time.

Quotes of every market, the best of all, and what order books hear of it. An order book whose instrument trades at that
market (venue SIM) hears every change of its prices, in order; others hear the latest, a few times a second.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from domain import analytics
from domain.analytics_rows import Analytics
from domain.market_quotes import SOURCES_MAX, Best, Market, SourceQuote, after_print, after_quote, best_of
from domain.observations import DepthChanged, Printed, Quoted, unpacked
from domain.state import Table
from schemas.enums import Venue
from schemas.market_data import RecordObservations, ResetMarketData
from schemas.order_books import InstrumentListed, SetReferencePrices
from schemas.shared import Tick

REFERENCE_INTERVAL_NS_MIN = 125_000_000
"""Between two prices that a book hears: as often as accounts hear marks (D11)."""
SYMBOLS_MAX = 20_000
"""Of one shard: those that nobody listed, too."""
NO_MARKET = Market()

Command = RecordObservations | InstrumentListed | ResetMarketData | Tick


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


Event = ListingKept | MarketMoved | MarketsForgotten | SetReferencePrices | analytics.Event


class State:
    """Rows of one shard."""

    def __init__(
        self, markets: Table[Market], listings: Table[Listing], bars: Analytics, owns: Callable[[str], bool]
    ) -> None:
        self.markets, self.listings, self.analytics = markets, listings, bars
        self.owns = owns
        """Whether an instrument's market data are kept here."""
        self.now = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Derived from the rows: which books have not heard the latest prices, and how many instruments there are."""
        self.untold = {symbol for symbol, market in self.markets.scan() if market.best != market.told}
        self.count = sum(1 for _ in self.markets.scan())
        self.analytics.rebuild()


def deadline(state: State) -> int | None:
    """When the shard wants to hear the time; None while nothing is due."""
    told = (market.told_at for symbol in state.untold if (market := state.markets.get(symbol)) is not None)
    times = [at + REFERENCE_INTERVAL_NS_MIN for at in told]
    of_analytics = analytics.deadline(state.analytics, state.now)
    return min(times if of_analytics is None else [*times, of_analytics], default=None)


def decide(state: State, command: Command) -> Iterator[Event]:
    """What the command brings about. Each event must be evolved before the next is asked for."""
    match command:
        case RecordObservations():
            observations = unpacked(command.observations)
            for observation in observations:
                yield from _OBSERVERS[type(observation)](state, observation)
            yield from analytics.observed(state.analytics, observations)
        case InstrumentListed():
            yield from _listed(state, command)
        case ResetMarketData():
            yield MarketsForgotten()
        case _:
            assert type(command) is Tick, command
    if state.untold:
        yield from _tell(state)
    yield from analytics.closed(state.analytics)
    yield from analytics.tell(state.analytics, state.markets, state.now)


def _observed(state: State, observation: Quoted | Printed) -> Iterator[Event]:
    symbol = observation.symbol
    market = state.markets.get(symbol)
    if market is None:
        if state.count >= SYMBOLS_MAX:
            return
        market = NO_MARKET
    place = market.place_of(observation.exchange)
    if place >= SOURCES_MAX:
        return
    before = market.sources[place] if place < len(market.sources) else SourceQuote(observation.exchange)
    after = _AFTER[type(observation)](before, observation)
    if after is not before:
        sources = (*market.sources[:place], after, *market.sources[place + 1 :])
        yield from _moved(state, symbol, market, sources)


def _moved(state: State, symbol: str, market: Market, sources: tuple[SourceQuote, ...]) -> Iterator[Event]:
    listing = state.listings.get(symbol)
    if listing is None:  # no book would hear it
        best = best_of(sources)
        yield MarketMoved(symbol, Market(sources, best, best, market.told_at))
        return
    if listing.exchange:
        best = best_of(tuple([source for source in sources if source.exchange == listing.exchange]))
    else:
        best = best_of(sources)
    if listing.venue is Venue.SIM and best != market.told:
        yield MarketMoved(symbol, Market(sources, best, best, state.now))
        yield reference_of(symbol, best, market.told)
    else:
        yield MarketMoved(symbol, Market(sources, best, market.told, market.told_at))


def _depth_changed(_state: State, _observation: DepthChanged) -> Iterator[Event]:
    return iter(())


def _listed(state: State, command: InstrumentListed) -> Iterator[Event]:
    if state.owns(command.symbol):
        yield ListingKept(command.symbol, Listing(command.venue, command.exchange))
        market = state.markets.get(command.symbol)
        if market is not None:
            yield from _moved(state, command.symbol, Market(market.sources), market.sources)


def _tell(state: State) -> Iterator[Event]:
    """Books that have not heard the latest, and have had their pause."""
    for symbol in sorted(state.untold):
        market = state.markets.get(symbol)
        assert market is not None
        if state.now >= market.told_at + REFERENCE_INTERVAL_NS_MIN:
            yield MarketMoved(symbol, Market(market.sources, market.best, market.best, state.now))
            yield reference_of(symbol, market.best, market.told)


def reference_of(symbol: str, best: Best, told: Best) -> SetReferencePrices:
    """What the order book hears: what has not changed is left out, zero says that there is no such price any more."""
    return SetReferencePrices(
        symbol,
        best.at,
        None if best.bid == told.bid else best.bid or 0,
        None if best.ask == told.ask else best.ask or 0,
        None if best.last == told.last else best.last or 0,
    )


_AFTER: dict[type, Callable[[SourceQuote, Any], SourceQuote]] = {Quoted: after_quote, Printed: after_print}
_OBSERVERS: dict[type, Callable[[State, Any], Iterator[Event]]] = {
    Quoted: _observed,
    Printed: _observed,
    DepthChanged: _depth_changed,
}


def evolve(state: State, event: Event) -> None:
    """Brings the event into the state."""
    if type(event) is MarketMoved:
        symbol, market = event.symbol, event.market
        state.count += state.markets.get(symbol) is None
        state.markets.put(symbol, market)
        if market.best == market.told:
            state.untold.discard(symbol)
        else:
            state.untold.add(symbol)
    elif type(event) is ListingKept:
        state.listings.put(event.symbol, event.listing)
    elif type(event) is MarketsForgotten:
        for symbol in [symbol for symbol, _ in state.markets.scan()]:
            state.markets.delete(symbol)
        state.analytics.forget()
        state.rebuild()
    else:
        analytics.evolve(state.analytics, event)
