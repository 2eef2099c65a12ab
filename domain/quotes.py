"""Prices of an instrument at a market elsewhere."""

import msgspec

from domain.instruments import Instrument
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
    bid_size: int | None = None
    ask_size: int | None = None
    """Units in whole lots that can still be had there since the quote last changed; None where there is no bound."""

    def price_for(self, side: Side) -> int | None:
        """At which such an order would trade now; None where nothing is there, or nothing is left."""
        if side is Side.BUY:
            return None if self.ask_size == 0 else self.ask
        return None if self.bid_size == 0 else self.bid

    def units_for(self, side: Side, wanted: int) -> int:
        """How many of the units that it wants such an order could trade at that price."""
        size = self.ask_size if side is Side.BUY else self.bid_size
        return wanted if size is None else min(size, wanted)

    def less(self, side: Side, quantity: int) -> "Quote":
        """The quote after such an order has traded so many units there."""
        name = "ask_size" if side is Side.BUY else "bid_size"
        size = getattr(self, name)
        return self if size is None else msgspec.structs.replace(self, **{name: size - quantity})


NO_QUOTE = Quote()


class ReferencePricesSet(msgspec.Struct, frozen=True, gc=False):
    """The instrument has these prices at a market elsewhere. Not sent."""

    symbol: str
    quote: Quote


def quote_after(before: Quote, command: SetReferencePrices, instrument: Instrument) -> Quote:
    """The quote with what the command says.

    Prices between ticks are taken to the tick that is worse for whoever trades there, the last price to the nearest;
    of sizes whole lots count. What was known and would cross what is said now is known no longer.
    """
    tick, lot = instrument.tick, instrument.lot
    bid, bid_size, ask, ask_size = before.bid, before.bid_size, before.ask, before.ask_size
    if command.bid is not None:
        bid, bid_size = command.bid - command.bid % tick or None, _whole(command.bid_size, lot)
    if command.ask is not None:
        ask, ask_size = command.ask + -command.ask % tick or None, _whole(command.ask_size, lot)
    last = before.last if command.last is None else half_even(command.last, tick) * tick or None
    if bid is not None and ask is not None and bid > ask:
        bid, ask = (bid if command.ask is None else None), (ask if command.bid is None else None)
    bid_size, ask_size = (None if bid is None else bid_size), (None if ask is None else ask_size)
    return Quote(bid, ask, last, command.quoted_at, bid_size, ask_size)


def _whole(size: int | None, lot: int) -> int | None:
    return None if size is None else max(0, size - size % lot)
