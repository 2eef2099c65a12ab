"""Events of a book that stay inside, and names for what has to do with its phases and its operators."""

import msgspec

from domain.auction_rows import GroupHit
from domain.parking import CommandParked, CommandTaken
from domain.resting import RestingOrder
from schemas.order_books import (
    AuctionIndicated,
    BreakerRearmed,
    BreakerSet,
    BreakerTripped,
    CancelAllOrders,
    ChangePhase,
    EndSession,
    HolidayDeclared,
    PhaseChanged,
    RearmBreaker,
    SessionCancelled,
    SessionClosed,
    SessionOpened,
    SessionScheduled,
    SetBreaker,
    SetLastPrice,
    SetPriceBand,
    SetReferencePrices,
)


class Rested(msgspec.Struct, frozen=True, gc=False):
    """A new order rests, with nothing traded. Its account is told.

    The order's priority is the sequence of this event: as long as the order is there, its row says so.
    """

    order: RestingOrder


class Withdrawn(msgspec.Struct, frozen=True, gc=False):
    """An order that rested is cancelled, as its account asked. Its account is told."""

    order: RestingOrder
    number: int
    """Of what happened in the book."""


class BandSet(msgspec.Struct, frozen=True, gc=False):
    """Limits of orders must lie within."""

    symbol: str
    low: int | None
    high: int | None


class LastPriceSet(msgspec.Struct, frozen=True, gc=False):
    """The last trade had this price, somewhere."""

    symbol: str
    price: int


class UncrossPaused(msgspec.Struct, frozen=True, gc=False):
    """A record did as much as one may, and what there is to do is the rest of an uncross."""

    symbol: str
    price: int
    hits: int
    ended: int


class GroupWasHit(msgspec.Struct, frozen=True, gc=False):
    """An order of an OCO group traded in an uncross: the one of this number."""

    symbol: str
    number: int
    hit: GroupHit


class GroupEnded(msgspec.Struct, frozen=True, gc=False):
    """The siblings of the order that was hit under this number are gone."""

    symbol: str
    number: int


class MatchingEnded(msgspec.Struct, frozen=True, gc=False):
    """What was paused is taken up again."""

    symbol: str


WaitingEvent = UncrossPaused | GroupWasHit | GroupEnded | MatchingEnded | CommandParked | CommandTaken
"""What is remembered of work that is not done."""


class ResetAsked(msgspec.Struct, frozen=True, gc=False):
    """One account shard has asked for a reset."""

    reset_id: str
    source: str


class CallBegun(msgspec.Struct, frozen=True, gc=False):
    """From now on orders gather for the opening of the session, or for its close; where the book is not halted."""

    symbol: str


class AuctionLooked(msgspec.Struct, frozen=True, gc=False):
    """What the auction would bring is what was told last."""

    symbol: str


PhaseEvent = (
    PhaseChanged
    | AuctionIndicated
    | AuctionLooked
    | BreakerSet
    | BreakerTripped
    | BreakerRearmed
    | SessionScheduled
    | SessionCancelled
    | SessionOpened
    | CallBegun
    | SessionClosed
    | HolidayDeclared
)
"""What happens to the way in which a book trades."""
Operation = (
    CancelAllOrders
    | ChangePhase
    | EndSession
    | SetPriceBand
    | SetLastPrice
    | SetBreaker
    | RearmBreaker
    | SetReferencePrices
)
"""What operators do with one book, and markets elsewhere, in the order in which it comes."""
