"""What a book remembers that has more to do than one record may."""

import msgspec

from domain.pro_rata import Sharing
from domain.resting import RestingOrder
from schemas.enums import ReasonCode


class Waiting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A book that has more to do than one record may, or in which commands queue up behind one."""

    is_paused: bool = False
    order: RestingOrder | None = None
    """What is left of an order that trades on; it does not stand in the book."""
    reason: ReasonCode | None = None
    """Why what is left in the end is cancelled; None where it rests."""
    price: int | None = None
    """Of an uncross that goes on."""
    hits: int = 0
    """Orders of OCO groups that traded in it: each has a row of its own, however many there are."""
    ended: int = 0
    """Of how many of them the siblings are gone."""
    parked: int = 0
    """Number of the last command that waits."""
    taken: int = 0
    """Number of the last one that was taken up."""
    sharing: Sharing | None = None
