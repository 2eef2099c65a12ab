"""The latest prices of one instrument, market by market, and the best of all of them."""

import msgspec

from domain.observations import Printed, Quoted
from schemas.order_books import SetReferencePrices

STALE_NS = 60_000_000_000
"""A price that nobody confirmed for so long is stale (S4.39)."""
SOURCES_MAX = 16
"""Markets of one instrument."""


class SourceQuote(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one market told last. Nanos; None where it told nothing, or that there is none."""

    exchange: str
    bid: int | None = None
    bid_size: int | None = None
    ask: int | None = None
    ask_size: int | None = None
    last: int | None = None
    volume: int | None = None
    quoted_at: int = 0
    """Of bid and ask, in event time."""
    traded_at: int = 0
    """Of the last price."""
    sequence: int = 0
    """Of the last quote that had one."""

    @property
    def is_crossed(self) -> bool:
        """Whether its bid lies above its ask: no such price counts anywhere."""
        return self.bid is not None and self.ask is not None and self.bid > self.ask


Sources = tuple[SourceQuote, ...]
"""What each market told last."""


class Best(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The best fresh prices of all markets, and the latest trade."""

    bid: int | None = None
    ask: int | None = None
    last: int | None = None
    at: int = 0
    """Of the newest of what is in it."""
    bid_size: int | None = None
    ask_size: int | None = None
    """Of all markets at that price; None where one did not say, and where no book would look at it."""


class Market(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of one instrument's prices."""

    sources: tuple[SourceQuote, ...] = ()
    best: Best = Best()
    told: Best = Best()
    """What its order book heard last."""
    told_at: int = 0
    """By the shard's clock."""


def after_quote(source: SourceQuote, quoted: Quoted) -> SourceQuote:
    """The market's prices with what it tells now. What is older than what is known changes nothing."""
    if quoted.sequence and quoted.sequence <= source.sequence:
        return source
    sequence = quoted.sequence or source.sequence
    bid, bid_size, ask, ask_size = source.bid, source.bid_size, source.ask, source.ask_size
    last, volume, quoted_at, traded_at = source.last, source.volume, source.quoted_at, source.traded_at
    if quoted.at >= quoted_at and (quoted.bid is not None or quoted.ask is not None):
        quoted_at = quoted.at
        if quoted.bid is not None:
            bid, bid_size = quoted.bid or None, quoted.bid_size
        if quoted.ask is not None:
            ask, ask_size = quoted.ask or None, quoted.ask_size
        if bid is not None and ask is not None and bid > ask:  # what is told now ends what was told before
            bid = bid if quoted.bid is not None else None
            ask = ask if quoted.ask is not None else None
    if quoted.last is not None and quoted.at >= traded_at:
        last, traded_at = quoted.last or None, quoted.at
        volume = volume if quoted.volume is None else quoted.volume
    return SourceQuote(source.exchange, bid, bid_size, ask, ask_size, last, volume, quoted_at, traded_at, sequence)


def after_print(source: SourceQuote, printed: Printed) -> SourceQuote:
    """The market's prices after one of its trades."""
    if not printed.sets_price or printed.at < source.traded_at:
        return source
    bid, bid_size, ask, ask_size = source.bid, source.bid_size, source.ask, source.ask_size
    quoted_at, volume, sequence = source.quoted_at, source.volume, source.sequence
    terms = (bid, bid_size, ask, ask_size, printed.price, volume, quoted_at, printed.at, sequence)
    return SourceQuote(source.exchange, *terms)


def best_of(sources: tuple[SourceQuote, ...]) -> Best:
    """The best of all markets. What is crossed, and what is stale beside a fresher market, does not count."""
    if not sources:
        return Best()
    if len(sources) == 1:  # as nearly always: a third of the work
        (only,) = sources
        newest = max(only.quoted_at, only.traded_at)
        if only.quoted_at > newest - STALE_NS and not only.is_crossed:
            return Best(only.bid, only.ask, only.last, newest)
        return Best(None, None, only.last, newest)
    newest = max(max(source.quoted_at, source.traded_at) for source in sources)
    fresh = [source for source in sources if not source.is_crossed and source.quoted_at > newest - STALE_NS]
    bid = max((source.bid for source in fresh if source.bid is not None), default=None)
    ask = min((source.ask for source in fresh if source.ask is not None), default=None)
    if bid is not None and ask is not None and bid > ask:  # two markets cross: the one that spoke last is right
        latest = max(fresh, key=lambda source: (source.quoted_at, source.exchange))
        bid, ask = latest.bid, latest.ask
    traded = max(sources, key=lambda source: (source.traded_at, source.exchange))
    return Best(bid, ask, traded.last, newest)


def sources_after(sources: Sources, observation: Quoted | Printed) -> Sources | None:
    """What all markets told last, with what one tells now; None where that changes nothing, or they are too many."""
    exchange, place = observation.exchange, 0
    for before in sources:
        if before.exchange == exchange:
            break
        place += 1
    else:
        if place >= SOURCES_MAX:
            return None
        before = SourceQuote(exchange)
    after = after_print(before, observation) if isinstance(observation, Printed) else after_quote(before, observation)
    if after is before:
        return None
    if place == 0 and len(sources) <= 1:  # as nearly always
        return (after,)
    return (*sources[:place], after, *sources[place + 1 :])


def after_trades(sources: Sources, trades: list[Printed]) -> Sources:
    """The same after trades, one after the other."""
    latest: dict[str, Printed] = {}
    for trade in trades:
        known = latest.get(trade.exchange)
        if trade.sets_price and (known is None or trade.at >= known.at):
            latest[trade.exchange] = trade
    for trade in latest.values():
        sources = sources_after(sources, trade) or sources
    return sources


def lasts_of(sources: Sources, trades: list[Printed]) -> list[int]:
    """What the latest trade of all markets may be meanwhile."""
    return [trade.price for trade in trades] + [source.last for source in sources if source.last is not None]


def with_sizes(best: Best, sources: Sources) -> Best:
    """The same with what all markets that count show at these prices: for a book that trades there."""
    bids, asks = [], []
    for source in sources:
        if source.quoted_at > best.at - STALE_NS and not source.is_crossed:
            if source.bid == best.bid:
                bids.append(source.bid_size)
            if source.ask == best.ask:
                asks.append(source.ask_size)
    return msgspec.structs.replace(
        best,
        bid_size=None if best.bid is None else _sum(bids),
        ask_size=None if best.ask is None else _sum(asks),
    )


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def reference_of(symbol: str, best: Best, told: Best) -> SetReferencePrices:
    """What the order book hears: what has not changed is left out, zero says that there is no such price any more."""
    is_same_bid = (best.bid, best.bid_size) == (told.bid, told.bid_size)
    is_same_ask = (best.ask, best.ask_size) == (told.ask, told.ask_size)
    return SetReferencePrices(
        symbol,
        best.at,
        None if is_same_bid else best.bid or 0,
        None if is_same_ask else best.ask or 0,
        None if best.last == told.last else best.last or 0,
        None if is_same_bid else best.bid_size,
        None if is_same_ask else best.ask_size,
    )
