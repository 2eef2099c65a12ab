"""What a book in an auction remembers of it."""

import msgspec

from schemas.enums import AuctionKind


class GroupHit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order of an OCO group that traded in an uncross: its siblings are cancelled when all prints are done."""

    group: str
    order_id: str


class AuctionRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An auction that goes on, and what was told last of what it would bring."""

    kind: AuctionKind = AuctionKind.UNKNOWN
    ends_at: int = 0
    """Nanoseconds since the epoch; zero where it ends when told so."""
    price: int | None = None
    """None where nobody would trade."""
    matched: int = 0
    surplus: int = 0
    """Units that want to buy at that price beyond those that want to sell; negative where sellers are more."""
    sequence: int = 0
    """Of the book, when somebody looked last."""
