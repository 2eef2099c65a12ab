"""Market data: what markets elsewhere told of each instrument, in event time.

Quotes of every market, the best of all, and what order books hear of it. An order book whose instrument trades at that
market (venue SIM) hears every change of its prices, in order; others hear the latest, a few times a second.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

from domain import alerts, analytics, market_depth, measures
from domain.analytics import SeriesMoved, Timed
from domain.analytics_rows import indicators_key
from domain.market_evolution import evolve
from domain.market_quotes import (
    Best,
    Market,
    Sources,
    after_trades,
    best_of,
    lasts_of,
    reference_of,
    sources_after,
    with_sizes,
)
from domain.market_rows import Event, Listing, ListingKept, MarketMoved, MarketsForgotten, State
from domain.observations import DepthChanged, Printed, Quoted, unpacked
from domain.series import MINUTE_LEVEL
from domain.telling import market_measures
from domain.ticks import TimedTick
from schemas.enums import Venue
from schemas.market_data import (
    AnalyticsCalculated,
    PriceUpdated,
    RecordObservations,
    RemoveAlert,
    ResetMarketData,
    SetAlert,
)
from schemas.order_books import InstrumentListed
from schemas.shared import Tick

__all__ = ["Command", "deadline", "decide", "evolve"]

REFERENCE_INTERVAL_NS_MIN = 125_000_000
"""Between two prices that a book hears: as often as accounts hear marks (D11)."""
SYMBOLS_MAX = 20_000
"""Of one shard: those that nobody listed, too."""
NO_MARKET = Market()
Measured = tuple[str, int, measures.Measured]
"""An instrument with alerts, when, and what they hear."""

Command = RecordObservations | InstrumentListed | SetAlert | RemoveAlert | ResetMarketData | Tick


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
    yield from _tell_desk(state, analytics.closed(state.analytics))
    yield from _tell_everybody(state, watched)
    for symbol, at, measured in watched:
        for measure, value in measured:
            yield from alerts.heard(state.alerts, symbol, measure, value, at)


def _recorded(state: State, command: RecordObservations, watched: list[Measured]) -> Iterator[Event]:
    """Takes what was observed, by instrument. A book of the venue SIM hears every change; all else moves once a record.

    Alerts hear every tick that is not too late, but for those at which all of an instrument are quiet. Behind one at
    which an alert acts they hear all: what is quiet is another matter then.
    """
    batch = analytics.sorted_by_symbol(unpacked(command.observations), state.analytics.stream_time)
    for symbol, timed in batch.by_symbol.items():
        listing = state.listings.get(symbol)
        if symbol in batch.with_books or (listing is not None and listing.venue is Venue.SIM):
            yield from _one_by_one(state, symbol, timed, watched)
        else:
            yield from _together(state, symbol, listing, cast("list[TimedTick]", timed), watched)
    yield from _tell_desk(state, analytics.observed(state.analytics, batch))


def _one_by_one(state: State, symbol: str, timed: list[Timed], watched: list[Measured]) -> Iterator[Event]:
    watches, is_stirred = state.alerts.watched.get(symbol), False
    for _, observation in timed:
        before = state.markets.get(symbol)
        yield from _OBSERVERS[type(observation)](state, observation)
        market = state.markets.get(symbol)
        if market is not None and market is not before and watches is not None:
            is_stirred = is_stirred or not alerts.are_quiet(watches, market.best)
            if is_stirred:
                watched.append(_prices(symbol, market.best))


def _together(
    state: State, symbol: str, listing: Listing | None, timed: list[TimedTick], watched: list[Measured]
) -> Iterator[Event]:
    market = state.markets.get(symbol)
    if market is None and state.count >= SYMBOLS_MAX:
        return
    sources = before = () if market is None else market.sources
    watches, is_stirred = state.alerts.watched.get(symbol), False
    trades = [each for _, each in timed if isinstance(each, Printed)]
    if len(trades) == len(timed) and (watches is None or alerts.are_quiet_at(watches, lasts_of(sources, trades))):
        sources, timed = after_trades(sources, trades), []  # the latest of each market says it all
    for _, observation in timed:
        after = sources_after(sources, observation)
        if after is None:
            continue
        sources = after
        if watches is not None:
            best = _best(listing, sources)
            if is_stirred or not alerts.are_quiet(watches, best):
                is_stirred = True
                watched.append(_prices(symbol, best))
    if sources is not before:
        yield from _moved(state, symbol, listing, sources)


def _prices(symbol: str, best: Best) -> Measured:
    return symbol, best.at, measures.of_quotes(best)


def _tell_everybody(state: State, watched: list[Measured]) -> Iterator[Event]:
    for event in analytics.tell(state.analytics, state.markets, state.now):
        yield event
        if type(event) is PriceUpdated and event.symbol in state.alerts.watched:
            watched.append((event.symbol, event.observed_at, measures.of_day(event)))
        elif type(event) is AnalyticsCalculated and event.symbol in state.alerts.watched:
            watched.append((event.symbol, event.observed_at, measures.of_bars(event)))


def _tell_desk(state: State, events: Iterator[analytics.Event]) -> Iterator[Event]:
    """The desk hears of every minute that is final, of what is listed: once a minute at most, and nothing twice."""
    for event in events:
        yield event
        if type(event) is SeriesMoved and event.indicators and state.listings.get(event.symbol):
            key, of_minutes = event.indicators[0]  # shorter bars come first
            if key == indicators_key(event.symbol, MINUTE_LEVEL):
                yield market_measures(event.symbol, of_minutes)


def _observed(state: State, observation: Quoted | Printed) -> Iterator[Event]:
    symbol = observation.symbol
    market = state.markets.get(symbol)
    if market is None and state.count >= SYMBOLS_MAX:
        return
    sources = sources_after(() if market is None else market.sources, observation)
    if sources is not None:
        yield from _moved(state, symbol, state.listings.get(symbol), sources)


def _best(listing: Listing | None, sources: Sources) -> Best:
    """The best of those markets that count for the instrument's book."""
    if listing is not None and listing.exchange:
        sources = tuple([source for source in sources if source.exchange == listing.exchange])
    best = best_of(sources)
    return best if listing is None or listing.venue is not Venue.SIM else with_sizes(best, sources)


def _moved(state: State, symbol: str, listing: Listing | None, sources: Sources) -> Iterator[Event]:
    market, best = state.markets.get(symbol) or NO_MARKET, _best(listing, sources)
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
        listing = Listing(command.venue, command.exchange)
        yield ListingKept(command.symbol, listing)
        market = state.markets.get(command.symbol)
        if market is not None:
            yield MarketMoved(command.symbol, Market(market.sources))
            yield from _moved(state, command.symbol, listing, market.sources)


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
