"""Accounts that trade at prices from elsewhere, and what becomes of their holds."""

from random import Random
from typing import Any

from days import Invariants, check_at_rest
from examples import BUY, deposit, listing, place_market, units
from machines import ONE_OF_EACH, about, of_type
from venues import Venue

from schemas.accounts import OrderEvent
from schemas.enums import OrderStatus, ReasonCode
from schemas.enums import Venue as Venues
from schemas.feeds import MarketDataEvent


def quoted(bid: float | str, ask: float | str, **more: Any) -> MarketDataEvent:
    return MarketDataEvent("ADAUSDT", bid_price=units(bid), ask_price=units(ask), **more)


class Market(Venue):
    """Ann has 1,000 USDT; ADAUSDT trades at the quotes of a market elsewhere."""

    def __init__(self, **terms: Any) -> None:
        self.seen = Invariants()
        super().__init__(Random(0), ONE_OF_EACH, [self.seen])
        self.take(listing(venue=Venues.SIM, **terms), deposit(1000))

    def take(self, *commands: Any) -> None:
        for command in commands:
            self.send(command)
            self.settle()

    def hear(self, quote: MarketDataEvent, *nouns: str) -> None:
        """The quote gets as far as these nouns, and no further as yet."""
        self.send(quote)
        while ways := [way for way, queue in self.queues.items() if queue and way[1][0] in nouns]:
            self._take(ways[0][1], self.queues[ways[0]].popleft())

    def told(self, order_id: str) -> list[OrderEvent]:
        return [event for event in of_type(self.public, OrderEvent) if event.order_id == order_id]

    def reserved(self, account: str = "ann", asset: str = "USDT") -> int:
        (accounts,) = self.of("accounts")
        reserved: int = accounts.state.balance(account, asset).reserved
        return reserved


def test_a_market_order_whose_price_is_gone_when_it_comes_to_the_book_is_cancelled_and_its_hold_released() -> None:
    """Its account knew the price that it held for; the book has the last word, as where somebody else was quicker."""
    market = Market()
    market.take(quoted("1.99", "2.00"))
    market.hear(quoted("2.01", "2.00"), "feeds", "market_data", "order_books")  # crossed: no price any more
    market.take(place_market("1", BUY, 10))
    assert [event.status for event in market.told("1")] == [
        OrderStatus.PENDING,
        OrderStatus.VALIDATED,
        OrderStatus.RISK_APPROVED,
        OrderStatus.CANCELLED,
    ]
    assert about(market.told("1")[-1], "reason_code", "filled_quantity", "held") == (ReasonCode.MARKET_REMAINDER, 0, 0)
    assert market.reserved() == 0
    market.take(place_market("2", BUY, 10))
    assert about(market.told("2")[-1], "status", "reason_code") == (
        OrderStatus.REJECTED,
        ReasonCode.NO_REFERENCE_PRICE,
    )
    check_at_rest(market, market.seen)
