"""Brings the events of market data into rows."""

from collections.abc import Callable
from typing import Any, get_args

from domain import alerts, analytics, market_depth
from domain.market_rows import Event, ListingKept, MarketMoved, MarketsForgotten, State
from schemas.inquiries import UpdateMarketMeasures
from schemas.order_books import SetReferencePrices


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


def _listing_kept(state: State, event: ListingKept) -> None:
    state.listings.put(event.symbol, event.listing)


def _of_depths(state: State, event: market_depth.Event) -> None:
    market_depth.evolve(state.depths, event)


def _of_alerts(state: State, event: alerts.Event) -> None:
    alerts.evolve(state.alerts, event)


def _of_analytics(state: State, event: analytics.Event) -> None:
    analytics.evolve(state.analytics, event)


def _unchanged(_state: State, _event: SetReferencePrices | UpdateMarketMeasures) -> None:
    """It only tells."""


_EVOLVERS: dict[type, Callable[[State, Any], None]] = (
    {}
    | dict.fromkeys(get_args(analytics.Event), _of_analytics)
    | dict.fromkeys(get_args(alerts.Event), _of_alerts)
    | dict.fromkeys(get_args(market_depth.Event), _of_depths)
    | {
        MarketMoved: _market_moved,
        ListingKept: _listing_kept,
        MarketsForgotten: _forgotten,
        SetReferencePrices: _unchanged,
        UpdateMarketMeasures: _unchanged,
    }
)
