"""Prices of an instrument at a market elsewhere."""

import msgspec

from domain.money import half_even
from schemas.enums import Side
from schemas.order_books import SetReferencePrices


class Quote(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Best prices and the last trade there; None where there is none. Nanos, on the instrument's tick."""

    bid: int | None = None
    ask: int | None = None
    last: int | None = None
    quoted_at: int = 0
    """When it was so, in nanoseconds since the epoch."""

    def price_for(self, side: Side) -> int | None:
        """At which such an order would trade now."""
        return self.ask if side is Side.BUY else self.bid


NO_QUOTE = Quote()


class ReferencePricesSet(msgspec.Struct, frozen=True, gc=False):
    """The instrument has these prices at a market elsewhere. Not sent."""

    symbol: str
    quote: Quote


def quote_after(before: Quote, command: SetReferencePrices, tick: int) -> Quote:
    """The quote with what the command says.

    Prices between ticks are taken to the tick that is worse for whoever trades there, the last price to the nearest.
    What was known and would cross what is said now is known no longer.
    """
    bid = before.bid if command.bid is None else command.bid - command.bid % tick or None
    ask = before.ask if command.ask is None else command.ask + -command.ask % tick or None
    last = before.last if command.last is None else half_even(command.last, tick) * tick or None
    if bid is not None and ask is not None and bid > ask:
        bid, ask = (bid if command.ask is None else None), (ask if command.bid is None else None)
    return Quote(bid, ask, last, command.quoted_at)
