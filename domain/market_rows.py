"""What a shard of market data knows, and what becomes of it: rows, inner events, and what is derived from the rows."""

from collections.abc import Callable

import msgspec

from domain import alerts, analytics, market_depth
from domain.alerts import Alert, Alerts
from domain.analytics_rows import Analytics
from domain.market_depth import Depths
from domain.market_quotes import Market
from domain.state import Table
from schemas.enums import Venue
from schemas.inquiries import UpdateMarketMeasures
from schemas.order_books import SetReferencePrices


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
    | UpdateMarketMeasures
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
