"""The book of one symbol: price levels, each a queue in order of arrival. Derived from rows, and rebuilt from them."""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from domain.account_index import AccountIndex
from domain.auction_books import AuctionOrder, Gathering
from domain.auction_rows import AuctionRow
from domain.book_index import BookIndex, nobody_hears
from domain.breaker_rows import Breaker
from domain.conditions import NO_BAND, Conditions
from domain.instruments import Instrument
from domain.levels import BookSide, Stops
from domain.pro_rata import Shares
from domain.quotes import NO_QUOTE, Quote
from domain.resting import RestingOrder, StopOrder
from domain.session_rows import SessionRow
from schemas.enums import Allocation, AuctionKind, Side, TradingPhase, Venue

_BUY, _CONTINUOUS = Side.BUY, TradingPhase.CONTINUOUS
"""Global names of their own cost half of what attributes of an enum do."""


class Book(BookIndex):
    """Both sides, stops, and every order by its id; and what is known beside them.

    Who wants to hear it is told when an order or an instrument comes that ends by itself, and when it does.
    """

    __slots__ = (
        "_band",
        "_phase",
        "asks",
        "auction",
        "bids",
        "breaker",
        "conditions",
        "elected",
        "expires_at",
        "falls",
        "gatherings",
        "instrument",
        "is_plain",
        "is_quick",
        "last",
        "owners",
        "quote",
        "rises",
        "roll_call",
        "sequence",
        "session",
        "sharing",
        "stop_owners",
        "stops",
    )

    def __init__(self, hear_of_expiry: Callable[[int], None] = nobody_hears) -> None:
        super().__init__(hear_of_expiry)
        self.bids, self.asks = BookSide(-1), BookSide(1)
        self.owners = AccountIndex[RestingOrder](self.orders, lambda order: order)
        self.rises, self.falls = Stops(1), Stops(-1)
        self.stops: dict[str, StopOrder] = {}
        self.stop_owners = AccountIndex[StopOrder](self.stops, lambda stop: stop.order)
        self.elected: dict[str, StopOrder] = {}
        """Stops whose price has come, in the order in which they act."""
        self.sequence = 0
        self.last: int | None = None
        self.conditions = Conditions()
        """Kept as the row has them: they are written again with every trade and cancel."""
        self._phase = _CONTINUOUS
        self._band: tuple[int | None, int | None] = NO_BAND
        self.breaker: Breaker | None = None
        """There where one is set."""
        self.sharing: Shares | None = None
        """There while an order trades with everybody at a price, and goes on in another record."""
        self.session: SessionRow | None = None
        """Where its instrument has a calendar, and a session of it is known."""
        self.auction: AuctionRow | None = None
        """There while the book is in an auction."""
        self.gatherings: dict[AuctionKind, Gathering] = {}
        """Orders for one auction alone, where there are some; they do not stand in the book."""
        self.instrument: Instrument | None = None
        """What it trades, and how; None before that is listed."""
        self.is_plain = False
        """Whether nothing is special about the instrument itself: it trades here, by time, and without an end."""
        self.roll_call: Any = None  # of domain/roll_calls.py
        self.is_quick = False
        """Whether nothing special goes on at all: an order that asks for nothing special need not look further."""
        self.quote: Quote | None = None
        """Where orders trade at prices from elsewhere: these; None where they trade with each other."""
        self.expires_at = 0
        """When the instrument ends; zero where it does not."""

    @property
    def phase(self) -> TradingPhase:
        """The way in which it trades now."""
        return self._phase

    @phase.setter
    def phase(self, phase: TradingPhase) -> None:
        self._phase = phase
        self._look()

    @property
    def band(self) -> tuple[int | None, int | None]:
        """Between which prices limits of orders must lie."""
        return self._band

    @band.setter
    def band(self, band: tuple[int | None, int | None]) -> None:
        self._band = band
        self._look()

    def mark(self, bid: int | None, ask: int | None, last: int | None) -> None:
        """Prices were sent."""
        self.conditions = replace(self.conditions, marked=(bid, ask, last))

    def _look(self) -> None:
        """What follows from what changes rarely."""
        low, high = self._band
        self.conditions = Conditions(self.conditions.marked, self._phase, low, high)
        is_open = self._phase is _CONTINUOUS and self._band is NO_BAND
        self.is_quick = self.is_plain and is_open and not self.stops and not self.gatherings

    def opposite(self, side: Side) -> BookSide:
        """The side with which such an order trades."""
        return self.asks if side is Side.BUY else self.bids

    def bind(self, instrument: Instrument, quote: Quote | None) -> None:
        """Trades as the instrument says, whose prices elsewhere are these."""
        self.instrument, self.expires_at = instrument, instrument.expires_at
        self.roll_call = None
        if self.expires_at:
            self.hear_of_expiry(self.expires_at)
        if instrument.venue is Venue.SIM:
            self.quote = quote or NO_QUOTE
        is_by_time = instrument.allocation is Allocation.PRICE_TIME
        self.is_plain = is_by_time and self.quote is None and not instrument.expires_at
        self._look()

    def best_against(self, side: Side) -> int | None:
        """The best price at which such an order would trade now."""
        return self.opposite(side).best_price if self.quote is None else self.quote.price_for(side)

    def has_expired(self, now: int) -> bool:
        """Whether the instrument's time is over."""
        return 0 < self.expires_at <= now

    def next_expiry(self) -> int | None:
        """When something ends that is in the book; None where nothing does."""
        first = self.expiries.first()
        if self.expires_at and (self.orders or self.stops or self.gatherings):
            return self.expires_at if first is None else min(first, self.expires_at)
        return first

    def next_end(self, now: int) -> int | None:
        """The same, and the instrument's end where nothing is in the book yet."""
        first = self.next_expiry()
        return self.expires_at if first is None and self.expires_at > now else first

    @property
    def has_trailing_stops(self) -> bool:
        """Whether a stop follows the trades."""
        return bool(self.rises.followed.levels or self.falls.followed.levels)

    def allows(self, price: int) -> bool:
        """Whether a limit lies within the band."""
        low, high = self.band
        return (low is None or price >= low) and (high is None or price <= high)

    def find(self, order_id: str) -> RestingOrder | None:
        """The order, whether it rests or waits for its trigger."""
        order = self.orders.get(order_id)
        if order is None and order_id in self.stops:
            return self.stops[order_id].order
        if order is None and (entry := self.gathered(order_id)) is not None:
            return entry.order
        return order

    def gathered(self, order_id: str) -> AuctionOrder | None:
        """The order, where it waits for its auction."""
        found = (gathering.orders.get(order_id) for gathering in self.gatherings.values())
        return next((entry for entry in found if entry is not None), None)

    @property
    def gathering(self) -> Gathering | None:
        """Orders for the auction that is now."""
        return None if self.auction is None else self.gatherings.get(self.auction.kind)

    def group(self, name: str) -> list[RestingOrder]:
        """Orders of an OCO group, by number."""
        found = [order for order_id in self.groups.get(name, ()) if (order := self.find(order_id)) is not None]
        return sorted(found, key=lambda order: order.order_number)

    def all_orders(self) -> Iterator[RestingOrder]:
        """Every order that rests or waits."""
        yield from self.orders.values()
        for stop in self.stops.values():
            yield stop.order
        for gathering in self.gatherings.values():
            for entry in gathering.orders.values():
                yield entry.order

    def orders_of(self, account_id: str) -> Iterator[RestingOrder]:
        """Every order of the account that rests or waits."""
        yield from self.owners.of(account_id)
        yield from self.stop_owners.of(account_id)
        for gathering in self.gatherings.values():
            yield from (entry.order for entry in gathering.orders.values() if entry.order.account_id == account_id)

    def rest(self, order: RestingOrder) -> None:
        """Adds an order at the end of its queue, or replaces it where it stands. `Levels.put`, without the call."""
        price, order_id = order.limit_price, order.order_id
        levels = self.bids if order.side is _BUY else self.asks
        level = levels.levels.get(price) or levels.begin(price)
        if levels.units:
            levels.count(price, level.get(order_id), order)
        level[order_id] = self.orders[order_id] = order
        if order.instructions is not None:
            self.index(order)

    def remove(self, order: RestingOrder) -> None:
        """Takes an order out that rests. `Levels.remove`, without the call."""
        price, order_id = order.limit_price, order.order_id
        levels = self.bids if order.side is _BUY else self.asks
        level = levels.levels[price]
        if levels.units:
            levels.count(price, level[order_id], None)
        del level[order_id], self.orders[order_id]
        if not level:
            levels.end(price)
        if order.instructions is not None:
            self.forget(order)

    def gather(self, entry: AuctionOrder) -> None:
        """Lets an order wait for its auction, in place of what it was before."""
        self.gatherings.setdefault(entry.kind, Gathering()).put(entry)
        self.is_quick = False
        self.index(entry.order)

    def ungather(self, entry: AuctionOrder) -> None:
        """Takes such an order out."""
        gathering = self.gatherings[entry.kind]
        gathering.remove(entry.order)
        if not gathering.orders:
            del self.gatherings[entry.kind]
            self._look()
        self.forget(entry.order)

    def arm(self, stop: StopOrder) -> None:
        """Lets a stop wait, in place of what it was before."""
        order = stop.order
        before = self.stops.get(order.order_id)
        if before is not None and not (before.elected and stop.elected):
            self._disarm(before)
        self.stops[order.order_id] = stop
        self.is_quick = False
        if stop.elected:
            self.elected[order.order_id] = stop
        else:
            (self.rises if stop.waits_for_rise else self.falls).put(stop)
        self.index(order)

    def drop(self, stop: StopOrder) -> None:
        """Takes a stop out."""
        self._disarm(stop)
        del self.stops[stop.order.order_id]
        if not self.stops:
            self._look()
        self.forget(stop.order)

    def _disarm(self, stop: StopOrder) -> None:
        if stop.elected:
            del self.elected[stop.order.order_id]
        else:
            (self.rises if stop.waits_for_rise else self.falls).remove(stop)


def crosses(side: Side, limit_price: int, price: int) -> bool:
    """Would an order with this limit trade at that price?"""
    return limit_price >= price if side is Side.BUY else limit_price <= price
