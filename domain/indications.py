"""What an auction would bring if it ended now: told when it changes, as often as prices are told, and no more often.

Between two looks a book may take any number of orders: they cost nothing here.
"""

from collections.abc import Iterator

from domain.auctions import indication
from domain.book_events import AuctionLooked
from domain.book_rows import Event, State
from schemas.enums import Side
from schemas.order_books import AuctionIndicated


def indicate(state: State) -> Iterator[Event]:
    """Looks at the auctions in whose books something happened."""
    for symbol in sorted(state.unmarked):
        book = state.book(symbol)
        auction = book.auction
        if auction is None or not state.is_stale(symbol, auction) or state.is_paused(symbol):
            continue
        found = indication(book)
        price, volume, surplus = (None, 0, 0) if found is None else found
        if (price, volume, surplus) == (auction.price, auction.matched, auction.surplus):
            yield AuctionLooked(symbol)
            continue
        yield AuctionIndicated(
            symbol,
            volume,
            abs(surplus),
            side_of(surplus),
            auction.kind,
            auction.ends_at,
            price,
            book.sequence + 1,
        )


def side_of(surplus: int) -> Side:
    """Whose units find nobody."""
    if not surplus:
        return Side.UNKNOWN
    return Side.BUY if surplus > 0 else Side.SELL
