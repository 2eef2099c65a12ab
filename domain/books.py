"""The book of one symbol: price levels, each a queue in order of arrival. Derived from rows, and rebuilt from them."""

from collections.abc import Callable, Iterator
from typing import Any

from domain.account_index import AccountIndex
from domain.auction_books import AuctionOrder, Gathering
from domain.auction_rows import AuctionRow
from domain.breaker_rows import Breaker
from domain.instruments import Instrument
from domain.levels import BookSide, Expiries, Stops
from domain.pro_rata import Shares
from domain.quotes import NO_QUOTE, Quote
from domain.resting import RestingOrder, StopOrder
from domain.session_rows import SessionRow
from schemas.enums import Allocation, AuctionKind, Side, TimeInForce, TradingPhase, Venue

_BUY = Side.BUY
"""A global name of its own costs half of what an attribute of an enum does."""
NO_BAND = (None, None)
"""Limits may be anywhere. The very object, where a book has no band."""


def nobody_hears(_at: int) -> None:
    """Nobody wants to know when orders end."""


class Book:
    """Both sides, stops, and every order by its id; and what is known beside them.

    Who wants to hear it is told when an order or an instrument comes that ends by itself, and when it does.
    """

    __slots__ = (
        "_hear_of_expiry",
        "asks",
        "auction",
        "band",
        "bids",
        "breaker",
        "days",
        "elected",
        "expires_at",
        "expiries",
        "falls",
        "gatherings",
        "groups",
        "instrument",
        "is_plain",
        "last",
        "marked",
        "orders",
        "owners",
        "pairs",
        "phase",
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
        self._hear_of_expiry = hear_of_expiry
        self.bids, self.asks = BookSide(-1), BookSide(1)
        self.orders: dict[str, RestingOrder] = {}
        self.owners = AccountIndex[RestingOrder](self.orders, lambda order: order)
        self.rises, self.falls = Stops(1), Stops(-1)
        self.stops: dict[str, StopOrder] = {}
        self.stop_owners = AccountIndex[StopOrder](self.stops, lambda stop: stop.order)
        self.elected: dict[str, StopOrder] = {}
        """Stops whose price has come, in the order in which they act."""
        self.groups: dict[str, dict[str, None]] = {}
        """Ids of the orders of each OCO group."""
        self.pairs: dict[str, None] = {}
        """Groups of which two orders or more stand on one side of the book."""
        self.expiries, self.days = Expiries(), Expiries()
        """Orders that end at a time, and those for the day, by number."""
        self.sequence = 0
        self.last: int | None = None
        self.marked: tuple[int | None, int | None, int | None] = (None, None, None)
        self.phase = TradingPhase.CONTINUOUS
        self.band: tuple[int | None, int | None] = NO_BAND
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
        self.quote: Quote | None = None
        """Where orders trade at prices from elsewhere: these; None where they trade with each other."""
        self.expires_at = 0
        """When the instrument ends; zero where it does not."""

    def opposite(self, side: Side) -> BookSide:
        """The side with which such an order trades."""
        return self.asks if side is Side.BUY else self.bids

    def bind(self, instrument: Instrument, quote: Quote | None) -> None:
        """Trades as the instrument says, whose prices elsewhere are these."""
        self.instrument, self.expires_at = instrument, instrument.expires_at
        self.roll_call = None
        if self.expires_at:
            self._hear_of_expiry(self.expires_at)
        if instrument.venue is Venue.SIM:
            self.quote = quote or NO_QUOTE
        is_by_time = instrument.allocation is Allocation.PRICE_TIME
        self.is_plain = is_by_time and self.quote is None and not instrument.expires_at

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
            self._index(order)

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
            self._forget(order)

    def gather(self, entry: AuctionOrder) -> None:
        """Lets an order wait for its auction, in place of what it was before."""
        self.gatherings.setdefault(entry.kind, Gathering()).put(entry)
        self._index(entry.order)

    def ungather(self, entry: AuctionOrder) -> None:
        """Takes such an order out."""
        gathering = self.gatherings[entry.kind]
        gathering.remove(entry.order)
        if not gathering.orders:
            del self.gatherings[entry.kind]
        self._forget(entry.order)

    def arm(self, stop: StopOrder) -> None:
        """Lets a stop wait, in place of what it was before."""
        order = stop.order
        before = self.stops.get(order.order_id)
        if before is not None and not (before.elected and stop.elected):
            self._disarm(before)
        self.stops[order.order_id] = stop
        if stop.elected:
            self.elected[order.order_id] = stop
        else:
            (self.rises if stop.waits_for_rise else self.falls).put(stop)
        self._index(order)

    def drop(self, stop: StopOrder) -> None:
        """Takes a stop out."""
        self._disarm(stop)
        del self.stops[stop.order.order_id]
        self._forget(stop.order)

    def _disarm(self, stop: StopOrder) -> None:
        if stop.elected:
            del self.elected[stop.order.order_id]
        else:
            (self.rises if stop.waits_for_rise else self.falls).remove(stop)

    def _index(self, order: RestingOrder) -> None:
        instructions = order.instructions
        if instructions is None:
            return
        if instructions.oco_group:
            self.groups.setdefault(instructions.oco_group, {})[order.order_id] = None
            self._pair(instructions.oco_group)
        if instructions.expires_at:
            self.expiries.add(order, instructions.expires_at)
            self._hear_of_expiry(instructions.expires_at)
        elif instructions.time_in_force is TimeInForce.DAY:
            self.days.add(order, 0)

    def _forget(self, order: RestingOrder) -> None:
        instructions = order.instructions
        if instructions is None:
            return
        if instructions.oco_group:
            group = self.groups[instructions.oco_group]
            del group[order.order_id]
            self._pair(instructions.oco_group)
            if not group:
                del self.groups[instructions.oco_group]
        if instructions.expires_at:
            self.expiries.remove(order)
        elif instructions.time_in_force is TimeInForce.DAY:
            self.days.remove(order)

    def _pair(self, name: str) -> None:
        sides = [order.side for each in self.groups[name] if (order := self.orders.get(each)) is not None]
        if len(sides) > len(set(sides)):
            self.pairs[name] = None
        else:
            self.pairs.pop(name, None)


def crosses(side: Side, limit_price: int, price: int) -> bool:
    """Would an order with this limit trade at that price?"""
    return limit_price >= price if side is Side.BUY else limit_price <= price


def band_of(low: int | None, high: int | None) -> tuple[int | None, int | None]:
    """The band with these ends."""
    return NO_BAND if low is None and high is None else (low, high)
