"""Accounts that trade at prices from elsewhere, and what becomes of their holds."""

from random import Random
from typing import Any

from days import Invariants, check_at_rest
from examples import BUY, deposit, listing, place, place_market, units
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


def test_the_rest_of_a_market_order_gives_back_what_it_held_and_that_of_a_limit_holds_on() -> None:
    """Ask 2.00 x 6, a fee of 0.25 %. At market 10 at most 2.10 each: 21 and 0.0525; 12 and 0.03 are paid for 6."""
    market = Market(taker_fee_rate=2_500_000)
    market.take(quoted("1.99", "2.00", bid_size=units(9), ask_size=units(6)), place_market("1", BUY, 10))
    assert about(market.told("1")[2], "status", "held") == (OrderStatus.RISK_APPROVED, units("21.0525"))
    assert about(market.told("1")[-1], "status", "reason_code", "filled_quantity", "filled_value", "fee", "held") == (
        *(OrderStatus.CANCELLED, ReasonCode.MARKET_REMAINDER),
        *(units(6), units(12), units("0.03"), 0),
    )
    assert market.reserved() == 0
    market.take(quoted("1.99", "2.00", ask_size=units(5)), place("2", BUY, 10, "2.10"))
    assert about(market.told("2")[-1], "status", "filled_quantity", "held") == (
        *(OrderStatus.PARTIALLY_FILLED, units(5)),
        units("10.52625"),  # 5 at 2.10, and 0.25 % of that
    )
    assert market.reserved() == units("10.52625")
    market.take(quoted("1.99", "2.00", ask_size=units(8)))  # what rested trades at its own limit, as a maker: no fee
    assert about(market.told("2")[-1], "status", "filled_value", "fee") == (
        *(OrderStatus.FILLED, units("20.5")),
        units("0.025"),
    )
    assert market.reserved() == 0
    check_at_rest(market, market.seen)


def test_markets_that_quote_the_same_price_show_what_all_of_them_show() -> None:
    market = Market()
    market.take(quoted("1.99", "2.00", exchange="A", ask_size=units(3)))
    market.take(quoted("1.98", "2.00", exchange="B", ask_size=units(4)), quoted("1.98", "2.01", exchange="C"))
    market.take(place_market("1", BUY, 10))
    assert market.told("1")[-1].filled_quantity == units(7)
    market.take(quoted("1.98", "2.00", exchange="C"))  # nobody knows how much
    market.take(place_market("2", BUY, 50))
    assert market.told("2")[-1].filled_quantity == units(50)
