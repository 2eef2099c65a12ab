"""Pro-rata: an order that wants less than what stands at the best price trades with everybody there, in proportion.

Each gets the part of it that it has of the price, of icebergs what they show, rounded down to whole lots; what is left
by rounding goes by time. Shares are worked out once, when the order comes to the price: what goes on in another record
goes on with them.
"""

from collections.abc import Mapping

import msgspec

from domain.resting import RestingOrder


class Sharing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order trades with everybody at a price."""

    price: int
    wanted: int
    """Units that it wants there."""
    total: int
    """Units that stood there."""
    until: int
    """Priority of the last order that has a share."""
    after: int = 0
    """Priority of the last one that had it; what is left goes by time when that was the last."""


def next_share(
    sharing: Sharing | None, level: Mapping[str, RestingOrder], wanted: int, lot: int
) -> tuple[RestingOrder, int, Sharing | None]:
    """-> with whom the order trades next, how many units at most, and how it goes on."""
    first = next(iter(level.values()))
    if sharing is None or sharing.price != first.limit_price:
        total = sum(maker.tradable for maker in level.values())
        if wanted >= total:
            return first, first.tradable, None
        sharing = Sharing(first.limit_price, wanted, total, max(maker.priority for maker in level.values()))
    for maker in level.values() if sharing.after < sharing.until else ():
        if sharing.after < maker.priority <= sharing.until:
            share = sharing.wanted * maker.tradable // sharing.total
            share -= share % lot
            if share:
                return maker, share, msgspec.structs.replace(sharing, after=maker.priority)
    return first, first.tradable, msgspec.structs.replace(sharing, after=sharing.until)
