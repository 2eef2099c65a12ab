"""Parsers of venues: what they send, in, and messages for the topic `market-data`, out. No network, no clock."""

from app.feeds.symbols import Source
from app.feeds.venue import Venue
from app.feeds.venues.alpaca import Alpaca
from app.feeds.venues.binance import Binance
from app.feeds.venues.bitstamp import Bitstamp
from app.feeds.venues.coinbase import Coinbase
from app.feeds.venues.gemini import Gemini
from app.feeds.venues.kraken import Kraken
from app.feeds.venues.us_equity import UsEquity

VENUES: dict[str, type[Venue]] = {
    venue.name: venue for venue in (Alpaca, Binance, Bitstamp, Coinbase, Gemini, Kraken, UsEquity)
}
"""Every venue by its name."""


def opened(name: str, sources: dict[str, Source]) -> Venue:
    """The parser of one connection to the venue of this name."""
    return VENUES[name](sources.get(name, Source()))
